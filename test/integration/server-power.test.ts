// Power actions that come while another one is under way, over both doors of a whole node: one wins, and the others are
// dropped or refused in the words of the protocol. The daemon is held in the middle of the first, so that none is late.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { PowerAction, Server } from '../../src/resources/server.ts';
import type { ConsoleClient } from '../support/console-client.ts';
import { needsDocker } from '../support/docker.ts';
import { httpCall } from '../support/http-call.ts';
import { consoleToken, openConsole } from '../support/live-console.ts';
import { LiveNode } from '../support/live-node.ts';
import { fileOwner, type Owner } from '../support/owner.ts';

const options = { skip: await needsDocker(), timeout: 120_000 };
const patienceMs = 30_000;
const busy =
  /^Error Event \[[0-9a-f-]{36}\]: another power action is currently being processed for this server, please try again later$/;

/** Asks, each request over a connection of its own, and resolves when `refused` of them have been turned away. */
type Ask = (refused: number, ...actions: PowerAction[]) => Promise<void>;

describe('power actions at once', options, () => {
  const owner = fileOwner();
  let node: LiveNode;
  before(async () => {
    node = await LiveNode.make(owner);
    await node.start();
  });

  function post(uuid: string, action: PowerAction, more: object = {}) {
    return httpCall(node.daemon.nodePort, `/api/servers/${uuid}/power`, {
      method: 'POST',
      headers: { authorization: `Bearer ${node.config.token.secret}` },
      body: { action, ...more },
    });
  }

  /** Whoever is dropped is not told. */
  function overHttp(_t: Owner, uuid: string): Ask {
    return async (_refused, ...actions) => {
      const answers = await Promise.all(actions.map((action) => post(uuid, action)));
      for (const { status, body } of answers) assert.deepEqual([status, body], [202, '']);
    };
  }

  /** As a user who is no administrator. */
  function overWebSocket(t: Owner, uuid: string): Ask {
    const permissions = ['websocket.connect', 'control.start', 'control.stop', 'control.restart'];
    return async (refused, ...actions) => {
      const clients: ConsoleClient[] = [];
      for (const _ of actions) {
        const client = await openConsole(t, node.daemon.nodePort, uuid);
        await client.authenticate(await consoleToken(node.config, uuid, permissions));
        clients.push(client);
      }
      for (const [index, action] of actions.entries()) clients[index]?.send('set state', action);
      const errors = () => clients.flatMap((client) => client.all('daemon error'));
      await clients[0]?.until(`${refused} were refused`, () => errors().length >= refused, patienceMs);
      assert.equal(errors().length, refused);
      for (const error of errors()) assert.match(error ?? '', busy);
    };
  }

  for (const [door, through] of [
    ['HTTP', overHttp],
    ['WebSocket', overWebSocket],
  ] as const) {
    test(`of three starts over ${door} one wins (containers 24.5)`, async (t) => {
      const name = `starts-${door.toLowerCase()}`;
      const uuid = await node.add(name);
      await node.daemon.pauseAt('start:created');
      await through(t, uuid)(2, 'start', 'start', 'start');
      await comesToRun(name);
      assert.equal(node.starts(uuid), 1);
      await node.daemon.showsStates(uuid, ['starting', 'running']);
    });

    test(`a stop over ${door} does not pass a start (containers 24.5)`, async (t) => {
      const name = `stop-${door.toLowerCase()}`;
      const uuid = await node.add(name);
      const ask = through(t, uuid);
      await node.daemon.pauseAt('start:created');
      await ask(0, 'start');
      await node.api.untilState(name, 'starting', patienceMs);
      await ask(2, 'stop', 'restart');
      await comesToRun(name);
      await node.daemon.showsStates(uuid, ['starting', 'running']);
      assert.deepEqual(node.commands(uuid), []);
    });

    test(`of two restarts over ${door} one wins (containers 24.5)`, async (t) => {
      const name = `restarts-${door.toLowerCase()}`;
      const uuid = await node.addRunning(name);
      const ask = through(t, uuid);
      await node.daemon.pauseAt('restart:stopped');
      await ask(1, 'restart', 'restart');
      await comesToRun(name);
      assert.equal(node.starts(uuid), 2);
      await node.daemon.showsStates(uuid, ['starting', 'running', 'stopping', 'offline', 'starting', 'running']);
    });
  }

  test('a stop that may wait comes after the start (containers 24.5)', async () => {
    const uuid = await node.add('waits');
    await node.daemon.pauseAt('start:created');
    assert.equal((await post(uuid, 'start')).status, 202);
    assert.equal((await post(uuid, 'stop', { wait_seconds: 300 })).status, 202);
    node.daemon.goOn();
    await node.api.until('waits', 'it was stopped', ({ status }) => status?.exit?.reason === 'Stopped', patienceMs);
    assert.equal(node.starts(uuid), 1);
  });

  async function comesToRun(name: string): Promise<void> {
    node.daemon.goOn();
    const isDone = ({ spec, status }: Server) =>
      status?.state === 'running' && !status.operation && status.power?.finishedRequest === spec.power.request?.id;
    await node.api.until(name, 'it runs, and nothing else was asked for', isDone, patienceMs);
  }
});

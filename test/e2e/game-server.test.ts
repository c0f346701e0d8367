// A real game server from declaration to stop: OpenTTD, as Debian ships it, on a bridge network. It is up when its own
// log says so, players reach it, its console answers, and neither a killed daemon nor a crash of the game is its end.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import { findCondition } from '../../src/resources/conditions.ts';
import type { Server } from '../../src/resources/server.ts';
import type { ConsoleClient } from '../support/console-client.ts';
import { needsDocker, uniqueName } from '../support/docker.ts';
import { freePorts } from '../support/free-ports.ts';
import { gameImage, needsGameImage } from '../support/game-image.ts';
import { consoleToken, openConsole } from '../support/live-console.ts';
import { LiveNode } from '../support/live-node.ts';
import { findsServer, gameInfo } from '../support/openttd.ts';
import { backedUp, createRestore, restoreEnded, treeOf } from '../support/operations.ts';
import { fileOwner, type Owner } from '../support/owner.ts';
import { checkProgressStream, recordFrames } from '../support/progress-stream.ts';
import { until } from '../support/until.ts';

/** The image is made where there is none: that takes most of the time. */
const setUpMs = 240_000;
/** Of the node, for players on it. */
const address = '127.0.0.2';
const doneLine = 'Map generated, starting game';

/** Small, and like many games it saves its world when it is asked to end, and only then. */
const settings = `
[gui]
autosave = off
autosave_on_exit = true
[game_creation]
map_x = 6
map_y = 6
`;

interface Game {
  name: string;
  uuid: string;
  port: number;
  stop: { type: 'command' | 'signal'; value: string };
}

/** As a person writes it. */
function manifest({ name, uuid, port, stop }: Game, image: string): string {
  return `
apiVersion: aileron.dev/v1
kind: Server
metadata:
  name: ${name}
spec:
  uuid: ${uuid}
  image: ~${image}
  invocation: openttd -D 0.0.0.0:{{SERVER_PORT}} -c /home/container/openttd.cfg
  limits: { memory: 256 }
  allocations:
    default: { ip: ${address}, port: ${port} }
  egg:
    done: ['${doneLine}']
    stop: { type: ${stop.type}, value: '${stop.value}' }
  power:
    desired: Running
`;
}

const skip = (await needsDocker()) || (await needsGameImage());

describe('a real game server', { skip, timeout: setUpMs + 120_000 }, () => {
  const owner = fileOwner();
  let node: LiveNode;
  let train: Game;
  let tram: Game;

  before(
    async () => {
      const image = await gameImage();
      node = await gameNode(owner);
      const [first = 0, second = 0] = await freePorts(2);
      train = { name: 'train', uuid: randomUUID(), port: first, stop: { type: 'command', value: 'quit' } };
      tram = { name: 'tram', uuid: randomUUID(), port: second, stop: { type: 'signal', value: 'SIGINT' } };
      for (const game of [train, tram]) {
        mkdirSync(node.volume(game.uuid), { recursive: true });
        writeFileSync(join(node.volume(game.uuid), 'openttd.cfg'), settings);
      }
      const file = join(node.config.aileron.manifests, 'games.yaml');
      writeFileSync(file, [train, tram].map((game) => manifest(game, image)).join('---'));
      await node.start();
    },
    { timeout: setUpMs },
  );

  test('is up when its own log says so, not before', async () => {
    for (const { name, uuid } of [train, tram]) {
      const { status } = await node.running(name, 60_000);
      assert.equal(findCondition(status?.conditions, 'Ready')?.status, 'True');
      await node.daemon.showsStates(uuid, ['starting', 'running']);
      assert.ok(node.daemon.linesBefore(uuid, 'running').some((line) => line.includes(doneLine)));
    }
  });

  test('is found by players, over UDP and TCP', async () => {
    for (const { port } of [train, tram]) {
      await until('the server is found', 10_000, () => findsServer(address, port));
      assert.match((await gameInfo(address, port)) ?? '', /Unnamed Server/);
    }
  });

  test('answers on its console', async () => {
    const administrator = await openAdministration();
    administrator.send('send command', 'server_name "Over the hills"');
    administrator.send('send command', 'echo ready');
    await administrator.until('the game answers', () => administrator.lines.includes('ready'), 10_000);
    assert.match((await gameInfo(address, train.port)) ?? '', /Over the hills/);
  });

  test('plays on while the daemon is killed, and obeys the next one', async () => {
    const before = await node.docker.inspectContainer(train.uuid);
    await node.killAndStart();
    const administrator = await openAdministration();
    // Until the daemon has its console again a line is refused.
    const answers = async () => {
      administrator.send('send command', 'echo again');
      await sleep(1_000);
      return administrator.lines.includes('again');
    };
    await administrator.until('the game answers', answers, 20_000);
    const now = await node.docker.inspectContainer(train.uuid);
    assert.deepEqual([now?.id, now?.startedAt], [before?.id, before?.startedAt]);
    assert.deepEqual(node.daemon.states(train.uuid), []);
    assert.match((await gameInfo(address, train.port)) ?? '', /Over the hills/);
  });

  test('is started again after a crash, but not after the next within a minute', async () => {
    await node.docker.killContainer(train.uuid, 'SIGSEGV');
    const again = ({ status }: Server) => status?.crashCount === 1 && status.state === 'running';
    const restarted = await node.api.until(train.name, 'it plays again', again, 60_000);
    assert.equal(restarted.status?.exit?.code, 139);
    await until('the server is found', 10_000, () => findsServer(address, train.port));

    await node.docker.killContainer(train.uuid, 'SIGSEGV');
    const gaveUp = await node.api.until(train.name, 'it gave up', ({ status }) => status?.crashCount === 2);
    assert.deepEqual([gaveUp.status?.state, gaveUp.status?.exit?.code], ['offline', 139]);
    assert.equal(await findsServer(address, train.port), false);
    const refusal = '> Aborting automatic restart, last crash occurred less than 60 seconds ago.';
    assert.ok(node.daemon.lines(train.uuid).includes(refusal));
  });

  test('comes back to the world of its backup (backups 15.2, 15.13)', async () => {
    const administrator = await openAdministration(tram);
    const seen = recordFrames(administrator);
    const seed = await seedOf(administrator);
    await typed(administrator, 'save world', 'successfully saved');
    const then = treeOf(node.volume(tram.uuid));
    const backup = await backedUp(node.api, tram.name, 'evening');
    await findsPlayers(tram);
    await administrator.until('its end is told', () => administrator.count('backup_restore_completed') === 1);
    assert.equal((await node.api.get(tram.name))?.status?.state, 'running');

    await typed(administrator, 'newgame', doneLine);
    assert.notEqual(await seedOf(administrator), seed);
    await typed(administrator, 'save world', 'successfully saved');
    await createRestore(node.api, tram.name, 'morning', { backup: 'evening', mode: 'Truncate' });
    const restore = await restoreEnded(node.api, 'morning', 60_000);
    assert.equal(restore.status?.phase, 'Completed', JSON.stringify(restore.status));
    // What it saved when it was stopped is of the other world, and gone.
    assert.deepEqual(treeOf(node.volume(tram.uuid)), then);
    await administrator.until('its end is told', () => administrator.count('backup_restore_completed') === 2);
    const backupId = backup.spec.uuid ?? '';
    for (const type of ['create', 'restore'] as const) {
      checkProgressStream(seen, { type, backupId, outcome: 'success', seesErrors: true });
    }

    await node.api.powerAndFinish(tram.name, 'start', 60_000);
    await node.running(tram.name, 60_000);
    assert.notEqual(await seedOf(administrator), seed);
    await typed(administrator, 'load world', /./);
    const isLoaded = async () => {
      await sleep(1_100); // As many lines as a console takes.
      return (await seedOf(administrator)) === seed;
    };
    await administrator.until('the world is loaded', isLoaded, 20_000);
    await findsPlayers(tram);
  });

  test('ends by its rule, typed or signalled, and saves its world', async () => {
    await node.api.powerAndFinish(train.name, 'start', 60_000);
    for (const { name, uuid } of [train, tram]) {
      await node.running(name, 60_000);
      const { status } = await node.api.powerAndFinish(name, 'stop');
      assert.deepEqual([status?.state, status?.exit?.code, status?.exit?.reason], ['offline', 0, 'Stopped']);
      const world = readFileSync(join(node.volume(uuid), 'save/autosave/exit.sav'));
      assert.equal(world.toString('latin1', 0, 3), 'OTT', 'the mark of a saved game');
      assert.ok(world.length > 10_000);
    }
  });

  /** The console of a game as a browser has it: a socket, and a token for it. What was typed stands in it too. */
  async function openAdministration({ uuid } = train): Promise<ConsoleClient> {
    const client = await openConsole(owner, node.daemon.nodePort, uuid);
    await client.authenticate(await consoleToken(node.config, uuid));
    return client;
  }

  async function findsPlayers({ port }: Game): Promise<void> {
    await until('the server is found', 10_000, () => findsServer(address, port));
  }

  /** Types a line and waits for the one that answers. */
  async function typed(client: ConsoleClient, line: string, answer: string | RegExp): Promise<string> {
    const before = client.lines.length;
    client.send('send command', line);
    const found = () => client.lines.slice(before).find((one) => one !== line && one.match(answer));
    await client.until(`the game answers ${line}`, () => found() !== undefined, 20_000);
    return found() ?? '';
  }

  /** What the world was made from. */
  async function seedOf(client: ConsoleClient): Promise<string> {
    return (await typed(client, 'getseed', /seed/i)).replace(/.*: */, '');
  }
});

/** On a bridge of its own; the directory for its manifests is there. */
async function gameNode(owner: Owner): Promise<LiveNode> {
  const name = uniqueName('games');
  const flags = { CheckDuplicate: true, EnableIPv6: false, Internal: false, Attachable: false };
  const docker = createDockerEngine(process.env);
  const { id } = await docker.createNetwork({ Name: name, Driver: 'bridge', Options: {}, ...flags });
  owner.after(() => docker.removeNetwork(id));
  const node = await LiveNode.make(owner, {
    change: (config) => ({
      ...config,
      aileron: { ...config.aileron, manifests: join(config.system.rootDirectory, 'manifests') },
      docker: { ...config.docker, network: { ...config.docker.network, name, networkMode: name } },
    }),
  });
  mkdirSync(node.config.aileron.manifests, { recursive: true });
  return node;
}

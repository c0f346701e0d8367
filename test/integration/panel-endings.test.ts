// A Panel that suspends and deletes servers, whatever they are doing at that moment: what is to stop stops, what is to go
// goes with all that it had, and nothing comes back.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import type { ConsoleClient } from '../support/console-client.ts';
import { needsDocker } from '../support/docker.ts';
import { consoleToken, openConsole } from '../support/live-console.ts';
import { fileOwner } from '../support/owner.ts';
import { LivePanel } from '../support/panel/live-panel.ts';
import type { PanelServer } from '../support/panel/panel-state.ts';
import { hangingRegistry } from '../support/registry.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 120_000 };
const patienceMs = 30_000;
const loading = 'echo loading; while read -r line; do true; done';
const deaf = 'echo "Done (1s)!"; while read -r line; do true; done';

describe('a Panel ends servers', options, () => {
  const owner = fileOwner();
  let live: LivePanel;
  before(async () => {
    live = await LivePanel.make(owner);
    await live.node.start();
  });

  async function running(row: PanelServer): Promise<ConsoleClient> {
    await live.calls.createServer(live.panel.state, row, true);
    await until('it was installed', patienceMs, async () => row.status === null);
    await live.node.running(row.uuid);
    return looksOn(row);
  }

  async function looksOn({ uuid }: PanelServer): Promise<ConsoleClient> {
    const client = await openConsole(owner, live.node.daemon.nodePort, uuid, live.panel.url);
    await client.authenticate(await consoleToken(live.node.config, uuid));
    return client;
  }

  test('suspended while it runs: it stops, and starts no more before that is over (containers 24.14)', async () => {
    const { node, calls } = live;
    const row = live.add({ skipEggScripts: true, memory: 64 });
    const { uuid } = row;
    const client = await running(row);
    const limits = (await node.docker.inspectContainer(uuid))?.resources;
    // A change that comes with it waits.
    row.parts.memory = 128;
    await calls.suspend(row);
    assert.equal((await client.untilClosed(patienceMs)).code, 4409);
    const server = await node.api.untilState(uuid, 'offline', patienceMs);
    assert.deepEqual([server.status?.exit?.code, server.status?.crashCount ?? 0], [0, 0]);
    assert.deepEqual(node.commands(uuid), ['stop']);
    assert.deepEqual((await node.docker.inspectContainer(uuid))?.resources, limits);
    await until('the Panel shows it', patienceMs, async () => row.containerStatus === 'offline');
    for (const action of ['start', 'restart']) {
      const refused = await live.ask(uuid, '/power', { method: 'POST', body: { action } });
      assert.equal(refused.status, 400, action);
    }
    for (const action of ['stop', 'kill'] as const) await calls.power(uuid, action);
    await calls.suspend(row, false);
    assert.equal((await node.api.get(uuid))?.status?.state, 'offline', 'nobody asked for a start');
    await calls.power(uuid, 'start');
    await node.running(uuid);
    assert.equal(node.starts(uuid), 2);
    await node.daemon.showsStates(uuid, ['stopping', 'offline', 'starting', 'running'], { last: true });
  });

  test('suspended while it starts: the start is called off (containers 24.14)', async () => {
    const { node, calls } = live;
    const { image, asked } = await hangingRegistry(owner);
    const row = live.add({ skipEggScripts: true, image });
    await calls.createServer(live.panel.state, row, true);
    await asked;
    await calls.suspend(row);
    await node.api.until(row.uuid, 'it is off', ({ status }) => status?.state === 'offline' && !status.operation);
    assert.deepEqual(await node.containers(row.uuid), []);
  });

  test('deleted while it pulls, starts, runs, stops and is off: nothing is left, and nothing comes back (containers 24.14)', async () => {
    const { node, calls, panel } = live;
    const { image, asked } = await hangingRegistry(owner);
    const [pulls, starts, runs, stops, off] = [
      live.add({ skipEggScripts: true, image }),
      live.add({ skipEggScripts: true, invocation: loading }),
      live.add({ skipEggScripts: true }),
      live.add({ skipEggScripts: true, invocation: deaf }),
      live.add({ skipEggScripts: true }),
    ] as const;
    const rows = [pulls, starts, runs, stops, off];
    for (const row of rows) await calls.createServer(panel.state, row, row !== off);
    await asked;
    await until('it is starting', patienceMs, async () => node.daemon.lines(starts.uuid).includes('loading'));
    for (const row of [runs, stops]) await node.running(row.uuid);
    for (const row of rows) await until('it was installed', patienceMs, async () => row.status === null);
    await calls.power(stops.uuid, 'stop');
    await node.api.untilState(stops.uuid, 'stopping');
    const { system } = node.config;
    for (const { uuid } of rows) {
      // Of installations, and of backups.
      mkdirSync(join(system.logDirectory, 'install'), { recursive: true });
      writeFileSync(join(system.logDirectory, 'install', `${uuid}.log`), 'log');
      mkdirSync(join(system.backupDirectory, uuid), { recursive: true });
      mkdirSync(join(system.tmpDirectory, uuid), { recursive: true });
    }
    const clients = await Promise.all(rows.map((row) => looksOn(row)));

    for (const [index, row] of rows.entries()) {
      const { uuid } = row;
      await calls.deleteServer(panel.state, uuid);
      assert.equal((await live.ask(uuid, '')).status, 404);
      const client = clients[index] ?? assert.fail();
      await client.untilClosed(patienceMs);
      assert.equal(client.events.at(-1), 'deleted');
      await node.api.untilGone(uuid, patienceMs);
      assert.deepEqual(await node.containers(uuid), [], `${index}`);
      assert.deepEqual(traces(uuid), [], `${index}`);
      const states = join(system.rootDirectory, 'states.json');
      await until('Wings would not know it', patienceMs, async () => !readFileSync(states, 'utf8').includes(uuid));
    }
    assert.equal(node.starts(pulls.uuid) + node.starts(off.uuid), 0);
    await node.killAndStart();
    await until('the list came', patienceMs, async () => panel.requests('GET /servers').length === 2);
    const known = await node.api.list('servers');
    assert.deepEqual(
      rows.filter(({ uuid }) => known.some(({ metadata }) => metadata.name === uuid)),
      [],
    );
  });

  /** Whatever is called after the server, wherever the daemon keeps things. */
  function traces(uuid: string): string[] {
    const found = readdirSync(live.node.directory, { recursive: true, encoding: 'utf8' });
    return found.filter((path) => path.includes(uuid));
  }
});

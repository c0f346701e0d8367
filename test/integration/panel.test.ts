// A whole daemon that belongs to a Panel: what it does at the start, with the Panel there, slow, wrong and away.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backup } from '../../src/resources/backup.ts';
import { findCondition } from '../../src/resources/conditions.ts';
import { uuidOf } from '../support/an-admission.ts';
import { newestFirst } from '../support/owner.ts';
import { PanelNode } from '../support/panel/panel-node.ts';
import { PanelStandIn } from '../support/panel/panel-stand-in.ts';
import { until } from '../support/until.ts';

const patienceMs = 20_000;

for (const flavour of ['pelican', 'pterodactyl'] as const) {
  test(`a daemon takes up the servers of a ${flavour} Panel, tells their states and sets the busy ones free`, async (t) => {
    const owner = newestFirst(t);
    const panel = await PanelStandIn.start(owner, { flavour, prefix: '/panel' });
    const { state } = panel;
    for (let number = 1; number <= 7; number += 1) state.addServer({ uuid: uuidOf(number), name: `server ${number}` });
    const stuck = state.addServer({ uuid: uuidOf(8), status: 'installing' });
    state.addServer({ uuid: uuidOf(9), node: state.addNode() });
    const node = await PanelNode.make(owner, panel, (config) => ({
      ...config,
      remoteQuery: { ...config.remoteQuery, bootServersPerPage: 3 },
    }));
    await node.start();
    await node.untilServers(8);
    const server = await node.api.get(uuidOf(1));
    assert.equal(server?.spec.displayName, 'server 1');
    assert.deepEqual(server.spec.owner, { kind: 'Panel', ref: panel.url });
    await until('the reset has come', patienceMs, async () => stuck.status === null);
    if (flavour === 'pelican') {
      await until('every state was told', patienceMs, async () =>
        [...state.servers.values()].every((row) => row.nodeId !== 1 || row.containerStatus === 'offline'),
      );
    }
    await node.untilReachable('True');
    assert.deepEqual(
      panel.seen.filter(({ status }) => status >= 400),
      [],
    );
    assert.equal(panel.requests('GET /servers').length, 3);
    assert.equal(panel.requests('POST /servers/reset').length, 1);
    assert.equal(panel.requests('POST /servers/:id/container/status').length, flavour === 'pelican' ? 8 : 0);
    // A second start over the same store changes nothing.
    const before = await node.api.list('servers');
    await node.restart();
    await until('it listed again', patienceMs, async () => panel.requests('GET /servers').length === 6);
    await until('it was reset again', patienceMs, async () => panel.requests('POST /servers/reset').length === 2);
    const spec = ({ metadata, spec: wanted }: { metadata: { name: string; generation: number }; spec?: unknown }) => [
      metadata.name,
      metadata.generation,
      wanted,
    ];
    assert.deepEqual((await node.api.list('servers')).map(spec), before.map(spec));
  });
}

test('with the Panel away the daemon starts, is ready, works from its store and says how stale it is', async (t) => {
  const owner = newestFirst(t);
  const panel = await PanelStandIn.start(owner);
  panel.state.addServer({ uuid: uuidOf(1), memory: 100 });
  panel.state.addServer({ uuid: uuidOf(2) });
  const node = await PanelNode.make(owner, panel);
  await panel.down();
  await node.start();
  assert.match(await node.untilReachable('False'), /^Unreachable: The Panel cannot be reached: .*It has never listed/);
  assert.deepEqual(await node.api.list('servers'), []);
  await panel.up();
  await node.untilServers(2);
  await node.untilReachable('True');

  await node.stop();
  await panel.down();
  await node.start();
  assert.match(await node.untilReachable('False'), /The node works with what it said at \d{4}-/);
  assert.equal((await node.api.list('servers')).length, 2);
  const { status, text } = await node.ready();
  assert.equal(status, 200, text);
  assert.match(text, /\[\+\]panel ok: away \(the Panel cannot be reached: .*\), list of \d{4}-/);

  // While it was away one server changed, one was moved to another node, and one record broke.
  const { state } = panel;
  const [first, second] = [state.servers.get(uuidOf(1)), state.servers.get(uuidOf(2))];
  assert.ok(first && second);
  first.parts.memory = 200;
  second.nodeId = state.addNode().id;
  state.addServer({ uuid: uuidOf(3), image: 'NOT AN IMAGE' });
  await panel.up();
  await node.api.until(uuidOf(1), 'the change is known', ({ spec }) => spec.limits.memory === 200);
  const unlisted = await node.api.until(
    uuidOf(2),
    'it is unlisted',
    ({ status: now }) => findCondition(now?.conditions, 'Listed')?.status === 'False',
  );
  assert.equal(unlisted.metadata.deletionTimestamp, undefined);
  assert.equal(await node.api.get(uuidOf(3)), undefined);
  await until('the node tells of the bad record', patienceMs, async () => {
    const events = await node.api.events();
    return events.some(({ reason, message }) => reason === 'PanelServerRefused' && message.includes(uuidOf(3)));
  });
  await until('the note is there', patienceMs, async () =>
    (await node.ready()).text.includes('panel ok: 1 unlisted, 1 refused'),
  );
  const metrics = await (await fetch(`http://127.0.0.1:${node.daemon.ops.port}/metrics`)).text();
  for (const line of [
    'aileron_panel_reachable 1',
    'aileron_panel_unlisted_servers 1',
    'aileron_panel_refused_servers 1',
  ])
    assert.ok(metrics.includes(`\n${line}\n`), line);
});

test('a backup that somebody else makes of a Panel’s server is not reported to the Panel', async (t) => {
  const owner = newestFirst(t);
  const panel = await PanelStandIn.start(owner);
  const { state } = panel;
  state.addServer({ uuid: uuidOf(1) });
  const row = state.addBackup(uuidOf(1), { uuid: uuidOf(5), committed: false });
  const node = await PanelNode.make(owner, panel);
  await node.start();
  await node.untilServers(1);
  const owning = { owner: { kind: 'Panel', ref: panel.url } };
  const made = (await node.api.call('POST', '/apis/aileron.dev/v1/backups', {
    ...{ apiVersion: 'aileron.dev/v1', kind: 'Backup', metadata: { name: uuidOf(5) } },
    spec: { uuid: uuidOf(5), serverRef: { name: uuidOf(1) }, ...owning },
  })) as Backup;
  // Only a door of the Panel makes objects that are the Panel's.
  assert.equal(made.spec.owner?.kind, 'User');
  await until('the backup has ended', patienceMs, async () => {
    const backup = (await node.api.call('GET', `/apis/aileron.dev/v1/backups/${uuidOf(5)}`)) as Backup;
    return backup.status?.phase === 'Completed' || backup.status?.phase === 'Failed';
  });
  assert.deepEqual(panel.requests('POST /backups/:id'), []);
  assert.equal(row.isSuccessful, false);
});

test('two daemons whose tokens are crossed do nothing to each other (covers: SEC-27)', async (t) => {
  const owner = newestFirst(t);
  const panel = await PanelStandIn.start(owner);
  const { state } = panel;
  const other = state.addNode();
  state.addServer({ uuid: uuidOf(1) });
  state.addServer({ uuid: uuidOf(2), node: other });
  const node = await PanelNode.make(owner, panel);
  await node.start();
  await node.untilServers(1);
  await node.stop();
  const { tokenId: id, token: secret } = other;
  node.config.token.id = id;
  node.config.token.secret = secret;
  await node.start();
  await node.api.until(
    uuidOf(1),
    'what is not listed for this token is unlisted',
    ({ status }) => findCondition(status?.conditions, 'Listed')?.status === 'False',
  );
  await node.untilServers(2);
  await until(
    'its own state is told',
    patienceMs,
    async () => state.servers.get(uuidOf(2))?.containerStatus === 'offline',
  );
  const pushes = panel
    .requests('POST /servers/:id/container/status')
    .filter(({ headers }) => String(headers['authorization']).includes(id));
  assert.deepEqual(
    pushes.map(({ path }) => path),
    [`/servers/${uuidOf(2)}/container/status`],
  );
});

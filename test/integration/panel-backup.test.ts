// A backup that a Panel asks for, from its request to its report: in the order of the real ones, which do not know the
// backup before their own transaction is over, and with the Panel away for the whole of it.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Backup } from '../../src/resources/backup.ts';
import { newestFirst } from '../support/owner.ts';
import { PanelNode } from '../support/panel/panel-node.ts';
import { PanelStandIn } from '../support/panel/panel-stand-in.ts';
import { until } from '../support/until.ts';

const patienceMs = 30_000;
const server = randomUUID();

async function aNode(t: TestContext, flavour: 'pelican' | 'pterodactyl') {
  const owner = newestFirst(t);
  const panel = await PanelStandIn.start(owner, { flavour });
  panel.state.addServer({ uuid: server });
  const node = await PanelNode.make(owner, panel);
  await node.start();
  await node.untilServers(1);
  // What a first start would have made.
  mkdirSync(join(node.config.system.data, server), { recursive: true });
  writeFileSync(join(node.config.system.data, server, 'world.dat'), 'world');
  const calls = () => panel.daemon(`http://127.0.0.1:${node.daemon.api.port}`);
  const backups = async () => {
    const { items } = (await node.api.call('GET', '/apis/aileron.dev/v1/backups')) as { items: Backup[] };
    return items;
  };
  const settled = () =>
    until('nothing is owed any more', patienceMs, async () => {
      const [backup] = await backups();
      assert.notEqual(backup?.status?.phase, 'Failed', backup?.status?.outcome?.message);
      return backup?.status?.phase === 'Completed' && !backup.status.owed && backup;
    });
  return { panel, node, calls, backups, settled };
}

for (const flavour of ['pelican', 'pterodactyl'] as const) {
  test(`a backup of ${flavour} is reported once, not before its row can be seen (traps 24)`, async (t) => {
    const { panel, calls, settled } = await aNode(t, flavour);
    const uuid = await calls().backup(panel.state, server, '*.log');
    const row = panel.state.backups.get(uuid);
    assert.ok(row);
    // The commit takes longer than the work.
    row.committed = false;
    await until('it was reported too early', patienceMs, async () => panel.requests('POST /backups/:id').length > 0);
    row.committed = true;
    const backup = await settled();
    const reports = panel.requests('POST /backups/:id');
    assert.deepEqual(
      reports.map(({ status }) => status),
      [...Array.from({ length: reports.length - 1 }, () => 404), 204],
    );
    const { size, checksum } = backup.status?.archive ?? {};
    assert.deepEqual([row.isSuccessful, row.bytes, row.checksum], [true, size, `sha1:${checksum}`]);
    assert.deepEqual(panel.state.notices, [`backup ${uuid} true`]);
  });
}

test('with the Panel away for the whole life of a backup it is reported once when that is back, by the next daemon', async (t) => {
  const { panel, node, calls, backups, settled } = await aNode(t, 'pelican');
  const uuid = await calls().backup(panel.state, server);
  await panel.down();
  await until('a try has failed', patienceMs, async () => {
    const [backup] = await backups();
    return (backup?.status?.owed?.[0]?.attempts ?? 0) > 0;
  });
  await node.restart();
  const [waiting] = await backups();
  assert.equal(waiting?.status?.owed?.[0]?.what, 'BackupResult');
  await panel.up();
  await settled();
  assert.deepEqual(panel.state.notices, [`backup ${uuid} true`]);
  assert.equal(panel.requests('POST /backups/:id').filter(({ status }) => status === 204).length, 1);
});

test('an answer that is lost makes a second report, which the Panel takes for what it is', async (t) => {
  const { panel, calls, settled } = await aNode(t, 'pelican');
  panel.weather({ when: ({ path }) => path.startsWith('/backups/'), cut: 'late', times: 1 });
  const uuid = await calls().backup(panel.state, server);
  await settled();
  assert.deepEqual(
    panel.requests('POST /backups/:id').map(({ status }) => status),
    [0, 400],
  );
  assert.deepEqual(panel.state.notices, [`backup ${uuid} true`]);
});

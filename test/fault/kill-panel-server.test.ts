// SIGKILL of the daemon in the middle of what a Panel has asked it to do with a server: start, stop, install, delete. The
// next daemon does it, and the Panel shows what is so. What each step by itself leaves is in the other tests of this folder.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { needsDocker } from '../support/docker.ts';
import { installer, inVolume } from '../support/installations.ts';
import { newestFirst, type Owner } from '../support/owner.ts';
import { LivePanel } from '../support/panel/live-panel.ts';
import { untilNothingIsOwed } from '../support/panel/owing.ts';
import type { PanelServer } from '../support/panel/panel-state.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 180_000 };
const patienceMs = 30_000;

/** A node that has told its Panel of everything. */
async function settledNode(owner: Owner, count: number): Promise<{ live: LivePanel; rows: PanelServer[] }> {
  const live = await LivePanel.make(owner);
  const rows = Array.from({ length: count }, () => live.add());
  await live.node.start();
  await live.known(...rows.map(({ uuid }) => uuid));
  await resetCame(live);
  return { live, rows };
}

async function resetCame({ panel }: LivePanel): Promise<void> {
  await until('the reset came', patienceMs, async () => panel.requests('POST /servers/reset').length > 0);
}

async function killedAt(live: LivePanel, at: string, ask: () => Promise<unknown>): Promise<void> {
  await live.node.daemon.pauseAt(at);
  await ask();
  await live.node.daemon.paused();
  live.panel.seen.length = 0;
  await live.node.killAndStart();
}

async function shown({ node }: LivePanel, row: PanelServer, state: 'running' | 'offline'): Promise<void> {
  await node.api.until(row.uuid, `it is ${state}`, ({ status }) => status?.state === state && !status.operation);
  await until(`the Panel shows it ${state}`, patienceMs, async () => row.containerStatus === state);
}

describe('the daemon of a Panel is killed', { concurrency: 2 }, () => {
  test('during starts and stops: they are finished, and the Panel shows the state', options, async (t) => {
    const { live, rows } = await settledNode(newestFirst(t), 1);
    const [row] = rows;
    assert.ok(row);
    const { node } = live;
    const starts = ['operation:recorded', 'start:synced', 'start:started'];
    const stops = ['stop:stopping', 'stop:signalled', 'stop:exited'];
    for (const [round, at] of starts.entries()) {
      await killedAt(live, at, () => live.calls.power(row.uuid, 'start'));
      await shown(live, row, 'running');
      assert.equal(node.starts(row.uuid), round + 1, at);
      await killedAt(live, stops[round] ?? '', () => live.calls.power(row.uuid, 'stop'));
      await shown(live, row, 'offline');
      assert.equal(node.commands(row.uuid).length, round + 1, stops[round]);
    }
    assert.equal((await node.api.get(row.uuid))?.status?.crashCount ?? 0, 0);
  });

  test(
    'during installations: each is reported as it ended, and none stays installing (containers 24.10)',
    options,
    async (t) => {
      const { live } = await settledNode(newestFirst(t), 0);
      const { panel, node } = live;
      const places = {
        'install:claimed': 'fails',
        'install:script-written': 'runs',
        'install:running-recorded': 'runs',
        // What is told is what came of it, and no reset hides it.
        'install:outcome-recorded': 'fails',
        'install:released': 'runs',
      };
      for (const [at, what] of Object.entries(places)) {
        const fails = what === 'fails';
        const row = live.add();
        const script = 'echo x >> /mnt/server/runs; sleep 1';
        row.install = { container_image: `~${node.image}`, entrypoint: fails ? '/no/such' : 'sh', script };
        await killedAt(live, at, () => live.calls.createServer(panel.state, row, true));
        await untilNothingIsOwed(node);
        await resetCame(live);
        assert.equal(row.status, fails ? 'install_failed' : null, at);
        const told = panel.state.notices.filter((notice) => notice.includes(row.uuid));
        assert.ok(told.length >= 1 && told.every((notice) => notice === `install ${row.uuid} ${!fails}`), told.join());
        assert.equal(inVolume(node, row.uuid, 'runs'), fails ? undefined : 'x\n', at);
        assert.equal(await installer(node, row.uuid), undefined);
        if (!fails) await shown(live, row, 'running');
        assert.equal(node.starts(row.uuid), fails ? 0 : 1, at);
      }
    },
  );

  test('during deletions: nothing is left, whether the Panel has heard the answer or not', options, async (t) => {
    const places = ['delete:claimed', 'delete:stopped', 'delete:container-removed', 'delete:volume-removed'];
    const { live, rows } = await settledNode(newestFirst(t), places.length + 1);
    const [stays, ...going] = rows;
    assert.ok(stays);
    const { panel, node } = live;
    for (const row of rows) await live.calls.power(row.uuid, 'start');
    for (const row of rows) await shown(live, row, 'running');
    for (const [round, at] of places.entries()) {
      const { uuid } = going[round] ?? assert.fail();
      const heard = round % 2 === 0;
      await killedAt(live, at, () =>
        heard ? live.calls.deleteServer(panel.state, uuid) : live.calls.call('DELETE', `/api/servers/${uuid}`),
      );
      // Who has not heard it asks again.
      if (!heard) await live.calls.deleteServer(panel.state, uuid);
      await node.api.untilGone(uuid);
      assert.equal(await node.docker.inspectContainer(uuid), undefined, at);
      assert.equal(existsSync(node.volume(uuid)), false, at);
      await resetCame(live);
    }
    await shown(live, stays, 'running');
    assert.equal(node.starts(stays.uuid), 1);
    assert.deepEqual(
      (await node.api.list('servers')).map(({ metadata }) => metadata.name),
      [stays.uuid],
    );
  });
});

// SIGTERM while the Panel is asked: what waits for its answer is no failure, it is left to the next daemon, as after a
// kill -9. The Panel hears nothing of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needsDocker } from '../support/docker.ts';
import { newestFirst } from '../support/owner.ts';
import { LivePanel } from '../support/panel/live-panel.ts';
import { operationsOf, untilNothingIsOwed } from '../support/panel/owing.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 120_000 };
const patienceMs = 30_000;

test(
  'SIGTERM while the Panel is asked leaves starts, restarts and installations to the next daemon',
  options,
  async (t) => {
    const live = await LivePanel.make(newestFirst(t));
    const { panel, node } = live;
    const [started, restarted, installed, scripted] = Array.from({ length: 4 }, () => live.add());
    assert.ok(started && restarted && installed && scripted);
    for (const server of [installed, scripted])
      server.install = { container_image: `~${node.image}`, entrypoint: 'sh', script: 'echo x >> /mnt/server/runs' };
    await node.start();
    await live.known(...panel.state.servers.keys());
    await until('the reset came', patienceMs, async () => panel.requests('POST /servers/reset').length === 1);
    await node.api.powerAndFinish(restarted.uuid, 'start');
    const notices = panel.state.notices.length;

    const held = [
      ...[started, restarted, installed].map(({ uuid }) => `/servers/${uuid}`),
      `/servers/${scripted.uuid}/install`,
    ];
    const open = new Set<string>();
    const isHeld = ({ path }: { path: string }) => held.includes(path) && Boolean(open.add(path));
    panel.weather({ when: isHeld, until: new Promise(() => {}) });
    await live.calls.reinstall(installed);
    await live.calls.reinstall(scripted);
    await node.api.power(started.uuid, 'start');
    await node.api.power(restarted.uuid, 'restart');
    await until('all four are asked for', patienceMs, async () => open.size === held.length);

    assert.equal(await node.daemon.stop(), 0);
    assert.equal(panel.state.notices.length, notices, 'the Panel was told of an end');
    panel.clear();
    await node.start();
    for (const { uuid } of [started, restarted]) {
      const { status } = await node.api.until(
        uuid,
        'it runs',
        ({ status }) => status?.state === 'running' && !status.operation,
      );
      assert.equal(status?.power?.outcome, 'Succeeded');
    }
    assert.deepEqual([node.starts(started.uuid), node.starts(restarted.uuid)], [1, 2]);
    await untilNothingIsOwed(node);
    assert.deepEqual(
      panel.state.notices.slice(notices).sort(),
      [`install ${installed.uuid} true`, `install ${scripted.uuid} true`].sort(),
    );
    const ends = (await operationsOf(node)).map(({ status }) => status?.phase);
    assert.deepEqual(ends, ['Completed', 'Completed']);
  },
);

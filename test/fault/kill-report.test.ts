// SIGKILL of the daemon around a report to the Panel: before it is sent, before it is answered, and before the answer is
// recorded. Each result reaches the Panel; a second time only when nobody can know that it was heard, and then it changes
// nothing there.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsDocker } from '../support/docker.ts';
import { inVolume } from '../support/installations.ts';
import { newestFirst } from '../support/owner.ts';
import { LivePanel } from '../support/panel/live-panel.ts';
import { operationsOf, owedReports, untilNothingIsOwed } from '../support/panel/owing.ts';
import type { Seen } from '../support/panel/panel-stand-in.ts';
import type { PanelServer } from '../support/panel/panel-state.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 240_000 };
const patienceMs = 30_000;

const isReport = ({ method, path }: Pick<Seen, 'method' | 'path'>) =>
  method === 'POST' && /^\/backups\/|\/install$/.test(path);

/** A backup of the first server, a restore of the second, an installation of the third; each once more in each round. */
class Round {
  readonly live: LivePanel;
  readonly rows: readonly [PanelServer, PanelServer, PanelServer];
  readonly kept: string;
  backup = '';

  constructor(live: LivePanel, rows: Round['rows'], kept: string) {
    this.live = live;
    this.rows = rows;
    this.kept = kept;
  }

  async begin(): Promise<void> {
    const { panel, calls } = this.live;
    const [first, second, third] = this.rows;
    panel.clear();
    panel.seen.length = 0;
    panel.state.notices.length = 0;
    this.backup = await calls.backup(panel.state, first.uuid);
    await calls.restore(second, this.kept, true);
    await calls.reinstall(third);
  }

  /** Reports that the Panel has heard, whoever heard its answer. */
  reports(): Seen[] {
    return this.live.panel.seen.filter((seen) => isReport(seen));
  }

  /** All three have done their work, and what comes of it is in the store. */
  async finalizing(): Promise<void> {
    await until('all three have ended', patienceMs, async () => {
      const going = (await operationsOf(this.live.node)).filter(({ status }) => status?.owed);
      return going.length === 3;
    });
  }

  async killAndStart(): Promise<void> {
    await this.live.node.killAndStart();
  }

  /** `again`: each was told twice. */
  async assertTold({ again }: { again: boolean }): Promise<void> {
    const { panel, node } = this.live;
    const [first, second, third] = this.rows;
    const ended = await untilNothingIsOwed(node);
    assert.deepEqual(
      ended.filter(({ status }) => status?.phase !== 'Completed'),
      [],
    );
    assert.equal(await owedReports(node), 0);
    const row = panel.state.backups.get(this.backup);
    const object = (await node.api.call('GET', `/apis/aileron.dev/v1/backups/${this.backup}`)) as {
      status: { archive: { checksum: string; size: number } };
    };
    const { checksum, size } = object.status.archive;
    assert.deepEqual([row?.isSuccessful, row?.checksum, row?.bytes], [true, `sha1:${checksum}`, size]);
    assert.deepEqual(
      this.rows.map(({ status }) => status),
      [null, null, null],
    );
    const times = (text: string) => panel.state.notices.filter((notice) => notice === text).length;
    // Of a backup the Panel takes the first report alone.
    assert.equal(times(`backup ${this.backup} true`), 1);
    assert.equal(times(`restore ${this.kept} true`), again ? 2 : 1);
    assert.equal(times(`install ${third.uuid} true`), again ? 2 : 1);
    assert.equal(panel.state.notices.length, again ? 5 : 3, 'and nothing else');
    const answers = this.reports().map(({ path, status }) => `${path.replace(/[^/]*$/, '')} ${status}`);
    assert.equal(answers.length, again ? 6 : 3, answers.join());
    for (const { uuid } of [first, second, third])
      assert.equal((await node.api.get(uuid))?.status?.claim, undefined, 'everybody may have the server');
    await until('the reset came', patienceMs, async () => panel.requests('POST /servers/reset').length > 0);
    const paths = panel.seen.map(({ path }) => path);
    const last = paths.findLastIndex((path) => /\/(restore|install)$/.test(path));
    assert.ok(paths.indexOf('/servers/reset') > last, 'whom it sets free was told of before');
  }
}

test(
  'the daemon is killed around its reports to the Panel: nobody stays busy, no result is lost',
  options,
  async (t) => {
    const live = await LivePanel.make(newestFirst(t));
    const { panel, node } = live;
    const rows = [live.add(), live.add(), live.add()] as const;
    rows[2].install = { container_image: `~${node.image}`, entrypoint: 'sh', script: 'echo x >> /mnt/server/runs' };
    await node.start();
    await live.known(...rows.map(({ uuid }) => uuid));
    for (const { uuid } of rows) {
      mkdirSync(node.volume(uuid), { recursive: true });
      writeFileSync(join(node.volume(uuid), 'world.dat'), 'world');
    }
    const kept = await live.calls.backup(panel.state, rows[1].uuid);
    await untilNothingIsOwed(node);
    await until('the reset came', patienceMs, async () => panel.requests('POST /servers/reset').length > 0);
    const round = new Round(live, rows, kept);

    await t.test('before they are sent: told once', async () => {
      await node.daemon.pauseAt('report:due');
      await round.begin();
      await round.finalizing();
      await node.daemon.paused();
      assert.deepEqual(round.reports(), []);
      await round.killAndStart();
      await round.assertTold({ again: false });
    });

    await t.test('sent, and not answered: told again', async () => {
      const gate = Promise.withResolvers<void>();
      await round.begin();
      panel.weather({ when: isReport, times: 3, until: gate.promise });
      await until('all three were sent', patienceMs, async () => round.reports().length === 3);
      await node.daemon.kill();
      // The Panel does not see that nobody listens.
      gate.resolve();
      await until('all three count', patienceMs, async () => panel.state.notices.length === 3);
      await node.start();
      await round.assertTold({ again: true });
    });

    await t.test('answered, and not recorded: told again', async () => {
      await node.daemon.pauseAt('report:taken');
      await round.begin();
      await until('all three were answered', patienceMs, async () =>
        [3].includes(round.reports().filter(({ status }) => status === 204).length),
      );
      await node.daemon.paused();
      await round.killAndStart();
      await round.assertTold({ again: true });
    });

    assert.equal(inVolume(node, rows[2].uuid, 'runs'), 'x\nx\nx\n', 'each script ran once');
  },
);

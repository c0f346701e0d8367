// SIGKILL of the daemon at every place between two acts of a backup, and in the middle of the archive. The next daemon
// brings it to its one end: a whole archive, or a reason and nothing on disk.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { BackupNode, jobsOf } from '../support/backup-node.ts';
import { checkpoints } from '../support/checkpoints.ts';
import { needsDocker } from '../support/docker.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 120_000 };
const slow = { backups: { writeLimit: 2_000_000 }, bytes: 12_000_000 };
const content = ['latest.log', 'server.properties', 'world/level.dat'];

async function halfWay(t: TestContext): Promise<BackupNode> {
  const bench = await BackupNode.make(t, slow);
  await bench.create('b1');
  await bench.until('b1', 'it moves', ({ status }) => (status?.progress?.percentage ?? 0) > 10);
  return bench;
}

async function assertMade(bench: BackupNode): Promise<void> {
  const backup = await bench.untilPhase('b1', 'Completed');
  assert.deepEqual(bench.listed(backup), content);
  assert.equal(bench.files().length, 2, 'an archive and its sidecar, nothing else');
  assert.deepEqual(
    bench.completions().map(({ successful }) => successful),
    [true],
  );
  assert.equal((await bench.node.api.get('demo'))?.status?.claim, undefined);
}

describe('the daemon is killed during a backup', () => {
  for (const at of checkpoints('backup:').filter((name) => !/removed|restart/.test(name))) {
    test(`at ${at}: the next one completes it, once (backups 15.11)`, options, async (t) => {
      const bench = await BackupNode.make(t);
      await bench.node.daemon.pauseAt(at);
      await bench.create('b1');
      await bench.node.daemon.paused();
      await bench.killAndStart();
      await assertMade(bench);
    });
  }

  test('in the middle of the archive: it is made once more (backups 15.11)', options, async (t) => {
    const bench = await halfWay(t);
    const jobs = jobsOf(bench.node.daemon.pid);
    assert.equal(jobs.length, 1);
    await bench.killAndStart();
    await bench.until('b1', 'it is begun once more', ({ status }) => status?.attempt === 2);
    await until('the orphaned job is gone', 10_000, async () => jobsOf(1).every((job) => !jobs.includes(job)));
    assert.equal(bench.files().filter((file) => file.includes('-1.partial')).length, 0);
    await assertMade(bench);
  });

  test(
    'in the middle of the second try, at the record of it: it has failed, and nothing stays (backups 15.11)',
    options,
    async (t) => {
      const bench = await halfWay(t);
      await bench.killAndStart();
      await bench.until('b1', 'it is begun once more', ({ status }) => status?.attempt === 2);
      await bench.killAndStart();
      const { status } = await bench.untilPhase('b1', 'Failed');
      assert.equal(status?.outcome?.reason, 'DaemonRestarted');
      assert.deepEqual(bench.files(), []);
      assert.deepEqual(
        bench.completions().map(({ successful }) => successful),
        [false],
      );
    },
  );

  test('in the middle of its deletion: the next one finishes it', options, async (t) => {
    const bench = await BackupNode.make(t);
    await bench.create('b1');
    await bench.untilPhase('b1', 'Completed');
    await bench.node.daemon.pauseAt('backup:archive-removed');
    await bench.delete('b1');
    await bench.node.daemon.paused();
    await bench.killAndStart();
    await bench.untilGone('b1');
    assert.deepEqual(bench.files(), []);
    assert.equal(bench.completions().length, 1);
  });
});

test(
  'the daemon is stopped in order during a backup: its job ends with it, and the next one makes it (backups 15.11)',
  options,
  async (t) => {
    const bench = await halfWay(t);
    const jobs = jobsOf(bench.node.daemon.pid);
    await bench.stopAndStart();
    assert.ok(jobsOf(1).every((job) => !jobs.includes(job)));
    await assertMade(bench);
    assert.equal((await bench.get('b1'))?.status?.attempt, 2);
  },
);

// Contract backups §11: whatever the daemon dies of, and wherever, each accepted backup comes to one end.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Backup } from '../../../src/resources/backup.ts';
import type { Owed } from '../../../src/runtime/outbox.ts';
import { mutateStatus } from '../../../src/runtime/status.ts';
import { BackupBench, backupUuids } from '../../support/backup-bench.ts';
import { anyUuid } from '../../support/builders.ts';
import { checkpoints } from '../../support/checkpoints.ts';

const [uuid] = backupUuids;
const both = [`${anyUuid}/${uuid}.json`, `${anyUuid}/${uuid}.tar.gz`];

/** A daemon that stands still for ever at one place. */
function stopsAt(at: string) {
  const reached = Promise.withResolvers<void>();
  const checkpoint = (name: string) => {
    if (name !== at) return Promise.resolve();
    reached.resolve();
    return new Promise<void>(() => {});
  };
  return { checkpoint, reached: reached.promise };
}

describe('the daemon dies', () => {
  for (const at of checkpoints('backup:').filter((name) => !/restart|removed/.test(name))) {
    test(`at ${at}, and the next one brings the backup to its one end (backups 15.11)`, async (t) => {
      const { checkpoint, reached } = stopsAt(at);
      const bench = new BackupBench(t, { checkpoint });
      await bench.addServer();
      await bench.start();
      await bench.add('b1');
      const begun = /work-ended|outcome|released/.test(at);
      if (begun) (await bench.job()).finish();
      await reached;
      assert.equal(bench.completions().length, 0);
      await bench.restart();
      if (!begun) (await bench.job()).finish();
      const { status } = await bench.untilPhase('b1', 'Completed');
      await bench.quiet();
      assert.deepEqual(
        bench.completions().map(({ successful }) => successful),
        [true],
      );
      assert.deepEqual(bench.files(), both);
      assert.equal(bench.runner.jobs.length, 1, 'what was finished is not done again');
      assert.equal(status?.progress?.percentage, 100);
      assert.equal((await bench.server())?.status?.claim, undefined);
      assert.equal(bench.slots.running, 0);
    });

    test(`at ${at}, and one that is cancelled meanwhile is cancelled or complete, once (backups 15.11)`, async (t) => {
      const { checkpoint, reached } = stopsAt(at);
      const bench = new BackupBench(t, { checkpoint });
      await bench.addServer();
      await bench.start();
      await bench.add('b1');
      const decided = /outcome|released/.test(at);
      if (decided || at.includes('work-ended')) (await bench.job()).finish();
      await reached;
      await bench.store.patch('Backup', 'b1', { spec: { cancel: true } });
      await bench.restart();
      await bench.untilPhase('b1', decided ? 'Completed' : 'Cancelled');
      await bench.quiet();
      assert.deepEqual(
        bench.completions().map(({ successful }) => successful),
        [decided],
      );
      assert.deepEqual(bench.files(), decided ? both : []);
    });
  }

  test('while it archives: the partial goes and the work starts once more, the third time never (backups 15.11)', async (t) => {
    const bench = new BackupBench(t);
    bench.runner.leavesPartials = true;
    await bench.archiving();
    (await bench.job()).progress(500, 1000);
    await bench.pass(2_500);
    (await bench.job()).progress(501, 1000);
    await bench.quiet();
    await bench.stop();
    const { status } = (await bench.backup()) ?? {};
    assert.equal(status?.phase, 'Archiving');
    assert.equal(bench.files().length, 1);

    await bench.start();
    const second = await bench.job(1);
    assert.equal((await bench.backup())?.status?.attempt, 2);
    assert.deepEqual(
      bench.files().map((name) => name.includes('-2.partial')),
      [true],
    );
    assert.deepEqual(bench.story().slice(-1), ['archive 50'], 'the bar does not fall');
    second.progress(600, 1000);
    await bench.stop();

    await bench.start();
    const failed = await bench.untilPhase('b1', 'Failed');
    assert.equal(failed.status?.outcome?.reason, 'DaemonRestarted');
    assert.equal(bench.runner.jobs.length, 2);
    assert.deepEqual(bench.files(), []);
    assert.deepEqual(
      bench.completions().map(({ successful }) => successful),
      [false],
    );
  });

  test('after the archive got its name: it is taken over, not made again (backups 15.11)', async (t) => {
    const bench = new BackupBench(t);
    await bench.archiving();
    const { checksum } = (await bench.job()).write('whole', { changed: 1 });
    await bench.restart();
    const { status } = await bench.untilPhase('b1', 'Completed');
    assert.equal(status?.archive?.checksum, checksum);
    assert.equal(status?.archive?.changed, 1);
    assert.equal(bench.runner.jobs.length, 1);
    assert.ok(
      bench.events.includes(
        'Completed: The archive is complete. 3 files, 5 bytes. 1 of them shrank while they were read.',
      ),
    );
  });

  test('after the archive got its name, but another size is there: it is made again', async (t) => {
    const bench = new BackupBench(t);
    await bench.archiving();
    (await bench.job()).write('whole');
    writeFileSync(join(bench.config.system.backupDirectory, both[1] ?? ''), 'cut');
    await bench.restart();
    (await bench.job(1)).finish('whole');
    await bench.untilPhase('b1', 'Completed');
  });

  test('twice at once: a backup in the queue has used up no start', async (t) => {
    const bench = new BackupBench(t);
    await bench.archiving();
    await bench.add('b2', 1);
    for (let times = 0; times < 2; times += 1) {
      await bench.untilPhase('b2', 'Pending');
      await bench.restart();
    }
    await bench.untilPhase('b1', 'Failed');
    const next = await bench.until('b2 starts', async () =>
      bench.runner.creates().find(({ plan }) => plan.backup === backupUuids[1]),
    );
    next.finish();
    await bench.untilPhase('b2', 'Completed');
    assert.deepEqual(
      bench.completions().map(({ backupId }) => backupId),
      [backupUuids[0], backupUuids[1]],
    );
  });

  test('in the middle of a removal: the next one finishes it', async (t) => {
    const { checkpoint, reached } = stopsAt('backup:archive-removed');
    const bench = new BackupBench(t, { checkpoint });
    await bench.completed();
    await bench.store.delete('Backup', 'b1');
    await reached;
    await bench.restart();
    await bench.untilGone('b1');
    assert.deepEqual(bench.files(), []);
    assert.equal(bench.completions().length, 1);
  });
});

describe('the daemon is stopped', () => {
  test('while it archives: the work ends at once and is started again at the next start', async (t) => {
    const bench = new BackupBench(t);
    await bench.archiving();
    await bench.stop();
    assert.equal((await bench.backup())?.status?.phase, 'Archiving');
    assert.deepEqual(bench.files(), [], 'no partial is left');
    assert.equal(bench.completions().length, 0);
    assert.equal(bench.clock.pendingTimers <= 1, true, 'nothing goes on');
    await bench.start();
    (await bench.job(1)).finish();
    await bench.untilPhase('b1', 'Completed');
    assert.equal(bench.completions().length, 1);
  });
});

describe('what is owed', () => {
  const owed: Owed = { id: '1', to: 'Panel', what: 'backup', since: '2026-01-01T00:00:00Z', attempts: 0 };
  const owing = { owedAtEnd: () => [owed] };

  test('is told before the end, and the end follows at once (backups 15.15, rule 10)', async (t) => {
    const bench = new BackupBench(t, owing);
    await bench.archiving();
    (await bench.job()).finish();
    await bench.untilPhase('b1', 'Finalizing');
    await bench.quiet();
    assert.deepEqual(bench.story().slice(-1), ['finalize 0']);
    assert.ok((await bench.backup())?.metadata.finalizers?.includes('aileron.dev/owed'));
    assert.equal((await bench.server())?.status?.claim?.name, 'b1', 'the server is not free yet');
    await mutateStatus<Backup>(bench.store, 'Backup', 'b1', (status) => {
      delete status.owed;
    });
    await bench.untilPhase('b1', 'Completed');
  });

  test('holds the end up for 30 s and no longer, and stays owed (backups 15.15, rule 11)', async (t) => {
    const bench = new BackupBench(t, {
      owedAtEnd: () => [{ ...owed, since: new Date(bench.clock.now()).toISOString() }],
    });
    await bench.archiving();
    (await bench.job()).finish();
    await bench.untilPhase('b1', 'Finalizing');
    await bench.pass(29_000);
    assert.equal((await bench.backup())?.status?.phase, 'Finalizing');
    await bench.pass(1_100);
    const { status } = await bench.untilPhase('b1', 'Completed');
    assert.equal(status?.owed?.length, 1);
    assert.equal(bench.completions()[0]?.successful, true);
  });
});

test('leftovers of a crash go before the first backup begins', async (t) => {
  const bench = new BackupBench(t);
  bench.runner.leavesPartials = true;
  await bench.archiving();
  await bench.stop();
  const [partial = ''] = bench.files();
  assert.ok(partial.endsWith('.partial'));
  await bench.store.patch('Backup', 'b1', { metadata: { finalizers: null } });
  await bench.store.delete('Backup', 'b1');
  await bench.start();
  assert.equal(existsSync(join(bench.config.system.backupDirectory, partial)), false);
});

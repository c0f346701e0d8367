// A backup from its acceptance to its end, with everything that may end it otherwise.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { ArchiveError } from '../../../src/archive/runner.ts';
import { findCondition } from '../../../src/resources/conditions.ts';
import { BackupBench, backupUuids, otherServer } from '../../support/backup-bench.ts';
import { anyUuid } from '../../support/builders.ts';
import { metricValue } from '../../support/metric-value.ts';
import { recordSpans } from '../../support/recording-tracer.ts';

const [uuid] = backupUuids;
const archive = `${anyUuid}/${uuid}.tar.gz`;
const sidecar = `${anyUuid}/${uuid}.json`;

describe('a backup', () => {
  test('is made, recorded and told in the order of the contract (backups 15.15, rules 9 and 10)', async (t) => {
    const bench = new BackupBench(t);
    await bench.archiving();
    const held = (await bench.server())?.status?.claim;
    assert.equal(held?.name, 'b1');
    assert.equal((await bench.backup())?.status?.phase, 'Archiving');

    const job = await bench.job();
    job.progress(0, 1000);
    await bench.pass(300);
    job.progress(400, 1000);
    await bench.pass(300);
    job.finish('0123456789');
    const { status } = await bench.untilPhase('b1', 'Completed');
    assert.deepEqual(bench.story(), [
      'queued 0',
      'archive 0',
      'archive 40',
      'finalize 40',
      'finalize 100',
      'completion true',
    ]);
    const [completion] = bench.completions();
    assert.deepEqual(completion, {
      ...{ completed: true, operation: (await bench.backup())?.metadata.uid, type: 'create', backupId: uuid },
      ...{ adapter: 'wings', successful: true, error: null, size: 10 },
      checksum: status?.archive?.checksum,
    });
    assert.equal((await bench.server())?.status?.claim, undefined);
    assert.deepEqual(bench.files(), [sidecar, archive]);

    assert.deepEqual(
      status?.phases?.map(({ phase, finishedAt }) => [phase, finishedAt !== undefined]),
      [
        ['Pending', true],
        ['Archiving', true],
        ['Finalizing', true],
      ],
    );
    assert.deepEqual(status?.progress, { percentage: 100, bytesWritten: 400, bytesTotal: 1000 });
    assert.equal(status?.attempt, 1);
    assert.equal(findCondition(status?.conditions, 'Complete')?.status, 'True');
    assert.deepEqual(bench.events, [
      'Archiving: Archiving the files of server "demo".',
      'Completed: The archive is complete. 3 files, 10 bytes.',
    ]);
    await bench.quiet();
    assert.equal(findCondition((await bench.backup())?.status?.conditions, 'Available')?.status, 'True');
    assert.equal(bench.completions().length, 1);
  });

  test('asks the runner for what object, node and flavour say', async (t) => {
    const bench = new BackupBench(t);
    bench.config.system.backups = {
      ...bench.config.system.backups,
      ...{ writeLimit: 3_145_728, compressionLevel: 'best_compression', tarEntries: 'posix', verifyAfterCreate: false },
    };
    await bench.addServer({ status: { diskBytes: 12_345 } });
    await bench.start();
    const { metadata } = await bench.add('b1', 0, { ignore: '*.log', format: 'zstd' });
    const { daemonVersion, ...plan } = (await bench.job()).plan as unknown as Record<string, unknown>;
    assert.ok(daemonVersion);
    assert.deepEqual(plan, {
      ...{ kind: 'create', root: join(bench.config.system.data, anyUuid) },
      archive: join(bench.config.system.backupDirectory, archive),
      ...{ server: anyUuid, backup: uuid, operation: `${metadata.uid}-1`, ignore: '*.log' },
      ...{ ignoreFiles: ['.pelicanignore', '.pteroignore'], format: 'zstd', level: 'best', tarEntries: 'posix' },
      ...{ writeLimit: 3_145_728, verify: false, knownBytes: 12_345 },
    });
  });

  test('tells what was odd about the files, and makes a span that links to its request', async (t) => {
    const { spans, release } = recordSpans();
    t.after(release);
    const bench = new BackupBench(t);
    await bench.addServer();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const { metadata } = await bench.add('b1');
    await bench.store.patch('Backup', metadata.name, {
      metadata: { annotations: { 'aileron.dev/traceparent': traceparent } },
    });
    await bench.start();
    (await bench.job()).finish('x', { warnings: ['the ignore file is too large'] });
    await bench.untilPhase('b1', 'Completed');
    assert.ok(bench.events.includes('ArchiveWarning: The ignore file is too large.'));
    const span = spans.find(({ name }) => name === 'job backup');
    assert.deepEqual([span?.ended, span?.links[0]?.context.spanId], [true, 'b7ad6b7169203331']);
  });

  test('shows its progress in the store every two seconds at most', async (t) => {
    const bench = new BackupBench(t);
    await bench.archiving();
    const job = await bench.job();
    const versions = new Set<string | undefined>();
    for (let quarter = 1; quarter <= 16; quarter += 1) {
      await bench.clock.advance(250);
      job.progress(quarter, 100);
      await bench.quiet();
      versions.add(JSON.stringify((await bench.backup())?.status?.progress));
    }
    assert.deepEqual([...versions].length, 3);
    assert.deepEqual((await bench.backup())?.status?.progress, { percentage: 16, bytesWritten: 16, bytesTotal: 100 });
  });
});

describe('a backup that cannot be made', () => {
  for (const [code, reason] of [
    ['NO_SPACE', 'NoSpace'],
    ['CRASHED', 'JobCrashed'],
    ['NOT_FOUND', 'FilesNotFound'],
    ['DAMAGED', 'Damaged'],
  ] as const) {
    test(`fails with ${reason}, a sentence, and nothing on disk`, async (t) => {
      const bench = new BackupBench(t);
      await bench.archiving();
      (await bench.job()).fail(new ArchiveError(code, 'the disk is full'));
      const { status } = await bench.untilPhase('b1', 'Failed');
      assert.deepEqual(status?.outcome, { result: 'Failed', reason, message: 'The disk is full.' });
      const condition = findCondition(status?.conditions, 'Failed');
      assert.deepEqual([condition?.status, condition?.reason], ['True', reason]);
      assert.deepEqual(bench.story(), ['queued 0', 'archive 0', 'finalize 0', 'finalize -1', 'completion false']);
      assert.equal(bench.completions()[0]?.error, 'The disk is full.');
      assert.equal(bench.completions()[0]?.checksum, '');
      assert.deepEqual(bench.files(), []);
      assert.equal((await bench.server())?.status?.claim, undefined);
      assert.ok(bench.events.includes(`${reason}: The disk is full.`));
    });
  }

  test('fails with words that name nothing of the node when nobody foresaw the reason', async (t) => {
    const bench = new BackupBench(t);
    await bench.archiving();
    (await bench.job()).fail(new Error('/secret/place'));
    const { status } = await bench.untilPhase('b1', 'Failed');
    assert.equal(status?.outcome?.reason, 'InternalError');
    assert.ok(!JSON.stringify(status).includes('secret'));
    assert.equal(bench.log.find({ message: 'a backup failed' }).length, 1);
  });

  test('fails after the time that the node allows, the queue not counted', async (t) => {
    const bench = new BackupBench(t);
    await bench.addServer();
    await bench.start();
    await bench.add('b1', 0);
    await bench.job();
    await bench.add('b2', 1);
    await bench.pass(6 * 3_600_000 - 1_000);
    assert.equal((await bench.backup())?.status?.phase, 'Archiving');
    await bench.pass(2_000);
    const { status } = await bench.untilPhase('b1', 'Failed');
    assert.equal(status?.outcome?.reason, 'Timeout');
    assert.equal(status?.outcome?.message, 'The backup took longer than the 6 hours that this node allows.');
    assert.deepEqual(
      bench.files().filter((name) => name.includes(uuid)),
      [],
    );
    await bench.job(1);
    assert.equal((await bench.backup('b2'))?.status?.phase, 'Archiving');
  });

  test('of a server that is not there fails with a sentence', async (t) => {
    const bench = new BackupBench(t);
    await bench.start();
    await bench.add('b1');
    const { status } = await bench.untilPhase('b1', 'Failed');
    assert.deepEqual(status?.outcome, {
      ...{ result: 'Failed', reason: 'ServerNotFound', message: 'There is no server "demo" any more.' },
    });
    assert.equal(bench.completions().length, 1);
  });

  test('of another server that took the name fails too', async (t) => {
    const bench = new BackupBench(t);
    await bench.addServer({ spec: { uuid: otherServer } });
    await bench.start();
    await bench.add('b1');
    assert.equal((await bench.untilPhase('b1', 'Failed')).status?.outcome?.reason, 'ServerNotFound');
  });

  test('never touches an archive of its uuid that somebody else made (covers: SEC-99)', async (t) => {
    const bench = new BackupBench(t);
    const path = join(bench.config.system.backupDirectory, archive);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, 'precious');
    await bench.addServer();
    await bench.start();
    await bench.add('b1');
    assert.equal((await bench.untilPhase('b1', 'Failed')).status?.outcome?.reason, 'ArchiveExists');
    assert.equal(await metricValue(bench.registry, 'aileron_backup_archives_without_object'), 1);
    await bench.store.delete('Backup', 'b1');
    await bench.untilGone('b1');
    assert.deepEqual(bench.files(), [archive]);
    assert.equal(bench.runner.jobs.length, 0);
  });

  test('fails with a reason when the archives of the node cannot be looked at, and says so before', async (t) => {
    const bench = new BackupBench(t);
    await bench.addServer();
    const { backupDirectory } = bench.config.system;
    rmSync(backupDirectory, { recursive: true, force: true });
    mkdirSync(dirname(backupDirectory), { recursive: true });
    symlinkSync(backupDirectory, backupDirectory); // ELOOP
    await bench.start();
    await bench.add('b1');
    await bench.pass(120_000, 5_000);
    const { phase, outcome } = (await bench.backup('b1'))?.status ?? {};
    assert.deepEqual([phase, outcome?.reason], ['Failed', 'ArchiveFailed']);
    assert.equal(bench.events.filter((told) => told.includes('It is tried again.')).length, 5);
    assert.equal(bench.slots.running, 0);
  });

  test('is another node’s business when it is another node’s (covers: SEC-27)', async (t) => {
    const bench = new BackupBench(t);
    await bench.addServer();
    await bench.start();
    await bench.add('b1', 0, { nodeName: 'node-2' });
    await bench.quiet();
    assert.equal((await bench.backup())?.status, undefined);
    assert.deepEqual(bench.messages, []);
  });

  test('goes seven days after its end', async (t) => {
    const bench = new BackupBench(t);
    await bench.archiving();
    (await bench.job()).fail(new ArchiveError('NO_SPACE', 'The disk is full.'));
    await bench.untilPhase('b1', 'Failed');
    await bench.pass(6 * 86_400_000, 3_600_000);
    assert.ok(await bench.backup());
    await bench.pass(86_400_000 + 3_600_000, 3_600_000);
    await bench.untilGone('b1');
  });
});

test('metrics tell how many there are and how they ended', async (t) => {
  const bench = new BackupBench(t);
  await bench.archiving();
  await bench.add('b2', 1);
  await bench.untilPhase('b2', 'Pending');
  await bench.quiet();
  assert.equal(await metricValue(bench.registry, 'aileron_backups_running'), 1);
  assert.equal(await metricValue(bench.registry, 'aileron_backups_queued'), 1);
  await bench.clock.advance(3_000);
  (await bench.job()).finish('0123456789');
  await bench.untilPhase('b1', 'Completed');
  const of = (name: string, labels = {}) => metricValue(bench.registry, name, labels);
  assert.equal(await of('aileron_backups_total', { result: 'Completed' }), 1);
  assert.equal(await of('aileron_backup_size_bytes_sum'), 10);
  assert.equal(await of('aileron_backup_archived_bytes_total'), 1000);
  assert.equal(Math.floor((await of('aileron_backup_duration_seconds_sum', { result: 'Completed' })) ?? 0), 3);
});

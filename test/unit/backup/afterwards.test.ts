// A backup that has ended well: read again, looked for, deleted.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ArchiveError } from '../../../src/archive/runner.ts';
import { findCondition } from '../../../src/resources/conditions.ts';
import { owedFinalizer } from '../../../src/runtime/outbox.ts';
import { BackupBench, backupUuids } from '../../support/backup-bench.ts';
import { anyUuid } from '../../support/builders.ts';

const [uuid] = backupUuids;
const verify = (bench: BackupBench, request: string) =>
  bench.store.patch('Backup', 'b1', { spec: { verify: request } });

async function verification(bench: BackupBench, result: string) {
  return bench.until(`verification ${result}`, async () => {
    const found = (await bench.backup())?.status?.verification;
    return found?.result === result && found;
  });
}

describe('verification', () => {
  test('reads the archive once for each request', async (t) => {
    const bench = new BackupBench(t);
    await bench.completed();
    await verify(bench, 'one');
    const job = await bench.job(1);
    const checksum = (await bench.backup())?.status?.archive?.checksum;
    assert.deepEqual(job.plan, {
      ...{ kind: 'verify', archive: join(bench.config.system.backupDirectory, anyUuid, `${uuid}.tar.gz`), checksum },
      ...{ readLimit: 0, limits: { contentBytes: 0, entries: 10_000_000, reserveBytes: 0 } },
    });
    assert.equal(bench.slots.running, 1);
    await bench.clock.advance(5_000);
    job.finish();
    assert.equal((await verification(bench, 'Passed')).request, 'one');
    await bench.quiet();
    assert.equal(bench.runner.jobs.length, 2);
    assert.equal(bench.slots.running, 0);
    assert.ok(bench.events.includes('Verified: The archive was read from end to end and is as it was made.'));
    assert.equal(bench.completions().length, 1, 'it is no operation of its own');
  });

  test('that finds a fault says which', async (t) => {
    const bench = new BackupBench(t);
    await bench.completed();
    await verify(bench, 'one');
    (await bench.job(1)).fail(new ArchiveError('CHECKSUM_MISMATCH', 'The archive is not what it was.'));
    assert.equal((await verification(bench, 'Failed')).message, 'The archive is not what it was.');
    assert.equal((await bench.backup())?.status?.phase, 'Completed');
    await verify(bench, 'two');
    (await bench.job(2)).finish();
    assert.equal((await verification(bench, 'Passed')).request, 'two');
  });

  test('is started again by the next daemon', async (t) => {
    const bench = new BackupBench(t);
    await bench.completed();
    await verify(bench, 'one');
    await bench.job(1);
    await bench.restart();
    (await bench.job(2)).finish();
    await verification(bench, 'Passed');
  });

  test('waits for a place on the node, and leaves none behind', async (t) => {
    const bench = new BackupBench(t);
    bench.config.system.backups.maxConcurrent = 1;
    await bench.completed();
    await bench.add('b2', 1);
    await bench.job(1);
    await verify(bench, 'one');
    await verification(bench, 'Running');
    await bench.quiet();
    assert.deepEqual([bench.slots.running, bench.slots.waiting], [1, 1]);
    const { finalizers = [] } = (await bench.backup())?.metadata ?? {};
    await bench.store.patch('Backup', 'b1', { metadata: { finalizers: [...finalizers, owedFinalizer] } });
    await bench.store.delete('Backup', 'b1');
    const owing = async () => (await bench.backup())?.metadata.finalizers?.join() === owedFinalizer;
    await bench.until('only what it owes keeps it', owing);
    assert.deepEqual([bench.slots.running, bench.slots.waiting], [1, 0]);
  });

  test('of what failed fails', async (t) => {
    const bench = new BackupBench(t);
    await bench.archiving();
    (await bench.job()).fail(new ArchiveError('FAILED', 'It failed.'));
    await bench.untilPhase('b1', 'Failed');
    await verify(bench, 'one');
    assert.equal((await verification(bench, 'Failed')).message, 'It has no archive.');
  });

  test('ends when the backup is deleted', async (t) => {
    const bench = new BackupBench(t);
    await bench.completed();
    await verify(bench, 'one');
    await bench.job(1);
    await bench.store.delete('Backup', 'b1');
    await bench.untilGone('b1');
    assert.deepEqual(bench.files(), []);
    assert.equal(bench.runner.running.length, 0);
    assert.equal(bench.slots.running, 0);
  });
});

describe('an archive', () => {
  test('that vanished is told by a condition and an Event', async (t) => {
    const bench = new BackupBench(t);
    await bench.completed();
    const path = join(bench.config.system.backupDirectory, anyUuid, `${uuid}.tar.gz`);
    const available = async () => findCondition((await bench.backup())?.status?.conditions, 'Available');
    rmSync(path);
    await bench.pass(600_000, 100_000);
    assert.deepEqual([(await available())?.status, (await available())?.reason], ['False', 'ArchiveMissing']);
    const told = () => bench.events.filter((event) => event.startsWith('ArchiveMissing'));
    assert.equal(told().length, 1);
    await bench.pass(600_000, 100_000);
    assert.equal(told().length, 1);
    assert.equal((await bench.backup())?.status?.phase, 'Completed');

    writeFileSync(path, 'arch');
    await bench.pass(400_000, 100_000);
    assert.equal((await available())?.reason, 'SizeDiffers');
    writeFileSync(path, 'archive');
    await bench.pass(400_000, 100_000);
    assert.equal((await available())?.status, 'True');
  });

  test('goes with its backup, and so does the empty directory (backups 15.17)', async (t) => {
    const bench = new BackupBench(t);
    await bench.completed();
    // An archive that has lost its sidecar is its own all the same.
    rmSync(join(bench.config.system.backupDirectory, anyUuid, `${uuid}.json`));
    await bench.store.delete('Backup', 'b1');
    await bench.untilGone('b1');
    assert.deepEqual(bench.files(), []);
    assert.ok(bench.events.includes('Deleted: The backup and its archive were removed.'));
    assert.equal(bench.completions().length, 1);
  });

  test('stays when the server goes and nobody asks for its removal', async (t) => {
    const bench = new BackupBench(t);
    await bench.completed();
    await bench.store.patch('Server', 'demo', { metadata: { finalizers: null } });
    await bench.store.delete('Server', 'demo');
    await bench.pass(400_000, 100_000);
    assert.equal(bench.files().length, 2);
    assert.equal((await bench.backup())?.status?.phase, 'Completed');
    await bench.store.delete('Backup', 'b1');
    await bench.untilGone('b1');
    assert.deepEqual(bench.files(), []);
  });
});

// A Backup for an archive that nobody of us made: one look at the disk, and nothing is made, told or taken away.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decide, isAdoption, type View } from '../../../controllers/backup/decision.ts';
import type { Backup } from '../../../src/resources/backup.ts';
import { BackupBench, backupUuids } from '../../support/backup-bench.ts';
import { anyUuid } from '../../support/builders.ts';

/** Puts an archive there that has no object. */
function strangersArchive({ archives }: BackupBench): string {
  const directory = join(archives.directory, anyUuid);
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${backupUuids[0]}.tar.gz`);
  writeFileSync(path, 'made by Wings');
  return path;
}

test('an archive that is there is taken over, and nobody hears of work (backups 15.17)', async (t) => {
  const owedAtEnd = () => assert.fail('nothing is owed');
  const bench = new BackupBench(t, { owedAtEnd });
  await bench.start();
  await bench.addServer();
  strangersArchive(bench);
  await bench.add('b1', 0, { adopt: true });
  await bench.untilPhase('b1', 'Completed');
  const { status } = (await bench.backup()) ?? assert.fail();
  assert.equal(status?.outcome?.reason, 'Adopted');
  assert.deepEqual([status?.archive, status?.startedAt, status?.owed], [undefined, undefined, undefined]);
  const conditions = Object.fromEntries((status?.conditions ?? []).map(({ type, status }) => [type, status]));
  assert.equal(conditions['Complete'], 'True');
  assert.deepEqual(bench.messages, []);
  assert.equal(bench.runner.jobs.length, 0);
  assert.equal((await bench.server())?.status?.claim, undefined);
});

test('what is not there cannot be taken over, and is not made', async (t) => {
  const bench = new BackupBench(t);
  await bench.start();
  await bench.addServer();
  await bench.add('b1', 0, { adopt: true });
  await bench.untilPhase('b1', 'Failed');
  assert.equal((await bench.backup())?.status?.outcome?.reason, 'ArchiveMissing');
  assert.equal(bench.runner.jobs.length, 0);
});

test('without that wish an archive of somebody else stays as it is', async (t) => {
  const bench = new BackupBench(t);
  await bench.start();
  await bench.addServer();
  strangersArchive(bench);
  await bench.add('b1', 0);
  await bench.untilPhase('b1', 'Failed');
  assert.equal((await bench.backup())?.status?.outcome?.reason, 'ArchiveExists');
});

test('one that is deleted or called off before anybody looked ends like all others', () => {
  const backup = (parts: Partial<Backup['spec']>, metadata: Partial<Backup['metadata']> = {}) =>
    ({ spec: { adopt: true, ...parts }, metadata }) as Backup;
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  assert.equal(isAdoption(backup({})), true);
  const others = [backup({ cancel: true }), backup({}, { deletionTimestamp }), backup({ adopt: false })];
  for (const other of others) {
    assert.equal(isAdoption(other), false);
    assert.deepEqual(decide({ backup: other, nodeName: 'node-1' } as View), { do: 'accept' });
  }
});

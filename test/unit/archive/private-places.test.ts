// Where backups and restores keep what is on its way: directories of the daemon alone, on the file system of the target.
// Whoever puts something there beforehand gains nothing, and no size that somebody writes into an archive moves a limit.
import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createArchive } from '../../../src/archive/create/create.ts';
import { Budget } from '../../../src/archive/restore/budget.ts';
import { sidecarPath } from '../../../src/archive/sidecar.ts';
import { OpenDirectory } from '../../../src/volumes/open-directory.ts';
import { createPlan } from '../../support/archive-plans.ts';
import { paxHeader, rawEntry, tarGzip } from '../../support/raw-tar.ts';
import { archiveJob, failureCode, noLimits, RestoreBench } from '../../support/restore-bench.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const mebibyte = 1024 ** 2;

function bench(t: TestContext): { restore: RestoreBench; archive: string } {
  const restore = new RestoreBench(t);
  const archive = restore.path('archive.tar.gz');
  writeFileSync(archive, tarGzip(rawEntry({ name: 'directory/file', content: 'new' })));
  writeFileSync(join(restore.root, 'file'), 'old');
  return { restore, archive };
}

test('all that a restore keeps beside the servers is for the daemon alone, whatever the umask (covers: SEC-13)', async (t) => {
  const { restore, archive } = bench(t);
  const before = process.umask(0);
  t.after(() => process.umask(before));
  await restore.stage(archive);
  await restore.moveOld();
  const operation = restore.staging;
  for (const path of [dirname(dirname(operation)), dirname(operation), operation, join(operation, 'old')]) {
    assert.equal((lstatSync(path).mode & 0o7777).toString(8), '700', basename(path));
  }
});

test('a link that waits in one of its places is never followed (covers: SEC-13)', async (t) => {
  for (const place of ['.restore', 'server', 'operation', 'new', 'old', 'moves.unfinished'] as const) {
    const { restore, archive } = bench(t);
    const operation = restore.staging;
    const path = {
      '.restore': dirname(dirname(operation)),
      server: dirname(operation),
      operation,
      new: join(operation, 'new'),
      old: join(operation, 'old'),
      'moves.unfinished': join(operation, 'moves.unfinished'),
    }[place];
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(join(restore.outside, 'file'), 'outside');
    symlinkSync(place === 'moves.unfinished' ? join(restore.outside, 'file') : restore.outside, path);
    const outcome = await failureCode(restore.restore(archive));
    // What is only a name in a place of the daemon's own may be replaced.
    const isReplaced = ['new', 'moves.unfinished'].includes(place);
    assert.equal(outcome, isReplaced ? 'no error' : 'FAILED', place);
    assert.deepEqual(readdirSync(restore.root), [isReplaced ? 'directory' : 'file'], place);
    assert.deepEqual(readdirSync(restore.outside), ['file'], place);
    assert.equal(lstatSync(join(restore.outside, 'file')).size, 'outside'.length, place);
  }
});

test('a link in the place of an archive or of what stands beside it is replaced, never followed (covers: SEC-13)', async (t) => {
  const directory = temporaryDirectory(t);
  const plan = createPlan(directory);
  writeFileSync(join(plan.root, 'file'), 'content');
  const outside = join(directory, 'outside');
  writeFileSync(outside, 'outside');
  const partial = join(dirname(plan.archive), `.${plan.backup}.${plan.operation}.partial`);
  for (const path of [partial, sidecarPath(plan.archive), plan.archive]) {
    rmSync(path, { force: true });
    symlinkSync(outside, path);
  }
  await createArchive(plan, archiveJob());
  assert.equal(lstatSync(outside).size, 'outside'.length);
  for (const path of [sidecarPath(plan.archive), plan.archive]) {
    assert.ok(lstatSync(path).isFile());
    assert.equal((lstatSync(path).mode & 0o7777).toString(8), '600');
  }
});

test('what a restore has used is never less than nothing and never too much to count (covers: SEC-15)', (t) => {
  const place = OpenDirectory.open(temporaryDirectory(t));
  t.after(() => place[Symbol.dispose]());
  const budget = new Budget({ ...noLimits, contentBytes: 1000 }, place);
  budget.file(500);
  budget.gone(2 ** 53);
  budget.file(1000);
  assert.throws(() => budget.file(1), { code: 'OVER_DISK_LIMIT' });
  for (let i = 0; i < 3; i++) assert.throws(() => budget.file(Number.MAX_SAFE_INTEGER), { code: 'OVER_DISK_LIMIT' });
  assert.throws(() => budget.file(0), { code: 'OVER_DISK_LIMIT' });
});

test('no size that an archive declares gets round the disk limit (covers: SEC-14, SEC-15)', async (t) => {
  const limits = { ...noLimits, contentBytes: mebibyte };
  const sized = (size: string) => Buffer.concat([paxHeader({ size }), rawEntry({ name: 'file' })]);
  const sparse = (size: string) =>
    Buffer.concat([
      paxHeader({ 'GNU.sparse.size': size, 'GNU.sparse.map': '0,1' }),
      rawEntry({ name: 'file', content: 'x' }),
    ]);
  for (const size of [`${2n ** 63n - 1n}`, `${2n ** 64n + 1n}`, '-1', 'NaN', '1e400', `${2 ** 53}`, `${2 ** 53 - 1}`]) {
    for (const entry of [sized(size), sparse(size)]) {
      const restore = new RestoreBench(t);
      const archive = restore.path('archive.tar.gz');
      writeFileSync(archive, tarGzip(rawEntry({ name: 'first', content: 'x' }), entry));
      for (const work of [() => restore.stage(archive, { limits }), () => restore.inPlace(archive, { limits })]) {
        assert.match(await failureCode(work()), /^(?:DAMAGED|OVER_DISK_LIMIT)$/, size);
      }
      rmSync(restore.base, { recursive: true });
    }
  }
});

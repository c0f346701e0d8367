// What a merge does to directories: those that are there stay as they are, those that it makes are as in the archive. The
// same for both ways, and after a crash.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { rawEntry, tarGzip } from '../../support/raw-tar.ts';
import { RestoreBench } from '../../support/restore-bench.ts';

const old = 1_000_000;

/** Nothing comes into `same` and its directory there; something comes into `changed`. */
const entries = [
  rawEntry({ name: 'same/', type: '5', mode: '0000700\0' }),
  rawEntry({ name: 'same/deep/', type: '5', mode: '0000700\0' }),
  rawEntry({ name: 'changed/', type: '5', mode: '0000700\0' }),
  rawEntry({ name: 'changed/file', content: 'x' }),
  rawEntry({ name: 'changed/made/', type: '5', mode: '0000700\0' }),
  rawEntry({ name: 'made/', type: '5', mode: '0000711\0' }),
  rawEntry({ name: 'made/deep/file', content: 'x' }),
];

function bench(t: TestContext): { restore: RestoreBench; file: string } {
  const restore = new RestoreBench(t);
  const file = restore.path('archive.tar.gz');
  writeFileSync(file, tarGzip(...entries));
  for (const name of ['same/deep', 'changed']) mkdirSync(join(restore.root, name), { recursive: true });
  for (const name of ['same/deep', 'same', 'changed']) {
    chmodSync(join(restore.root, name), 0o750);
    utimesSync(join(restore.root, name), old, old);
  }
  return { restore, file };
}

function assertMerged({ root }: RestoreBench): void {
  const mode = (name: string) => (statSync(join(root, name)).mode & 0o7777).toString(8);
  const names = ['same', 'same/deep', 'changed', 'changed/made', 'made', 'made/deep'];
  assert.deepEqual(names.map(mode), ['750', '750', '750', '700', '711', '755']);
  for (const name of ['same', 'same/deep']) assert.equal(statSync(join(root, name)).mtimeMs, old * 1000, name);
}

test('staged: directories that are there keep their modes and times', async (t) => {
  const { restore, file } = bench(t);
  await restore.restore(file, { mode: 'merge' });
  assertMerged(restore);
});

test('in place: directories that are there keep their modes and times', async (t) => {
  const { restore, file } = bench(t);
  await restore.inPlace(file, { mode: 'merge' });
  assertMerged(restore);
});

test('in place after a crash: directories that the first try made are not taken for those that were there', async (t) => {
  const { restore, file } = bench(t);
  const cut = restore.path('cut.tar.gz');
  // All its directories are made, and none has got its mode when it ends.
  writeFileSync(cut, tarGzip(...entries, rawEntry({ name: '../unsafe', content: 'x' })));
  await assert.rejects(restore.inPlace(cut, { mode: 'merge' }));
  assert.equal(statSync(join(restore.root, 'made')).mode & 0o7777, 0o755);
  await restore.inPlace(file, { mode: 'merge' });
  assertMerged(restore);
});

test('in place, truncating: every directory is as in the archive', async (t) => {
  const { restore, file } = bench(t);
  await restore.inPlace(file);
  assert.equal(statSync(join(restore.root, 'same')).mode & 0o7777, 0o700);
});

// What is found out about unpacking in place before the first file is touched: paths that are not there, the disk limit of
// the server, and how much more room the disk must have.
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { rawEntry, tarGzip } from '../../support/raw-tar.ts';
import { failureCode, noLimits, RestoreBench } from '../../support/restore-bench.ts';

const kib = 1024;

interface Bench {
  restore: RestoreBench;
  file: string;
  put: (path: string, bytes: number) => string;
}

/** An archive of `entries`, or of four files of 100 KiB. */
function bench(t: TestContext, ...entries: Buffer[]): Bench {
  const restore = new RestoreBench(t);
  const file = restore.path('archive.tar.gz');
  const names = ['a', 'b', 'world/c', 'world/d'];
  const usual = names.map((name) => rawEntry({ name, content: Buffer.alloc(100 * kib, 'n') }));
  writeFileSync(file, tarGzip(...(entries.length > 0 ? entries : usual)));
  const put = (path: string, bytes: number) => {
    const whole = join(restore.root, path);
    mkdirSync(dirname(whole), { recursive: true });
    writeFileSync(whole, Buffer.alloc(bytes, 'o'));
    return whole;
  };
  return { restore, file, put };
}

const growth = async ({ restore, file }: Bench, overrides: Parameters<RestoreBench['verify']>[1] = {}) =>
  (await restore.verify(file, overrides)).growthBytes;

test('a path that the archive does not have is found out before the others are replaced (backups 15.10)', async (t) => {
  const { restore, file, put } = bench(t);
  put('a', 3);
  assert.equal(await failureCode(restore.verify(file, { paths: ['a', 'typo'], mode: 'merge' })), 'NOT_FOUND');
  assert.equal(await failureCode(restore.verify(file, { paths: ['a', 'world'], mode: 'merge' })), 'no error');
  assert.equal(readFileSync(join(restore.root, 'a'), 'utf8'), 'ooo');
});

test('what a merge leaves counts against the disk limit, what it replaces does not (backups 15.10)', async (t) => {
  const { restore, file, put } = bench(t);
  put('stays', 50 * kib);
  put('world/stays', 50 * kib);
  put('other/deep/stays', 50 * kib);
  put('a', 1000 * kib);
  put('world/c/was-a-directory', 1000 * kib);
  put('links-are-none', 0);
  symlinkSync('a', join(restore.root, 'link'));
  const at = (contentBytes: number) => ({ limits: { ...noLimits, contentBytes }, mode: 'merge' as const });
  assert.equal(await failureCode(restore.verify(file, at(550 * kib))), 'no error');
  assert.equal(await failureCode(restore.verify(file, at(550 * kib - 1))), 'OVER_DISK_LIMIT');
  const onlyWorld = (contentBytes: number) => ({ ...at(contentBytes), paths: ['world'] });
  assert.equal(await failureCode(restore.verify(file, onlyWorld(1350 * kib))), 'no error');
  assert.equal(await failureCode(restore.verify(file, onlyWorld(1350 * kib - 1))), 'OVER_DISK_LIMIT');
});

test('what was found to fit is unpacked to its end, in whatever order files grow and shrink (backups 15.10)', async (t) => {
  const grows = rawEntry({ name: 'a', content: Buffer.alloc(100 * kib) });
  const shrinks = rawEntry({ name: 'b', content: Buffer.alloc(10) });
  const { restore, file, put } = bench(t, grows, shrinks);
  put('a', 10);
  put('b', 100 * kib);
  const limits = { ...noLimits, contentBytes: 101 * kib };
  assert.equal(await failureCode(restore.verify(file, { limits, mode: 'merge' })), 'no error');
  assert.equal(await failureCode(restore.inPlace(file, { limits, mode: 'merge' })), 'no error');
  assert.deepEqual(readdirSync(restore.root), ['a', 'b']);
});

test('the room that a merge needs is what comes without what it takes the place of (backups 15.10)', async (t) => {
  const here = bench(t);
  assert.equal(await growth(here, { mode: 'merge' }), 400 * kib);
  assert.equal(await growth(here, { mode: 'merge', paths: ['world/c'] }), 100 * kib);
  here.put('stays', 1000 * kib);
  here.put('a', 100 * kib);
  assert.equal(await growth(here, { mode: 'merge' }), 300 * kib);
  here.put('b', 1000 * kib);
  assert.equal(await growth(here, { mode: 'merge' }), 200 * kib, 'it may come before what grows');
  linkSync(here.put('stays/too'.replace('/', '-'), 100 * kib), join(here.restore.root, 'has-two-names'));
  mkdirSync(join(here.restore.root, 'world'));
  linkSync(join(here.restore.root, 'has-two-names'), join(here.restore.root, 'world/c'));
  assert.equal(await growth(here, { mode: 'merge' }), 200 * kib, 'its content stays under another name');
});

test('truncating makes room first, as much as is really on the disk (backups 15.10)', async (t) => {
  const here = bench(t);
  here.put('other/goes', 300 * kib);
  assert.equal(await growth(here), 100 * kib);
  linkSync(here.put('one', 100 * kib), join(here.restore.root, 'two'));
  assert.equal(await growth(here), 0);
  truncateSync(here.put('hole', 0), 2 ** 40);
  assert.equal(await growth(here), 0);
});

test('small files take whole blocks, and one that comes twice is there once', async (t) => {
  const twice = [10, 5000].map((bytes) => rawEntry({ name: 'twice', content: Buffer.alloc(bytes) }));
  const copy = rawEntry({ name: 'copy', type: '1', linkName: 'twice' });
  const limits = { ...noLimits, contentBytes: 10_000 };
  assert.equal(await growth(bench(t, ...twice, copy), { mode: 'merge', limits }), 16_384);
  const overwritten = bench(t, ...twice, rawEntry({ name: 'twice', type: '2', linkName: 'x' }));
  assert.equal(await growth(overwritten, { mode: 'merge' }), 0);
});

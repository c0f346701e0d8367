// What a restore is made of, where the whole would not show it: holes, the table of names, counters, limits, the cancel.
import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { Budget } from '../../../src/archive/restore/budget.ts';
import { syncTree } from '../../../src/archive/restore/durable.ts';
import { FileContent } from '../../../src/archive/restore/file-content.ts';
import { NameTable } from '../../../src/archive/restore/name-table.ts';
import { OpenDirectory } from '../../../src/volumes/open-directory.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { endBlocks, paxHeader, rawEntry, tarGzip } from '../../support/raw-tar.ts';
import { archiveJob, failureCode, noLimits, RestoreBench } from '../../support/restore-bench.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const kibibyte = 1024;

/** Bytes as they come, in pieces, and what the file takes on the disk. */
function written(directory: string, pieces: Buffer[], size: number): { content: Buffer; bytesOnDisk: number } {
  const path = join(directory, `file-${size}-${pieces.length}`);
  using place = OpenDirectory.open(directory);
  const fd = openSync(path, 'w');
  const content = new FileContent(fd, size, new Budget(noLimits, place));
  let at = 0;
  for (const piece of pieces) {
    content.write(piece, at);
    at += piece.length;
  }
  content.end();
  closeSync(fd);
  return { content: readFileSync(path), bytesOnDisk: statSync(path).blocks * 512 };
}

test('runs of zeros become holes, short ones do not, and the content is the same', (t) => {
  const directory = temporaryDirectory(t);
  const data = (bytes: number) => Buffer.alloc(bytes, 'd');
  const zeros = (bytes: number) => Buffer.alloc(bytes * kibibyte);
  const cases: [Buffer[], number][] = [
    [[Buffer.concat([data(5000), zeros(400), data(7000)])], 40],
    [[Buffer.concat([zeros(300), data(1)])], 20],
    [[Buffer.concat([data(1), zeros(300)])], 20],
    [[data(100), zeros(200), zeros(200), data(100)], 60],
    [[zeros(500)], 4],
    [[Buffer.concat([data(100_000), zeros(32), data(100_000)])], 260],
    [[data(0)], 0],
  ];
  for (const [pieces, mostKibibytes] of cases) {
    const whole = Buffer.concat(pieces);
    const { content, bytesOnDisk } = written(directory, pieces, whole.length);
    assert.ok(content.equals(whole));
    assert.ok(bytesOnDisk <= mostKibibytes * kibibyte, `${bytesOnDisk} bytes for ${whole.length}`);
  }
});

test('a hundred thousand names and their sizes are known again', () => {
  const table = new NameTable();
  const name = (i: number) => Buffer.from(`directory-${i % 100}/file-${i}`);
  for (let i = 0; i < 100_000; i++) table.set(name(i), i);
  for (let i = 0; i < 100_000; i++) assert.equal(table.get(name(i)), i);
  for (let i = 100_000; i < 200_000; i++) assert.equal(table.get(name(i)), undefined);
  table.set(name(5), 77);
  assert.equal(table.get(name(5)), 77);
});

test('without a call for the whole file system, files are made durable one by one', (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'a/b'), { recursive: true });
  writeFileSync(join(directory, 'a/b/file'), 'x');
  using tree = OpenDirectory.open(directory);
  let looks = 0;
  syncTree(tree, () => {
    looks += 1;
  });
  assert.equal(looks, 3);
});

test('the counters end at the size of the archive and never fall (backups 15.15)', async (t) => {
  const restore = new RestoreBench(t);
  const archive = restore.path('archive');
  const tar = Buffer.concat([rawEntry({ name: 'file', content: Buffer.alloc(9_000_000, 'x') }), endBlocks]);
  for (const bytes of [gzipSync(tar), tar]) {
    writeFileSync(archive, bytes);
    restore.job = archiveJob();
    const { progress } = restore.job;
    let last = 0;
    const timer = setInterval(() => {
      assert.ok(progress.bytesDone >= last && progress.bytesDone <= progress.bytesTotal);
      last = progress.bytesDone;
    });
    await restore.stage(archive);
    clearInterval(timer);
    assert.deepEqual([progress.bytesDone, progress.bytesTotal, progress.files], [bytes.length, bytes.length, 1]);
    assert.equal(progress.current, '"file"');
  }
});

test('the read limit is that of the compressed bytes', async (t) => {
  const restore = new RestoreBench(t);
  const archive = restore.path('archive');
  writeFileSync(archive, Buffer.concat([rawEntry({ content: Buffer.alloc(4_000_000) }), endBlocks]));
  const { size } = statSync(archive);
  const clock = new FakeClock();
  restore.job = archiveJob({ clock });
  const began = clock.monotonic();
  const work = restore.stage(archive, { readLimit: 1_000_000 });
  let over = false;
  void work.finally(() => {
    over = true;
  });
  while (!over) {
    await new Promise((resolve) => setImmediate(resolve));
    if (clock.pendingTimers > 0) await clock.advance(10);
  }
  await work;
  const seconds = (clock.monotonic() - began) / 1000;
  assert.ok(Math.abs(seconds - size / 1_000_000) < 0.3, `${seconds} s for ${size} bytes`);
});

test('a cancel ends the work at the next block, for its own reason', async (t) => {
  const restore = new RestoreBench(t);
  const archive = restore.path('archive.tar.gz');
  const content = Buffer.alloc(64 * kibibyte * kibibyte, 'x');
  writeFileSync(archive, tarGzip(rawEntry({ name: 'file', content })));
  const controller = new AbortController();
  restore.job = archiveJob({ signal: controller.signal });
  const reason = new Error('cancelled');
  const work = restore.stage(archive);
  setImmediate(() => controller.abort(reason));
  await assert.rejects(work, (error) => error === reason);
  assert.deepEqual(readdirSync(restore.root), []);
});

function manifest(lines: string[], overrides: { number?: string; text?: Buffer } = {}): Buffer {
  const { number = '1/1', text = deflateSync(`${lines.join('\n')}\n`) } = overrides;
  return paxHeader({ 'WINGSTS.manifest': `${number}:${text.toString('base64')}` }, 'g');
}

test('a manifest that is cut, altered or about another archive makes the archive damaged', async (t) => {
  const restore = new RestoreBench(t);
  const archive = restore.path('archive.tar.gz');
  const file = rawEntry({ name: 'file', content: 'x' });
  const head = '{"version":1,"records":[';
  const link = '{"path":"link","type":"symlink","target":"file"}';
  const counts =
    '"directories":0,"symlinks":1,"hardlinks":0,"changed":0,"skipped":0,"tarBytes":1024,"tarCrc32":"00000000"';
  const tail = `],"entries":1,"contentBytes":1,${counts}}`;
  const good = [head, link, tail];
  const outcome = async (...entries: Buffer[]) => {
    writeFileSync(archive, tarGzip(file, ...entries));
    return failureCode(restore.stage(archive));
  };
  assert.equal(await outcome(manifest(good)), 'no error');
  assert.equal(await outcome(manifest([head, '{"type":"of-a-later-writer","x":1}', link, tail])), 'no error');
  const bad: Buffer[][] = [
    [manifest([head, link])],
    [manifest([head, tail])],
    [manifest([link, tail])],
    [manifest([head, link, link, tail])],
    [manifest([head, link, tail, link])],
    [manifest([head, '{"path":1,"type":"symlink","target":"x"}', tail])],
    [manifest([head, '{"path":"d","type":"directory","mode":"x","mtime":1}', tail])],
    [manifest([head, link, tail.replace('"entries":1', '"entries":2')])],
    [manifest([head, link, tail.replace('"contentBytes":1', '"contentBytes":2')])],
    [manifest([head, link, tail.replace('1024', '1536')])],
    [manifest(good, { number: '1/2' })],
    [manifest(good, { number: '2/2' })],
    [manifest(good), manifest(good)],
    [manifest(good, { text: Buffer.from('no deflate') })],
    [manifest(good, { text: deflateSync(good.join('\n')).subarray(0, 40) })],
    [manifest([head, `"${'x'.repeat(600_000)}"`, tail])],
  ];
  for (const [i, entries] of bad.entries()) assert.equal(await outcome(...entries), 'DAMAGED', `manifest ${i}`);
  assert.equal(await outcome(manifest([head.replace('1', '9'), link, tail])), 'FAILED');
  const evil = link.replace('"link"', '"../link"');
  assert.equal(await outcome(manifest([head, evil, tail])), 'UNSAFE_NAME');
});

// The parts of the archiver that a whole archive does not show by itself: the total that is counted beside it, and a
// manifest larger than memory should be.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inflateSync } from 'node:zlib';
import { ManifestWriter } from '../../../src/archive/create/manifest-writer.ts';
import { Total } from '../../../src/archive/create/total.ts';
import type { Clock } from '../../../src/clock/clock.ts';
import { OpenDirectory } from '../../../src/volumes/open-directory.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** 200 files of 10 bytes in 4 directories. */
function tree(directory: string): string {
  const root = join(directory, 'root');
  for (let i = 0; i < 200; i++) {
    mkdirSync(join(root, `${i % 4}`), { recursive: true });
    writeFileSync(join(root, `${i % 4}`, `${i}`), '0123456789');
  }
  return root;
}

/** Each look at it takes so long. */
function slowClock(ms: number): Clock {
  let now = 0;
  return {
    now: () => now,
    monotonic: () => {
      now += ms;
      return now;
    },
    after: () => () => {},
  };
}

test('the total is that of the files that are not ignored, and is told when all are counted (backups 15.15)', async (t) => {
  using root = OpenDirectory.open(tree(temporaryDirectory(t)));
  const clock = new FakeClock();
  const progress = { bytesDone: 0, bytesTotal: 0, files: 0 };
  const ignores = (path: Buffer) => path.toString().startsWith('3/');
  using total = new Total({ root, ignores, knownBytes: 7, progress, clock });
  total.work(10);
  assert.equal(progress.bytesTotal, 0, 'nobody reads it yet');
  await clock.advance(1000);
  total.work(10);
  assert.equal(progress.bytesTotal, 1500);
  assert.equal(total.isActive, false);
});

for (const [known, told] of [
  [0, 'nothing'],
  [100, 'what was counted, which is more'],
  [5000, 'what was known'],
] as const) {
  test(`counting that takes too long, with ${known} known, tells ${told} (backups 15.15)`, (t) => {
    using root = OpenDirectory.open(tree(temporaryDirectory(t)));
    const progress = { bytesDone: 0, bytesTotal: 0, files: 0 };
    using total = new Total({ root, ignores: undefined, knownBytes: known, progress, clock: slowClock(1000) });
    while (total.isActive) total.work(1500);
    if (known === 100) assert.ok(progress.bytesTotal > known && progress.bytesTotal < 2000, `${progress.bytesTotal}`);
    else assert.equal(progress.bytesTotal, known);
  });
}

test('a manifest of any length is one JSON text in slices, and leaves no file', async (t) => {
  const directory = temporaryDirectory(t);
  const head = { version: 1, server: 's', backup: 'b', operation: 'o', created: 'c', daemonVersion: 'v' };
  using manifest = new ManifestWriter(head, join(directory, 'spilled'));
  const names = Array.from({ length: 60_000 }, () => randomBytes(48).toString('base64'));
  for (const path of names) {
    manifest.add({ type: 'directory', path, mode: 0o755, mtime: 1 });
    if (manifest.isBehind) await manifest.settled();
  }
  const counts = {
    entries: 0,
    contentBytes: 0,
    directories: 60_000,
    symlinks: 0,
    hardlinks: 0,
    changed: 0,
    skipped: 0,
  };
  const slices: string[] = [];
  for await (const record of manifest.finish({ ...counts, tarBytes: 0, tarCrc32: '00000000' })) {
    const text = record.toString('latin1');
    const [, length, index, count, slice] =
      /^(\d+) WINGSTS\.manifest=(\d+)\/(\d+):([A-Za-z0-9+/=]+)\n$/.exec(text) ?? [];
    assert.equal(Number(length), record.length);
    assert.equal(Number(index), slices.length + 1);
    assert.ok(Number(count) >= 4 && slice !== undefined && record.length <= 900_000);
    slices.push(slice);
  }
  assert.deepEqual(readdirSync(directory), []);
  const text = inflateSync(Buffer.concat(slices.map((slice) => Buffer.from(slice, 'base64')))).toString();
  const { records, ...rest } = JSON.parse(text);
  assert.deepEqual(rest, { ...head, ...counts, tarBytes: 0, tarCrc32: '00000000' });
  assert.deepEqual(
    records.map(({ path }: { path: string }) => path),
    names,
  );
  assert.equal(text.split('\n').length, 60_000 + 3, 'a record a line');
});

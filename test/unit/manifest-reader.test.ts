// One look at a directory: what is read again and what not, and files that are in motion.
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseManifest } from '../../src/manifests/documents.ts';
import { ManifestReader } from '../../src/manifests/manifest-reader.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { manifest } from '../support/manifest-bench.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const nobody = 65_534;

/** `gaveUp`: what the parser says of each text. */
function opened(context: TestContext, { clock = new FakeClock(), gaveUp = false } = {}) {
  const directory = temporaryDirectory(context);
  const parsed: string[] = [];
  const parser = {
    async parse(text: string) {
      parsed.push(text);
      return { documents: parseManifest(text), gaveUp };
    },
    rest: async () => {},
  };
  const reader = new ManifestReader({ directory, clock, parser });
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
  return { directory, parsed, reader, write, clock };
}

test('a file is parsed once for each content, and its declarations stay the same objects', async (context) => {
  const { reader, write, parsed, directory } = opened(context);
  write('a.yaml', manifest());
  const first = await reader.scan();
  utimesSync(join(directory, 'a.yaml'), 1, 1);
  const second = await reader.scan();
  write('copy', manifest());
  renameSync(join(directory, 'copy'), join(directory, 'a.yaml'));
  const third = await reader.scan();
  assert.equal(parsed.length, 1);
  for (const scan of [second, third]) {
    assert.ok(scan.complete);
    assert.equal(scan.files[0]?.declarations[0], first.files[0]?.declarations[0]);
  }
  write('a.yaml', manifest({ name: 'other' }));
  assert.equal((await reader.scan()).files[0]?.declarations[0]?.name, 'other');
  assert.equal(parsed.length, 2);
});

test('a file that is being written is taken as it was, until it rests', async (context) => {
  const clock = new FakeClock(Date.now());
  const { reader, write, directory } = opened(context, { clock });
  const path = join(directory, 'a.yaml');
  const sinceWrite = (ms: number) => clock.jumpWall(lstatSync(path).ctimeMs + ms - clock.now());
  write('a.yaml', manifest({ name: 'first' }));
  sinceWrite(100);
  const early = await reader.scan();
  assert.deepEqual([early.files, early.complete], [[], false]);
  sinceWrite(201);
  const rested = await reader.scan();
  assert.deepEqual([rested.files[0]?.declarations[0]?.name, rested.complete], ['first', true]);
  write('a.yaml', manifest({ name: 'second' }));
  sinceWrite(100);
  const again = await reader.scan();
  assert.deepEqual([again.files[0]?.declarations[0]?.name, again.complete], ['first', false]);
  await clock.advance(9_999);
  sinceWrite(100);
  assert.equal((await reader.scan()).complete, false);
  await clock.advance(1);
  sinceWrite(100);
  const restless = await reader.scan();
  assert.match(restless.files[0]?.mistakes[0]?.message ?? '', /again and again/);
  sinceWrite(201);
  assert.equal((await reader.scan()).files[0]?.declarations[0]?.name, 'second');
});

test('a text that could not be read to its end is tried again, less and less often', async (context) => {
  const { reader, write, parsed, clock } = opened(context, { gaveUp: true });
  write('a.yaml', manifest());
  await reader.scan();
  for (const [index, seconds] of [30, 60, 120, 240].entries()) {
    await clock.advance(seconds * 1_000 - 1);
    await reader.scan();
    assert.equal(parsed.length, index + 1);
    await clock.advance(1);
    await reader.scan();
    assert.equal(parsed.length, index + 2);
  }
});

test('a file that vanishes during a look makes the look incomplete, and is no mistake', async (context) => {
  const { directory, write } = opened(context);
  write('a.yaml', manifest());
  write('b.yaml', manifest({ name: 'second' }));
  const parser = {
    async parse(text: string) {
      rmSync(join(directory, 'b.yaml'), { force: true });
      return { documents: parseManifest(text), gaveUp: false };
    },
    rest: async () => {},
  };
  const reader = new ManifestReader({ directory, clock: new FakeClock(), parser });
  const scan = await reader.scan();
  assert.deepEqual(
    scan.files.map(({ name, mistakes }) => [name, mistakes]),
    [['a.yaml', []]],
  );
  assert.equal(scan.complete, false);
  assert.equal((await reader.scan()).complete, true);
});

test('a file that may not be read is a mistake of its own, until it may', async (context) => {
  const { directory, reader, write } = opened(context);
  write('a.yaml', manifest());
  write('b.yaml', manifest({ name: 'second' }));
  chmodSync(directory, 0o755);
  chmodSync(join(directory, 'a.yaml'), 0o000);
  const asNobody = async () => {
    const mayChange = process.geteuid?.() === 0;
    if (mayChange) process.seteuid?.(nobody);
    try {
      return await reader.scan();
    } finally {
      if (mayChange) process.seteuid?.(0);
    }
  };
  const { files } = await asNobody();
  assert.deepEqual(
    files.map(({ name, mistakes, declarations }) => [name, mistakes[0]?.message, declarations.length]),
    [
      ['a.yaml', 'the file cannot be read: permission denied', 0],
      ['b.yaml', undefined, 1],
    ],
  );
  chmodSync(join(directory, 'a.yaml'), 0o644);
  assert.deepEqual((await asNobody()).files[0]?.mistakes, []);
});

test('all manifests together have a bound', async (context) => {
  const { reader, write } = opened(context);
  for (let index = 0; index < 9; index += 1) write(`${index}.yaml`, `# ${'x'.repeat(1024 * 1024 - 2)}`);
  const { files } = await reader.scan();
  assert.deepEqual(
    files.map(({ mistakes }) => mistakes.length),
    [0, 0, 0, 0, 0, 0, 0, 0, 1],
  );
  assert.match(files[8]?.mistakes[0]?.message ?? '', /all manifests together have more than 8388608 bytes/);
});

test('a directory that was put in the place of another one has another identity', async (context) => {
  const { directory, reader } = opened(context);
  const { identity } = await reader.scan();
  const other = temporaryDirectory(context);
  rmSync(directory, { recursive: true });
  const gone = await reader.scan();
  assert.deepEqual([gone.identity, gone.complete, gone.files], [undefined, false, []]);
  renameSync(other, directory);
  assert.notEqual((await reader.scan()).identity, identity);
});

test('a directory made anew is another one, though file systems give its inode number away again', async (context) => {
  const { directory, reader } = opened(context);
  const { identity } = await reader.scan();
  rmSync(directory, { recursive: true });
  mkdirSync(directory);
  assert.notEqual((await reader.scan()).identity, identity);
});

const memoryDisk = '/dev/shm';

test('an empty directory on another file system than before is one that is not mounted', async (context) => {
  const mounted = temporaryDirectory(context);
  if (!existsSync(memoryDisk) || statSync(memoryDisk).dev === statSync(mounted).dev) {
    context.skip(`${memoryDisk} is no file system of its own`);
    return;
  }
  const bare = mkdtempSync(join(memoryDisk, 'aileron-test-'));
  context.after(() => rmSync(bare, { recursive: true, force: true }));
  const directory = join(temporaryDirectory(context), 'link');
  const parse = async (text: string) => ({ documents: parseManifest(text), gaveUp: false });
  const reader = new ManifestReader({ directory, clock: new FakeClock(), parser: { parse, rest: async () => {} } });
  const lookAt = (target: string) => {
    rmSync(directory, { force: true });
    symlinkSync(target, directory);
    return reader.scan();
  };
  writeFileSync(join(mounted, 'a.yaml'), manifest());
  assert.equal((await lookAt(mounted)).files.length, 1);
  const { failure, complete } = await lookAt(bare);
  assert.match(failure?.message ?? '', /on another file system than before, and empty/);
  assert.equal(complete, false);
  rmSync(join(mounted, 'a.yaml'));
  assert.deepEqual((await lookAt(mounted)).complete, true);
});

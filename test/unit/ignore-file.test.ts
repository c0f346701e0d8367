// Which file in a server's root says what stays out, and what is no such file.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readIgnoreFile } from '../../src/volumes/ignore-file.ts';
import { OpenDirectory } from '../../src/volumes/open-directory.ts';
import { descriptorsBelow } from '../support/open-descriptors.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const names = ['.pelicanignore', '.pteroignore'];

function setUp(t: TestContext) {
  const base = temporaryDirectory(t);
  const root = OpenDirectory.open(base);
  t.after(() => {
    root[Symbol.dispose]();
    assert.deepEqual(descriptorsBelow(base), []);
  });
  const read = () => {
    const { lines, warnings } = readIgnoreFile(root, names);
    return { lines: lines.toString('latin1'), warnings };
  };
  return { path: (name: string) => join(base, name), read };
}

test('the first file that there is counts', (t) => {
  const { path, read } = setUp(t);
  assert.deepEqual(read(), { lines: '', warnings: [] });
  writeFileSync(path('.pteroignore'), '*.log\n');
  assert.deepEqual(read(), { lines: '*.log\n', warnings: [] });
  writeFileSync(path('.pelicanignore'), '');
  assert.deepEqual(read(), { lines: '', warnings: [] }, 'also when it is empty');
});

test('an ignore file holds 32 KiB, not a byte more (backups 15.3) (covers: SEC-22)', (t) => {
  const { path, read } = setUp(t);
  writeFileSync(path('.pelicanignore'), '#'.repeat(32_768));
  assert.equal(read().lines.length, 32_768);
  writeFileSync(path('.pelicanignore'), '#'.repeat(32_769));
  const warnings = ['.pelicanignore was not used: it holds more than 32 KiB'];
  assert.deepEqual(read(), { lines: '', warnings });
  writeFileSync(path('.pteroignore'), 'b');
  assert.deepEqual(read(), { lines: 'b', warnings });
  truncateSync(path('.pelicanignore'), 2 ** 40);
  assert.deepEqual(read(), { lines: 'b', warnings });
});

test('what is not a regular file is neither read nor waited for (covers: SEC-08, SEC-22)', (t) => {
  const { path, read } = setUp(t);
  const secret = path('secret');
  writeFileSync(secret, 'host secret');
  const place = path('.pelicanignore');
  const oddities: (() => void)[] = [
    () => symlinkSync(secret, place),
    () => symlinkSync('secret', place),
    () => symlinkSync('nowhere', place),
    () => symlinkSync('/dev/zero', place),
    () => mkdirSync(place),
    () => assert.equal(spawnSync('mkfifo', [place]).status, 0),
  ];
  for (const make of oddities) {
    make();
    assert.deepEqual(read(), { lines: '', warnings: ['.pelicanignore was not used: it is not a regular file'] });
    rmSync(place, { recursive: true });
  }
});

test('a file that may not be read is told of', (t) => {
  const { path, read } = setUp(t);
  writeFileSync(path('.pelicanignore'), 'a');
  chmodSync(path('.pelicanignore'), 0);
  const [warning] = asNobody(() => read().warnings);
  assert.equal(warning, '.pelicanignore was not used: it could not be read (EACCES)');
});

/** Root reads everything, so it gives that up for a moment. */
function asNobody<T>(work: () => T): T {
  if (process.getuid?.() !== 0) return work();
  process.seteuid?.(65_534);
  try {
    return work();
  } finally {
    process.seteuid?.(0);
  }
}

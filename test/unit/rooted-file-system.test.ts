// What can be done to the files of one server by path: what each call does to what it should, what it refuses, and that
// a link at the end of a path is never followed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { VolumeErrorCode } from '../../src/volumes/errors.ts';
import { OpenDirectory } from '../../src/volumes/open-directory.ts';
import { RootedFileSystem } from '../../src/volumes/rooted-file-system.ts';
import { descriptorsBelow } from '../support/open-descriptors.ts';

const asRoot = process.getuid?.() === 0;
const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const server = asRoot ? { uid: 41_234, gid: 41_235 } : self;
const goOn = () => {};

/** A server with some of everything, beside a directory of the host with a secret. */
function setUp(t: TestContext) {
  const base = mkdtempSync(join(tmpdir(), 'aileron-rooted-'));
  const path = (...names: string[]) => join(base, 'root', ...names);
  const outside = join(base, 'outside');
  mkdirSync(path('dir/sub'), { recursive: true });
  mkdirSync(path('empty'));
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret'), 'secret', { mode: 0o600 });
  utimesSync(join(outside, 'secret'), 1000, 1000);
  writeFileSync(path('file'), 'content', { mode: 0o640 });
  writeFileSync(path('dir/inner'), 'inner');
  symlinkSync(join(outside, 'secret'), path('out'));
  symlinkSync(outside, path('out-dir'));
  symlinkSync(join(outside, 'new'), path('dangling'));
  symlinkSync('file', path('alias'));
  symlinkSync('dir', path('dlink'));
  assert.equal(spawnSync('mkfifo', [path('pipe')]).status, 0);
  const root = OpenDirectory.open(path());
  const before = look(base);
  t.after(() => {
    using _gone = { [Symbol.dispose]: () => rmSync(base, { recursive: true }) };
    root[Symbol.dispose]();
    assert.deepEqual(descriptorsBelow(base), [], 'descriptors left open');
    assert.deepEqual(look(base), before, 'something outside was touched');
  });
  return { path, outside, files: new RootedFileSystem(root, server) };
}

function look(base: string): unknown {
  const { mode, uid, mtimeMs } = statSync(join(base, 'outside/secret'));
  const content = readFileSync(join(base, 'outside/secret'), 'utf8');
  return {
    names: readdirSync(join(base, 'outside')),
    content,
    mode,
    uid,
    mtimeMs,
    nlink: statSync(join(base, 'outside/secret')).nlink,
  };
}

function codeOf(act: () => unknown): VolumeErrorCode | 'done' {
  try {
    act();
    return 'done';
  } catch (error) {
    assert.ok(error instanceof Error && error.name === 'VolumeError', String(error));
    assert.doesNotMatch(error.message, /\//, 'a message names no path');
    return (error as Error & { code: VolumeErrorCode }).code;
  }
}

function factsOf(path: string) {
  const { mode, uid, gid } = lstatSync(path);
  return { mode: mode & 0o7777, uid, gid };
}

/** Every operation, told only where. */
const operations: Record<string, (files: RootedFileSystem, path: string) => unknown> = {
  stat: (files, path) => files.stat(path),
  list: (files, path) => [...files.list(path)],
  open: (files, path) => closeSync(files.open(path).fd),
  read: (files, path) => files.read(path, 100),
  openForWrite: (files, path) => closeSync(files.openForWrite(path).fd),
  replace: (files, path) => files.replace(path)[Symbol.dispose](),
  makeDirectory: (files, path) => files.makeDirectory(path),
  makeLink: (files, path) => files.makeLink(path, Buffer.from('x')),
  readLink: (files, path) => files.readLink(path),
  'rename from': (files, path) => files.rename(path, 'new-name'),
  'rename to': (files, path) => files.rename('file', path),
  remove: (files, path) => files.remove(path, goOn),
  chmod: (files, path) => files.chmod(path, 0o777),
  chown: (files, path) => files.chown(path, server),
  setTimes: (files, path) => files.setTimes(path, 5, 5),
};

test('no operation follows a link at the end, waits for a FIFO, or leaves the root (covers: SEC-01, SEC-03, SEC-05, SEC-07, SEC-08)', (t) => {
  const places = ['out', 'dangling', 'pipe', 'out-dir/secret', '../outside/secret', '/', 'missing', 'file/x', 'a\0'];
  const expected: Record<string, string> = {
    stat: 'done done done NOT_FOUND NOT_FOUND done NOT_FOUND NOT_A_DIRECTORY BAD_PATH',
    list: 'NOT_A_DIRECTORY NOT_A_DIRECTORY NOT_A_DIRECTORY NOT_FOUND NOT_FOUND done NOT_FOUND NOT_A_DIRECTORY BAD_PATH',
    open: 'NOT_REGULAR NOT_REGULAR NOT_REGULAR NOT_FOUND NOT_FOUND IS_ROOT NOT_FOUND NOT_A_DIRECTORY BAD_PATH',
    read: 'NOT_REGULAR NOT_REGULAR NOT_REGULAR NOT_FOUND NOT_FOUND IS_ROOT NOT_FOUND NOT_A_DIRECTORY BAD_PATH',
    openForWrite: 'NOT_REGULAR NOT_REGULAR NOT_REGULAR NOT_FOUND NOT_FOUND IS_ROOT done NOT_A_DIRECTORY BAD_PATH',
    replace: 'NOT_REGULAR NOT_REGULAR NOT_REGULAR NOT_FOUND NOT_FOUND IS_ROOT done NOT_A_DIRECTORY BAD_PATH',
    makeDirectory: 'EXISTS EXISTS EXISTS NOT_FOUND NOT_FOUND IS_ROOT done NOT_A_DIRECTORY BAD_PATH',
    makeLink: 'EXISTS EXISTS EXISTS NOT_FOUND NOT_FOUND IS_ROOT done NOT_A_DIRECTORY BAD_PATH',
    readLink: 'done done NOT_A_LINK NOT_FOUND NOT_FOUND IS_ROOT NOT_FOUND NOT_A_DIRECTORY BAD_PATH',
    'rename from': 'done done done NOT_FOUND NOT_FOUND IS_ROOT NOT_FOUND NOT_A_DIRECTORY BAD_PATH',
    'rename to': 'EXISTS EXISTS EXISTS NOT_FOUND NOT_FOUND IS_ROOT done NOT_A_DIRECTORY BAD_PATH',
    remove: 'done done done NOT_FOUND NOT_FOUND IS_ROOT NOT_FOUND NOT_A_DIRECTORY BAD_PATH',
    chmod: 'IS_A_LINK IS_A_LINK done NOT_FOUND NOT_FOUND IS_ROOT NOT_FOUND NOT_A_DIRECTORY BAD_PATH',
    chown: 'done done done NOT_FOUND NOT_FOUND IS_ROOT NOT_FOUND NOT_A_DIRECTORY BAD_PATH',
    setTimes: 'done done done NOT_FOUND NOT_FOUND IS_ROOT NOT_FOUND NOT_A_DIRECTORY BAD_PATH',
  };
  const found = Object.entries(operations).map(([label, act]) => {
    const codes = places.map((place) => {
      const { files } = setUp(t);
      return codeOf(() => act(files, place));
    });
    return [label, codes.join(' ')];
  });
  assert.deepEqual(Object.fromEntries(found), expected);
});

test('every operation works through a link on the way that stays inside', (t) => {
  for (const [label, act] of Object.entries(operations)) {
    const { path, files } = setUp(t);
    const fresh = ['makeDirectory', 'makeLink', 'rename to'].includes(label);
    const end = { list: 'sub', readLink: 'link' }[label] ?? (fresh ? 'fresh' : 'inner');
    if (label === 'readLink') symlinkSync('x', path('dir/link'));
    assert.equal(
      codeOf(() => act(files, `dlink/${end}`)),
      'done',
      label,
    );
  }
});

test('a file is read whole, up to a limit', (t) => {
  const { path, files } = setUp(t);
  assert.equal(files.read('/file', 7).toString(), 'content');
  assert.equal(
    codeOf(() => files.read('file', 6)),
    'TOO_LARGE',
  );
  assert.equal(
    codeOf(() => files.read('dir', 6)),
    'IS_A_DIRECTORY',
  );
  writeFileSync(Buffer.concat([Buffer.from(path('x')), Buffer.from([0xff])]), 'bytes');
  assert.equal(files.read(Buffer.from([0x78, 0xff]), 10).toString(), 'bytes');
  assert.deepEqual([...files.list('dlink/..')].map(({ name }) => name.toString('latin1')).sort(), [
    'alias',
    'dangling',
    'dir',
    'dlink',
    'empty',
    'file',
    'out',
    'out-dir',
    'pipe',
    'xÿ',
  ]);
});

test('writing in place keeps the file, its content until then and its mode (covers: SEC-06)', (t) => {
  const { path, files } = setUp(t);
  const { ino } = lstatSync(path('file'));
  const existing = files.openForWrite('file');
  assert.deepEqual([existing.created, existing.stat.size], [false, 7]);
  writeSync(existing.fd, 'C');
  closeSync(existing.fd);
  assert.equal(readFileSync(path('file'), 'utf8'), 'Content');
  assert.deepEqual([lstatSync(path('file')).ino, factsOf(path('file')).mode], [ino, 0o640]);

  const umask = process.umask(0o077);
  try {
    const made = files.openForWrite('a/b/new', { parents: true });
    assert.deepEqual([made.created, made.stat.size], [true, 0]);
    closeSync(made.fd);
  } finally {
    process.umask(umask);
  }
  for (const directory of ['a', 'a/b']) assert.deepEqual(factsOf(path(directory)), { mode: 0o755, ...server });
  assert.deepEqual(factsOf(path('a/b/new')), { mode: 0o644, ...server });
  assert.equal(
    codeOf(() => files.openForWrite('c/new')),
    'NOT_FOUND',
  );
});

test('a replacement is seen whole or not at all (covers: SEC-06)', (t) => {
  const { path, files } = setUp(t);
  linkSync(path('file'), path('second-name'));
  {
    using dropped = files.replace('file');
    writeSync(dropped.fd, 'half');
    assert.equal(readFileSync(path('file'), 'utf8'), 'content');
  }
  {
    using whole = files.replace('file');
    writeSync(whole.fd, 'new');
    assert.equal(readdirSync(path()).filter((name) => name.endsWith('.part')).length, 1);
    whole.commit();
  }
  {
    using fresh = files.replace('x/y', { parents: true });
    fresh.commit();
  }
  assert.equal(readFileSync(path('file'), 'utf8'), 'new');
  assert.equal(readFileSync(path('second-name'), 'utf8'), 'content');
  assert.deepEqual(factsOf(path('file')), { mode: 0o640, ...server });
  assert.deepEqual(factsOf(path('x/y')), { mode: 0o644, ...server });
  assert.deepEqual(
    [...readdirSync(path()), ...readdirSync(path('x'))].filter((name) => name.startsWith('.')),
    [],
  );
  assert.equal(
    codeOf(() => files.replace('dir')),
    'IS_A_DIRECTORY',
  );
});

test('renaming moves the entry itself and replaces nothing', (t) => {
  const { path, files } = setUp(t);
  for (const taken of ['alias', 'dangling', 'empty', 'dir', 'pipe', 'file']) {
    assert.equal(
      codeOf(() => files.rename('file', taken)),
      'EXISTS',
      taken,
    );
    assert.equal(
      codeOf(() => files.rename('dir', taken)),
      'EXISTS',
      taken,
    );
  }
  assert.equal(
    codeOf(() => files.rename('dir', 'dir/sub/dir')),
    'INTO_ITSELF',
  );
  assert.equal(
    codeOf(() => files.rename('file', 'new/name')),
    'NOT_FOUND',
  );
  files.rename('file', 'new/name', { parents: true });
  files.rename('dir', 'moved');
  files.rename('out', 'new/out');
  files.rename('pipe', 'new/pipe');
  assert.equal(readFileSync(path('new/name'), 'utf8'), 'content');
  assert.equal(lstatSync(path('new/name')).nlink, 1);
  assert.match(readlinkSync(path('new/out')), /outside\/secret$/);
  assert.deepEqual(readdirSync(path()).sort(), ['alias', 'dangling', 'dlink', 'empty', 'moved', 'new', 'out-dir']);
  assert.deepEqual(factsOf(path('new')), { mode: 0o755, ...server });
});

test('what is made belongs to the server, links themselves too (covers: SEC-06)', (t) => {
  const { path, files } = setUp(t);
  files.makeDirectory('p/q', { parents: true });
  files.makeLink('p/link', Buffer.from('/etc/passwd'));
  assert.deepEqual(factsOf(path('p')), { mode: 0o755, ...server });
  assert.deepEqual(factsOf(path('p/q')), { mode: 0o755, ...server });
  assert.deepEqual({ ...factsOf(path('p/link')), mode: 0 }, { mode: 0, ...server });
  assert.equal(files.readLink('p/link').toString(), '/etc/passwd');
  assert.equal(
    codeOf(() => files.makeDirectory('p/q')),
    'EXISTS',
  );
});

test('removing takes a tree with all names in it, and links themselves (covers: SEC-04)', (t) => {
  const { path, files } = setUp(t);
  symlinkSync('../../outside', path('dir/sub/evil'));
  writeFileSync(Buffer.concat([Buffer.from(path('dir/')), Buffer.from([0xff, 0xfe])]), '');
  files.remove('dir/', goOn);
  files.remove('out-dir/', goOn);
  assert.deepEqual(readdirSync(path()).sort(), ['alias', 'dangling', 'dlink', 'empty', 'file', 'out', 'pipe']);
  const stop = new Error('enough');
  assert.throws(
    () =>
      files.remove('empty', () => {
        throw stop;
      }),
    stop,
  );
});

test('modes are permission bits, times have fractions', (t) => {
  const { path, files } = setUp(t);
  files.chmod('file', 0o104755);
  assert.equal(lstatSync(path('file')).mode & 0o7777, 0o755);
  files.setTimes('file', 1.5, 1_700_000_000.25);
  assert.deepEqual([lstatSync(path('file')).atimeMs, files.stat('file').mtimeMs], [1500, 1_700_000_000_250]);
});

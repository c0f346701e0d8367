// What may be done with the names in an open directory, and what is refused: links, FIFOs, names that are paths.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OpenDirectory } from '../../src/volumes/open-directory.ts';
import { heldBytes } from '../support/held-bytes.ts';
import { descriptorsBelow } from '../support/open-descriptors.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const asRoot = process.getuid?.() === 0;
const needsRoot = { skip: !asRoot && 'needs root' };
const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const server = asRoot ? { uid: 41_234, gid: 41_235 } : self;

function setUp(t: TestContext) {
  const base = temporaryDirectory(t);
  const path = join(base, 'tree');
  const outside = join(base, 'outside');
  mkdirSync(path);
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret'), 'secret', { mode: 0o600 });
  const directory = OpenDirectory.open(path);
  t.after(() => {
    directory[Symbol.dispose]();
    assert.deepEqual(descriptorsBelow(base), []);
  });
  return { base, path, outside, directory };
}

function name(text: string): Buffer {
  return Buffer.from(text);
}

/** Everything in a tree that no file can be read from. */
async function addOddities(t: TestContext, path: string, outside: string): Promise<string[]> {
  assert.equal(spawnSync('mkfifo', [join(path, 'pipe')]).status, 0);
  mkdirSync(join(path, 'folder'));
  symlinkSync(join(outside, 'secret'), join(path, 'link-out'));
  symlinkSync('nowhere', join(path, 'dangling'));
  symlinkSync('loop', join(path, 'loop'));
  symlinkSync('/dev/zero', join(path, 'link-device'));
  const socket = createServer().listen(join(path, 'socket')).unref();
  await once(socket, 'listening');
  t.after(() => socket.close());
  const odd = ['pipe', 'folder', 'link-out', 'dangling', 'loop', 'link-device', 'socket', 'missing'];
  if (asRoot && spawnSync('mknod', [join(path, 'device'), 'c', '1', '5']).status === 0) odd.push('device');
  return odd;
}

test('only a regular file opens, at once, to read and to write (covers: SEC-08)', async (t) => {
  const { path, outside, directory } = setUp(t);
  writeFileSync(join(path, 'file'), 'content');
  for (const odd of await addOddities(t, path, outside)) {
    assert.equal(directory.openRegular(name(odd)), undefined, odd);
    assert.equal(directory.openForWrite(name(odd)), undefined, odd);
  }
  const read = directory.openRegular(name('file'));
  assert.ok(read);
  assert.equal(read.stat.size, 7);
  assert.equal(readFileSync(read.fd, 'utf8'), 'content');
  closeSync(read.fd);

  const write = directory.openForWrite(name('file'));
  assert.ok(write);
  assert.equal(write.stat.size, 7, 'opening to write changes nothing');
  writeSync(write.fd, 'C');
  closeSync(write.fd);
  assert.equal(readFileSync(join(path, 'file'), 'utf8'), 'Content');
  assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'secret');
});

test('a FIFO that somebody reads is still no file to write (covers: SEC-08)', async (t) => {
  const { path, directory } = setUp(t);
  const pipe = join(path, 'pipe');
  assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
  const reader = spawn('/bin/cat', [pipe], { stdio: 'ignore' });
  const writer = spawn(process.execPath, [
    '-e',
    `require('fs').openSync(${JSON.stringify(pipe)}, 'w'); setInterval(() => {}, 1e6); console.log('open')`,
  ]);
  t.after(() => {
    reader.kill('SIGKILL');
    writer.kill('SIGKILL');
  });
  await once(writer.stdout, 'data');
  assert.equal(directory.openForWrite(name('pipe')), undefined);
  assert.equal(directory.openRegular(name('pipe')), undefined);
});

test('a file that somebody holds a lease on is not waited for (covers: SEC-08)', async (t) => {
  const { path, directory } = setUp(t);
  if (!existsSync('/usr/bin/python3')) return t.skip('needs python3');
  writeFileSync(join(path, 'leased'), 'x');
  const program = `
import fcntl, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
file = open(sys.argv[1], 'r+')
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('leased', flush=True)
signal.pause()`;
  const holder = spawn('/usr/bin/python3', ['-c', program, join(path, 'leased')], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [first] = await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')]);
  if (!Buffer.isBuffer(first)) return t.skip('this file system has no leases');
  t.after(() => holder.kill('SIGKILL'));
  const began = performance.now();
  assert.equal(directory.openRegular(name('leased')), undefined);
  assert.ok(performance.now() - began < 1000);
});

test('a new file has exactly its mode and owner, and takes nobody else’s name (covers: SEC-03, SEC-05, SEC-06)', (t) => {
  const { path, outside, directory } = setUp(t);
  symlinkSync(join(outside, 'new'), join(path, 'dangling'));
  writeFileSync(join(path, 'taken'), 'x');
  assert.throws(() => directory.createFile(name('dangling'), 0o644), { code: 'EEXIST' });
  assert.throws(() => directory.createFile(name('taken'), 0o644), { code: 'EEXIST' });
  assert.deepEqual(readdirSync(outside), ['secret']);
  const umask = process.umask(0o077);
  try {
    closeSync(directory.createFile(name('made'), 0o6775, server));
  } finally {
    process.umask(umask);
  }
  const { mode, uid, gid } = statSync(join(path, 'made'));
  assert.deepEqual({ mode: mode & 0o7777, uid, gid }, { mode: 0o775, ...server });
});

test('a directory is entered or made, with its mode and owner, never through a link (covers: SEC-03, SEC-06)', (t) => {
  const { path, outside, directory } = setUp(t);
  symlinkSync(outside, join(path, 'link'));
  symlinkSync(join(outside, 'new'), join(path, 'dangling'));
  writeFileSync(join(path, 'file'), 'x');
  mkdirSync(join(path, 'existing'), { mode: 0o700 });
  for (const refused of ['link', 'dangling', 'file']) {
    assert.equal(directory.enterOrMake(name(refused), 0o755, server), undefined, refused);
  }
  assert.deepEqual(readdirSync(outside), ['secret']);
  const umask = process.umask(0o077);
  try {
    using made = directory.enterOrMake(name('made'), 0o4755, server);
    assert.ok(made);
    using existing = directory.enterOrMake(name('existing'), 0o755, server);
    assert.ok(existing);
  } finally {
    process.umask(umask);
  }
  const { mode, uid, gid } = statSync(join(path, 'made'));
  assert.deepEqual({ mode: mode & 0o7777, uid, gid }, { mode: 0o755, ...server });
  const existing = statSync(join(path, 'existing'));
  assert.deepEqual({ mode: existing.mode & 0o7777, uid: existing.uid }, { mode: 0o700, uid: self.uid });
});

test('links are read, made and given second names as they are, any bytes', (t) => {
  const { path, outside, directory } = setUp(t);
  const bytes = Buffer.from([0x2f, 0xff, 0x2e, 0x2e, 0x0a]);
  directory.makeLink(bytes, name('odd'));
  assert.deepEqual(directory.readLink(name('odd')), bytes);
  assert.throws(() => directory.makeLink(bytes, name('odd')), { code: 'EEXIST' });
  writeFileSync(join(path, 'file'), 'x');
  assert.equal(directory.readLink(name('file')), undefined);
  assert.equal(directory.readLink(name('missing')), undefined);

  symlinkSync(join(outside, 'secret'), join(path, 'out'));
  directory.hardLink(name('out'), directory, name('again'));
  assert.equal(readlinkSync(join(path, 'again')), join(outside, 'secret'));
  assert.equal(statSync(join(outside, 'secret')).nlink, 1);
  assert.throws(() => directory.hardLink(name('file'), directory, name('out')), { code: 'EEXIST' });
  assert.throws(() => directory.hardLink(name('missing'), directory, name('x')), { code: 'ENOENT' });
});

test('times have fractions and are never set through a link (covers: SEC-07)', (t) => {
  const { path, outside, directory } = setUp(t);
  utimesSync(join(outside, 'secret'), 1000, 1000);
  symlinkSync(join(outside, 'secret'), join(path, 'out'));
  directory.setEntryTimes(name('out'), 1.25, 1_700_000_000.5);
  assert.equal(lstatSync(join(path, 'out')).mtimeMs, 1_700_000_000_500);
  assert.equal(statSync(join(outside, 'secret')).mtimeMs, 1_000_000);
  directory.setTimes(1.25, 2.5);
  assert.equal(statSync(path).mtimeMs, 2500);
  assert.throws(() => directory.setEntryTimes(name('missing'), 1, 1), { code: 'ENOENT' });
});

test('an owner is never given through a link (covers: SEC-06)', needsRoot, (t) => {
  const { path, outside, directory } = setUp(t);
  symlinkSync(join(outside, 'secret'), join(path, 'out'));
  directory.chownEntry(name('out'), server.uid, server.gid);
  assert.equal(lstatSync(join(path, 'out')).uid, server.uid);
  assert.equal(statSync(join(outside, 'secret')).uid, 0);
});

test('a mode is never set through a link, and holds permission bits only (covers: SEC-05)', (t) => {
  const { path, outside, directory } = setUp(t);
  symlinkSync(join(outside, 'secret'), join(path, 'out'));
  writeFileSync(join(path, 'file'), 'x');
  {
    using link = directory.pin(name('out'));
    assert.throws(() => link?.chmod(0o777), { code: 'IS_A_LINK' });
    using file = directory.pin(name('file'));
    file?.chmod(0o4755);
  }
  directory.chmod(0o7711);
  assert.equal(statSync(join(outside, 'secret')).mode & 0o7777, 0o600);
  assert.equal(statSync(join(path, 'file')).mode & 0o7777, 0o755);
  assert.equal(statSync(path).mode & 0o7777, 0o711);
});

test('a name is one component: nothing takes a path, an empty name or the dots (covers: SEC-02, SEC-09)', (t) => {
  const { path, directory } = setUp(t);
  writeFileSync(join(path, 'file'), 'x');
  linkSync(join(path, 'file'), join(path, 'second'));
  const bad = ['', '.', '..', 'a/b', '/', '../outside', 'a\0', 'x'.repeat(256)].map(name);
  const acts: [string, (bad: Buffer) => unknown][] = [
    ['enter', (bad) => directory.enter(bad)],
    ['enterOrMake', (bad) => directory.enterOrMake(bad, 0o755, self)],
    ['lstat', (bad) => directory.lstat(bad)],
    ['openRegular', (bad) => directory.openRegular(bad)],
    ['openForWrite', (bad) => directory.openForWrite(bad)],
    ['createFile', (bad) => directory.createFile(bad, 0o644)],
    ['pin', (bad) => directory.pin(bad)],
    ['readLink', (bad) => directory.readLink(bad)],
    ['makeLink', (bad) => directory.makeLink(name('x'), bad)],
    ['hardLink', (bad) => directory.hardLink(name('file'), directory, bad)],
    ['hardLink from', (bad) => directory.hardLink(bad, directory, name('new'))],
    ['unlink', (bad) => directory.unlink(bad)],
    ['removeDirectory', (bad) => directory.removeDirectory(bad)],
    ['makeDirectory', (bad) => directory.makeDirectory(bad, 0o755)],
    ['rename', (bad) => directory.rename(name('file'), directory, bad)],
    ['rename from', (bad) => directory.rename(bad, directory, name('new'))],
    ['chownEntry', (bad) => directory.chownEntry(bad, self.uid, self.gid)],
    ['setEntryTimes', (bad) => directory.setEntryTimes(bad, 1, 1)],
  ];
  for (const [label, act] of acts) {
    for (const one of bad) assert.throws(() => act(one), /not the name of a directory entry/, `${label} ${one}`);
  }
  assert.deepEqual(readdirSync(path).sort(), ['file', 'second']);
});

test('the entries of a large directory are never held in memory together (covers: SEC-24)', (t) => {
  const { path, directory } = setUp(t);
  const entries = 8_000;
  for (let i = 0; i < entries; i++) writeFileSync(join(path, `${i}-${'n'.repeat(200)}`), '');
  const before = heldBytes();
  let seen = 0;
  let most = 0;
  for (const _entry of directory.entries()) {
    seen += 1;
    if (seen % 1000 === 0) most = Math.max(most, heldBytes() - before);
  }
  assert.equal(seen, entries);
  assert.ok(most < 2 ** 20, `${most} bytes of names`);
});

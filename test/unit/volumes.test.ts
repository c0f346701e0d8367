import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OpenDirectory } from '../../src/volumes/open-directory.ts';
import { createVolumes, type Volumes } from '../../src/volumes/volumes.ts';

const uuid = '6f9e0a3c-52a4-4c1f-9a6e-0d5a7c2b1e88';
const root = process.getuid?.() === 0;
const user = root ? { uid: 41_234, gid: 41_235 } : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const never = new AbortController().signal;

function setUp(t: TestContext, parent = tmpdir()) {
  const base = mkdtempSync(join(parent, 'aileron-volumes-'));
  const data = join(base, 'data');
  const volumes = createVolumes({ dataDirectory: data, machineIdDirectory: join(base, 'machine-id'), ...user });
  t.after(async () => {
    await volumes.close();
    rmSync(base, { recursive: true, force: true });
  });
  return { base, data, volumes, path: join(data, uuid) };
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** They hold descriptors of their own for as long as they live. */
async function startThreads(volumes: Volumes): Promise<void> {
  const other = '11111111-2222-4333-8444-555555555555';
  await Promise.all([1, 2, 3, 4].map(() => volumes.usage(other, never)));
  await volumes.remove(other);
}

function makeFifo(path: string): void {
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
}

/** Deeper than any path could be. */
function nest(path: string, depth: number): void {
  let directory: OpenDirectory | undefined = OpenDirectory.open(path);
  for (let level = 0; level < depth && directory; level++) {
    const name = Buffer.from('d');
    directory.makeDirectory(name, 0o755);
    const deeper: OpenDirectory | undefined = directory.enter(name);
    directory[Symbol.dispose]();
    directory = deeper;
  }
  directory?.[Symbol.dispose]();
}

test('only a canonical version 4 uuid names a directory', async (t) => {
  const { volumes } = setUp(t);
  assert.ok(volumes.path(uuid).endsWith(`/data/${uuid}`));
  const bad = [
    '',
    '.',
    '..',
    `${uuid}/`,
    `../${uuid}`,
    `{${uuid}}`,
    uuid.toUpperCase(),
    `${uuid}\0`,
    `${uuid}\n`,
    `urn:uuid:${uuid}`,
    uuid.replace('-4', '-1'),
  ];
  for (const name of bad) {
    assert.throws(() => volumes.path(name), { code: 'BAD_UUID' }, JSON.stringify(name));
    await assert.rejects(volumes.ensure(name), { code: 'BAD_UUID' });
    await assert.rejects(volumes.remove(name), { code: 'BAD_UUID' });
    await assert.rejects(volumes.usage(name, never), { code: 'BAD_UUID' });
    await assert.rejects(volumes.fixOwnership(name, never), { code: 'BAD_UUID' });
    await assert.rejects(volumes.writeMachineId(name), { code: 'BAD_UUID' });
    await assert.rejects(volumes.removeMachineId(name), { code: 'BAD_UUID' });
  }
});

test('a new directory belongs to the server and is open to all, the one around it is not', async (t) => {
  const { volumes, data, path } = setUp(t);
  const umask = process.umask(0o077);
  try {
    await volumes.ensure(uuid);
  } finally {
    process.umask(umask);
  }
  const { uid, gid, mode } = statSync(path);
  assert.deepEqual({ uid, gid, mode: mode & 0o7777 }, { ...user, mode: 0o755 });
  assert.equal(statSync(data).mode & 0o7777, 0o700);
  assert.deepEqual(readdirSync(data), [uuid]);
});

test('an existing directory stays as it is, and a half-made one is finished', async (t) => {
  const { volumes, data, path } = setUp(t);
  mkdirSync(join(data, `.${uuid}.new`), 0o700);
  await volumes.ensure(uuid);
  assert.deepEqual(readdirSync(data), [uuid]);
  writeFileSync(join(path, 'world.dat'), 'x');
  await volumes.ensure(uuid);
  assert.deepEqual(readdirSync(path), ['world.dat']);
});

test('a link or a file in the place of the directory is an error and stays untouched', async (t) => {
  const { volumes, base, path } = setUp(t);
  const canary = join(base, 'canary');
  mkdirSync(canary);
  writeFileSync(join(canary, 'secret'), 'x');
  for (const target of [canary, join(base, 'nowhere')]) {
    symlinkSync(target, path);
    await assert.rejects(volumes.ensure(uuid), { code: 'NOT_A_DIRECTORY' });
    await assert.rejects(volumes.usage(uuid, never), { code: 'NOT_A_DIRECTORY' });
    await assert.rejects(volumes.fixOwnership(uuid, never), { code: 'NOT_A_DIRECTORY' });
    rmSync(path);
  }
  writeFileSync(path, 'a file');
  await assert.rejects(volumes.ensure(uuid), { code: 'NOT_A_DIRECTORY' });
  assert.deepEqual(readdirSync(canary), ['secret']);
});

test('a link to the data directory is resolved once', (t) => {
  const { base, data } = setUp(t);
  symlinkSync(data, join(base, 'link'));
  const volumes = createVolumes({ dataDirectory: join(base, 'link'), machineIdDirectory: base, ...user });
  assert.equal(volumes.path(uuid), join(data, uuid));
});

test('usage is the apparent size of regular files, wherever links lead', async (t) => {
  const { volumes, base, path } = setUp(t);
  assert.equal(await volumes.usage(uuid, never), 0, 'no directory, nothing used');
  await volumes.ensure(uuid);
  assert.equal(await volumes.usage(uuid, never), 0);
  const canary = join(base, 'canary');
  mkdirSync(canary);
  writeFileSync(join(canary, 'big'), 'x'.repeat(100_000));
  mkdirSync(join(path, 'a/b/c'), { recursive: true });
  writeFileSync(join(path, 'one'), 'x'.repeat(10));
  writeFileSync(join(path, 'a/b/c/two'), 'x'.repeat(20));
  writeFileSync(Buffer.concat([Buffer.from(`${path}/a/`), Buffer.from([0xff, 0xfe, 0x0a])]), 'x'.repeat(40));
  symlinkSync(join(canary, 'big'), join(path, 'file-link'));
  symlinkSync(canary, join(path, 'directory-link'));
  symlinkSync('nowhere', join(path, 'dangling'));
  writeFileSync(join(path, 'sparse'), '');
  truncateSync(join(path, 'sparse'), 1024 ** 4);
  makeFifo(join(path, 'pipe'));
  await startThreads(volumes);
  const before = openDescriptors();
  assert.equal(await volumes.usage(uuid, never), 70 + 1024 ** 4);
  assert.equal(openDescriptors(), before);
});

test('a file counts once however many names it has (covers: SEC-16)', async (t) => {
  const { volumes, path } = setUp(t);
  await volumes.ensure(uuid);
  mkdirSync(join(path, 'sub'));
  writeFileSync(join(path, 'file'), '');
  truncateSync(join(path, 'file'), 1024 ** 3);
  for (let name = 1; name < 5; name++) linkSync(join(path, 'file'), join(path, name % 2 ? 'sub' : '.', `name-${name}`));
  assert.equal(await volumes.usage(uuid, never), 1024 ** 3);
});

test('the whole tree changes hands, links and pipes themselves included', {
  skip: !root && 'needs root',
}, async (t) => {
  const { volumes, base, path } = setUp(t);
  const canary = join(base, 'canary');
  mkdirSync(canary);
  writeFileSync(join(canary, 'secret'), 'x');
  await volumes.ensure(uuid);
  mkdirSync(join(path, 'plugins/config'), { recursive: true });
  const odd = Buffer.concat([Buffer.from(`${path}/plugins/`), Buffer.from([0xff])]);
  writeFileSync(odd, 'x');
  writeFileSync(join(path, 'plugins/config/a.yml'), 'x');
  symlinkSync(canary, join(path, 'directory-link'));
  symlinkSync(join(canary, 'secret'), join(path, 'file-link'));
  symlinkSync('nowhere', join(path, 'dangling'));
  makeFifo(join(path, 'pipe'));
  linkSync(join(path, 'plugins/config/a.yml'), join(path, 'a-second-name'));
  chownSync(path, 0, 0);
  assert.deepEqual(await volumes.fixOwnership(uuid, never), { changed: 9, left: 0 });
  const names = [
    '',
    'plugins',
    'plugins/config',
    'plugins/config/a.yml',
    'directory-link',
    'file-link',
    'dangling',
    'pipe',
  ];
  for (const entry of [odd, ...names.map((name) => join(path, name))]) {
    const { uid, gid } = lstatSync(entry);
    assert.deepEqual({ uid, gid }, user, String(entry));
  }
  assert.equal(statSync(canary).uid, 0);
  assert.equal(statSync(join(canary, 'secret')).uid, 0);
  assert.deepEqual(
    await volumes.fixOwnership(uuid, never),
    { changed: 0, left: 0 },
    'the second time there is nothing to do',
  );
});

test('a file that also has a name outside the tree is left', { skip: !root && 'needs root' }, async (t) => {
  const { volumes, base, path } = setUp(t);
  const secret = join(base, 'shadow');
  writeFileSync(secret, 'x', { mode: 0o600 });
  await volumes.ensure(uuid);
  linkSync(secret, join(path, 'one'));
  linkSync(secret, join(path, 'two'));
  assert.deepEqual(await volumes.fixOwnership(uuid, never), { changed: 0, left: 1 });
  assert.equal(statSync(secret).uid, 0);
  rmSync(secret);
  assert.deepEqual(
    await volumes.fixOwnership(uuid, never),
    { changed: 1, left: 0 },
    'once all its names are in the tree',
  );
});

test('a tree nested too deep is refused, and can be removed', async (t) => {
  const { volumes, path } = setUp(t);
  await volumes.ensure(uuid);
  nest(path, 3_000);
  await startThreads(volumes);
  const before = openDescriptors();
  await assert.rejects(volumes.usage(uuid, never), { code: 'TOO_DEEP' });
  await assert.rejects(volumes.fixOwnership(uuid, never), { code: 'TOO_DEEP' });
  await volumes.remove(uuid);
  assert.equal(lstatSync(path, { throwIfNoEntry: false }), undefined);
  assert.equal(openDescriptors(), before);
});

test('a removal takes everything in the directory and nothing that links point to (covers: SEC-04)', async (t) => {
  const { volumes, base, data, path } = setUp(t);
  const canary = join(base, 'canary');
  mkdirSync(join(canary, 'sub'), { recursive: true });
  writeFileSync(join(canary, 'sub/secret'), 'x');
  await volumes.ensure(uuid);
  mkdirSync(join(path, 'a/b'), { recursive: true });
  mkdirSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff, 0xfe])]));
  writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff, 0xfe, 0x2f, 0xff])]), 'x');
  symlinkSync(canary, join(path, 'evil'));
  symlinkSync('/', join(path, 'a/evil'));
  symlinkSync('..', join(path, 'a/b/up'));
  symlinkSync('nowhere', join(path, 'dangling'));
  makeFifo(join(path, 'a/pipe'));
  await volumes.remove(uuid);
  assert.deepEqual(readdirSync(data), []);
  assert.equal(readFileSync(join(canary, 'sub/secret'), 'utf8'), 'x');
  await volumes.remove(uuid);
});

test('a link in the place of the directory is removed, not followed (covers: SEC-04)', async (t) => {
  const { volumes, base, data, path } = setUp(t);
  const canary = join(base, 'canary');
  mkdirSync(canary);
  writeFileSync(join(canary, 'secret'), 'x');
  symlinkSync(`${canary}/`, path);
  await volumes.remove(uuid);
  assert.deepEqual(readdirSync(data), []);
  assert.deepEqual(readdirSync(canary), ['secret']);
});

test('what is mounted in the tree is neither counted nor given away nor removed', {
  skip: !root && 'needs root',
}, async (t) => {
  const { volumes, base, path } = setUp(t);
  const host = join(base, 'host');
  mkdirSync(host);
  writeFileSync(join(host, 'secret'), 'x'.repeat(1000));
  await volumes.ensure(uuid);
  const mounted = join(path, 'mounted');
  mkdirSync(mounted);
  if (spawnSync('mount', ['--bind', host, mounted]).status !== 0) {
    t.skip('nothing can be mounted here');
    return;
  }
  try {
    assert.equal(await volumes.usage(uuid, never), 0);
    assert.deepEqual(await volumes.fixOwnership(uuid, never), { changed: 0, left: 0 });
    await assert.rejects(volumes.remove(uuid), { code: 'MOUNTED' });
  } finally {
    assert.equal(spawnSync('umount', [mounted]).status, 0);
  }
  assert.deepEqual(readdirSync(host), ['secret']);
  assert.equal(statSync(join(host, 'secret')).uid, 0);
  await volumes.remove(uuid);
});

test('50,000 files are counted, given away and removed in bounded descriptors, each of it abortable', async (t) => {
  const { volumes, data, path } = setUp(t, existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
  await volumes.ensure(uuid);
  for (let folder = 0; folder < 100; folder++) {
    const directory = join(path, `folder-${folder}`);
    mkdirSync(directory);
    for (let file = 0; file < 500; file++) writeFileSync(join(directory, `${file}`), 'xyz');
  }
  await startThreads(volumes);
  const before = openDescriptors();
  assert.equal(await volumes.usage(uuid, never), 150_000);
  await volumes.fixOwnership(uuid, never);

  const stopped = new AbortController();
  const reason = new Error('enough');
  const removal = volumes.remove(uuid, stopped.signal);
  const waiting = volumes.remove(uuid, stopped.signal);
  stopped.abort(reason);
  await assert.rejects(waiting, reason);
  await assert.rejects(removal, reason);
  await assert.rejects(volumes.usage(uuid, stopped.signal), reason);
  assert.ok(readdirSync(path).length > 0, 'it ended before its time');

  await volumes.remove(uuid);
  assert.deepEqual(readdirSync(data), []);
  assert.equal(openDescriptors(), before);
});

test('a machine id is the uuid without dashes, for everybody to read', async (t) => {
  const { volumes, base } = setUp(t);
  const path = await volumes.writeMachineId(uuid);
  assert.equal(path, join(base, 'machine-id', uuid));
  assert.equal(readFileSync(path, 'utf8'), uuid.replaceAll('-', ''));
  assert.equal(statSync(path).mode & 0o7777, 0o644);
  await volumes.writeMachineId(uuid);
  assert.deepEqual(readdirSync(join(base, 'machine-id')), [uuid]);
  await volumes.removeMachineId(uuid);
  await volumes.removeMachineId(uuid);
  assert.deepEqual(readdirSync(join(base, 'machine-id')), []);
});

test('free space is what the file system says', async (t) => {
  const { volumes } = setUp(t);
  const { freeBytes, totalBytes } = await volumes.freeSpace();
  assert.ok(freeBytes > 0 && freeBytes <= totalBytes);
});

test('closed volumes take no work', async (t) => {
  const { volumes } = setUp(t);
  await volumes.ensure(uuid);
  await volumes.usage(uuid, never);
  await volumes.close();
  await assert.rejects(volumes.usage(uuid, never), /closed/);
});

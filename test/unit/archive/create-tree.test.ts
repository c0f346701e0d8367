// What of a tree goes into an archive, how other tools read it, and what the manifest keeps of the rest.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createArchive } from '../../../src/archive/create/create.ts';
import { zlibEngine } from '../../../src/archive/gzip/zlib.ts';
import type { ManifestRecord } from '../../../src/archive/manifest-format.ts';
import type { CreatePlan } from '../../../src/archive/plan.ts';
import { manifestOf, rawEntries, unpackedBy } from '../../support/archive-look.ts';
import { backupUuid, createPlan, serverUuid } from '../../support/archive-plans.ts';
import { archiveJob } from '../../support/restore-bench.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { lookOfTree } from '../../support/tree-look.ts';

const noon = 1_700_000_000;
const isRoot = process.getuid?.() === 0;

/** Everything that a game can leave in its directory. */
async function fixture(t: TestContext, root: string): Promise<void> {
  const file = (name: string | Buffer, content: string | Buffer, mtime = noon) => {
    const path = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name)]);
    writeFileSync(path, content);
    utimesSync(path, mtime, mtime);
  };
  for (const name of ['a/b/c', 'empty', 'deep/empty too']) mkdirSync(join(root, name), { recursive: true });
  mkdirSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe, 0x64])]));
  file('a/b/c/nested.txt', 'nested');
  file('zero', '');
  file('n'.repeat(150), 'long name');
  const long = join('p'.repeat(100), 'q'.repeat(100), 'r'.repeat(90));
  mkdirSync(join(root, long), { recursive: true });
  file(join(long, 'file'), 'long path');
  mkdirSync(join(root, 'u'.repeat(60), 'v'.repeat(60)), { recursive: true });
  file(join('u'.repeat(60), 'v'.repeat(60), 'split'), 'in two fields');
  file('grüße.txt', 'not ASCII');
  file(Buffer.from([0xff, 0xfe, 0x64, 0x2f, 0xe9]), 'not UTF-8');
  file('two\nlines', 'newline');
  file('block', Buffer.alloc(512, 'x'));
  file('old', 'before 1970');
  execFileSync('touch', ['-d', '1969-12-31T00:00:01Z', join(root, 'old')]);
  file('rounded up', 'r', noon + 0.6);
  file('rounded down', 'r', noon + 0.4);
  file('.pteroignore', '# nothing\n');
  file('program', '#!');
  chmodSync(join(root, 'program'), 0o4755);
  if (isRoot) chownSync(join(root, 'zero'), 1234, 1234);
  const sparse = openSync(join(root, 'sparse'), 'w');
  ftruncateSync(sparse, 4 * 1024 * 1024);
  closeSync(sparse);
  utimesSync(join(root, 'sparse'), noon, noon);
  file('one', 'the same file');
  linkSync(join(root, 'one'), join(root, 'a/another'));
  symlinkSync('a/b/c/nested.txt', join(root, 'inside'));
  symlinkSync('/etc/passwd', join(root, 'outside'));
  symlinkSync(Buffer.from([0xff, 0x2f, 0xfe]), join(root, 'a/strange'));
  execFileSync('mkfifo', [join(root, 'fifo')]);
  const server = createServer().listen(join(root, 'socket'));
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => server.close());
  chmodSync(join(root, 'empty'), 0o2750);
  utimesSync(join(root, 'empty'), noon, noon);
}

test('a tree of everything is what Wings would have written, and the manifest holds the rest (backups 15.2)', async (t) => {
  const plan = createPlan(temporaryDirectory(t));
  await fixture(t, plan.root);
  const before = lookOfTree(plan.root);

  const facts = await createArchive(plan, archiveJob());

  const names = rawEntries(plan.archive).filter(({ type }) => type !== 'x' && type !== 'g');
  assert.ok(
    names.every(({ type }) => type === '0'),
    'regular files only',
  );
  assert.ok(
    names.every(({ block }) => /^0+\0$/.test(block.toString('latin1', 108, 116))),
    'owner 0',
  );
  assert.ok(
    names.every(({ block }) => block.subarray(265, 329).every((byte) => byte === 0)),
    'no owner names',
  );
  assert.equal(facts.entries, names.length);
  const extended = rawEntries(plan.archive).filter(({ type }) => type === 'x').length;
  assert.equal(extended, 5, 'a long name, a long path, two names beyond ASCII, a time before 1970');
  assert.equal(facts.skipped, 2);
  assert.equal(facts.changed, 0);
  assert.equal(facts.verified, true);
  const { records, ...rest } = manifestOf(plan.archive);
  assert.deepEqual([rest.version, rest.server, rest.backup, rest.operation], [1, serverUuid, backupUuid, 'op-1']);
  assert.deepEqual([rest.entries, rest.contentBytes], [facts.entries, facts.contentBytes]);
  assert.deepEqual([rest.symlinks, rest.hardlinks, rest.skipped], [3, 1, 2]);
  const find = (path: string) => records.find((record) => 'path' in record && record.path === path);
  assert.deepEqual(find('empty'), { type: 'directory', path: 'empty', mode: 0o2750, mtime: noon });
  assert.equal(find('deep/empty too')?.type, 'directory');
  assert.deepEqual(find('outside'), { type: 'symlink', path: 'outside', target: '/etc/passwd' });
  assert.deepEqual(find('a/strange'), { type: 'symlink', path: 'a/strange', target64: '/y/+' });
  assert.deepEqual(find('fifo'), { type: 'skipped', path: 'fifo', reason: 'fifo' });
  assert.deepEqual(find('socket'), { type: 'skipped', path: 'socket', reason: 'socket' });
  assert.ok(
    records.some(
      (record) => 'path64' in record && record.path64 === Buffer.from([0xff, 0xfe, 0x64]).toString('base64'),
    ),
  );
  const link = records.find(({ type }) => type === 'hardlink') as ManifestRecord & { path: string; target: string };
  assert.deepEqual([link.path, link.target].sort(), ['a/another', 'one']);
  assert.deepEqual(lookOfTree(plan.root), before, 'nothing of the server was touched');

  utimesSync(join(plan.root, 'rounded up'), noon + 1, noon + 1);
  for (const program of ['tar', 'bsdtar'] as const) {
    assert.deepEqual(filesIn(unpackedBy(program, plan.archive)), filesIn(plan.root), program);
  }
});

test('posix entries hold directories and symlinks too (backups 15.2)', async (t) => {
  const plan = createPlan(temporaryDirectory(t), { tarEntries: 'posix' });
  await fixture(t, plan.root);
  symlinkSync('t'.repeat(150), join(plan.root, 'far'));
  await createArchive(plan, archiveJob());
  utimesSync(join(plan.root, 'rounded up'), noon + 1, noon + 1);
  const look = (root: string) =>
    lookOfTree(root, { owners: false, times: 'none', links: false }).filter((line) => !line.endsWith(' special'));
  for (const program of ['tar', 'bsdtar'] as const) {
    assert.deepEqual(look(unpackedBy(program, plan.archive)), look(plan.root), program);
  }
});

test('an empty server gives an archive with nothing but its manifest', async (t) => {
  const plan = createPlan(temporaryDirectory(t));
  const facts = await createArchive(plan, archiveJob());
  assert.deepEqual(
    rawEntries(plan.archive).map(({ type }) => type),
    ['g'],
  );
  assert.deepEqual([facts.entries, facts.contentBytes], [0, 0]);
  assert.equal(execFileSync('tar', ['-tf', plan.archive]).toString(), '');
});

test('the sidecar says what the archive is, and both are private (covers: SEC-99)', async (t) => {
  const plan = createPlan(temporaryDirectory(t));
  writeFileSync(join(plan.root, 'a'), 'content');
  const facts = await createArchive(plan, archiveJob());
  const sidecar = JSON.parse(readFileSync(plan.archive.replace('.tar.gz', '.json'), 'utf8'));
  const sha1 = execFileSync('sha1sum', [plan.archive]).toString().slice(0, 40);
  assert.equal(facts.checksum, sha1);
  assert.equal(facts.size, statSync(plan.archive).size);
  const { created, ...rest } = sidecar;
  assert.ok(Math.abs(Date.parse(created) - Date.now()) < 60_000);
  assert.deepEqual(rest, {
    version: 1,
    server: serverUuid,
    backup: backupUuid,
    operation: 'op-1',
    checksum: { type: 'sha1', value: sha1 },
    size: facts.size,
    format: 'gzip',
    entries: 1,
    contentBytes: 7,
    changed: 0,
    skipped: 0,
    verified: true,
    daemonVersion: '0.0.0-test',
  });
  assert.equal(statSync(plan.archive).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(plan.archive, '..')).sort(), [`${backupUuid}.json`, `${backupUuid}.tar.gz`]);
});

test('ignore rules leave out files and links, and no directory of the manifest (backups 15.3)', async (t) => {
  const plan = createPlan(temporaryDirectory(t), { ignore: '*.log\ncache/\n!cache/keep.log' });
  mkdirSync(join(plan.root, 'cache'));
  for (const name of ['a.log', 'a.txt', 'cache/x', 'cache/keep.log']) writeFileSync(join(plan.root, name), name);
  symlinkSync('a.txt', join(plan.root, 'link.log'));
  const facts = await createArchive(plan, archiveJob());
  assert.deepEqual(namesIn(plan), ['a.txt', 'cache/keep.log']);
  assert.equal(facts.skipped, 0);
  assert.deepEqual(
    manifestOf(plan.archive).records.map((record) => ('path' in record ? record.path : '')),
    ['cache'],
  );
});

test('without rules of its own a backup follows the file of the server, which is archived too (backups 15.3)', async (t) => {
  const plan = createPlan(temporaryDirectory(t));
  writeFileSync(join(plan.root, '.pelicanignore'), '*.log\n');
  for (const name of ['a.log', 'a.txt']) writeFileSync(join(plan.root, name), name);
  await createArchive(plan, archiveJob());
  assert.deepEqual(namesIn(plan), ['.pelicanignore', 'a.txt']);
});

test('an ignore file over 32 KiB, or that is a link, is not used (covers: SEC-22) (backups 15.3)', async (t) => {
  const directory = temporaryDirectory(t);
  const plan = createPlan(directory);
  writeFileSync(join(plan.root, '.pteroignore'), `a.txt\n${'#'.repeat(32_769 - 6)}`);
  writeFileSync(join(directory, 'host'), '*\n');
  symlinkSync(join(directory, 'host'), join(plan.root, '.pelicanignore'));
  writeFileSync(join(plan.root, 'a.txt'), 'a');
  const facts = await createArchive(plan, archiveJob());
  assert.deepEqual(namesIn(plan), ['.pteroignore', 'a.txt']);
  assert.equal(facts.warnings.length, 2);
});

for (const [format, level] of [
  ['gzip', 'none'],
  ['gzip', 'best'],
  ['zstd', 'none'],
  ['zstd', 'fast'],
  ['zstd', 'best'],
] as const) {
  test(`${format}, level ${level}: other tools read it`, async (t) => {
    const plan = createPlan(temporaryDirectory(t), { format, level });
    writeFileSync(join(plan.root, 'text'), 'text '.repeat(700_000));
    const facts = await createArchive(plan, archiveJob());
    assert.equal(facts.format, format);
    const unpacked = execFileSync(format, ['-dc', plan.archive], { maxBuffer: 8 * 1024 * 1024 });
    const names = execFileSync('tar', ['-t'], { input: unpacked });
    assert.equal(names.toString(), 'text\n');
  });
}

test('zlib writes the same archive as ISA-L, but for its size', async (t) => {
  const directory = temporaryDirectory(t);
  const plan = createPlan(directory);
  writeFileSync(join(plan.root, 'text'), 'text '.repeat(700_000));
  utimesSync(join(plan.root, 'text'), noon, noon);
  await createArchive(plan, archiveJob({ gzip: zlibEngine }));
  assert.deepEqual(filesIn(unpackedBy('tar', plan.archive)), filesIn(plan.root));
});

test('names of any bytes and trees of any shape come back from GNU tar as they were', async (t) => {
  for (let seed = 1; seed <= 12; seed++) {
    const plan = createPlan(temporaryDirectory(t));
    randomTree(plan.root, seed);
    await createArchive(plan, archiveJob());
    assert.deepEqual(filesIn(unpackedBy('tar', plan.archive)), filesIn(plan.root), `seed ${seed}`);
    assert.equal(manifestOf(plan.archive).directories, countDirectories(plan.root), `seed ${seed}`);
  }
});

/** A line for each regular file. */
function filesIn(root: string): string[] {
  const lines = lookOfTree(root, { times: 'seconds', owners: false, links: false });
  return lines.filter((line) => !line.includes('/ ') && !line.includes(' -> ') && !line.endsWith(' special'));
}

function countDirectories(root: string): number {
  return lookOfTree(root).filter((line) => line.includes('/ ')).length;
}

function namesIn({ archive }: CreatePlan): string[] {
  return rawEntries(archive)
    .filter(({ type }) => type === '0')
    .map(({ name }) => name.toString())
    .sort();
}

function randomTree(root: string, seed: number): void {
  let state = seed;
  const random = (limit: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const name = () => {
    const bytes = random(8) === 0 ? 1 + random(255) : 1 + random(12);
    const any = Buffer.alloc(bytes).map(() => 1 + random(255)) as Buffer;
    return any.map((byte) => (byte === 0x2f ? 0x5f : byte)) as Buffer;
  };
  const directories = [Buffer.from(root)];
  for (let i = 0; i < 40; i++) {
    const parent = directories[random(directories.length)] ?? Buffer.from(root);
    const path = Buffer.concat([parent, Buffer.from('/x'), name().subarray(0, 250)]);
    if (path.length > 3500 || existsSync(path)) continue;
    if (random(3) === 0) {
      mkdirSync(path, random(0o1000) | 0o700);
      directories.push(path);
    } else {
      writeFileSync(path, Buffer.alloc(random(4) === 0 ? random(300_000) : random(1030), i));
      chmodSync(path, random(0o10000));
      utimesSync(path, random(2 ** 31), random(2 ** 31));
    }
  }
}

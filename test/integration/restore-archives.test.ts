// Archives of other tools, and of ours, come back as what they were made of: GNU tar and bsdtar in each of their formats,
// archives laid out as Wings writes them, and random trees through our own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import type { CreatePlan, PathFacts } from '../../src/archive/plan.ts';
import { readPath } from '../../src/archive/restore/read-path.ts';
import { ourArchive } from '../support/our-archive.ts';
import { RandomTree } from '../support/random-tree.ts';
import { archiveJob, failureCode, RestoreBench } from '../support/restore-bench.ts';
import { lookOfTree, pathsBelow, type TreeLookOptions } from '../support/tree-look.ts';

const mebibyte = 1024 ** 2;
const gnuTar = '/usr/bin/tar';
const bsdTar = '/usr/bin/bsdtar';

/** All that a tar can hold of a server's files, with times that have nanoseconds. */
function fillTree(root: string): void {
  const at = (path: string | Buffer) => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path)]);
  const put = (path: string | Buffer, content: Buffer | string) => writeFileSync(at(path), content);
  mkdirSync(at('world/region'), { recursive: true });
  mkdirSync(at('empty/inner'), { recursive: true });
  put('empty-file', '');
  put('world/level.dat', randomBytes(5000));
  put('world/region/r.0.0.mca', randomBytes(3 * mebibyte + 17));
  put('run.sh', '#!/bin/sh\n');
  put('read-only', 'x');
  put(Buffer.from([0x6e, 0xff, 0xfe, 0x0a, 0x01]), 'neither UTF-8 nor one line');
  put('caf\u00e9 \u{1f3ae}', 'text');
  put('n'.repeat(150), 'long name');
  const deep = Array.from({ length: 6 }, (_, i) => String(i).repeat(60)).join('/');
  mkdirSync(at(deep), { recursive: true });
  put(`${deep}/file`, 'long path');
  put('back\\slash', 'x');
  sparse(at('sparse'), 4 * mebibyte);
  sparse(at('sparse-end'), 8 * mebibyte, 100_000);
  linkSync(at('world/level.dat'), at('world/level.dat.linked'));
  symlinkSync('world/level.dat', at('link'));
  symlinkSync('/nowhere/at/all', at('dangling'));
  symlinkSync('t'.repeat(300), at('long-link'));
  chmodSync(at('run.sh'), 0o755);
  chmodSync(at('read-only'), 0o400);
  chmodSync(at('empty'), 0o700);
  setTimes(root);
}

function sparse(path: Buffer, size: number, ...places: number[]): void {
  const fd = openSync(path, 'w');
  for (const place of places) writeSync(fd, Buffer.alloc(10_000, 'd'), 0, 10_000, place);
  ftruncateSync(fd, size);
  closeSync(fd);
}

/** What is in a directory first, so that none is changed by another. */
function setTimes(root: string): void {
  for (const [i, path] of pathsBelow(Buffer.from(root)).entries()) {
    const seconds = 1_600_000_000 + i + 0.123456;
    lutimesSync(path, seconds, seconds);
  }
}

/** Also of what comes from one that was started without a terminal or a language. */
function run(program: string, args: string[], cwd: string): void {
  execFileSync(program, args, { cwd, stdio: 'ignore', env: { LC_ALL: 'C.UTF-8', PATH: '/usr/bin:/bin' } });
}

const gnuFormats = ['gnu', 'oldgnu', 'posix', 'pax'];
const makers: [string, string, string[], TreeLookOptions][] = [
  ...gnuFormats.map((format): [string, string, string[], TreeLookOptions] => [
    `GNU tar in format ${format}`,
    gnuTar,
    [`--format=${format}`],
    { times: ['posix', 'pax'].includes(format) ? 'nanoseconds' : 'seconds', links: false, owners: false },
  ]),
  ...['0.0', '0.1', '1.0'].map((version): [string, string, string[], TreeLookOptions] => [
    `GNU tar with holes as PAX ${version} has them`,
    gnuTar,
    ['--format=pax', '--sparse', `--sparse-version=${version}`],
    { links: false, owners: false },
  ]),
  [
    'GNU tar with holes as it had them first',
    gnuTar,
    ['--format=gnu', '--sparse'],
    { times: 'seconds', links: false, owners: false },
  ],
  ['bsdtar in format pax', bsdTar, ['--format=pax'], { links: false, owners: false }],
  ['bsdtar in its own format', bsdTar, [], { times: 'seconds', links: false, owners: false }],
  ['bsdtar in format gnutar', bsdTar, ['--format=gnutar'], { times: 'seconds', links: false, owners: false }],
];

for (const [name, program, args, options] of makers) {
  const skip = !existsSync(program) && `no ${program}`;

  test(`an archive of ${name} restores identically (backups 15.2)`, { skip }, async (t) => {
    const restore = new RestoreBench(t);
    const source = restore.path('source');
    mkdirSync(source);
    fillTree(source);
    const archive = restore.path('archive.tar.gz');
    run(program, [...args, '-czf', archive, '.'], source);
    const facts = await restore.restore(archive);
    assert.deepEqual(lookOfTree(restore.root, options), lookOfTree(source, options));
    assert.deepEqual(facts.warnings, []);
    assertHoles(restore.root);
  });
}

test('an archive in zstd by another tool restores identically', { skip: !existsSync('/usr/bin/zstd') }, async (t) => {
  const restore = new RestoreBench(t);
  const source = restore.path('source');
  mkdirSync(source);
  fillTree(source);
  const tar = restore.path('archive.tar');
  run(gnuTar, ['--format=pax', '-cf', tar, '.'], source);
  run('/usr/bin/zstd', ['-q', '-3', tar], restore.base);
  await restore.restore(`${tar}.zst`);
  const options = { links: false, owners: false };
  assert.deepEqual(lookOfTree(restore.root, options), lookOfTree(source, options));
});

test('an archive as Wings lays it out restores: files only, owner root, parents made (backups 15.2)', async (t) => {
  const restore = new RestoreBench(t);
  const source = restore.path('source');
  mkdirSync(source);
  fillTree(source);
  const archive = restore.path('archive.tar.gz');
  const files = restore.path('files');
  execFileSync('/usr/bin/find', ['.', '-type', 'f', '-fprintf', files, '%P\\0'], { cwd: source });
  const args = [
    '--format=pax',
    '--pax-option=delete=atime,delete=ctime',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--hard-dereference',
    '--no-recursion',
  ];
  run(gnuTar, [...args, '--null', '-T', files, '-czf', archive], source);
  await restore.restore(archive);
  const options = { links: false, owners: false };
  const isFile = (line: string) => !line.includes(' -> ') && !line.includes('/ ');
  assert.deepEqual(lookOfTree(restore.root, options).filter(isFile), lookOfTree(source, options).filter(isFile));
  assert.equal(existsSync(join(restore.root, 'empty')), false);
  const { mode, uid, gid } = statSync(join(restore.root, 'world/region'));
  assert.deepEqual([mode & 0o7777, uid, gid], [0o755, restore.owner.uid, restore.owner.gid]);
});

const ourWays: [string, Partial<CreatePlan>][] = [
  ['as it is made', {}],
  ['in posix entries', { tarEntries: 'posix' }],
  ['in zstd', { format: 'zstd' }],
  ['stored', { level: 'none' }],
];

for (const [name, overrides] of ourWays) {
  test(`our archive ${name} restores identically, by every way (backups 15.2)`, async (t) => {
    const restore = new RestoreBench(t);
    const source = restore.path('source');
    mkdirSync(source);
    fillTree(source);
    const wanted = lookOfTree(source, { times: 'seconds' });
    const archive = restore.path('archive.tar.gz');
    const made = await ourArchive(source, archive, overrides);
    const verified = await restore.verify(archive, { checksum: made.checksum });
    assert.deepEqual(
      [verified.entries, verified.contentBytes, verified.size],
      [made.entries, made.contentBytes, made.size],
    );
    const facts = await restore.restore(archive, { checksum: made.checksum });
    assert.deepEqual(lookOfTree(restore.root, { times: 'seconds' }), wanted);
    assert.equal(facts.files, made.entries);
    assertHoles(restore.root);
    await restore.inPlace(archive);
    assert.deepEqual(lookOfTree(restore.root, { times: 'seconds' }), wanted);
    // Directories that are there would keep their times.
    rmSync(restore.root, { recursive: true });
    mkdirSync(restore.root);
    await restore.inPlace(archive, { mode: 'merge' });
    assert.deepEqual(lookOfTree(restore.root, { times: 'seconds' }), wanted);
  });
}

function assertHoles(root: string): void {
  const { blocks, size } = statSync(join(root, 'sparse'));
  assert.equal(size, 4 * mebibyte);
  assert.ok(blocks * 512 < mebibyte / 2, `${blocks} blocks`);
  assert.ok(statSync(join(root, 'sparse-end')).blocks * 512 < mebibyte / 2);
}

test('random trees come back identical: names of any bytes, sizes around the edges of blocks (backups 15.2)', async (t) => {
  for (let round = 0; round < 8; round++) {
    const restore = new RestoreBench(t);
    const source = restore.path('source');
    mkdirSync(source);
    const seed = 1 + round * 7919;
    new RandomTree(seed).fill(source);
    const archive = restore.path('archive.tar.gz');
    const way = ourWays[round % ourWays.length]?.[1] ?? {};
    await ourArchive(source, archive, way);
    await restore.restore(archive);
    const wanted = lookOfTree(source, { times: 'seconds' });
    assert.deepEqual(lookOfTree(restore.root, { times: 'seconds' }), wanted, `seed ${seed}`);
  }
});

test('only the wanted paths are restored, with what is below them, and each must be there', async (t) => {
  const restore = new RestoreBench(t);
  const source = restore.path('source');
  mkdirSync(source);
  fillTree(source);
  const archive = restore.path('archive.tar.gz');
  await ourArchive(source, archive);
  writeFileSync(join(restore.root, 'kept'), 'x');
  const facts = await restore.restore(archive, { mode: 'merge', paths: ['world/region', 'run.sh', './empty/'] });
  assert.equal(facts.files, 2);
  assert.deepEqual(readdirSync(restore.root).sort(), ['empty', 'kept', 'run.sh', 'world']);
  assert.deepEqual(readdirSync(join(restore.root, 'world')), ['region']);
  assert.equal(statSync(join(restore.root, 'empty')).mode & 0o777, 0o700);
  for (const paths of [['missing'], ['run.sh', 'world/none']]) {
    assert.equal(await failureCode(restore.stage(archive, { mode: 'merge', paths })), 'NOT_FOUND');
  }
  assert.equal(await failureCode(restore.stage(archive, { mode: 'merge', paths: ['../x'] })), 'UNSAFE_NAME');
});

async function extracted(archive: string, path: string): Promise<{ facts: PathFacts; bytes: Buffer }> {
  const output = new PassThrough();
  const found: PathFacts[] = [];
  const reading = buffer(output);
  await readPath({ kind: 'read-path', archive, path }, archiveJob(), output, (facts) => found.push(facts));
  const [facts] = found;
  assert.ok(facts && found.length === 1);
  return { facts, bytes: await reading };
}

for (const [name, overrides] of ourWays.slice(0, 2)) {
  test(`one path comes out of our archive ${name}: a file as it is, a directory as a tar`, async (t) => {
    const restore = new RestoreBench(t);
    const source = restore.path('source');
    mkdirSync(source);
    fillTree(source);
    const archive = restore.path('archive.tar.gz');
    await ourArchive(source, archive, overrides);
    for (const path of ['world/region/r.0.0.mca', 'sparse-end', 'empty-file', 'world/level.dat.linked']) {
      const { facts, bytes } = await extracted(archive, path);
      assert.equal(facts.type, 'file');
      assert.equal(facts.size, bytes.length);
      assert.ok(bytes.equals(readFileSync(join(source, path))), path);
    }
    for (const [path, names] of [
      ['world', ['world']],
      ['empty', ['empty']],
      ['', readdirSync(source)],
    ] as const) {
      const { facts, bytes } = await extracted(archive, path);
      assert.equal(facts.type, 'directory');
      const into = restore.path(`into-${path}`);
      mkdirSync(into);
      execFileSync(gnuTar, ['-xf', '-', '-C', into], { input: bytes });
      const options = { times: 'none', links: false, owners: false } as const;
      const wanted = lookOfTree(source, options);
      const isWanted = (line: string) => path === '' || line.startsWith(`${path}/`);
      assert.deepEqual(readdirSync(into).sort(), [...names].sort());
      assert.deepEqual(lookOfTree(into, options), wanted.filter(isWanted));
    }
    const missing = new PassThrough();
    const work = readPath({ kind: 'read-path', archive, path: 'none' }, archiveJob(), missing, () => assert.fail());
    assert.equal(await failureCode(work), 'NOT_FOUND');
  });
}

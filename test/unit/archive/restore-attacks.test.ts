// Archives made to harm: names and links that lead out of the server's directory, numbers that lie, entries without end.
// Each fails before anything of the server is touched, or restores to something harmless, and memory stays bounded.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createGzip, gzipSync } from 'node:zlib';
import { ArchiveError } from '../../../src/archive/runner.ts';
import { endBlocks, gnuMagic, paxHeader, paxRecord, rawEntry, tarGzip, v7Magic } from '../../support/raw-tar.ts';
import { failureCode, noLimits, RestoreBench } from '../../support/restore-bench.ts';
import { lookOfTree } from '../../support/tree-look.ts';

function bench(t: TestContext): RestoreBench {
  const restore = new RestoreBench(t);
  mkdirSync(join(restore.root, 'world'));
  writeFileSync(join(restore.root, 'world/level.dat'), 'precious');
  writeFileSync(join(restore.outside, 'canary'), 'untouched');
  return restore;
}

/** Verifying and staging both answer this, and nothing was touched. */
async function refused(t: TestContext, archive: Buffer, code: string, name?: RegExp): Promise<void> {
  const restore = bench(t);
  const file = restore.path('evil.tar.gz');
  writeFileSync(file, archive);
  const before = lookOfTree(restore.root);
  for (const work of [() => restore.verify(file), () => restore.stage(file)]) {
    await assert.rejects(work(), (error) => {
      assert.ok(error instanceof ArchiveError, String(error));
      assert.equal(error.code, code, error.message);
      if (name) assert.match(error.message, name);
      assert.doesNotMatch(error.message, /\/tmp\//);
      return true;
    });
  }
  assert.deepEqual(lookOfTree(restore.root), before);
  assert.equal(readFileSync(join(restore.root, 'world/level.dat'), 'utf8'), 'precious');
  assert.deepEqual(readdirSync(restore.outside), ['canary']);
}

const longName = Buffer.alloc(256, 'n');
const badNames: [string, Buffer, RegExp][] = [
  ['../ at the start', rawEntry({ name: '../evil' }), /leads upwards.*\.\.\/evil/],
  ['../ in the middle', rawEntry({ name: 'world/../../evil' }), /leads upwards/],
  ['.. at the end', rawEntry({ name: 'world/..', type: '5' }), /leads upwards/],
  ['an absolute name', rawEntry({ name: '/etc/evil' }), /absolute.*\/etc\/evil/],
  ['an absolute name by its prefix', rawEntry({ name: 'evil', prefix: '/etc' }), /absolute/],
  ['a drive', rawEntry({ name: 'C:\\evil' }), /drive/],
  ['a zero byte', Buffer.concat([paxHeader({ path: 'a\0b' }), rawEntry({})]), /zero byte/],
  ['a component that is too long', Buffer.concat([paxHeader({ path: longName }), rawEntry({})]), /too long/],
  ['no name at all', rawEntry({ name: '' }), /empty/],
  ['a file named .', rawEntry({ name: './.' }), /without a name/],
  [
    'a PAX path over a good name',
    Buffer.concat([paxHeader({ path: '../evil' }), rawEntry({ name: 'good' })]),
    /upwards/,
  ],
  ['a PAX path in pieces', Buffer.concat([paxHeader({ path: 'a/b/../../../evil' }), rawEntry({})]), /upwards/],
  ['a Solaris PAX path', Buffer.concat([paxHeader({ path: '/evil' }, 'X'), rawEntry({})]), /absolute/],
  [
    'a GNU long name',
    Buffer.concat([
      rawEntry({ name: '././@LongLink', type: 'L', magic: gnuMagic, content: '../../evil\0' }),
      rawEntry({ name: 'good', magic: gnuMagic }),
    ]),
    /upwards/,
  ],
  ['a sparse name', Buffer.concat([paxHeader({ 'GNU.sparse.name': '/evil' }), rawEntry({})]), /absolute/],
  ['a hard link to outside', rawEntry({ name: 'link', type: '1', linkName: '../../outside/canary' }), /upwards/],
  ['a hard link to an absolute name', rawEntry({ name: 'link', type: '1', linkName: '/etc/passwd' }), /absolute/],
  ['a symlink without a target', rawEntry({ name: 'link', type: '2' }), /cannot be.*link/],
  [
    'a symlink with a zero byte',
    Buffer.concat([paxHeader({ linkpath: 'a\0b' }), rawEntry({ name: 'l', type: '2' })]),
    /cannot be/,
  ],
];

for (const [what, entry, message] of badNames) {
  test(`${what} fails the whole restore and is named (covers: SEC-19, SEC-102) (backups 15.12)`, (t) =>
    refused(t, tarGzip(rawEntry({ name: 'first', content: 'x' }), entry), 'UNSAFE_NAME', message));
}

test('the entry of a bad name is shown in one line without control characters (covers: SEC-19)', async (t) => {
  const name = '../\n\x1b[2J\u202eevil';
  await refused(t, tarGzip(rawEntry({ name })), 'UNSAFE_NAME', /"\.\.\/\\n\\u001b\[2J\ufffdevil"$/);
});

test('a hard link to a file that is not in the archive fails, also to one of the server (covers: SEC-19)', (t) =>
  refused(t, tarGzip(rawEntry({ name: 'link', type: '1', linkName: 'world/level.dat' })), 'DAMAGED', /"link"/));

test('deeper than 128 directories fails', async (t) => {
  const deep = (levels: number) =>
    tarGzip(paxHeader({ path: `${'d/'.repeat(levels)}file` }), rawEntry({ content: 'x' }));
  await refused(t, deep(129), 'TOO_DEEP');
  const restore = bench(t);
  writeFileSync(restore.path('a.tar.gz'), deep(128));
  await restore.restore(restore.path('a.tar.gz'));
  assert.ok(existsSync(join(restore.root, 'd/'.repeat(128), 'file')));
});

test('nothing is ever written through a link of the archive, whatever the order (covers: SEC-19) (backups 15.12)', async (t) => {
  const link = (name: string) => rawEntry({ name, type: '2', linkName: '../../outside' });
  const archives = [
    tarGzip(link('door'), rawEntry({ name: 'door/evil', content: 'x' })),
    tarGzip(rawEntry({ name: 'door/evil', content: 'x' }), link('door'), rawEntry({ name: 'door/more', content: 'x' })),
    tarGzip(link('door'), rawEntry({ name: 'door', type: '5' }), rawEntry({ name: 'door/evil', content: 'x' })),
    tarGzip(link('door/canary'), rawEntry({ name: 'door/canary', content: 'x' })),
    tarGzip(
      rawEntry({ name: 'door', type: '2', linkName: '../../outside/canary' }),
      rawEntry({ name: 'door', content: 'x' }),
    ),
    tarGzip(link('a'), rawEntry({ name: 'b', type: '2', linkName: 'a' }), rawEntry({ name: 'b/evil', content: 'x' })),
  ];
  for (const [i, archive] of archives.entries()) {
    for (const way of ['stage', 'in-place'] as const) {
      const restore = bench(t);
      const file = restore.path('evil.tar.gz');
      writeFileSync(file, archive);
      if (way === 'stage') await restore.restore(file);
      else await restore.inPlace(file);
      assert.deepEqual(readdirSync(restore.outside), ['canary'], `archive ${i}`);
      assert.equal(readFileSync(join(restore.outside, 'canary'), 'utf8'), 'untouched');
    }
  }
});

test('links of the server itself are not followed when unpacking in place (covers: SEC-19)', async (t) => {
  const restore = bench(t);
  symlinkSync('../../outside', join(restore.root, 'door'));
  symlinkSync('../../outside/canary', join(restore.root, 'file'));
  const file = restore.path('a.tar.gz');
  writeFileSync(file, tarGzip(rawEntry({ name: 'door/x', content: 'x' }), rawEntry({ name: 'file', content: 'x' })));
  await restore.inPlace(file, { mode: 'merge' });
  assert.deepEqual(readdirSync(restore.outside), ['canary']);
  assert.equal(readFileSync(join(restore.outside, 'canary'), 'utf8'), 'untouched');
  assert.equal(readFileSync(join(restore.root, 'door/x'), 'utf8'), 'x');
});

test('a hard link is a copy: writing through it later changes nothing else (covers: SEC-19)', async (t) => {
  const restore = bench(t);
  const file = restore.path('a.tar.gz');
  const archive = tarGzip(
    rawEntry({ name: 'one', content: 'content' }),
    rawEntry({ name: 'two', type: '1', linkName: 'one' }),
    rawEntry({ name: 'one', type: '1', linkName: 'one' }),
  );
  writeFileSync(file, archive);
  const facts = await restore.restore(file);
  assert.deepEqual([facts.files, facts.bytes], [2, 14]);
  assert.equal(readFileSync(join(restore.root, 'two'), 'utf8'), 'content');
  assert.equal(statSync(join(restore.root, 'two')).nlink, 1);
});

test('devices, FIFOs and unknown kinds make nothing and are counted (covers: SEC-19)', async (t) => {
  const restore = bench(t);
  const file = restore.path('a.tar.gz');
  const kinds = ['3', '4', '6', 'Z', 'A'].map((type) => rawEntry({ name: `kind-${type}`, type }));
  writeFileSync(file, tarGzip(...kinds, rawEntry({ name: 'file', content: 'x' })));
  const facts = await restore.restore(file);
  assert.equal(facts.skipped, 5);
  assert.deepEqual(readdirSync(restore.root), ['file']);
});

test('set-uid, set-gid and sticky are dropped, whoever owned it (covers: SEC-05, SEC-23)', async (t) => {
  const restore = bench(t);
  const file = restore.path('a.tar.gz');
  const xattr = paxHeader({ 'SCHILY.xattr.security.capability': Buffer.alloc(20, 1), uid: '0', gid: '0' });
  const archive = tarGzip(
    xattr,
    rawEntry({ name: 'program', mode: '0007755\0', content: 'x' }),
    rawEntry({ name: 'directory', type: '5', mode: '0007711\0' }),
  );
  writeFileSync(file, archive);
  await restore.restore(file);
  assert.equal(statSync(join(restore.root, 'program')).mode & 0o7777, 0o755);
  assert.equal(statSync(join(restore.root, 'directory')).mode & 0o7777, 0o711);
  assert.equal(statSync(join(restore.root, 'program')).uid, restore.owner.uid);
});

test('names that some systems take for one stay two (covers: SEC-19)', async (t) => {
  const restore = bench(t);
  const file = restore.path('a.tar.gz');
  const names = ['caf\u00e9', 'cafe\u0301', 'CAF\u00c9', 'File', 'file'];
  writeFileSync(file, tarGzip(...names.map((name) => rawEntry({ name, content: name }))));
  await restore.restore(file);
  for (const name of names) assert.equal(readFileSync(join(restore.root, name), 'utf8'), name);
});

test('what comes twice is what it was last, whatever it was first', async (t) => {
  const restore = bench(t);
  const file = restore.path('a.tar.gz');
  const archive = tarGzip(
    rawEntry({ name: 'a', content: 'first' }),
    rawEntry({ name: 'a', content: 'second' }),
    rawEntry({ name: 'b/inner', content: 'first' }),
    rawEntry({ name: 'b', content: 'second' }),
    rawEntry({ name: 'c', content: 'first' }),
    rawEntry({ name: 'c/inner', content: 'second' }),
    rawEntry({ name: 'd', content: 'first' }),
    rawEntry({ name: 'd', type: '2', linkName: 'a' }),
    rawEntry({ name: 'e', type: '2', linkName: 'a' }),
    rawEntry({ name: 'e', content: 'second' }),
    rawEntry({ name: 'f', type: '2', linkName: 'first' }),
    rawEntry({ name: 'f', type: '2', linkName: 'second' }),
    rawEntry({ name: 'g', type: '5' }),
    rawEntry({ name: 'g', content: 'second' }),
  );
  writeFileSync(file, archive);
  await restore.restore(file);
  const read = (path: string) => readFileSync(join(restore.root, path), 'utf8');
  for (const path of ['a', 'b', 'c/inner', 'd', 'e', 'g']) assert.equal(read(path), 'second', path);
  assert.equal(readlinkSync(join(restore.root, 'd')), 'a');
  assert.equal(readlinkSync(join(restore.root, 'f')), 'second');
});

const base256 = (bytes: number[]) => Buffer.concat([Buffer.from(bytes), Buffer.alloc(12 - bytes.length, 0xff)]);
const badNumbers: [string, Buffer][] = [
  ['a negative size in base 256', rawEntry({ size: base256([0xff]) })],
  ['a size beyond all files in base 256', rawEntry({ size: base256([0x80, 0x7f]) })],
  ['a size that is no number', rawEntry({ size: '12x45678901\0' })],
  ['a negative size in octal', rawEntry({ size: '-0000000012\0' })],
  ['a PAX size that is no number', Buffer.concat([paxHeader({ size: '-1' }), rawEntry({})])],
  ['a PAX size beyond what a number holds', Buffer.concat([paxHeader({ size: '99999999999999999999' }), rawEntry({})])],
  ['a PAX time that is no number', Buffer.concat([paxHeader({ mtime: '1e400' }), rawEntry({})])],
  ['a PAX record longer than its header', rawEntry({ type: 'x', content: '99 path=evil\n' })],
  ['a PAX record without a newline', rawEntry({ type: 'x', content: '12 path=evil' })],
  ['a PAX record without a length', rawEntry({ type: 'x', content: ' path=evil\n' })],
  ['a PAX record of length zero', rawEntry({ type: 'x', content: '0 path=evil\n' })],
  ['a header sum that is wrong', rawEntry({ wrongSum: true })],
  ['a PAX header of 1 GiB', rawEntry({ type: 'x', size: '10000000000\0' })],
  ['a global header of 2 MiB', rawEntry({ type: 'g', size: '00010000000\0' })],
  ['a GNU long name of 1 GiB', rawEntry({ type: 'L', magic: gnuMagic, size: '10000000000\0' })],
  ['a volume of several', rawEntry({ type: 'M', magic: gnuMagic })],
  [
    'extents that overlap',
    Buffer.concat([paxHeader({ 'GNU.sparse.size': '10', 'GNU.sparse.map': '0,2,1,2' }), rawEntry({ content: 'abcd' })]),
  ],
  [
    'extents beyond the file',
    Buffer.concat([paxHeader({ 'GNU.sparse.size': '3', 'GNU.sparse.map': '0,4' }), rawEntry({ content: 'abcd' })]),
  ],
  [
    'extents of another length',
    Buffer.concat([paxHeader({ 'GNU.sparse.size': '9', 'GNU.sparse.map': '0,3' }), rawEntry({ content: 'abcd' })]),
  ],
  [
    'a map that never ends',
    Buffer.concat([
      paxHeader({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '9' }),
      rawEntry({ content: '9999\n0\n' }),
    ]),
  ],
  ['an entry cut short', rawEntry({ content: Buffer.alloc(2000) }).subarray(0, 1024)],
  ['half a header', rawEntry({}).subarray(0, 300)],
  ['a PAX header for no entry', paxHeader({ path: 'x' })],
];

for (const [what, entry] of badNumbers) {
  test(`${what} makes the archive damaged (covers: SEC-20, SEC-102)`, (t) => {
    const cut = entry.length % 512 !== 0 || what.includes('cut short');
    const first = rawEntry({ name: 'first', content: 'x' });
    const archive = cut ? gzipSync(Buffer.concat([first, entry])) : tarGzip(first, entry);
    // Before memory is taken for it, not only because it does not come.
    return refused(t, archive, 'DAMAGED', /[12] [GM]iB/.test(what) ? /longer than 1 MiB/ : undefined);
  });
}

test('too many entries fail, and so do too many headers between them (covers: SEC-20)', async (t) => {
  const restore = bench(t);
  const limits = { ...noLimits, entries: 1000 };
  const file = restore.path('a.tar.gz');
  writeFileSync(file, tarGzip(...Array.from({ length: 1001 }, (_, i) => rawEntry({ name: `file-${i}` }))));
  assert.equal(await failureCode(restore.verify(file, { limits })), 'TOO_MANY_ENTRIES');
  assert.equal(await failureCode(restore.stage(file, { limits })), 'TOO_MANY_ENTRIES');
  writeFileSync(file, tarGzip(...Array.from({ length: 9000 }, () => paxHeader({ path: 'x' }))));
  assert.equal(await failureCode(restore.verify(file, { limits })), 'TOO_MANY_ENTRIES');
  assert.deepEqual(readdirSync(restore.root), ['world']);
});

/** Content that is never held as a whole. */
async function endless(file: string, piece: Buffer, pieces: number, head: Buffer): Promise<void> {
  const gzip = createGzip({ level: 1 });
  gzip.pipe(createWriteStream(file));
  gzip.write(head);
  for (let i = 0; i < pieces; i++) {
    if (!gzip.write(piece)) await once(gzip, 'drain');
  }
  gzip.end();
  await once(gzip, 'end');
}

test('a bomb ends at the disk limit, and memory stays where it was (covers: SEC-20, SEC-14)', async (t) => {
  const restore = bench(t);
  const file = restore.path('bomb.tar.gz');
  const gibibyte = 1024 ** 3;
  const size = `${gibibyte.toString(8).padStart(11, '0')}\0`;
  const head = rawEntry({ name: 'bomb', size });
  await endless(file, Buffer.alloc(1024 ** 2), 1023, head);
  const limits = { ...noLimits, contentBytes: 100 * 1024 ** 2 };
  const before = process.memoryUsage().rss;
  assert.equal(await failureCode(restore.verify(file, { limits })), 'OVER_DISK_LIMIT');
  assert.equal(await failureCode(restore.stage(file, { limits })), 'OVER_DISK_LIMIT');
  // Without a limit it is a file of zeros, which takes no space; and here it was cut.
  assert.equal(await failureCode(restore.stage(file)), 'DAMAGED');
  assert.ok(process.memoryUsage().rss - before < 96 * 1024 ** 2, `${process.memoryUsage().rss - before} bytes more`);
  assert.deepEqual(readdirSync(restore.root), ['world']);
});

test('what follows the end of the tar is bounded too (covers: SEC-20)', async (t) => {
  const restore = bench(t);
  const file = restore.path('tail.tar.gz');
  await endless(file, Buffer.alloc(1024 ** 2), 70, Buffer.concat([rawEntry({ content: 'x' }), endBlocks]));
  assert.equal(await failureCode(restore.verify(file)), 'DAMAGED');
});

test('copies of hard links count against the disk limit, and merging counts the files that stay (covers: SEC-14)', async (t) => {
  const restore = bench(t);
  const file = restore.path('a.tar.gz');
  const limits = { ...noLimits, contentBytes: 2500 };
  const links = ['b', 'c'].map((name) => rawEntry({ name, type: '1', linkName: 'a' }));
  writeFileSync(file, tarGzip(rawEntry({ name: 'a', content: Buffer.alloc(1000) }), ...links));
  assert.equal(await failureCode(restore.verify(file, { limits })), 'OVER_DISK_LIMIT');
  assert.equal(await failureCode(restore.stage(file, { limits })), 'OVER_DISK_LIMIT');

  writeFileSync(file, tarGzip(rawEntry({ name: 'replaced', content: Buffer.alloc(2000) })));
  writeFileSync(join(restore.root, 'replaced'), Buffer.alloc(1000));
  assert.equal(await failureCode(restore.stage(file, { limits, mode: 'merge' })), 'no error');
  assert.equal(await failureCode(restore.inPlace(file, { limits, mode: 'merge' })), 'no error');
  writeFileSync(join(restore.root, 'stays'), Buffer.alloc(1000));
  assert.equal(await failureCode(restore.stage(file, { limits, mode: 'merge' })), 'OVER_DISK_LIMIT');
  assert.equal(await failureCode(restore.stage(file, { limits })), 'no error');
});

test('a sparse file is charged by its end, and takes no more space than it has content (covers: SEC-14)', async (t) => {
  const restore = bench(t);
  const file = restore.path('a.tar.gz');
  const head = paxHeader({ 'GNU.sparse.size': String(2 ** 40), 'GNU.sparse.map': '0,1', 'GNU.sparse.name': 'sparse' });
  writeFileSync(file, tarGzip(head, rawEntry({ content: 'x' })));
  const limits = { ...noLimits, contentBytes: 2 ** 30 };
  assert.equal(await failureCode(restore.stage(file, { limits })), 'OVER_DISK_LIMIT');
  await restore.stage(file);
  const { size, blocks } = statSync(join(restore.staging, 'new/sparse'));
  assert.equal(size, 2 ** 40);
  assert.ok(blocks < 100);
});

test('headers of the seventh edition and doubled PAX records are read as others read them', async (t) => {
  const restore = bench(t);
  const file = restore.path('a.tar.gz');
  const twice = Buffer.concat([paxRecord('path', Buffer.from('first')), paxRecord('path', Buffer.from('last'))]);
  const archive = tarGzip(
    rawEntry({ name: 'old/', type: '\0', magic: v7Magic }),
    rawEntry({ name: 'old/file', type: '\0', magic: v7Magic, content: 'x' }),
    rawEntry({ type: 'x', content: twice }),
    rawEntry({ name: 'field', content: 'y' }),
  );
  writeFileSync(file, archive);
  await restore.restore(file);
  assert.deepEqual(readdirSync(restore.root).sort(), ['last', 'old']);
  assert.equal(readFileSync(join(restore.root, 'old/file'), 'utf8'), 'x');
});

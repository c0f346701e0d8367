// An archive is read whole and right, or an error says that it is not: whatever byte is flipped and wherever it is cut,
// nobody is told of other content without an error after it. What Wings accepts is accepted, with a warning.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { constants, crc32, deflateRawSync, gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { zlibEngine } from '../../../src/archive/gzip/zlib.ts';
import type { Job } from '../../../src/archive/job.ts';
import { frameGzip, gzipHeaderBytes, gzipMemberLength, gzipTrailerBytes } from '../../../src/archive/member-format.ts';
import { combineCrc } from '../../../src/archive/read/crc-combine.ts';
import { readArchive } from '../../../src/archive/read/read-archive.ts';
import { ArchiveError } from '../../../src/archive/runner.ts';
import { ourArchive } from '../../support/our-archive.ts';
import { endBlocks, rawEntry, tarGzip } from '../../support/raw-tar.ts';
import { archiveJob, failureCode } from '../../support/restore-bench.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

interface Read {
  /** Of everything that was told. */
  digest: string;
  warnings: string[];
}

class Reader {
  readonly #file: string;
  readonly #job: Partial<Job>;

  constructor(t: TestContext, job: Partial<Job> = {}) {
    this.#file = join(temporaryDirectory(t), 'archive');
    this.#job = job;
  }

  async read(archive: Buffer, checksum?: string): Promise<Read> {
    writeFileSync(this.#file, archive);
    const hash = createHash('sha1');
    const tell = (value: unknown) => hash.update(JSON.stringify(value));
    const options = { archive: this.#file, readLimit: 0, mostEntries: 1000, ...(checksum ? { checksum } : {}) };
    const { warnings } = await readArchive(archiveJob(this.#job), options, {
      entry: tell,
      data: (bytes, at) => hash.update(`${at}`).update(bytes),
      fileEnd: () => tell('end'),
      manifest: tell,
    });
    return { digest: hash.digest('hex'), warnings };
  }

  /** `undefined`: an error said so. Any other error than that of an archive is a fault. */
  async digest(archive: Buffer): Promise<string | undefined> {
    try {
      return (await this.read(archive)).digest;
    } catch (error) {
      assert.ok(error instanceof ArchiveError, String(error));
      return undefined;
    }
  }
}

const entries = [
  rawEntry({ name: 'file', content: 'some content that is not long' }),
  rawEntry({ name: 'directory/', type: '5' }),
  rawEntry({ name: 'directory/other', content: Buffer.alloc(700, 'abcdefg') }),
];
const wingsLike = tarGzip(...entries);
const withoutEnd = gzipSync(Buffer.concat(entries));
const inTwoMembers = (tar: Buffer) => Buffer.concat([gzipSync(tar.subarray(0, 600)), gzipSync(tar.subarray(600))]);
const zstd = (tar: Buffer) => zstdCompressSync(tar, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });

async function ours(t: TestContext, overrides: Parameters<typeof ourArchive>[2] = {}): Promise<Buffer> {
  const directory = temporaryDirectory(t);
  const root = join(directory, 'root');
  mkdirSync(join(root, 'directory/empty'), { recursive: true });
  writeFileSync(join(root, 'file'), 'some content that is not long');
  writeFileSync(join(root, 'directory/other'), Buffer.alloc(700, 'abcdefg'));
  symlinkSync('nowhere', join(root, 'link'));
  const archive = join(directory, 'archive.tar.gz');
  await ourArchive(root, archive, overrides);
  return readFileSync(archive);
}

const kinds: [string, (t: TestContext) => Buffer | Promise<Buffer>][] = [
  ['of Wings', () => wingsLike],
  ['of several members', () => inTwoMembers(Buffer.concat([...entries, endBlocks]))],
  ['of ours', (t) => ours(t)],
  ['of ours in zstd', (t) => ours(t, { format: 'zstd' })],
  ['of others in zstd', () => zstd(Buffer.concat([...entries, endBlocks]))],
];

for (const [kind, make] of kinds) {
  for (const engine of ['fast', 'zlib'] as const) {
    if (engine === 'zlib' && kind.includes('zstd')) continue;
    const job = engine === 'zlib' ? { gzip: zlibEngine } : {};

    test(`each byte of an archive ${kind} flipped: an error, or the same content (${engine}) (covers: SEC-102) (backups 15.10)`, async (t) => {
      const archive = await make(t);
      const reader = new Reader(t, job);
      const { digest } = await reader.read(archive);
      for (const flip of engine === 'fast' && !kind.includes('ours') ? [0xff, 1] : [0x10]) {
        for (let at = 0; at < archive.length; at++) {
          const flipped = Buffer.from(archive);
          flipped[at] = (flipped[at] ?? 0) ^ flip;
          const got = await reader.digest(flipped);
          assert.ok(got === undefined || got === digest, `byte ${at} of ${archive.length}`);
        }
      }
    });

    if (engine === 'zlib' && kind !== 'of Wings') continue;
    test(`an archive ${kind} cut anywhere is an error (${engine}) (covers: SEC-102) (backups 15.10)`, async (t) => {
      const archive = await make(t);
      const reader = new Reader(t, job);
      for (let length = 0; length < archive.length; length++) {
        assert.equal(
          await reader.digest(archive.subarray(0, length)),
          undefined,
          `after ${length} of ${archive.length}`,
        );
      }
    });
  }
}

test('an archive of ours cut between members, where an entry ends, is an error all the same', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'root'));
  // With its header each of them is a member.
  for (let i = 0; i < 4; i++) writeFileSync(join(directory, `root/file-${i}`), Buffer.alloc(1024 ** 2 - 512, i));
  const path = join(directory, 'archive.tar.gz');
  await ourArchive(join(directory, 'root'), path);
  const archive = readFileSync(path);
  const reader = new Reader(t);
  assert.ok(await reader.digest(archive));
  let cuts = 0;
  const members = membersOf(archive);
  for (const i of members.keys()) {
    assert.equal(await reader.digest(Buffer.concat(members.slice(0, i))), undefined, `after ${i}`);
    assert.equal(await reader.digest(Buffer.concat(members.toSpliced(i, 1))), undefined, `without ${i}`);
    cuts += 1;
  }
  assert.ok(cuts >= 5, `${cuts} members`);
});

function member(content: Buffer, crc = crc32(content)): Buffer {
  const deflated = deflateRawSync(content);
  const bytes = Buffer.concat([Buffer.alloc(gzipHeaderBytes), deflated, Buffer.alloc(gzipTrailerBytes)]);
  frameGzip(bytes, deflated.length, { crc, bytes: content.length });
  return bytes;
}

test('a member of ours needs its own CRC, an archive of ours its manifest, whatever else is right', async (t) => {
  const reader = new Reader(t);
  const made = await ours(t);
  const [first = Buffer.alloc(0), last = Buffer.alloc(0)] = membersOf(made);
  assert.ok(await reader.digest(made));
  assert.equal(await failureCode(reader.read(Buffer.concat([member(gunzipSync(first), 1), last]))), 'DAMAGED');
  assert.equal(await failureCode(reader.read(Buffer.concat([first, member(endBlocks)]))), 'DAMAGED');
  assert.ok(await reader.digest(Buffer.concat([member(gunzipSync(first)), member(gunzipSync(last))])));
});

function membersOf(archive: Buffer): Buffer[] {
  const members: Buffer[] = [];
  for (let at = 0; at < archive.length; at += members.at(-1)?.length ?? archive.length) {
    members.push(archive.subarray(at, at + (gzipMemberLength(archive.subarray(at)) ?? archive.length)));
  }
  return members;
}

test('our archive reads the same when another tool has compressed it again', async (t) => {
  const archive = await ours(t);
  const reader = new Reader(t);
  const wanted = await reader.read(archive);
  const tar = gunzipSync(archive);
  for (const other of [gzipSync(tar), zstd(tar), tar]) assert.equal((await reader.read(other)).digest, wanted.digest);
});

test('what Wings accepts is accepted with a warning: no end blocks, bytes after the last member', async (t) => {
  const reader = new Reader(t);
  const wanted = await reader.read(wingsLike);
  assert.deepEqual(wanted.warnings, []);
  const endless = await reader.read(withoutEnd);
  assert.equal(endless.digest, wanted.digest);
  assert.deepEqual(endless.warnings, ['the archive has no end marks']);
  const halfEnded = await reader.read(gzipSync(Buffer.concat([...entries, endBlocks.subarray(512)])));
  assert.deepEqual(halfEnded.warnings, ['the archive has no end marks']);
  const trailing = await reader.read(Buffer.concat([wingsLike, Buffer.from('something else')]));
  assert.equal(trailing.digest, wanted.digest);
  assert.deepEqual(trailing.warnings, ['14 bytes after the end of the archive were ignored']);
  const ourTrailing = await reader.read(Buffer.concat([await ours(t), Buffer.from('something else')]));
  assert.equal(ourTrailing.warnings.length, 1);
});

test('no end blocks are an error where the archive may have been cut there', async (t) => {
  const reader = new Reader(t);
  const tar = Buffer.concat(entries);
  const half = entries[0]?.length ?? 0;
  const cut = [
    Buffer.concat([withoutEnd, Buffer.from('something else')]),
    Buffer.concat([gzipSync(tar.subarray(0, half)), gzipSync(tar.subarray(half))]),
    zstd(tar),
    tar,
  ];
  for (const archive of cut) assert.equal(await failureCode(reader.read(archive)), 'DAMAGED');
});

test('what is no archive is told from one that is damaged', async (t) => {
  const reader = new Reader(t);
  for (const other of ['', '\x1f', 'PK\x03\x04', '<html>not found</html>', 'x'.repeat(2000)]) {
    assert.equal(await failureCode(reader.read(Buffer.from(other))), 'NOT_AN_ARCHIVE', other.slice(0, 10));
  }
  assert.equal(await failureCode(reader.read(gzipSync(Buffer.alloc(0)))), 'NOT_AN_ARCHIVE');
  assert.equal(await failureCode(reader.read(gzipSync('text that is compressed but no tar'))), 'DAMAGED');
  assert.equal(await failureCode(reader.read(zstd(Buffer.from('text')))), 'DAMAGED');
});

test('an archive without entries is one, as Wings writes it', async (t) => {
  assert.deepEqual((await new Reader(t).read(tarGzip())).warnings, []);
});

test('the checksum of the file is compared, in either case, garbage at the end included (covers: SEC-102)', async (t) => {
  const reader = new Reader(t);
  for (const archive of [wingsLike, await ours(t), Buffer.concat([wingsLike, Buffer.from('garbage')])]) {
    const checksum = createHash('sha1').update(archive).digest('hex');
    assert.ok(await reader.read(archive, checksum));
    assert.ok(await reader.read(archive, checksum.toUpperCase()));
    assert.equal(await failureCode(reader.read(archive, checksum.replace(/^./, 'x'))), 'CHECKSUM_MISMATCH');
  }
});

test('all that a gzip header may have is skipped', async (t) => {
  const reader = new Reader(t);
  const wanted = await reader.read(wingsLike);
  const extra = Buffer.concat([Buffer.from([0xff, 0xff]), Buffer.alloc(0xffff, 'e')]);
  const name = Buffer.concat([Buffer.alloc(3000, 'n'), Buffer.alloc(1)]);
  const header = Buffer.from(wingsLike.subarray(0, 10));
  header[3] = 4 + 8 + 16 + 2;
  const all = Buffer.concat([header, extra, name, name, Buffer.alloc(2), wingsLike.subarray(10)]);
  assert.equal((await reader.read(all)).digest, wanted.digest);
});

test('zstd frames one after another, and skippable ones between them, are one stream', async (t) => {
  const reader = new Reader(t);
  const wanted = await reader.read(wingsLike);
  const tar = Buffer.concat([...entries, endBlocks]);
  const skippable = Buffer.concat([Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), Buffer.from('abc')]);
  const frames = Buffer.concat([skippable, zstd(tar.subarray(0, 777)), skippable, zstd(tar.subarray(777)), skippable]);
  assert.equal((await reader.read(frames)).digest, wanted.digest);
  assert.equal(await failureCode(reader.read(frames.subarray(0, -1))), 'DAMAGED');
});

test('the CRC of two pieces follows from theirs', () => {
  const data = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * i) % 251));
  for (const cut of [0, 1, 2, 511, 1024, 2999, 3000]) {
    const second = data.subarray(cut);
    assert.equal(combineCrc(crc32(data.subarray(0, cut)), crc32(second), second.length), crc32(data), `${cut}`);
  }
});

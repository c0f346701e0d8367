// Archives that somebody put in the place of a good one, each as long as that one was: the size alone tells nothing.
import { gzipSync } from 'node:zlib';
import { endBlocks, type RawEntry, rawEntry, tarGzip } from './raw-tar.ts';

const mebibyte = 1024 ** 2;
const many = 10_000_000;
const entriesInMember = 100_000;
const bombMemberBytes = 64 * mebibyte;

export interface BadArchive {
  what: string;
  /** Made from the good one. */
  make: (good: Buffer) => Buffer;
  /** The words of which one is the reason. */
  reason: RegExp;
  strategies: readonly ('staged' | 'in-place')[];
}

const wrongSum = /ChecksumMismatch/;
const unsafe = /UnsafeName/;
const damaged = /ArchiveDamaged/;
const tooMany = /TooManyEntries/;

export function badArchives(outside: string): BadArchive[] {
  const of = (...entries: RawEntry[]) => fitting(tarGzip(...entries.map(rawEntry)));
  const content = 'from the archive';
  const staged = ['staged'] as const;
  const both = ['staged', 'in-place'] as const;
  return [
    { what: 'cut', make: half, reason: damaged, strategies: staged },
    { what: 'cut and filled up', make: (good) => padded(half(good), good), reason: damaged, strategies: both },
    { what: 'flipped', make: flipped, reason: /ChecksumMismatch|ArchiveDamaged/, strategies: both },
    {
      what: 'no archive at all',
      make: (good) => Buffer.alloc(good.length, 'text '),
      reason: /NotAnArchive/,
      strategies: staged,
    },
    { what: 'of no bytes', make: () => Buffer.alloc(0), reason: damaged, strategies: staged },
    { what: 'of no files', make: fitting(tarGzip()), reason: wrongSum, strategies: both },
    {
      what: 'of a path upwards',
      make: of({ name: 'a', content }, { name: '../../out', content }),
      reason: unsafe,
      strategies: both,
    },
    { what: 'of an absolute path', make: of({ name: `${outside}/out`, content }), reason: unsafe, strategies: staged },
    {
      what: 'of a file through a link',
      make: of({ name: 'way', type: '2', linkName: outside }, { name: 'way/out', content }),
      reason: wrongSum,
      strategies: both,
    },
    {
      what: 'of a hard link outwards',
      make: of({ name: 'a', type: '1', linkName: '../../x' }),
      reason: unsafe,
      strategies: staged,
    },
    {
      what: 'of devices and FIFOs',
      make: of({ name: 'null', type: '3' }, { name: 'disk', type: '4' }, { name: 'pipe', type: '6' }),
      reason: wrongSum,
      strategies: staged,
    },
    { what: 'of 10 million files', make: fitting(files(many)), reason: tooMany, strategies: ['in-place'] },
    { what: 'of 10 million FIFOs', make: fitting(files(many, '6')), reason: tooMany, strategies: staged },
    { what: 'a bomb', make: fitting(bomb(8 * 1024 * mebibyte)), reason: /OverDiskLimit/, strategies: both },
  ];
}

function half(good: Buffer): Buffer {
  return good.subarray(0, good.length >> 1);
}

function flipped(good: Buffer): Buffer {
  const bytes = Buffer.from(good);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 0x10;
  return bytes;
}

function fitting(archive: Buffer): (good: Buffer) => Buffer {
  return (good) => padded(archive, good);
}

function padded(archive: Buffer, good: Buffer): Buffer {
  if (archive.length > good.length) throw new Error(`${archive.length} bytes are more than the good archive has`);
  return Buffer.concat([archive, Buffer.alloc(good.length - archive.length)]);
}

/** Without content, in members that are all the same. */
function files(count: number, type = '0'): Buffer {
  const headers = Buffer.alloc(entriesInMember * 512, rawEntry({ name: 'file', type }));
  const member = gzipSync(headers, { level: 9 });
  return Buffer.concat([...Array.from({ length: count / entriesInMember }, () => member), gzipSync(endBlocks)]);
}

/** One file of so many bytes, a thousandth of it in the archive. */
function bomb(bytes: number): Buffer {
  const size = `${bytes.toString(8).padStart(11, '0')}\0`;
  const member = gzipSync(Buffer.alloc(bombMemberBytes, 'boom'), { level: 9 });
  const members = Array.from({ length: bytes / bombMemberBytes }, () => member);
  return Buffer.concat([gzipSync(rawEntry({ name: 'bomb', size })), ...members, gzipSync(endBlocks)]);
}

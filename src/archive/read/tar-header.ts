// One header block of a tar, read: POSIX ustar, GNU, star and the seventh edition before them. Names and link targets are
// bytes. What a field cannot be makes the archive damaged; nothing is guessed.
import { ArchiveError } from '../runner.ts';
import { tarBlockBytes, tarField } from '../tar-format.ts';

export interface TarHeader {
  type: number;
  name: Buffer;
  linkName: Buffer;
  mode: number;
  /** Bytes of content that follow, or that the header claims. */
  size: number;
  /** Whole seconds. */
  mtime: number;
}

interface Field {
  at: number;
  bytes: number;
}

const gnuMagic = Buffer.from('ustar  \0');
const posixMagic = Buffer.from('ustar\0');
const starMagic = { bytes: Buffer.from('tar\0'), at: 508, prefixBytes: 131 } as const;
const space = 0x20;
const zero = 0x30;
const seven = 0x37;
const slash = Buffer.from('/');

/** The checksum is right. @throws ArchiveError DAMAGED */
export function parseTarHeader(block: Buffer): TarHeader {
  checkSum(block);
  const name = text(block, tarField.name);
  const prefix = prefixOf(block);
  return {
    type: block[tarField.type.at] ?? 0,
    name: prefix.length > 0 ? Buffer.concat([prefix, slash, name]) : name,
    linkName: text(block, tarField.linkName),
    mode: tarNumber(block, tarField.mode) & 0o7777,
    size: tarSize(block, tarField.size),
    mtime: tarNumber(block, tarField.mtime),
  };
}

export function isGnuHeader(block: Buffer): boolean {
  return block.compare(gnuMagic, 0, gnuMagic.length, tarField.magic.at, tarField.magic.at + gnuMagic.length) === 0;
}

/** A number that is no length and no offset if it is below zero or beyond what a double holds. @throws ArchiveError DAMAGED */
export function tarSize(block: Buffer, field: Field): number {
  const value = tarNumber(block, field);
  if (value < 0) throw new ArchiveError('DAMAGED', 'the archive has an entry of negative size');
  return value;
}

function tarNumber(block: Buffer, field: Field): number {
  const first = block[field.at] ?? 0;
  return first & 0x80 ? base256(block, field) : octal(block, field);
}

/** Two's complement, big endian; the first bit says only that it is this form, the second is the sign. */
function base256(block: Buffer, { at, bytes }: Field): number {
  const negative = ((block[at] ?? 0) & 0x40) !== 0;
  let value = negative ? -1n : 0n;
  for (let i = 0; i < bytes; i++) {
    const byte = block[at + i] ?? 0;
    value = (value << 8n) | BigInt(i === 0 ? (negative ? byte | 0x80 : byte & 0x7f) : byte);
  }
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new ArchiveError('DAMAGED', 'a number in the archive is too large');
  return number;
}

/** Spaces before it, and NUL or space after it; nothing at all is 0. */
function octal(block: Buffer, { at, bytes }: Field): number {
  const end = at + bytes;
  let i = at;
  while (i < end && block[i] === space) i++;
  let value = 0;
  for (; i < end; i++) {
    const digit = block[i] ?? 0;
    if (digit < zero || digit > seven) break;
    value = value * 8 + digit - zero;
  }
  for (; i < end; i++) {
    if (block[i] !== 0 && block[i] !== space) {
      throw new ArchiveError('DAMAGED', 'a number in the archive has other characters than digits');
    }
  }
  return value;
}

/** Bytes are summed without a sign, with a sign by some old writers; the sum's own field counts as spaces. */
function checkSum(block: Buffer): void {
  const { at, bytes } = tarField.checksum;
  let sum = 0;
  let high = 0;
  for (let i = 0; i < tarBlockBytes; i++) {
    const byte = block[i] ?? 0;
    sum += byte;
    high += byte >> 7;
  }
  for (let i = at; i < at + bytes; i++) {
    const byte = block[i] ?? 0;
    sum += space - byte;
    high -= byte >> 7;
  }
  const stated = octal(block, tarField.checksum);
  if (stated !== sum && stated !== sum - 256 * high) {
    throw new ArchiveError('DAMAGED', 'the header of an entry does not match its checksum');
  }
}

/** Directories before the name. GNU puts other things there. */
function prefixOf(block: Buffer): Buffer {
  const { at, bytes } = tarField.prefix;
  if (block.compare(posixMagic, 0, posixMagic.length, tarField.magic.at, tarField.magic.at + posixMagic.length) !== 0) {
    return Buffer.alloc(0);
  }
  const isStar = starMagic.bytes.equals(block.subarray(starMagic.at, starMagic.at + starMagic.bytes.length));
  return text(block, { at, bytes: isStar ? starMagic.prefixBytes : bytes });
}

/** Up to the first NUL; a copy, as the block is used again. */
function text(block: Buffer, { at, bytes }: Field): Buffer {
  const field = block.subarray(at, at + bytes);
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end));
}

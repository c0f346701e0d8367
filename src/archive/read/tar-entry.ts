// What one entry of a tar is, out of its header and of those before it that say more than a header holds.
import { tarType } from '../tar-format.ts';
import { type PaxRecord, paxSize, paxTime, type Time } from './pax.ts';
import { PaxSparse } from './sparse.ts';
import type { TarHeader } from './tar-header.ts';

export interface TarEntry {
  type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  /** As it is written in the archive: not checked. */
  name: Buffer;
  /** Of a link; not checked. */
  target: Buffer;
  /** 12 bits. */
  mode: number;
  mtime: Time;
  /** Of the file, holes included. 0 for all but files. */
  size: number;
}

/** Kinds beyond those of `tarType`. */
export const oldTypes = {
  v7File: 0,
  contiguous: 0x37,
  gnuSparse: 0x53,
  gnuLongName: 0x4c,
  gnuLongLink: 0x4b,
  gnuDumpDirectory: 0x44,
  gnuVolumeLabel: 0x56,
  gnuContinued: 0x4d,
  solarisPax: 0x58,
} as const;

const slash = 0x2f;

const meta: ReadonlySet<number> = new Set([
  tarType.paxNext,
  tarType.paxGlobal,
  oldTypes.solarisPax,
  oldTypes.gnuLongName,
  oldTypes.gnuLongLink,
]);
const headerOnly: ReadonlySet<number> = new Set([
  tarType.hardLink,
  tarType.symlink,
  tarType.characterDevice,
  tarType.blockDevice,
  tarType.directory,
  tarType.fifo,
]);

/** What earlier headers said of the next entry. */
export interface Ahead {
  name?: Buffer;
  target?: Buffer;
  size?: number;
  mtime?: Time;
  sparse: PaxSparse;
}

export function nothingAhead(): Ahead {
  return { sparse: new PaxSparse() };
}

export function typeOf({ type, name }: TarHeader, ahead: Ahead | undefined): TarEntry['type'] {
  switch (type) {
    case tarType.file:
    case oldTypes.v7File:
    case oldTypes.contiguous:
      // The seventh edition knew directories by this alone.
      return (ahead?.sparse.name ?? ahead?.name ?? name).at(-1) === slash ? 'directory' : 'file';
    case tarType.directory:
    case oldTypes.gnuDumpDirectory:
      return 'directory';
    case tarType.symlink:
      return 'symlink';
    case tarType.hardLink:
      return 'hardlink';
    default:
      return 'other';
  }
}

export function hasContent(type: number): boolean {
  return !headerOnly.has(type);
}

/** It says something of what comes after it. */
export function isMeta(type: number): boolean {
  return meta.has(type);
}

export function entryOf(type: TarEntry['type'], header: TarHeader, ahead: Ahead | undefined, size: number): TarEntry {
  return {
    type,
    name: ahead?.sparse.name ?? ahead?.name ?? header.name,
    target: ahead?.target ?? header.linkName,
    mode: header.mode,
    mtime: ahead?.mtime ?? { seconds: header.mtime, nanoseconds: 0 },
    size,
  };
}

/** A later record of the same key wins; an empty value takes it back. */
export function applyRecord(ahead: Ahead, record: PaxRecord): void {
  const { key, value } = record;
  if (ahead.sparse.read(record)) return;
  const isSet = value.length > 0;
  if (key === 'path') setOrDelete(ahead, 'name', isSet ? Buffer.from(value) : undefined);
  else if (key === 'linkpath') setOrDelete(ahead, 'target', isSet ? Buffer.from(value) : undefined);
  else if (key === 'size') setOrDelete(ahead, 'size', isSet ? paxSize(value) : undefined);
  else if (key === 'mtime') setOrDelete(ahead, 'mtime', isSet ? paxTime(value) : undefined);
}

function setOrDelete<K extends 'name' | 'target' | 'size' | 'mtime'>(ahead: Ahead, key: K, value: Ahead[K]): void {
  if (value === undefined) delete ahead[key];
  else ahead[key] = value;
}

export function withoutNuls(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.subarray(0, end);
}

// The blocks before the content of an entry: a ustar header and, where that cannot say everything, PAX records before it.
// All of it goes into one buffer that is used again, because there may be a million entries.
import { tarBlockBytes, tarField, tarOctalLimit, tarPadding, tarType } from '../tar-format.ts';

export interface EntryMeta {
  type: number;
  /** Bytes, relative; a directory's without a slash at its end. */
  path: Buffer;
  /** 12 bits. */
  mode: number;
  size: number;
  /** Whole seconds; may be before 1970. */
  mtime: number;
  /** Of a symlink. */
  target?: Buffer;
}

const zero = 0x30;
const space = 0x20;
const slash = 0x2f;
const newline = Buffer.from('\n');
const spacesOfChecksum = tarField.checksum.bytes * space;

/** POSIX wants any name here; this one cannot be that of a file of a server. */
const paxName = Buffer.from('PaxHeaders/entry');
const paxMode = 0o644;
const magic = Buffer.from('ustar\u000000', 'latin1');

export class EntryHeader {
  /** The blocks, `bytes` of them. */
  buffer = Buffer.alloc(4 * tarBlockBytes);
  bytes = 0;

  /** Fills the buffer with what stands before the content of this entry. */
  write(meta: EntryMeta): void {
    this.bytes = 0;
    const path = meta.type === tarType.directory ? Buffer.concat([meta.path, Buffer.from([slash])]) : meta.path;
    const split = isAscii(path) ? splitAt(path) : undefined;
    const records = paxRecords(meta, split === undefined ? path : undefined);
    if (records.length > 0) {
      this.#block({ type: tarType.paxNext, mode: paxMode, size: totalBytes(records), mtime: 0 }, paxName, 0);
      this.#append(records);
    }
    this.#block(meta, path, split);
  }

  /** Records that are of no entry: the manifest. */
  writeGlobal(records: readonly Buffer[]): void {
    this.bytes = 0;
    this.#block({ type: tarType.paxGlobal, mode: paxMode, size: totalBytes(records), mtime: 0 }, paxName, 0);
    this.#append(records);
  }

  /** `split`: where the name begins in the path; `undefined`: it does not fit, and readers take it from the records. */
  #block(meta: Omit<EntryMeta, 'path'>, path: Buffer, split: number | undefined): void {
    const at = this.#room(tarBlockBytes);
    const block = this.buffer.subarray(at, at + tarBlockBytes);
    block.fill(0);
    const nameAt = split ?? 0;
    if (nameAt > 0) path.copy(block, tarField.prefix.at, 0, nameAt - 1);
    copyAscii(path.subarray(nameAt), block, tarField.name);
    octal(block, tarField.mode, meta.mode);
    octal(block, tarField.uid, 0);
    octal(block, tarField.gid, 0);
    octal(block, tarField.size, meta.size < tarOctalLimit ? meta.size : 0);
    octal(block, tarField.mtime, fitsTime(meta.mtime) ? meta.mtime : 0);
    octal(block, tarField.deviceMajor, 0);
    octal(block, tarField.deviceMinor, 0);
    block[tarField.type.at] = meta.type;
    if (meta.target) copyAscii(meta.target, block, tarField.linkName);
    magic.copy(block, tarField.magic.at);
    checksum(block);
  }

  #append(records: readonly Buffer[]): void {
    const bytes = totalBytes(records);
    const padding = tarPadding(bytes);
    let at = this.#room(bytes + padding);
    for (const record of records) at += record.copy(this.buffer, at);
    this.buffer.fill(0, at, at + padding);
  }

  /** Where they begin. */
  #room(bytes: number): number {
    const at = this.bytes;
    this.bytes += bytes;
    if (this.bytes > this.buffer.length) {
      const larger = Buffer.alloc(Math.max(this.bytes, 2 * this.buffer.length));
      this.buffer.copy(larger, 0, 0, at);
      this.buffer = larger;
    }
    return at;
  }
}

/** `<length> <key>=<value>` and a newline, the length counting its own digits too. */
export function paxRecord(key: string, value: Buffer): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (rest + String(length).length > length) length += 1;
  return Buffer.concat([Buffer.from(`${length} ${key}=`, 'latin1'), value, newline]);
}

/** `path`: the one that no field holds. */
function paxRecords({ size, mtime, target }: EntryMeta, path: Buffer | undefined): Buffer[] {
  const records: Buffer[] = [];
  if (path) records.push(paxRecord('path', path));
  if (target && (target.length > tarField.linkName.bytes || !isAscii(target))) {
    records.push(paxRecord('linkpath', target));
  }
  if (size >= tarOctalLimit) records.push(paxRecord('size', Buffer.from(String(size))));
  if (!fitsTime(mtime)) records.push(paxRecord('mtime', Buffer.from(String(mtime))));
  return records;
}

/** Where the name begins when what is before it goes into the prefix; 0: it needs none; `undefined`: it does not fit. */
function splitAt(path: Buffer): number | undefined {
  if (path.length <= tarField.name.bytes) return 0;
  if (path.length > tarField.prefix.bytes + 1 + tarField.name.bytes) return undefined;
  // As late as the prefix allows; the slash at the end of a directory's name is not one to split at.
  const last = path.lastIndexOf(slash, Math.min(tarField.prefix.bytes, path.length - 2));
  return last > 0 && path.length - last - 1 <= tarField.name.bytes ? last + 1 : undefined;
}

function fitsTime(mtime: number): boolean {
  return mtime >= 0 && mtime < tarOctalLimit;
}

function isAscii(text: Buffer): boolean {
  for (let i = 0; i < text.length; i++) {
    if ((text[i] ?? 0) >= 0x80) return false;
  }
  return true;
}

/** What does not fit is cut, what is not ASCII becomes `_`: old readers have at least something. */
function copyAscii(text: Buffer, block: Buffer, { at, bytes }: { at: number; bytes: number }): void {
  const end = Math.min(text.length, bytes);
  for (let i = 0; i < end; i++) {
    const byte = text[i] ?? 0;
    block[at + i] = byte < 0x80 ? byte : 0x5f;
  }
}

/** Digits with zeros before them, and a NUL. */
function octal(block: Buffer, { at, bytes }: { at: number; bytes: number }, value: number): void {
  let rest = value;
  for (let i = at + bytes - 2; i >= at; i--) {
    block[i] = zero + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}

/** The sum of all bytes, its own field counting as spaces: six digits, NUL, space. */
function checksum(block: Buffer): void {
  let sum = spacesOfChecksum;
  for (let i = 0; i < tarBlockBytes; i++) sum += block[i] ?? 0;
  const { at, bytes } = tarField.checksum;
  octal(block, { at, bytes: bytes - 1 }, sum);
  block[at + bytes - 1] = space;
}

function totalBytes(records: readonly Buffer[]): number {
  return records.reduce((total, { length }) => total + length, 0);
}

// Tar archives entry by entry, with fields that no honest writer would write.
import { gzipSync } from 'node:zlib';

export interface RawEntry {
  name?: string | Buffer;
  type?: string;
  mode?: string;
  /** As text of the field, or bytes of it. Default: the octal length of `content`. */
  size?: string | Buffer;
  mtime?: string;
  linkName?: string;
  prefix?: string;
  /** Default POSIX. */
  magic?: Buffer;
  content?: Buffer | string;
  /** Bytes from 345 on, for the fields of GNU. */
  tail?: Buffer;
  wrongSum?: boolean;
}

const blockBytes = 512;
export const posixMagic = Buffer.from('ustar\u000000');
export const gnuMagic = Buffer.from('ustar  \0');
export const v7Magic = Buffer.alloc(8);
export const endBlocks = Buffer.alloc(2 * blockBytes);

export function rawEntry(entry: RawEntry): Buffer {
  const content = Buffer.from(entry.content ?? '');
  const block = Buffer.alloc(blockBytes);
  const put = (value: string | Buffer, at: number, bytes: number) => Buffer.from(value).copy(block, at, 0, bytes);
  put(entry.name ?? 'file', 0, 100);
  put(entry.mode ?? '0000644\0', 100, 8);
  put('0000000\0', 108, 8);
  put('0000000\0', 116, 8);
  put(entry.size ?? `${content.length.toString(8).padStart(11, '0')}\0`, 124, 12);
  put(entry.mtime ?? '14000000000\0', 136, 12);
  put(entry.type ?? '0', 156, 1);
  put(entry.linkName ?? '', 157, 100);
  put(entry.magic ?? posixMagic, 257, 8);
  put(entry.prefix ?? '', 345, 155);
  if (entry.tail) put(entry.tail, 345, 167);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, entry.wrongSum ? 1 : 0);
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8);
  return Buffer.concat([block, padded(content)]);
}

export function paxHeader(records: Record<string, string | Buffer>, type = 'x'): Buffer {
  const content = Buffer.concat(Object.entries(records).map(([key, value]) => paxRecord(key, Buffer.from(value))));
  return rawEntry({ name: 'pax', type, content });
}

export function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length += 1;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** Ended, and in one gzip member, as Wings does it. */
export function tarGzip(...entries: Buffer[]): Buffer {
  return gzipSync(Buffer.concat([...entries, endBlocks]), { level: 1 });
}

function padded(content: Buffer): Buffer {
  const over = content.length % blockBytes;
  return over === 0 ? content : Buffer.concat([content, Buffer.alloc(blockBytes - over)]);
}

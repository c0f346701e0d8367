// An archive taken apart by other means than the product's own: zlib and the few bytes of the format that a test needs.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync, inflateSync } from 'node:zlib';
import type { ManifestHead, ManifestRecord, ManifestTail } from '../../src/archive/manifest-format.ts';

const blockBytes = 512;

export interface RawTarEntry {
  type: string;
  name: Buffer;
  content: Buffer;
  /** The header block itself. */
  block: Buffer;
}

/** Every header of the tar stream in its order, PAX ones too. Fails unless two blocks of zeros are the end. */
export function rawEntries(archive: string): RawTarEntry[] {
  const tar = gunzipSync(readFileSync(archive));
  const entries: RawTarEntry[] = [];
  let at = 0;
  let pax: Map<string, Buffer> | undefined;
  for (; (tar[at] ?? 0) !== 0 || tar[at + 257] !== 0; ) {
    const block = tar.subarray(at, at + blockBytes);
    const type = String.fromCharCode(block[156] ?? 0);
    const size = Number(pax?.get('size')?.toString() ?? Number.parseInt(block.toString('latin1', 124, 135), 8));
    const content = tar.subarray(at + blockBytes, at + blockBytes + size);
    const prefix = text(block, 345, 155);
    const field =
      prefix.length > 0 ? Buffer.concat([prefix, Buffer.from('/'), text(block, 0, 100)]) : text(block, 0, 100);
    entries.push({ type, name: pax?.get('path') ?? field, content, block });
    pax = type === 'x' ? recordsOf(content) : undefined;
    at += blockBytes + Math.ceil(size / blockBytes) * blockBytes;
  }
  const end = tar.subarray(at);
  if (end.length !== 2 * blockBytes || end.some((byte) => byte !== 0))
    throw new Error('the end is not two blocks of zeros');
  return entries;
}

export function manifestOf(archive: string): ManifestHead & ManifestTail & { records: ManifestRecord[] } {
  const slices = rawEntries(archive)
    .filter(({ type }) => type === 'g')
    .map(({ content }) => recordsOf(content).get('WINGSTS.manifest')?.toString() ?? '');
  slices.forEach((slice, index) => {
    if (!slice.startsWith(`${index + 1}/${slices.length}:`))
      throw new Error(`slice ${index + 1} says ${slice.slice(0, 12)}`);
    if (slice.length > 900_000) throw new Error('a slice is longer than 900,000 bytes');
  });
  const deflated = Buffer.concat(slices.map((slice) => Buffer.from(slice.slice(slice.indexOf(':') + 1), 'base64')));
  return JSON.parse(inflateSync(deflated).toString());
}

/** Unpacked by a tool of others into a new folder beside the archive. */
export function unpackedBy(program: 'tar' | 'bsdtar', archive: string): string {
  const folder = mkdtempSync(join(dirname(dirname(archive)), `${program}-`));
  const target = join(folder, 'out');
  mkdirSync(target);
  const unpacking = spawnSync(`/usr/bin/${program}`, ['-x', '-p', '-f', archive, '-C', target], {
    env: { LC_ALL: 'C.UTF-8' },
    encoding: 'utf8',
  });
  // bsdtar unpacks names that are not UTF-8 as they are, and says that it does not like them.
  const complaints = unpacking.stderr
    .split('\n')
    .filter((line) => !/^$|can't be converted from UTF-8|exit delayed/.test(line));
  if (unpacking.status !== 0 && complaints.length > 0) throw new Error(complaints.join('\n'));
  return target;
}

function recordsOf(content: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at);
    const length = Number(content.toString('latin1', at, space));
    const equals = content.indexOf(0x3d, space);
    records.set(content.toString('latin1', space + 1, equals), content.subarray(equals + 1, at + length - 1));
    at += length;
  }
  return records;
}

function text(block: Buffer, at: number, bytes: number): Buffer {
  const field = block.subarray(at, at + bytes);
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}

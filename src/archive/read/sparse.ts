// Files with holes as GNU tar and bsdtar write them: which parts of the file the archive has. The old GNU format keeps the
// map in its header and in blocks after it, PAX 0.0 and 0.1 in the extended header, PAX 1.0 before the content. Our own
// archives have none of this.
import { ArchiveError } from '../runner.ts';
import { tarBlockBytes } from '../tar-format.ts';
import { type PaxRecord, paxSize, wholeNumber } from './pax.ts';
import { tarSize } from './tar-header.ts';

export interface Extent {
  /** Where in the file. */
  at: number;
  bytes: number;
}

/** Of the map as it is written; some 40,000 extents. */
export const longestMapBytes = 1024 * 1024;
const mostExtents = longestMapBytes / 24;

const oldGnu = { inHeader: 386, extentsInHeader: 4, isExtended: 482, realSize: 483, numberBytes: 12 } as const;
const oldGnuBlock = { extents: 21, isExtended: 504 } as const;

/** The extents in a GNU header, and whether a block with more follows. */
export function oldGnuHeader(block: Buffer): { extents: Extent[]; realSize: number; more: boolean } {
  return {
    extents: oldGnuExtents(block, oldGnu.inHeader, oldGnu.extentsInHeader),
    realSize: tarSize(block, { at: oldGnu.realSize, bytes: oldGnu.numberBytes }),
    more: block[oldGnu.isExtended] !== 0,
  };
}

export function oldGnuExtension(block: Buffer): { extents: Extent[]; more: boolean } {
  return { extents: oldGnuExtents(block, 0, oldGnuBlock.extents), more: block[oldGnuBlock.isExtended] !== 0 };
}

function oldGnuExtents(block: Buffer, start: number, count: number): Extent[] {
  const extents: Extent[] = [];
  for (let i = 0; i < count; i++) {
    const at = start + i * 2 * oldGnu.numberBytes;
    if (block[at] === 0) break;
    extents.push({
      at: tarSize(block, { at, bytes: oldGnu.numberBytes }),
      bytes: tarSize(block, { at: at + oldGnu.numberBytes, bytes: oldGnu.numberBytes }),
    });
  }
  return extents;
}

/** What the records of one extended header say of holes. */
export class PaxSparse {
  name: Buffer | undefined;
  realSize: number | undefined;
  /** 1.0: the map stands before the content. */
  mapInContent = false;
  extents: Extent[] | undefined;
  #major: string | undefined;
  #offset: number | undefined;

  /** `true`: the record was about holes. @throws ArchiveError DAMAGED */
  read({ key, value }: PaxRecord): boolean {
    if (!key.startsWith('GNU.sparse.')) return false;
    switch (key.slice('GNU.sparse.'.length)) {
      case 'major':
        this.#major = value.toString('latin1');
        break;
      case 'minor':
        this.mapInContent = this.#major === '1' && value.toString('latin1') === '0';
        if (!this.mapInContent && this.#major !== '0') throw malformed();
        break;
      case 'name':
        this.name = Buffer.from(value);
        break;
      case 'realsize':
      case 'size':
        this.realSize = paxSize(value);
        break;
      case 'map':
        this.extents = commaSeparated(value);
        break;
      case 'numblocks':
        this.extents ??= [];
        break;
      case 'offset':
        this.#offset = paxSize(value);
        break;
      case 'numbytes':
        this.#addExtent(paxSize(value));
        break;
    }
    return true;
  }

  #addExtent(bytes: number): void {
    if (this.#offset === undefined) throw malformed();
    this.extents ??= [];
    this.extents.push({ at: this.#offset, bytes });
    this.#offset = undefined;
  }
}

/** `offset,length,offset,length…` */
function commaSeparated(map: Buffer): Extent[] {
  const numbers = map.length === 0 ? [] : map.toString('latin1').split(',');
  return pairs(numbers.map((number) => paxSize(Buffer.from(number, 'latin1'))));
}

/**
 * PAX 1.0: the number of extents, then offset and length of each, a line a number, padded to a block. `undefined`: there
 * is more of it to come. @throws ArchiveError DAMAGED
 */
export function contentMap(content: Buffer): { extents: Extent[]; bytes: number } | undefined {
  const numbers: number[] = [];
  let wanted = 1;
  let at = 0;
  while (numbers.length < wanted) {
    const end = content.indexOf(0x0a, at);
    if (end < 0) {
      if (content.length - at > 20) throw malformed();
      return undefined;
    }
    const number = wholeNumber(content.subarray(at, end));
    if (number === undefined || (numbers.length === 0 && number > mostExtents)) throw malformed();
    if (numbers.length === 0) wanted = 1 + 2 * number;
    numbers.push(number);
    at = end + 1;
  }
  return { extents: pairs(numbers.slice(1)), bytes: Math.ceil(at / tarBlockBytes) * tarBlockBytes };
}

function pairs(numbers: readonly number[]): Extent[] {
  if (numbers.length % 2 !== 0) throw malformed();
  return Array.from({ length: numbers.length / 2 }, (_, i) => ({
    at: numbers[2 * i] ?? 0,
    bytes: numbers[2 * i + 1] ?? 0,
  }));
}

/** Not too many, in order, apart from each other, inside the file, as long as the content. @throws ArchiveError DAMAGED */
export function checkExtents(extents: readonly Extent[], realSize: number, contentBytes: number): void {
  if (extents.length > mostExtents) throw malformed();
  let end = 0;
  let sum = 0;
  for (const { at, bytes } of extents) {
    if (at < end || at + bytes > realSize) throw malformed();
    end = at + bytes;
    sum += bytes;
  }
  if (sum !== contentBytes) throw malformed();
}

function malformed(): ArchiveError {
  return new ArchiveError('DAMAGED', 'the map of a file with holes is malformed');
}

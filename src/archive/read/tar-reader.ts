// Takes a tar stream in pieces of any size and tells what is in it. Memory is the longest header, 1 MiB, whatever the
// stream claims. What each kind of entry means for a tree is not decided here.
import { ArchiveError } from '../runner.ts';
import { tarBlockBytes, tarPadding, tarType } from '../tar-format.ts';
import { type PaxRecord, paxRecords } from './pax.ts';
import { checkExtents, contentMap, type Extent, longestMapBytes, oldGnuExtension, oldGnuHeader } from './sparse.ts';
import {
  type Ahead,
  applyRecord,
  entryOf,
  hasContent,
  isMeta,
  nothingAhead,
  oldTypes,
  type TarEntry,
  typeOf,
  withoutNuls,
} from './tar-entry.ts';
import { isGnuHeader, parseTarHeader, type TarHeader } from './tar-header.ts';

export interface TarSink {
  entry(entry: TarEntry): void;
  /** Part of the file that `entry` told of last; the bytes are valid during the call. Holes are not told. */
  data(bytes: Buffer, at: number): void;
  /** After the last byte of a file. */
  fileEnd(): void;
  /** A record of a global header; `headerAt` is where that header starts in the stream. */
  global(record: PaxRecord, headerAt: number): void;
}

/** Of an extended header and of a long name, as in other readers. */
const longestPayload = 1024 * 1024;

const zeroBlock = Buffer.alloc(tarBlockBytes);
type State =
  | { kind: 'header' }
  | { kind: 'payload'; type: number; bytes: Buffer; filled: number; headerAt: number }
  | { kind: 'gnu-map'; header: TarHeader; extents: Extent[]; realSize: number }
  | { kind: 'content-map'; begin: (extents: Extent[], left: number) => void; bytes: Buffer; left: number }
  | { kind: 'content'; left: number; padding: number; told: boolean; extents?: Extent[]; extent: number; at: number }
  | { kind: 'end' };

export class TarReader {
  /** Bytes of the stream read so far. */
  position = 0;
  readonly #sink: TarSink;
  readonly #mostHeaders: number;
  #state: State = { kind: 'header' };
  #headers = 0;
  #zeroBlocks = 0;
  #skip = 0;
  #ahead: Ahead | undefined;
  /** Part of a header at the end of a piece. */
  readonly #carry = Buffer.alloc(tarBlockBytes);
  #carried = 0;

  /** `mostHeaders` bounds what stands between entries: extended headers, labels. */
  constructor(sink: TarSink, mostHeaders: number) {
    this.#sink = sink;
    this.#mostHeaders = mostHeaders;
  }

  /** Both blocks of zeros were seen; what follows is not read. */
  get ended(): boolean {
    return this.#state.kind === 'end';
  }

  /** @throws ArchiveError DAMAGED, TOO_MANY_ENTRIES, and what the sink throws */
  write(piece: Buffer): void {
    for (let at = 0; at < piece.length && !this.ended; ) {
      const used = this.#step(at === 0 ? piece : piece.subarray(at));
      at += used;
      this.position += used;
    }
  }

  /** The stream is over, with or without its end blocks. @throws ArchiveError DAMAGED when it is over inside an entry */
  finish(): void {
    const between = this.#state.kind === 'header' && this.#skip === 0 && this.#carried === 0 && !this.#ahead;
    if (!between && !this.ended) throw new ArchiveError('DAMAGED', 'the archive ends in the middle of an entry');
  }

  /** Answers how many bytes it used, at least one. */
  #step(piece: Buffer): number {
    if (this.#skip > 0) {
      const skipped = Math.min(this.#skip, piece.length);
      this.#skip -= skipped;
      return skipped;
    }
    switch (this.#state.kind) {
      case 'header':
      case 'gnu-map':
        return this.#fillBlock(piece);
      case 'payload':
        return this.#fillPayload(this.#state, piece);
      case 'content-map':
        return this.#fillContentMap(this.#state, piece);
      case 'content':
        return this.#passContent(this.#state, piece);
      case 'end':
        return piece.length;
    }
  }

  #fillBlock(piece: Buffer): number {
    if (this.#carried === 0 && piece.length >= tarBlockBytes) {
      this.#block(piece.subarray(0, tarBlockBytes), this.position);
      return tarBlockBytes;
    }
    const headerAt = this.position - this.#carried;
    const copied = piece.copy(this.#carry, this.#carried);
    this.#carried += copied;
    if (this.#carried === tarBlockBytes) {
      this.#carried = 0;
      this.#block(this.#carry, headerAt);
    }
    return copied;
  }

  #block(block: Buffer, headerAt: number): void {
    if (this.#state.kind === 'gnu-map') this.#gnuExtension(this.#state, block);
    else if (block[0] === 0 && block.equals(zeroBlock)) this.#zeros();
    else this.#header(block, headerAt);
  }

  #zeros(): void {
    if (this.#ahead) throw new ArchiveError('DAMAGED', 'the archive ends in the middle of an entry');
    this.#zeroBlocks += 1;
    if (this.#zeroBlocks === 2) this.#state = { kind: 'end' };
  }

  #header(block: Buffer, headerAt: number): void {
    if (this.#zeroBlocks > 0) throw new ArchiveError('DAMAGED', 'the archive goes on after its end');
    this.#headers += 1;
    if (this.#headers > this.#mostHeaders)
      throw new ArchiveError('TOO_MANY_ENTRIES', 'the archive has too many headers');
    const header = parseTarHeader(block);
    if (isMeta(header.type)) this.#beginPayload(header, headerAt);
    else if (header.type === oldTypes.gnuVolumeLabel) this.#beginContent(header.size, false, undefined);
    else if (header.type === oldTypes.gnuSparse) this.#oldGnuSparse(header, block);
    else if (header.type === oldTypes.gnuContinued) {
      throw new ArchiveError('DAMAGED', 'the archive is one of several volumes');
    } else this.#plainEntry(header);
  }

  #beginPayload({ type, size }: TarHeader, headerAt: number): void {
    if (size > longestPayload) throw new ArchiveError('DAMAGED', 'a header of the archive is longer than 1 MiB');
    const state = { kind: 'payload', type, bytes: Buffer.alloc(size), filled: 0, headerAt } as const;
    this.#state = state;
    if (size === 0) this.#payload(state.type, state.bytes, headerAt);
  }

  #fillPayload(state: State & { kind: 'payload' }, piece: Buffer): number {
    const copied = piece.copy(state.bytes, state.filled);
    state.filled += copied;
    if (state.filled === state.bytes.length) {
      this.#skip = tarPadding(state.filled);
      this.#payload(state.type, state.bytes, state.headerAt);
    }
    return copied;
  }

  #payload(type: number, bytes: Buffer, headerAt: number): void {
    this.#state = { kind: 'header' };
    if (type === tarType.paxGlobal) {
      for (const record of paxRecords(bytes)) this.#sink.global(record, headerAt);
      return;
    }
    this.#ahead ??= nothingAhead();
    if (type === oldTypes.gnuLongName) this.#ahead.name = withoutNuls(bytes);
    else if (type === oldTypes.gnuLongLink) this.#ahead.target = withoutNuls(bytes);
    else for (const record of paxRecords(bytes)) applyRecord(this.#ahead, record);
  }

  #plainEntry(header: TarHeader): void {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const type = typeOf(header, ahead);
    // The header of a link or a directory may name the size of what is not there.
    const stored = hasContent(header.type) ? (ahead?.size ?? header.size) : 0;
    const { mapInContent = false, extents, realSize } = ahead?.sparse ?? {};
    const begin = (map: Extent[] | undefined, left: number) => {
      const size = type === 'file' ? (map && realSize !== undefined ? realSize : left) : 0;
      if (map) checkExtents(map, size, left);
      this.#begin(entryOf(type, header, ahead, size), left, map);
    };
    if (type === 'file' && mapInContent) {
      this.#state = { kind: 'content-map', begin, bytes: Buffer.alloc(0), left: stored };
    } else {
      begin(type === 'file' ? extents : undefined, stored);
    }
  }

  #oldGnuSparse(header: TarHeader, block: Buffer): void {
    if (!isGnuHeader(block)) throw new ArchiveError('DAMAGED', 'the map of a file with holes is malformed');
    const { extents, realSize, more } = oldGnuHeader(block);
    const state = { kind: 'gnu-map', header, extents, realSize } as const;
    if (more) this.#state = state;
    else this.#beginGnuSparse(state);
  }

  #gnuExtension(state: State & { kind: 'gnu-map' }, block: Buffer): void {
    const { extents, more } = oldGnuExtension(block);
    state.extents.push(...extents);
    if (state.extents.length * 24 > longestMapBytes) {
      throw new ArchiveError('DAMAGED', 'the map of a file with holes is too long');
    }
    if (!more) this.#beginGnuSparse(state);
  }

  #beginGnuSparse({ header, extents, realSize }: { header: TarHeader; extents: Extent[]; realSize: number }): void {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const stored = ahead?.size ?? header.size;
    checkExtents(extents, realSize, stored);
    this.#begin(entryOf('file', header, ahead, realSize), stored, extents);
  }

  #fillContentMap(state: State & { kind: 'content-map' }, piece: Buffer): number {
    const used = Math.min(piece.length, state.left, longestMapBytes - state.bytes.length);
    const bytes = Buffer.concat([state.bytes, piece.subarray(0, used)]);
    const map = contentMap(bytes);
    if (!map || map.bytes > bytes.length) {
      if (used === state.left || bytes.length === longestMapBytes) {
        throw new ArchiveError('DAMAGED', 'the map of a file with holes is malformed');
      }
      state.bytes = bytes;
      state.left -= used;
      return used;
    }
    // What was taken beyond the map belongs to the content and is given back.
    const usedOfMap = map.bytes - state.bytes.length;
    state.begin(map.extents, state.left - usedOfMap);
    return usedOfMap;
  }

  #begin(entry: TarEntry, stored: number, extents: Extent[] | undefined): void {
    this.#sink.entry(entry);
    this.#beginContent(stored, entry.type === 'file', extents);
  }

  #beginContent(left: number, told: boolean, extents: Extent[] | undefined): void {
    const map = extents ? { extents } : {};
    const at = extents?.[0]?.at ?? 0;
    const state: State = { kind: 'content', left, padding: tarPadding(left), told, ...map, extent: 0, at };
    this.#state = state;
    if (left === 0) this.#endContent(state);
  }

  #passContent(state: State & { kind: 'content' }, piece: Buffer): number {
    const { extents } = state;
    let inExtent = state.left;
    if (extents) {
      let extent = extents[state.extent];
      while (extent && state.at >= extent.at + extent.bytes) {
        state.extent += 1;
        extent = extents[state.extent];
        state.at = extent?.at ?? 0;
      }
      if (extent) inExtent = extent.at + extent.bytes - state.at;
    }
    const used = Math.min(piece.length, state.left, inExtent);
    if (state.told) this.#sink.data(used === piece.length ? piece : piece.subarray(0, used), state.at);
    state.at += used;
    state.left -= used;
    if (state.left === 0) this.#endContent(state);
    return used;
  }

  #endContent({ padding, told }: State & { kind: 'content' }): void {
    this.#skip = padding;
    this.#state = { kind: 'header' };
    if (told) this.#sink.fileEnd();
  }
}

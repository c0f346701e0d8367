// The manifest while the tree is walked: lines go in, are deflated at once in a thread, and wait for the end of the archive
// in memory or, from a few MB on, in a file without a name. So memory does not grow with the number of directories.
import { closeSync, constants, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { createDeflate, type Deflate } from 'node:zlib';
import {
  type ManifestHead,
  type ManifestRecord,
  type ManifestTail,
  manifestHeadLine,
  manifestKeyword,
  manifestRecordLine,
  manifestSliceBytes,
  manifestTailLine,
} from '../manifest-format.ts';
import { paxRecord } from './entry-header.ts';

/** Characters collected before they are handed to the thread. */
const batchLength = 64 * 1024;

/** Deflated bytes in memory; a hundred thousand directories are about one MB. */
const memoryBytes = 2 * 1024 * 1024;

export class ManifestWriter implements Disposable {
  readonly #spillPath: string;
  readonly #deflate: Deflate = createDeflate();
  #batch: string;
  #records = 0;
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #spill: { fd: number; bytes: number } | undefined;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  /** `spillPath`: of the file should it be needed; it is gone again at once. */
  constructor(head: ManifestHead, spillPath: string) {
    this.#spillPath = spillPath;
    this.#batch = manifestHeadLine(head);
    this.#deflate.on('data', (piece: Buffer) => this.#keep(piece));
    this.#deflate.on('drain', () => this.#wake?.());
    this.#deflate.on('error', (error) => this.#fail(error));
    this.#deflate.on('close', () => this.#wake?.());
  }

  /** @throws what went wrong with records before */
  add(record: ManifestRecord): void {
    if (this.#error) throw this.#error;
    if (this.#records > 0) this.#batch += ',\n';
    this.#records += 1;
    this.#batch += manifestRecordLine(record);
    if (this.#batch.length >= batchLength) this.#flush();
  }

  /** The thread has more to do than is good for memory: `settled` before more is added. */
  get isBehind(): boolean {
    return this.#deflate.writableNeedDrain;
  }

  async settled(): Promise<void> {
    if (this.isBehind && !this.#error) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#error) throw this.#error;
  }

  /** The PAX records in their order, each for a global header of its own. Nothing is added any more. */
  async *finish(tail: ManifestTail): AsyncGenerator<Buffer, void, undefined> {
    if (this.#records > 0) this.#batch += '\n';
    this.#batch += manifestTailLine(tail);
    if (this.#error) throw this.#error;
    const ended = new Promise<void>((resolve) => {
      this.#deflate.once('end', resolve).once('close', resolve);
    });
    this.#deflate.end(this.#batch);
    await ended;
    if (this.#error) throw this.#error;
    const total = (this.#spill?.bytes ?? 0) + this.#pieceBytes;
    const slices = Math.ceil(total / manifestSliceBytes);
    const kept = Buffer.concat(this.#pieces);
    for (let index = 0; index < slices; index++) {
      const slice = this.#slice(kept, index * manifestSliceBytes, Math.min(total, (index + 1) * manifestSliceBytes));
      yield paxRecord(manifestKeyword, Buffer.from(`${index + 1}/${slices}:${slice.toString('base64')}`, 'latin1'));
    }
  }

  [Symbol.dispose](): void {
    this.#deflate.destroy();
    if (this.#spill) closeSync(this.#spill.fd);
    this.#spill = undefined;
  }

  #flush(): void {
    this.#deflate.write(this.#batch);
    this.#batch = '';
  }

  #keep(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#pieceBytes += piece.length;
    if (this.#pieceBytes <= memoryBytes || this.#error) return;
    try {
      this.#spillPieces();
    } catch (error) {
      this.#fail(error);
      this.#deflate.destroy();
    }
  }

  #fail(error: unknown): void {
    this.#error ??= error instanceof Error ? error : new Error(String(error));
    this.#wake?.();
  }

  #spillPieces(): void {
    this.#spill ??= { fd: nameless(this.#spillPath), bytes: 0 };
    for (const piece of this.#pieces) {
      for (let at = 0; at < piece.length; ) {
        const written = writeSync(this.#spill.fd, piece, at, piece.length - at, this.#spill.bytes);
        at += written;
        this.#spill.bytes += written;
      }
    }
    this.#pieces = [];
    this.#pieceBytes = 0;
  }

  /** First what was spilled, then what is still in memory. */
  #slice(kept: Buffer, from: number, to: number): Buffer {
    const slice = Buffer.alloc(to - from);
    const spilled = this.#spill?.bytes ?? 0;
    let filled = 0;
    while (this.#spill && from + filled < Math.min(to, spilled)) {
      const wanted = Math.min(to, spilled) - from - filled;
      const read = readSync(this.#spill.fd, slice, filled, wanted, from + filled);
      if (read === 0) throw new Error('the manifest that was set aside is shorter than it was');
      filled += read;
    }
    if (filled < slice.length) kept.copy(slice, filled, from + filled - spilled, to - spilled);
    return slice;
  }
}

/** A file that only this process sees, and that is gone with it. */
function nameless(path: string): number {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  rmSync(path, { force: true });
  ftruncateSync(fd, 0);
  return fd;
}

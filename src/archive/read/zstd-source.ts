// Reads any zstd file: frames and skippable frames one after another, RFC 8878. Node's decoder stops after the first frame
// without a word, so where a frame ends is found here, by the headers of its blocks, and each frame has its own decoder.
import { createZstdDecompress, type ZstdDecompress } from 'node:zlib';
import { ArchiveError } from '../runner.ts';
import type { ArchiveFile } from './archive-file.ts';
import type { BlockSource } from './block-source.ts';

const blockBytes = 512 * 1024;
const frameMagic = 0xfd2fb528;
/** The last four bits are the writer's own. */
const skippableMagic = 0x184d2a50;
const skippableHeaderBytes = 8;
const blockHeaderBytes = 3;
const blockType = { runLength: 1, reserved: 3 } as const;

export class ZstdSource implements BlockSource {
  readonly format = 'zstd';
  readonly ours = false;
  readonly whole = false;
  readonly crcBefore = undefined;
  trailingBytes = 0;
  readonly #file: ArchiveFile;
  readonly #blocks: AsyncGenerator<Buffer, void, undefined>;

  constructor(file: ArchiveFile) {
    this.#file = file;
    this.#blocks = this.#frames();
  }

  async next(): Promise<Buffer | undefined> {
    const { value } = await this.#blocks.next();
    return value ?? undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#blocks.return();
  }

  async *#frames(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const start = await this.#file.ready(skippableHeaderBytes);
      if (start.length >= 4 && start.readUInt32LE(0) === frameMagic) {
        yield* this.#frame();
      } else if (start.length >= 4 && (start.readUInt32LE(0) & 0xfffffff0) >>> 0 === skippableMagic) {
        await this.#skipFrame(start);
      } else {
        this.trailingBytes = await this.#file.drain();
        return;
      }
    }
  }

  async #skipFrame(start: Buffer): Promise<void> {
    if (start.length < skippableHeaderBytes) throw cut();
    const bytes = start.readUInt32LE(4);
    this.#file.take(skippableHeaderBytes);
    await this.#pass(bytes, async () => {});
  }

  async *#frame(): AsyncGenerator<Buffer, void, undefined> {
    const decoder = createZstdDecompress({ chunkSize: blockBytes });
    let failure: unknown;
    const feeding = this.#feed(decoder).catch((error: unknown) => {
      failure = error;
      decoder.destroy();
    });
    try {
      for await (const block of decoder) yield block;
    } catch (error) {
      throw failure ?? new ArchiveError('DAMAGED', 'the archive cannot be decompressed', { cause: error });
    } finally {
      decoder.destroy();
      await feeding;
    }
    if (failure) throw failure;
  }

  async #feed(decoder: ZstdDecompress): Promise<void> {
    const write = (bytes: Buffer) =>
      new Promise<void>((resolve, reject) => {
        const onClose = () => resolve();
        decoder.once('close', onClose);
        // Copied, because the file's own memory is used again while the decoder may still read.
        decoder.write(Buffer.from(bytes), (error) => {
          decoder.off('close', onClose);
          if (error) reject(error);
          else resolve();
        });
      });
    const header = await this.#file.ready(frameHeaderLimit);
    const { bytes, hasChecksum } = frameHeader(header);
    await this.#pass(bytes, write);
    for (let last = false; !last; ) {
      const block = await this.#file.ready(blockHeaderBytes);
      if (block.length < blockHeaderBytes) throw cut();
      const word = block.readUIntLE(0, blockHeaderBytes);
      last = (word & 1) === 1;
      const type = (word >> 1) & 3;
      if (type === blockType.reserved) throw new ArchiveError('DAMAGED', 'the archive has a block of unknown kind');
      await this.#pass(blockHeaderBytes + (type === blockType.runLength ? 1 : word >> 3), write);
    }
    if (hasChecksum) await this.#pass(4, write);
    decoder.end();
  }

  async #pass(bytes: number, write: (bytes: Buffer) => Promise<void>): Promise<void> {
    for (let left = bytes; left > 0; ) {
      const ready = await this.#file.ready(1);
      if (ready.length === 0) throw cut();
      const piece = ready.subarray(0, Math.min(left, ready.length));
      await write(piece);
      this.#file.take(piece.length);
      left -= piece.length;
    }
  }
}

/** Magic, descriptor, window, dictionary id, content size. */
const frameHeaderLimit = 4 + 1 + 1 + 4 + 8;

function frameHeader(start: Buffer): { bytes: number; hasChecksum: boolean } {
  const descriptor = start[4];
  if (descriptor === undefined) throw cut();
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  return {
    bytes: 4 + 1 + (singleSegment ? 0 : 1) + dictionaryBytes + sizeBytes,
    hasChecksum: (descriptor & 4) !== 0,
  };
}

function cut(): ArchiveError {
  return new ArchiveError('DAMAGED', 'the archive is cut short');
}

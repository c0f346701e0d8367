// Blocks of tar stream in, members of an archive out: compressed in threads, a few at a time, written in their order. The
// memory is that of the blocks, whatever the size of the archive.
import { combineCrc } from '../read/crc-combine.ts';
import type { Block, Compressed } from './compressor.ts';
import type { PartialFile } from './partial-file.ts';

interface Submitted {
  block: Block;
  bytes: number;
  compressed: Promise<Compressed>;
}

export class MemberWriter {
  readonly #file: PartialFile;
  readonly #free: Block[];
  readonly #queue: Submitted[] = [];
  #writing: Promise<void> | undefined;
  #error: unknown;
  #failed = false;
  #wake: (() => void) | undefined;
  #tarBytes = 0;
  #tarCrc = 0;

  /** As many blocks as are compressed at a time, and one or two that are filled and written meanwhile. */
  constructor(file: PartialFile, blocks: readonly Block[]) {
    this.#file = file;
    this.#free = [...blocks];
  }

  /** A block to fill, if one is free. @throws what went wrong with blocks before */
  take(): Block | undefined {
    if (this.#failed) throw this.#error;
    return this.#free.pop();
  }

  /** Settles when `take` has something new to say. */
  async changed(): Promise<void> {
    if (this.#failed || this.#free.length > 0) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** The first `bytes` of a block that was taken; 0 gives it back. */
  submit(block: Block, bytes: number): void {
    if (bytes === 0) {
      this.#free.push(block);
      return;
    }
    const compressed = block.compress(bytes);
    // It is awaited in its turn; until then a failure is nobody's.
    compressed.catch(() => undefined);
    this.#queue.push({ block, bytes, compressed });
    this.#writing ??= this.#writeQueue();
  }

  /** Everything submitted is written. @throws as `take` */
  async drained(): Promise<void> {
    await this.#writing;
    if (this.#failed) throw this.#error;
  }

  /** Threads use the memory of a block until they are done, also when nobody wants the result any more. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#writing, ...this.#queue.map(({ compressed }) => compressed)]);
  }

  /** Of the tar stream that was written. */
  get tar(): { bytes: number; crc: number } {
    return { bytes: this.#tarBytes, crc: this.#tarCrc };
  }

  async #writeQueue(): Promise<void> {
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) await this.#writeOne(next);
    } catch (error) {
      this.#failed = true;
      this.#error = error;
    } finally {
      this.#writing = undefined;
      this.#tell();
    }
  }

  async #writeOne({ block, bytes, compressed }: Submitted): Promise<void> {
    const { pieces, crc } = await compressed;
    for (const piece of pieces) await this.#file.write(piece);
    this.#tarCrc = combineCrc(this.#tarCrc, crc, bytes);
    this.#tarBytes += bytes;
    this.#free.push(block);
    this.#tell();
  }

  #tell(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

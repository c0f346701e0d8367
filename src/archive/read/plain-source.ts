// A tar that is not compressed.
import type { ArchiveFile } from './archive-file.ts';
import type { BlockSource } from './block-source.ts';

export class PlainSource implements BlockSource {
  readonly format = 'tar';
  readonly ours = false;
  readonly whole = false;
  readonly trailingBytes = 0;
  readonly crcBefore = undefined;
  readonly #file: ArchiveFile;
  #given = 0;

  constructor(file: ArchiveFile) {
    this.#file = file;
  }

  async next(): Promise<Buffer | undefined> {
    this.#file.take(this.#given);
    const block = await this.#file.ready(1);
    this.#given = block.length;
    return block.length > 0 ? block : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

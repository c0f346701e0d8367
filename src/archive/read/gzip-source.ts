// Reads any gzip file as one stream: one member or many, RFC 1952. The next block is inflated in a thread while the last
// one is used. CRC and length of every member are checked, also of what comes after the end of the tar.
import type { GzipEngine, Inflater } from '../gzip/engine.ts';
import { ArchiveError } from '../runner.ts';
import type { ArchiveFile } from './archive-file.ts';
import type { BlockSource } from './block-source.ts';
import { wrongChecksum } from './member-source.ts';

const blockBytes = 512 * 1024;
const fixedHeaderBytes = 10;
const trailerBytes = 8;

/** RFC 1952, 2.3.1. */
const flag = { headerCrc: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 } as const;
const longestText = 64 * 1024;

export class GzipSource implements BlockSource {
  readonly format = 'gzip';
  readonly ours = false;
  readonly crcBefore = undefined;
  trailingBytes = 0;
  readonly #file: ArchiveFile;
  readonly #inflater: Inflater;
  readonly #buffers = [Buffer.allocUnsafeSlow(blockBytes), Buffer.allocUnsafeSlow(blockBytes)];
  #ahead: Promise<Buffer | undefined> | undefined;
  #turn = 0;
  #members = 0;
  #insideMember = false;
  #memberBytes = 0;
  #ended = false;

  constructor(file: ArchiveFile, engine: GzipEngine) {
    this.#file = file;
    this.#inflater = engine.inflater();
  }

  get whole(): boolean {
    return this.#ended && this.#members === 1;
  }

  async next(): Promise<Buffer | undefined> {
    const block = await (this.#ahead ?? this.#produce());
    this.#ahead = block && this.#produce();
    this.#ahead?.catch(() => undefined);
    return block;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ahead?.catch(() => undefined);
    this.#inflater[Symbol.dispose]();
  }

  /** A full block, or the last one. */
  async #produce(): Promise<Buffer | undefined> {
    const block = this.#buffers[this.#turn++ % this.#buffers.length] ?? Buffer.alloc(0);
    let filled = 0;
    while (filled < block.length && !this.#ended) {
      if (!this.#insideMember && !(await this.#beginMember())) break;
      filled += await this.#inflate(block.subarray(filled));
    }
    return filled > 0 ? block.subarray(0, filled) : undefined;
  }

  async #inflate(target: Buffer): Promise<number> {
    const input = await this.#file.ready(1);
    const { read, written, ended } = await this.#inflater.run(input, target);
    this.#file.take(read);
    this.#memberBytes += written;
    if (ended) await this.#endMember();
    else if (input.length === 0 && written === 0) throw new ArchiveError('DAMAGED', 'the archive is cut short');
    return written;
  }

  async #beginMember(): Promise<boolean> {
    const start = await this.#file.ready(fixedHeaderBytes);
    if (start.length < 2 || start[0] !== 0x1f || start[1] !== 0x8b) {
      this.trailingBytes = await this.#file.drain();
      this.#ended = true;
      return false;
    }
    if (start.length < fixedHeaderBytes) throw new ArchiveError('DAMAGED', 'the archive is cut short');
    const flags = start[3] ?? 0;
    if (start[2] !== 8 || (flags & flag.reserved) !== 0) {
      throw new ArchiveError('DAMAGED', 'a part of the archive is compressed in an unknown way');
    }
    this.#file.take(fixedHeaderBytes);
    if (flags & flag.extra) await this.#skipExtra();
    if (flags & flag.name) await this.#skipText();
    if (flags & flag.comment) await this.#skipText();
    if (flags & flag.headerCrc) await this.#skip(2);
    this.#inflater.reset();
    this.#members += 1;
    this.#memberBytes = 0;
    this.#insideMember = true;
    return true;
  }

  async #endMember(): Promise<void> {
    const trailer = await this.#file.ready(trailerBytes);
    if (trailer.length < trailerBytes) throw new ArchiveError('DAMAGED', 'the archive is cut short');
    if (trailer.readUInt32LE(0) !== this.#inflater.crc) throw wrongChecksum();
    if (trailer.readUInt32LE(4) !== this.#memberBytes % 2 ** 32) {
      throw new ArchiveError('DAMAGED', 'the content of the archive is not as long as it should be');
    }
    this.#file.take(trailerBytes);
    this.#insideMember = false;
  }

  async #skipExtra(): Promise<void> {
    const length = await this.#file.ready(2);
    if (length.length < 2) throw new ArchiveError('DAMAGED', 'the archive is cut short');
    await this.#skip(2 + length.readUInt16LE(0));
  }

  async #skipText(): Promise<void> {
    for (let wanted = 256; wanted <= longestText; wanted *= 2) {
      const end = (await this.#file.ready(wanted)).indexOf(0);
      if (end >= 0) {
        this.#file.take(end + 1);
        return;
      }
    }
    throw new ArchiveError('DAMAGED', 'a header of the archive has no end');
  }

  async #skip(bytes: number): Promise<void> {
    if ((await this.#file.ready(bytes)).length < bytes) throw new ArchiveError('DAMAGED', 'the archive is cut short');
    this.#file.take(bytes);
  }
}

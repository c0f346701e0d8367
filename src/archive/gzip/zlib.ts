// Deflate by Node.js itself, for machines without ISA-L: in libuv's threads too, three times slower than klauspost's level
// 1 and nine times slower than ISA-L.
import { constants, crc32, createInflateRaw, deflateRaw, type InflateRaw, inflateRaw } from 'node:zlib';
import { ArchiveError } from '../runner.ts';
import { deflateBound, type GzipEngine, type GzipLevel, type Inflater } from './engine.ts';
import { store } from './stored.ts';

/** Given to a stream at a time, and what it makes at a time. */
const pieceBytes = 64 * 1024;

const nothing = Buffer.alloc(0);

const levels = { fast: constants.Z_BEST_SPEED, best: constants.Z_BEST_COMPRESSION };

export const zlibEngine: GzipEngine = {
  name: 'zlib',
  async deflate(input, output, level) {
    if (level === 'none') return { bytes: store(input, output), crc: crc32(input) };
    return zlibDeflate(input, output, level);
  },
  async inflate(input, output) {
    const content = await inflateWhole(input, output.length);
    content.copy(output);
    return { crc: crc32(output) };
  },
  inflater: () => new ZlibInflater(),
};

/** As `GzipEngine.deflate`. */
export function zlibDeflate(
  input: Buffer,
  output: Buffer,
  level: Exclude<GzipLevel, 'none'>,
): Promise<{ bytes: number; crc: number }> {
  const options = { level: levels[level], chunkSize: deflateBound(input.length) };
  return new Promise((resolve, reject) => {
    deflateRaw(input, options, (error, deflated) => {
      if (error) reject(new ArchiveError('FAILED', `the compressor failed: ${error.message}`, { cause: error }));
      else resolve({ bytes: deflated.copy(output), crc: crc32(input) });
    });
  });
}

/** @throws ArchiveError DAMAGED, also when it is more or less than so many bytes, or anything follows */
function inflateWhole(input: Buffer, bytes: number): Promise<Buffer> {
  // One byte more than is right: what is too long shows without being produced.
  const options = { chunkSize: Math.max(bytes + 1, constants.Z_MIN_CHUNK), maxOutputLength: bytes + 1, info: true };
  return new Promise((resolve, reject) => {
    inflateRaw(input, options, (error, result) => {
      if (error) return reject(damaged(error));
      // With `info` the answer is the content and the engine, which knows how far it read.
      const { buffer, engine } = result as unknown as { buffer: Buffer; engine: InflateRaw };
      if (buffer.length !== bytes || engine.bytesWritten !== input.length) return reject(damaged());
      resolve(buffer);
    });
  });
}

/**
 * A stream of Node.js, driven so that it never holds more than a piece. What was sent to it and not consumed when the
 * output was full is the beginning of the input of the next call.
 */
class ZlibInflater implements Inflater {
  #stream: InflateRaw | undefined;
  /** Bytes of the member given to the stream, and bytes of it that a caller was told are read. */
  #sent = 0;
  #told = 0;
  #busy = false;
  #ready: Buffer = nothing;
  #error: Error | undefined;
  #crc = 0;
  #wake: (() => void) | undefined;

  async run(input: Buffer, output: Buffer): Promise<{ read: number; written: number; ended: boolean }> {
    this.#stream ??= this.#open();
    const stream = this.#stream;
    let written = 0;
    for (;;) {
      written += this.#take(stream, output.subarray(written));
      if (this.#error) throw damaged(this.#error);
      if (written === output.length) break;
      if (this.#busy) {
        await this.#change();
        continue;
      }
      const unsent = input.subarray(this.#sent - this.#told);
      if (this.#isOver(stream) || unsent.length === 0) break;
      this.#send(stream, unsent.subarray(0, pieceBytes));
    }
    const read = Math.min(stream.bytesWritten - this.#told, input.length);
    this.#told += read;
    const ended = this.#isOver(stream) && this.#ready.length === 0 && stream.readableLength === 0;
    return { read, written, ended };
  }

  get crc(): number {
    return this.#crc;
  }

  reset(): void {
    this.#stream?.destroy();
    this.#stream = undefined;
    this.#sent = 0;
    this.#told = 0;
    this.#busy = false;
    this.#ready = nothing;
    this.#error = undefined;
    this.#crc = 0;
  }

  [Symbol.dispose](): void {
    this.#stream?.destroy();
  }

  #open(): InflateRaw {
    const stream = createInflateRaw({ chunkSize: pieceBytes });
    const isCurrent = () => this.#stream === stream;
    stream.on('readable', () => isCurrent() && this.#wake?.());
    stream.on('error', (error) => {
      if (!isCurrent()) return;
      this.#error = error;
      this.#wake?.();
    });
    return stream;
  }

  #send(stream: InflateRaw, piece: Buffer): void {
    this.#sent += piece.length;
    this.#busy = true;
    // A copy, because the caller may use his buffer again while the end of it waits for room in the output.
    stream.write(Buffer.from(piece), () => {
      if (this.#stream !== stream) return;
      this.#busy = false;
      this.#wake?.();
    });
  }

  #take(stream: InflateRaw, output: Buffer): number {
    let written = 0;
    while (written < output.length) {
      if (this.#ready.length === 0) this.#ready = stream.read() ?? nothing;
      if (this.#ready.length === 0) break;
      const bytes = this.#ready.copy(output, written);
      this.#ready = this.#ready.subarray(bytes);
      written += bytes;
    }
    this.#crc = crc32(output.subarray(0, written), this.#crc);
    return written;
  }

  /** The stream takes all it is given until the deflate stream has ended. */
  #isOver(stream: InflateRaw): boolean {
    return !this.#busy && stream.bytesWritten < this.#sent;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

function damaged(cause?: Error): ArchiveError {
  return new ArchiveError('DAMAGED', 'the archive is damaged: what was compressed cannot be read', { cause });
}

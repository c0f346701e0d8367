// The bytes of an archive from first to last, read ahead of whoever takes them. What every reader needs on the way is done
// here once: the read limit, the SHA-1, the progress, the cancel. Memory is two chunks.
import { createHash, type Hash } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { errorCode } from '../../volumes/errors.ts';
import type { Job } from '../job.ts';
import { RateLimit } from '../rate-limit.ts';
import { ArchiveError } from '../runner.ts';
import { asArchiveError } from '../system-failure.ts';

const chunkBytes = 1024 * 1024;

/** What may be asked for in one piece: more than any header of a compressed stream. */
const headroom = 128 * 1024;

export interface ArchiveFileOptions {
  path: string;
  /** Bytes a second, 0 = no limit. */
  readLimit: number;
  /** Compute the SHA-1. */
  hashed: boolean;
}

interface Chunk {
  /** `headroom` bytes for what is left of the chunk before, then the bytes read. */
  bytes: Buffer;
  end: number;
}

export class ArchiveFile implements AsyncDisposable {
  /** Bytes of the file when it was opened. */
  readonly size: number;
  readonly #file: FileHandle;
  readonly #job: Job;
  readonly #limit: RateLimit;
  readonly #chunkBytes: number;
  readonly #hash: Hash | undefined;
  #current: Chunk;
  #start = headroom;
  #spare: Chunk;
  #ahead: Promise<Chunk> | undefined;
  #position = 0;

  private constructor(file: FileHandle, size: number, job: Job, { readLimit, hashed }: ArchiveFileOptions) {
    this.#file = file;
    this.size = size;
    this.#job = job;
    this.#limit = new RateLimit(readLimit, job.clock);
    this.#chunkBytes = readLimit === 0 ? chunkBytes : Math.min(chunkBytes, Math.max(1, Math.ceil(readLimit / 4)));
    this.#hash = hashed ? createHash('sha1') : undefined;
    this.#current = { bytes: Buffer.allocUnsafeSlow(headroom + this.#chunkBytes), end: headroom };
    this.#spare = { bytes: Buffer.allocUnsafeSlow(headroom + this.#chunkBytes), end: headroom };
  }

  /** @throws ArchiveError NOT_FOUND, NOT_AN_ARCHIVE, FAILED */
  static async open(job: Job, options: ArchiveFileOptions): Promise<ArchiveFile> {
    const file = await opened(options.path);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw new ArchiveError('NOT_AN_ARCHIVE', 'the archive is not a regular file');
      job.progress.bytesTotal = stat.size;
      return new ArchiveFile(file, stat.size, job, options);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** What is there to take, at least `bytes` (64 KiB at most) in one piece unless the file ends before. Valid until the next call. */
  async ready(bytes: number): Promise<Buffer> {
    while (this.#current.end - this.#start < bytes) {
      if (!(await this.#nextChunk())) break;
    }
    return this.#current.bytes.subarray(this.#start, this.#current.end);
  }

  /** These bytes are done with. */
  take(bytes: number): void {
    this.#start += bytes;
    this.#job.progress.bytesDone += bytes;
  }

  /** Copies what comes next. `false`: the file ends before. */
  async read(target: Buffer): Promise<boolean> {
    for (let filled = 0; filled < target.length; ) {
      const bytes = await this.ready(1);
      if (bytes.length === 0) return false;
      const copied = bytes.copy(target, filled);
      this.take(copied);
      filled += copied;
    }
    return true;
  }

  /** Reads to the end whatever is left. Answers how much that was. */
  async drain(): Promise<number> {
    for (let drained = 0; ; ) {
      const bytes = await this.ready(1);
      if (bytes.length === 0) return drained;
      drained += bytes.length;
      this.take(bytes.length);
    }
  }

  /** In hex, once everything was read. */
  checksum(): string {
    if (!this.#hash) throw new Error('the checksum was not asked for');
    return this.#hash.digest('hex');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A read under way writes into our memory by a descriptor that must not be closed under it.
    await this.#ahead?.catch(() => undefined);
    await this.#file.close();
  }

  /** `false` at the end of the file. */
  async #nextChunk(): Promise<boolean> {
    this.#job.signal.throwIfAborted();
    const next = await (this.#ahead ?? this.#fill(this.#spare));
    this.#ahead = undefined;
    if (next.end === headroom) {
      this.#ahead = Promise.resolve(next);
      return false;
    }
    this.#hash?.update(next.bytes.subarray(headroom, next.end));
    const left = this.#current.bytes.subarray(this.#start, this.#current.end);
    this.#start = headroom - left.copy(next.bytes, headroom - left.length);
    this.#spare = this.#current;
    this.#current = next;
    this.#ahead = this.#fill(this.#spare);
    // It is awaited with the next chunk; until then a failure is nobody's.
    this.#ahead.catch(() => undefined);
    return true;
  }

  async #fill(chunk: Chunk): Promise<Chunk> {
    try {
      const { bytesRead } = await this.#file.read(chunk.bytes, headroom, this.#chunkBytes, this.#position);
      chunk.end = headroom + bytesRead;
      this.#position += bytesRead;
      await this.#limit.take(bytesRead, this.#job.signal);
      return chunk;
    } catch (error) {
      this.#job.signal.throwIfAborted();
      throw asArchiveError(error, 'the archive cannot be read');
    }
  }
}

async function opened(path: string): Promise<FileHandle> {
  try {
    // Without blocking, should a FIFO stand there.
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw errorCode(error) === 'ENOENT' ? notFound(error) : asArchiveError(error, 'the archive cannot be opened');
  }
}

function notFound(cause: unknown): ArchiveError {
  return new ArchiveError('NOT_FOUND', 'there is no such archive', { cause });
}

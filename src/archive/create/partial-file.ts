// Where an archive grows: one writer, in order, counted, hashed and limited on the way. What the system refuses is heard at
// every byte, so a full disk can never pass for success.
import { createHash } from 'node:crypto';
import { close, constants, fdatasync, fsync, openSync, rmSync, write } from 'node:fs';
import { promisify } from 'node:util';
import type { Clock } from '../../clock/clock.ts';
import { errorCode } from '../../volumes/errors.ts';
import { RateLimit } from '../rate-limit.ts';
import { ArchiveError } from '../runner.ts';

const newFileFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Handed to the disk while the rest is being made, so that the last wait is short and the page cache stays clean. */
const syncEveryBytes = 32 * 1024 * 1024;

const synced = promisify(fsync);
const closed = promisify(close);

export interface WriteOptions {
  /** Bytes a second, 0 = no limit. */
  writeLimit: number;
  clock: Clock;
  signal: AbortSignal;
}

export class PartialFile implements AsyncDisposable {
  readonly path: string;
  readonly #signal: AbortSignal;
  readonly #limit: RateLimit;
  readonly #hash = createHash('sha1');
  #fd: number | undefined;
  #size = 0;
  #unsynced = 0;
  #syncing: Promise<void> | undefined;
  #syncError: unknown;

  /** A file of that name is left from an earlier try of the same operation, and removed first. */
  constructor(path: string, { writeLimit, clock, signal }: WriteOptions) {
    this.path = path;
    this.#signal = signal;
    this.#limit = new RateLimit(writeLimit, clock);
    try {
      rmSync(path, { force: true });
      this.#fd = openSync(path, newFileFlags, 0o600);
    } catch (error) {
      throw asWriteError(error);
    }
  }

  /** Bytes written. */
  get size(): number {
    return this.#size;
  }

  /** One at a time. @throws ArchiveError NO_SPACE, FAILED; the signal's reason */
  async write(data: Buffer): Promise<void> {
    const wait = this.#limit.take(data.length, this.#signal);
    if (wait !== undefined) await wait;
    // While the thread writes, this one hashes.
    const writing = this.#writeAll(data);
    this.#hash.update(data);
    await writing;
    this.#size += data.length;
    this.#unsynced += data.length;
    if (this.#unsynced >= syncEveryBytes && !this.#syncing) this.#startSync();
  }

  /** Everything is on the disk afterwards. Answers the SHA-1 in hex. @throws as `write` */
  async finish(): Promise<string> {
    await this.#syncing;
    try {
      if (this.#syncError !== undefined) throw this.#syncError;
      if (this.#fd !== undefined) await synced(this.#fd);
      await this.#close();
    } catch (error) {
      throw asWriteError(error);
    }
    return this.#hash.digest('hex');
  }

  /** Removes it, unless it has another name by now. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#syncing;
    try {
      await this.#close();
    } finally {
      rmSync(this.path, { force: true });
    }
  }

  #writeAll(data: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const fd = this.#fd;
      if (fd === undefined) return reject(new Error('the archive file is closed'));
      const position = this.#size;
      let at = 0;
      const next = () => {
        write(fd, data, at, data.length - at, position + at, (error, written) => {
          if (error) return reject(asWriteError(error));
          at += written;
          if (at < data.length) next();
          else resolve();
        });
      };
      if (data.length === 0) resolve();
      else next();
    });
  }

  #startSync(): void {
    const fd = this.#fd;
    if (fd === undefined) return;
    this.#unsynced = 0;
    this.#syncing = new Promise((resolve) => {
      fdatasync(fd, (error) => {
        // The kernel tells a failed write-back once; whoever hears it here must not lose it.
        this.#syncError ??= error ?? undefined;
        this.#syncing = undefined;
        resolve();
      });
    });
  }

  async #close(): Promise<void> {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) await closed(fd);
  }
}

/** Of what the system says about the file system of the archives. */
export function asWriteError(error: unknown): ArchiveError {
  if (error instanceof ArchiveError) return error;
  const code = errorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new ArchiveError('NO_SPACE', 'the file system of the backups is full', { cause: error });
  }
  return new ArchiveError('FAILED', `the archive cannot be written: ${code ?? 'unknown error'}`, { cause: error });
}

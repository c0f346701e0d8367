// The log as a file beside standard error, under the name that log shippers of Wings nodes read. Lines are written in
// order and never hold up who logs: at most 1 MiB waits, what comes then is left out and counted in a line of its own. A
// file that was moved away by a rotation is opened anew, on SIGHUP or by itself; one that no rotation comes to in time is
// moved aside here, and the oldest of those goes.
import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { type Clock, systemClock } from '../clock/clock.ts';

export interface LogFileOptions {
  path: string;
  clock?: Clock;
  /** Called once for each time in a row that the file cannot be written. */
  onFailure(error: Error): void;
  /** Bytes of the file before it is moved aside to `.1`, `.2` and so on, and how many of those stay. */
  bounds?: { bytes: number; kept: number };
}

/** Above what logrotate waits for, so that both do not rotate in turn; about 130 MB of disk at most. */
const usualBounds = { bytes: 32 * 1024 * 1024, kept: 3 };

const mostWaiting = 1024 * 1024;
/** Between two looks whether the file is still the one of that name, ms. */
const lookEveryMs = 5_000;

export class LogFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #onFailure: (error: Error) => void;
  readonly #bounds: { bytes: number; kept: number };
  #waiting: string[] = [];
  #waitingLength = 0;
  #leftOut = 0;
  #handle: FileHandle | undefined;
  #inode = 0;
  #bytes = 0;
  #lookedAt = 0;
  #stale = false;
  #failing = false;
  #writing: Promise<void> | undefined;

  constructor({ path, clock = systemClock, onFailure, bounds = usualBounds }: LogFileOptions) {
    this.#path = path;
    this.#clock = clock;
    this.#onFailure = onFailure;
    this.#bounds = bounds;
  }

  /** A line with its line end. */
  write(line: string): void {
    if (this.#waitingLength + line.length > mostWaiting) {
      this.#leftOut += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingLength += line.length;
    this.#writing ??= this.#drain();
  }

  /** The next line goes to the file that has the name then. */
  reopen(): void {
    this.#stale = true;
  }

  /** Resolves when everything that was written is in the file, as far as it can be. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** What is written later opens it again. */
  async close(): Promise<void> {
    await this.settled();
    await this.#shut();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #drain(): Promise<void> {
    // What is logged in the same turn goes out together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const lines = Buffer.from(this.#take());
      try {
        await (await this.#withRoom(lines.length)).appendFile(lines);
        this.#bytes += lines.length;
        this.#failing = false;
      } catch (error) {
        if (!this.#failing) this.#onFailure(error as Error);
        this.#failing = true;
        this.#stale = true;
      }
    }
    this.#writing = undefined;
  }

  #take(): string {
    const lines = this.#waiting.join('');
    this.#waiting = [];
    this.#waitingLength = 0;
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    if (leftOut === 0) return lines;
    const record = {
      level: 40,
      time: this.#clock.now(),
      lines: leftOut,
      msg: 'the disk was too slow: lines were left out of this file',
    };
    return `${lines}${JSON.stringify(record)}\n`;
  }

  /** The file, moved aside first when this many bytes more are too many for it. */
  async #withRoom(bytes: number): Promise<FileHandle> {
    const handle = await this.#current();
    if (this.#bytes === 0 || this.#bytes + bytes <= this.#bounds.bytes) return handle;
    await this.#shut();
    for (let number = this.#bounds.kept; number > 0; number -= 1) {
      await moveAside(number === 1 ? this.#path : `${this.#path}.${number - 1}`, `${this.#path}.${number}`);
    }
    return this.#current();
  }

  async #current(): Promise<FileHandle> {
    const now = this.#clock.monotonic();
    if (this.#handle && !this.#stale && now - this.#lookedAt >= lookEveryMs) {
      this.#lookedAt = now;
      const there = await stat(this.#path).catch(() => undefined); // moved away
      if (there?.ino !== this.#inode) this.#stale = true;
    }
    if (this.#handle && !this.#stale) return this.#handle;
    await this.#shut();
    const handle = await open(this.#path, 'a', 0o600);
    this.#handle = handle;
    const { ino, size } = await handle.stat();
    this.#inode = ino;
    this.#bytes = size;
    this.#lookedAt = now;
    this.#stale = false;
    return handle;
  }

  async #shut(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }
}

async function moveAside(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    // There was none yet, or a rotation took it this moment.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

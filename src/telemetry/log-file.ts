// The log as a file beside standard error, under the name that log shippers of Wings nodes read. Lines are written in
// order and never hold up who logs: at most 1 MiB waits. What comes then, and what the disk did not take, is left out and
// counted in a line of its own. A file that was moved away by a rotation is opened anew, on SIGHUP or by itself; one that no
// rotation comes to in time is moved aside here, and the oldest of those goes. One that cannot be moved is begun anew.
import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { type Clock, systemClock } from '../clock/clock.ts';

export interface LogFileOptions {
  path: string;
  clock?: Clock;
  /** Called once for each time in a row that the file cannot be written, or not be moved aside. */
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
  /** Lines that found no room among those that wait, and lines that could not be written. */
  #leftOut = 0;
  #lost = 0;
  #handle: FileHandle | undefined;
  #inode = 0;
  #bytes = 0;
  #lookedAt = 0;
  #stale = false;
  #failing = false;
  #stuck = false;
  /** The file ends within a line. */
  #torn = false;
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
      const { text, count } = this.#take();
      try {
        // A byte more, for the end of a line that is torn.
        const file = await this.#withRoom(Buffer.byteLength(text) + 1);
        const bytes = Buffer.from(this.#torn ? `\n${text}` : text);
        await file.appendFile(bytes);
        this.#bytes += bytes.length;
        this.#torn = false;
        this.#failing = false;
      } catch (error) {
        if (!this.#failing) this.#onFailure(error as Error);
        this.#failing = true;
        this.#stale = true;
        this.#lost += count;
      }
    }
    this.#writing = undefined;
  }

  /** What waits, with a word on the lines before and behind it that are missing; `count` has those too. */
  #take(): { text: string; count: number } {
    const { length } = this.#waiting;
    const text = [
      this.#missing(this.#lost, 'the disk did not take lines: they were left out of this file'),
      ...this.#waiting,
      this.#missing(this.#leftOut, 'the disk was too slow: lines were left out of this file'),
    ].join('');
    const count = length + this.#lost + this.#leftOut;
    this.#waiting = [];
    this.#waitingLength = 0;
    this.#lost = 0;
    this.#leftOut = 0;
    return { text, count };
  }

  #missing(lines: number, msg: string): string {
    return lines === 0 ? '' : `${JSON.stringify({ level: 40, time: this.#clock.now(), lines, msg })}\n`;
  }

  /** The file, moved aside first when this many bytes more are too many for it. */
  async #withRoom(bytes: number): Promise<FileHandle> {
    const handle = await this.#current();
    if (this.#bytes === 0 || this.#bytes + bytes <= this.#bounds.bytes) return handle;
    await this.#shut();
    const failure = await this.#moveAside();
    if (failure && !this.#stuck) this.#onFailure(failure);
    this.#stuck = failure !== undefined;
    const file = await this.#current();
    if (this.#bytes > 0 && this.#bytes + bytes > this.#bounds.bytes) {
      // Still the old one. Its lines go, for a log must not fill the disk.
      await file.truncate(0);
      this.#bytes = 0;
      this.#torn = false;
    }
    return file;
  }

  /** One that cannot be moved is no reason to keep the others. Answers the last failure. */
  async #moveAside(): Promise<Error | undefined> {
    let failure: Error | undefined;
    for (let number = this.#bounds.kept; number > 0; number -= 1) {
      const from = number === 1 ? this.#path : `${this.#path}.${number - 1}`;
      try {
        await rename(from, `${this.#path}.${number}`);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        // There was none yet, or a rotation took it this moment.
        if (code !== 'ENOENT') failure = new Error(`${from} cannot be moved aside: ${message}`, { cause: error });
      }
    }
    return failure;
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
    // Part of what failed may be there.
    if (ino !== this.#inode) this.#torn = false;
    else if (this.#failing && size !== this.#bytes) this.#torn = size > 0;
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

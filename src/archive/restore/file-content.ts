// The content of one file on its way to the disk: holes stay holes, and long runs of zeros become holes, so that a world
// with empty regions takes the space it had.
import { ftruncateSync, writeSync } from 'node:fs';
import type { Budget } from './budget.ts';

/** The block of most file systems; a hole is made of whole ones. */
const pageBytes = 4096;
/** A shorter run is written: many small holes cost more than they save. */
const shortestHole = 64 * 1024;
const zeroPage = Buffer.alloc(pageBytes);

export class FileContent {
  readonly fd: number;
  readonly #size: number;
  readonly #budget: Budget;
  /** Where the file on the disk ends. */
  #end = 0;

  constructor(fd: number, size: number, budget: Budget) {
    this.fd = fd;
    this.#size = size;
    this.#budget = budget;
  }

  /** @throws what the system refuses, ArchiveError NO_SPACE */
  write(bytes: Buffer, at: number): void {
    if (bytes.length < shortestHole) {
      this.#put(bytes, at);
      return;
    }
    // Pages are those of the file, not of the piece.
    const first = (pageBytes - (at % pageBytes)) % pageBytes;
    let written = 0;
    let zerosFrom = -1;
    for (let page = first; page + pageBytes <= bytes.length; page += pageBytes) {
      if (isZeroPage(bytes, page)) {
        if (zerosFrom < 0) zerosFrom = page;
        continue;
      }
      written = this.#leaveHole(bytes, at, written, zerosFrom, page);
      zerosFrom = -1;
    }
    const lastPageEnd = first + Math.floor((bytes.length - first) / pageBytes) * pageBytes;
    written = this.#leaveHole(bytes, at, written, zerosFrom, lastPageEnd);
    if (written < bytes.length) this.#put(bytes.subarray(written), at + written);
  }

  /** @throws what the system refuses */
  end(): void {
    if (this.#end < this.#size) ftruncateSync(this.fd, this.#size);
  }

  /** Answers how far the piece is done. */
  #leaveHole(bytes: Buffer, at: number, written: number, from: number, to: number): number {
    if (from < 0 || to - from < shortestHole) return written;
    if (from > written) this.#put(bytes.subarray(written, from), at + written);
    return to;
  }

  #put(bytes: Buffer, at: number): void {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.fd, bytes, done, bytes.length - done, at + done);
    }
    this.#end = at + bytes.length;
    this.#budget.wrote(bytes.length);
  }
}

function isZeroPage(bytes: Buffer, at: number): boolean {
  return (
    bytes[at] === 0 &&
    bytes[at + pageBytes - 1] === 0 &&
    bytes.compare(zeroPage, 0, pageBytes, at, at + pageBytes) === 0
  );
}

// What a restore may use: the disk limit of the server, and what the node must keep free. Both are asked while bytes are
// written, so that neither a header that lies nor a neighbour that fills the disk gets beyond them by much.
import { statfsSync } from 'node:fs';
import type { OpenDirectory } from '../../volumes/open-directory.ts';
import type { ExtractLimits } from '../plan.ts';
import { ArchiveError } from '../runner.ts';

/** Written between two looks at the free space; a look takes microseconds. */
const bytesBetweenLooks = 16 * 1024 * 1024;
/** An empty file costs a block or less, and an inode. */
const bytesPerFile = 4096;

export class Budget {
  readonly #contentBytes: number;
  readonly #reserveBytes: number;
  readonly #place: string;
  #used = 0;
  #unlooked = bytesBetweenLooks;

  constructor({ contentBytes, reserveBytes }: ExtractLimits, place: OpenDirectory) {
    this.#contentBytes = contentBytes;
    this.#reserveBytes = reserveBytes;
    this.#place = `/proc/self/fd/${place.fd}`;
  }

  /** A file of so many bytes is about to be made. @throws ArchiveError OVER_DISK_LIMIT, NO_SPACE */
  file(bytes: number): void {
    this.#used += bytes;
    if (this.#contentBytes > 0 && this.#used > this.#contentBytes) throw overLimit();
    this.wrote(bytesPerFile);
  }

  /** A file of so many bytes is gone. */
  gone(bytes: number): void {
    this.#used = Math.max(0, this.#used - bytes);
  }

  /** @throws ArchiveError NO_SPACE */
  wrote(bytes: number): void {
    this.#unlooked += bytes;
    if (this.#unlooked < bytesBetweenLooks) return;
    this.#unlooked = 0;
    const { bavail, bsize } = statfsSync(this.#place);
    if (bavail * bsize < this.#reserveBytes) {
      throw new ArchiveError('NO_SPACE', 'the file system would have less space left than must stay free');
    }
  }
}

export function overLimit(): ArchiveError {
  return new ArchiveError('OVER_DISK_LIMIT', 'the files are more than the disk limit of the server allows');
}

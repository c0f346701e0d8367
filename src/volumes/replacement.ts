// A file on its way to a name: written beside it under another name, moved over it when it is whole. Whoever reads the
// name finds the old content or the new one. Dropped without a commit, it leaves nothing behind.
import { randomBytes } from 'node:crypto';
import { closeSync, fchmodSync, fsyncSync } from 'node:fs';
import type { Descent } from './descent.ts';
import { errorCode, VolumeError, volumeError } from './errors.ts';
import type { Owner } from './owner.ts';

/** Until it is whole, it is nobody's to read. */
const unfinishedMode = 0o600;
const newFileMode = 0o644;

export class Replacement implements Disposable {
  /** To write to. */
  readonly fd: number;
  readonly #way: Descent;
  readonly #name: Buffer;
  readonly #mode: number;
  readonly #unfinished = Buffer.from(`.aileron-${randomBytes(12).toString('hex')}.part`);
  #committed = false;

  /** `way` is the replacement's to end. @throws VolumeError NOT_REGULAR, IS_A_DIRECTORY; what the system says */
  constructor(way: Descent, name: Buffer, owner: Owner) {
    const existing = way.here.lstat(name);
    if (existing?.isDirectory()) throw new VolumeError('IS_A_DIRECTORY', 'it is a directory');
    if (existing && !existing.isFile()) throw new VolumeError('NOT_REGULAR', 'it is not a regular file');
    this.#way = way;
    this.#name = name;
    this.#mode = existing?.mode ?? newFileMode;
    this.fd = way.here.createFile(this.#unfinished, unfinishedMode, owner);
  }

  /** Puts it in its place, durably, with the permissions of what it replaces. @throws VolumeError; it is dropped then */
  commit(): void {
    try {
      fchmodSync(this.fd, this.#mode & 0o777);
      fsyncSync(this.fd);
      this.#way.here.rename(this.#unfinished, this.#way.here, this.#name);
      this.#committed = true;
      this.#way.here.sync();
    } catch (error) {
      throw volumeError(error);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
    using way = this.#way;
    if (this.#committed) return;
    try {
      way.here.unlink(this.#unfinished);
    } catch (error) {
      // The server's own process may have removed it, or its directory.
      if (errorCode(error) !== 'ENOENT') throw volumeError(error);
    }
  }
}

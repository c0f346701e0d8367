// One inode, held so that what was learned of it stays true of what is acted on. It is not opened: neither a FIFO nor a
// device takes notice, and a link is held itself.
import { type BigIntStats, chmodSync, chownSync, closeSync, fstatSync, readFileSync } from 'node:fs';
import { VolumeError } from './errors.ts';

/** What a mode may say: never set-uid, set-gid or sticky. */
export const permissionBits = 0o777;

export class PinnedEntry implements Disposable {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  stat(): BigIntStats {
    return fstatSync(this.#fd, { bigint: true });
  }

  /** Of a link itself, should this be one. */
  chown(uid: number, gid: number): void {
    chownSync(`/proc/self/fd/${this.#fd}`, uid, gid);
  }

  /** Permission bits only. @throws VolumeError IS_A_LINK: a link has no mode of its own */
  chmod(mode: number): void {
    // Some file systems and kernels would set it.
    if (this.stat().isSymbolicLink()) throw new VolumeError('IS_A_LINK', 'a link has no mode');
    chmodSync(`/proc/self/fd/${this.#fd}`, mode & permissionBits);
  }

  mountId(): string {
    return mountIdOf(this.#fd);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** Of an open file or directory. */
export function mountIdOf(fd: number): string {
  const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
  if (id === undefined) throw new Error('the kernel does not tell the mount of an open file');
  return id;
}

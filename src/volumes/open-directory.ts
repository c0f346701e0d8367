// A directory held open, and what may be done with the names in it. `/proc/self/fd/N/name` with one component is
// openat(N, name): the kernel starts at the open directory, wherever it has been moved to, and looks up one name. So
// nothing below a server's root is ever reached by a path that a process in the container can bend, and no link is
// followed. All calls are synchronous: trees are walked in threads of their own, where that is four times as fast.
import {
  type BigIntStats,
  chownSync,
  closeSync,
  constants,
  type Dirent,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  type Stats,
  unlinkSync,
} from 'node:fs';
import { errorCode } from './errors.ts';

/** The same value on x86-64 and arm64; Node does not name it. */
const pathOnly = 0o10000000;
const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Entries fetched by one system call; what is held in memory of a directory of any size. */
const entriesAtATime = 256;

const slash = 0x2f;
const dot = 0x2e;

/** What answers when a name is gone, or is no longer the directory it was a moment ago. */
const changedCodes = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

export class OpenDirectory implements Disposable {
  readonly fd: number;
  readonly #prefix: Buffer;

  private constructor(fd: number) {
    this.fd = fd;
    this.#prefix = Buffer.from(`/proc/self/fd/${fd}/`);
  }

  /** `path` is the operator's and trusted, links in it included. @throws ENOENT, ENOTDIR */
  static open(path: string): OpenDirectory {
    return new OpenDirectory(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY));
  }

  /** `undefined`: no such name, or not a directory, links to directories included. */
  enter(name: Buffer): OpenDirectory | undefined {
    try {
      return new OpenDirectory(openSync(this.#at(name), directoryFlags));
    } catch (error) {
      return undefinedWhenChanged(error);
    }
  }

  /** `undefined`: no such name. Of a link itself. */
  lstat(name: Buffer): Stats | undefined {
    try {
      return lstatSync(this.#at(name), { throwIfNoEntry: false });
    } catch (error) {
      return undefinedWhenChanged(error);
    }
  }

  stat(): BigIntStats {
    return fstatSync(this.fd, { bigint: true });
  }

  /** Streams the entries, so that memory does not depend on their number. Types are hints: an entry may change at once. */
  *entries(): Generator<Dirent<Buffer>, void, undefined> {
    // Opened by the descriptor, so this is the directory itself, whatever its name leads to by now.
    const directory = opendirSync(`/proc/self/fd/${this.fd}`, {
      encoding: 'buffer' as BufferEncoding,
      bufferSize: entriesAtATime,
    });
    try {
      for (;;) {
        const entry = directory.readSync() as Dirent<Buffer> | null;
        if (entry === null) return;
        yield entry;
      }
    } finally {
      directory.closeSync();
    }
  }

  /** Holds one inode without opening it, so neither a FIFO nor a device takes notice. `undefined`: no such name. */
  pin(name: Buffer): PinnedEntry | undefined {
    try {
      return new PinnedEntry(openSync(this.#at(name), pathOnly | constants.O_NOFOLLOW));
    } catch (error) {
      return undefinedWhenChanged(error);
    }
  }

  /** @throws EISDIR for a directory, ENOENT */
  unlink(name: Buffer): void {
    unlinkSync(this.#at(name));
  }

  /** @throws ENOTEMPTY, ENOTDIR (a link included), ENOENT */
  removeDirectory(name: Buffer): void {
    rmdirSync(this.#at(name));
  }

  /** @throws EEXIST */
  makeDirectory(name: Buffer, mode: number): void {
    mkdirSync(this.#at(name), { mode });
  }

  /** Moves the entry itself, never what a link points to. Replaces an existing file or empty directory. */
  rename(name: Buffer, target: OpenDirectory, newName: Buffer): void {
    renameSync(this.#at(name), target.#at(newName));
  }

  chown(uid: number, gid: number): void {
    chownSync(`/proc/self/fd/${this.fd}`, uid, gid);
  }

  chmod(mode: number): void {
    fchmodSync(this.fd, mode);
  }

  /** Tells a mount in the tree from a directory of the tree, also where both are on one device. */
  mountId(): string {
    return mountIdOf(this.fd);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }

  #at(name: Buffer): Buffer {
    if (!isEntryName(name)) throw new Error('not the name of a directory entry');
    return Buffer.concat([this.#prefix, name]);
  }
}

/** One inode, held so that what was learned of it stays true of what is acted on. */
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

  mountId(): string {
    return mountIdOf(this.#fd);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** One component and nothing else: the kernel does not stop `/proc/self/fd/N/..`. */
export function isEntryName(name: Buffer): boolean {
  if (name.length === 0 || name.length > 255) return false;
  if (name[0] === dot && (name.length === 1 || (name.length === 2 && name[1] === dot))) return false;
  return !name.includes(slash) && !name.includes(0);
}

function mountIdOf(fd: number): string {
  const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
  if (id === undefined) throw new Error('the kernel does not tell the mount of an open file');
  return id;
}

function undefinedWhenChanged(error: unknown): undefined {
  if (changedCodes.has(errorCode(error) ?? '')) return undefined;
  throw error;
}

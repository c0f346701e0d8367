// A directory held open, and what may be done with the names in it. `/proc/self/fd/N/name` with one component is
// openat(N, name): the kernel starts at the open directory, wherever it has been moved to, and looks up one name. So
// nothing below a server's root is ever reached by a path that a process in the container can bend, and no link is
// followed. All calls are synchronous: trees are walked in threads of their own, where that is four times as fast.
import {
  type BigIntStats,
  closeSync,
  constants,
  type Dirent,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  opendirSync,
  openSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  type Stats,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { isEntryName } from './entry-name.ts';
import { errorCode } from './errors.ts';
import type { Owner } from './owner.ts';
import { mountIdOf, PinnedEntry, permissionBits } from './pinned-entry.ts';

/** The same value on x86-64 and arm64; Node does not name it. */
const pathOnly = 0o10000000;
const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** A FIFO must not hold up the caller, a terminal not become the daemon's. */
const existingFileFlags = constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
const newFileFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Entries fetched by one system call; what is held in memory of a directory of any size. */
const entriesAtATime = 256;

/** What answers when a name is gone, or is no longer the directory it was a moment ago. */
const changedCodes = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

/** What answers for anything but a regular file; EAGAIN is a file that somebody holds a lease on. */
const notRegularCodes = new Set([...changedCodes, 'EISDIR', 'ENXIO', 'ENODEV', 'EAGAIN']);

/** `fd` is the receiver's to close. */
export interface OpenFile {
  fd: number;
  /** Taken of the open file, so it is true of what is read. */
  stat: Stats;
}

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
      return undefinedFor(changedCodes, error);
    }
  }

  /**
   * The directory of that name, made when there is none; then it has exactly this mode and owner. `undefined`: something
   * else stands there, a link included. @throws EACCES, ENOSPC and the like
   */
  enterOrMake(name: Buffer, mode: number, owner: Owner): OpenDirectory | undefined {
    const existing = this.enter(name);
    if (existing) return existing;
    try {
      return this.makeEntered(name, mode, owner);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return this.enter(name);
      throw error;
    }
  }

  /** A new directory with exactly this mode and owner. `undefined`: it was exchanged for something else at once. @throws EEXIST */
  makeEntered(name: Buffer, mode: number, { uid, gid }: Owner): OpenDirectory | undefined {
    this.makeDirectory(name, mode & permissionBits);
    const directory = this.enter(name);
    try {
      directory?.chmod(mode);
      directory?.chown(uid, gid);
    } catch (error) {
      directory?.[Symbol.dispose]();
      throw error;
    }
    return directory;
  }

  /** Another directory object on the same inode, with a life of its own. */
  duplicate(): OpenDirectory {
    return OpenDirectory.open(`/proc/self/fd/${this.fd}`);
  }

  /** `undefined`: no such name. Of a link itself. */
  lstat(name: Buffer): Stats | undefined {
    try {
      return lstatSync(this.#at(name), { throwIfNoEntry: false });
    } catch (error) {
      return undefinedFor(changedCodes, error);
    }
  }

  stat(): BigIntStats {
    return fstatSync(this.fd, { bigint: true });
  }

  /** The same, as `lstat` tells it of the entries. */
  numericStat(): Stats {
    return fstatSync(this.fd);
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

  /** To read. `undefined`: no such name, or nothing that is a regular file and opens at once. Never waits. */
  openRegular(name: Buffer): OpenFile | undefined {
    return this.#openExisting(name, constants.O_RDONLY);
  }

  /** As `openRegular`, to write; the content is as it was. @throws ETXTBSY for a program that runs */
  openForWrite(name: Buffer): OpenFile | undefined {
    return this.#openExisting(name, constants.O_WRONLY);
  }

  /** To write; nobody had this name. The mode is exact, permission bits only. The caller closes. @throws EEXIST, a link included */
  createFile(name: Buffer, mode: number, owner?: Owner): number {
    const fd = openSync(this.#at(name), newFileFlags, mode & permissionBits);
    try {
      if (owner) fchownSync(fd, owner.uid, owner.gid);
      fchmodSync(fd, mode & permissionBits);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return fd;
  }

  /** Holds one inode without opening it, so neither a FIFO nor a device takes notice. `undefined`: no such name. */
  pin(name: Buffer): PinnedEntry | undefined {
    try {
      return new PinnedEntry(openSync(this.#at(name), pathOnly | constants.O_NOFOLLOW));
    } catch (error) {
      return undefinedFor(changedCodes, error);
    }
  }

  /** What a link says, byte for byte. `undefined`: no such name, or not a link. */
  readLink(name: Buffer): Buffer | undefined {
    try {
      return readlinkSync(this.#at(name), { encoding: 'buffer' });
    } catch (error) {
      if (errorCode(error) === 'EINVAL') return undefined;
      return undefinedFor(changedCodes, error);
    }
  }

  /** `target` is stored as it is and never looked up. @throws EEXIST */
  makeLink(target: Buffer, name: Buffer): void {
    symlinkSync(target, this.#at(name));
  }

  /** Gives the entry itself, a link included, a second name. @throws EEXIST; EPERM, EMLINK, EXDEV where that cannot be */
  hardLink(name: Buffer, target: OpenDirectory, newName: Buffer): void {
    linkSync(this.#at(name), target.#at(newName));
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

  /** Of the entry itself, never of what a link points to. @throws ENOENT */
  chownEntry(name: Buffer, uid: number, gid: number): void {
    lchownSync(this.#at(name), uid, gid);
  }

  /** Seconds since 1970, with fractions. Of the entry itself, never of what a link points to. @throws ENOENT */
  setEntryTimes(name: Buffer, accessed: number, modified: number): void {
    lutimesSync(this.#at(name), accessed, modified);
  }

  /** Of the directory itself, as the next three. */
  chown(uid: number, gid: number): void {
    fchownSync(this.fd, uid, gid);
  }

  /** Permission bits only. */
  chmod(mode: number): void {
    fchmodSync(this.fd, mode & permissionBits);
  }

  /** Seconds since 1970, with fractions. */
  setTimes(accessed: number, modified: number): void {
    futimesSync(this.fd, accessed, modified);
  }

  /** Makes the creation, renaming and removal of names in it durable. */
  sync(): void {
    fsyncSync(this.fd);
  }

  /** Tells a mount in the tree from a directory of the tree, also where both are on one device. */
  mountId(): string {
    return mountIdOf(this.fd);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }

  #openExisting(name: Buffer, access: number): OpenFile | undefined {
    let fd: number;
    try {
      fd = openSync(this.#at(name), access | existingFileFlags);
    } catch (error) {
      return undefinedFor(notRegularCodes, error);
    }
    try {
      const stat = fstatSync(fd);
      if (stat.isFile()) return { fd, stat };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
    return undefined;
  }

  #at(name: Buffer): Buffer {
    if (!isEntryName(name)) throw new Error('not the name of a directory entry');
    return Buffer.concat([this.#prefix, name]);
  }
}

function undefinedFor(codes: ReadonlySet<string>, error: unknown): undefined {
  if (codes.has(errorCode(error) ?? '')) return undefined;
  throw error;
}

// The files of one server, by path. No path leaves the root, whatever a process in the container exchanges meanwhile:
// links on the way are followed beneath the root only, a link at the end of a path never. What is made belongs to the
// server's user before anybody can see it whole. Calls are synchronous, for threads and job processes; a descriptor that
// one of them hands out is the whole process's, so that whoever asked for it can read and write without waiting.
import { closeSync, type Dirent, fstatSync, type Stats } from 'node:fs';
import { Descent } from './descent.ts';
import { errorCode, VolumeError, volumeError } from './errors.ts';
import type { OpenDirectory, OpenFile } from './open-directory.ts';
import type { Owner } from './owner.ts';
import { readOpenFile } from './read-open-file.ts';
import { removeTree } from './remove-tree.ts';
import { Replacement } from './replacement.ts';
import { parsePath } from './server-path.ts';

/** As somebody wrote it: `/` between names, `/` before them or not, any bytes. */
export type ServerPath = string | Buffer;

export interface Making {
  /** Directories that are missing on the way are made too. */
  parents?: boolean;
}

export interface WritableFile extends OpenFile {
  /** There was no such file; else it has the content that it had. */
  created: boolean;
}

const newFileMode = 0o644;
const directoryMode = 0o755;

/** A name that comes and goes as fast as it is looked at is somebody's doing. */
const triesPerName = 5;

/** Where a second name cannot be made: of directories, on file systems without, of what others own. */
const noSecondName = new Set(['EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV']);

/** Every method @throws VolumeError: NOT_FOUND and BAD_PATH for what is wrong with a path, and what is said beside it. */
export class RootedFileSystem {
  readonly #root: OpenDirectory;
  readonly #owner: Owner;

  /** `root` is the caller's to close. `owner`: whom what is made belongs to. */
  constructor(root: OpenDirectory, owner: Owner) {
    this.#root = root;
    this.#owner = owner;
  }

  /** Of a link itself. */
  stat(path: ServerPath): Stats {
    const names = told(() => parsePath(path));
    if (names.length === 0) return told(() => this.#root.numericStat());
    return this.#at(path, {}, (directory, name) => directory.lstat(name) ?? missing());
  }

  /** Streams the entries, in no order; an entry may be gone by the time it is told. @throws NOT_A_DIRECTORY */
  *list(path: ServerPath): Generator<Dirent<Buffer>, void, undefined> {
    try {
      using directory = this.#directory(path);
      yield* directory.entries();
    } catch (error) {
      throw volumeError(error);
    }
  }

  /** To read; the caller closes. @throws NOT_REGULAR, IS_A_DIRECTORY */
  open(path: ServerPath): OpenFile {
    return this.#at(path, {}, (directory, name) => directory.openRegular(name) ?? whyNoFile(directory, name));
  }

  /** The whole content. @throws TOO_LARGE, and as `open` */
  read(path: ServerPath, maxBytes: number): Buffer {
    const file = this.open(path);
    if (file.stat.size <= maxBytes) return told(() => readOpenFile(file));
    closeSync(file.fd);
    throw new VolumeError('TOO_LARGE', `the file holds more than ${maxBytes} bytes`);
  }

  /** To write in place, made when there is none; the caller closes. @throws NOT_REGULAR, IS_A_DIRECTORY, BUSY */
  openForWrite(path: ServerPath, making: Making = {}): WritableFile {
    return this.#at(path, making, (directory, name) => {
      for (let attempt = 0; attempt < triesPerName; attempt++) {
        const existing = directory.openForWrite(name);
        if (existing) return { ...existing, created: false };
        if (directory.lstat(name)) return whyNoFile(directory, name);
        const created = this.#create(directory, name);
        if (created) return { ...created, created: true };
      }
      throw new VolumeError('BUSY', 'the name keeps changing');
    });
  }

  /** A file that takes this name, and the place of what has it, when it is whole. @throws NOT_REGULAR, IS_A_DIRECTORY */
  replace(path: ServerPath, making: Making = {}): Replacement {
    return told(() => {
      const { parents, name } = entryOf(path);
      const way = this.#descend(parents, making);
      try {
        return new Replacement(way, name, this.#owner);
      } catch (error) {
        way[Symbol.dispose]();
        throw error;
      }
    });
  }

  /** @throws EXISTS, also for a directory */
  makeDirectory(path: ServerPath, making: Making = {}): void {
    this.#at(path, making, (directory, name) => {
      using made = directory.makeEntered(name, directoryMode, this.#owner);
      if (!made) throw new VolumeError('BUSY', 'the directory was exchanged as soon as it was made');
    });
  }

  /** The text of the link is stored as it is. @throws EXISTS */
  makeLink(path: ServerPath, target: Buffer, making: Making = {}): void {
    this.#at(path, making, (directory, name) => {
      directory.makeLink(target, name);
      using link = directory.pin(name);
      if (link?.stat().isSymbolicLink()) link.chown(this.#owner.uid, this.#owner.gid);
    });
  }

  /** @throws NOT_A_LINK */
  readLink(path: ServerPath): Buffer {
    return this.#at(path, {}, (directory, name) => {
      const target = directory.readLink(name);
      if (target) return target;
      return directory.lstat(name) ? refuse('NOT_A_LINK', 'it is not a link') : missing();
    });
  }

  /**
   * Moves the entry itself and never replaces one; a directory may take the place of an empty one that is made at that
   * very moment. @throws EXISTS, INTO_ITSELF, OTHER_FILE_SYSTEM
   */
  rename(path: ServerPath, newPath: ServerPath, making: Making = {}): void {
    this.#at(path, {}, (from, name) => {
      this.#at(newPath, making, (to, newName) => move(from, name, to, newName));
    });
  }

  /** Whatever it is, with all that is in it. `checkStop` throws to end it half-way. @throws MOUNTED, BUSY */
  remove(path: ServerPath, checkStop: () => void): void {
    this.#at(path, {}, (directory, name) => {
      if (!directory.lstat(name)) missing();
      removeTree(directory, name, checkStop);
    });
  }

  /** Permission bits only. @throws IS_A_LINK */
  chmod(path: ServerPath, mode: number): void {
    this.#at(path, {}, (directory, name) => {
      using entry = directory.pin(name);
      (entry ?? missing()).chmod(mode);
    });
  }

  /** Of a link itself. */
  chown(path: ServerPath, { uid, gid }: Owner): void {
    this.#at(path, {}, (directory, name) => directory.chownEntry(name, uid, gid));
  }

  /** Of a link itself. Seconds since 1970, with fractions. */
  setTimes(path: ServerPath, accessed: number, modified: number): void {
    this.#at(path, {}, (directory, name) => directory.setEntryTimes(name, accessed, modified));
  }

  #at<T>(path: ServerPath, making: Making, act: (directory: OpenDirectory, name: Buffer) => T): T {
    return told(() => {
      const { parents, name } = entryOf(path);
      using way = this.#descend(parents, making);
      return act(way.here, name);
    });
  }

  #descend(names: readonly Buffer[], { parents = false }: Making): Descent {
    return Descent.to(names, this.#root, parents ? this.#owner : undefined);
  }

  #directory(path: ServerPath): OpenDirectory {
    if (parsePath(path).length === 0) return this.#root.duplicate();
    return this.#at(path, {}, (directory, name) => {
      const entered = directory.enter(name);
      if (entered) return entered;
      return directory.lstat(name) ? refuse('NOT_A_DIRECTORY', 'it is not a directory') : missing();
    });
  }

  /** `undefined`: somebody was faster. */
  #create(directory: OpenDirectory, name: Buffer): OpenFile | undefined {
    try {
      const fd = directory.createFile(name, newFileMode, this.#owner);
      return { fd, stat: fstatSync(fd) };
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return undefined;
      throw error;
    }
  }
}

function entryOf(path: ServerPath): { parents: Buffer[]; name: Buffer } {
  const parents = parsePath(path);
  const name = parents.pop();
  return name ? { parents, name } : refuse('IS_ROOT', 'it is the directory of the server itself');
}

function move(from: OpenDirectory, name: Buffer, to: OpenDirectory, newName: Buffer): void {
  try {
    // A second name and then one less: that never replaces anything.
    from.hardLink(name, to, newName);
    from.unlink(name);
    return;
  } catch (error) {
    if (!noSecondName.has(errorCode(error) ?? '')) throw error;
  }
  try {
    // The attempt has just shown that the new name is free.
    from.rename(name, to, newName);
  } catch (error) {
    throw errorCode(error) === 'EINVAL' ? intoItself(error) : error;
  }
}

function intoItself(cause: unknown): VolumeError {
  return new VolumeError('INTO_ITSELF', 'a directory cannot be moved into itself', { cause });
}

/** After an attempt to open it. */
function whyNoFile(directory: OpenDirectory, name: Buffer): never {
  const stat = directory.lstat(name) ?? missing();
  if (stat.isDirectory()) refuse('IS_A_DIRECTORY', 'it is a directory');
  if (stat.isFile()) refuse('BUSY', 'the file is held by another process, or was exchanged a moment ago');
  refuse('NOT_REGULAR', 'it is not a regular file');
}

function missing(): never {
  refuse('NOT_FOUND', 'there is no such file or directory');
}

function refuse(code: VolumeError['code'], message: string): never {
  throw new VolumeError(code, message);
}

/** What the system says is told as what it means. */
function told<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw volumeError(error);
  }
}

// Makes files, directories and links below a directory. Each name is reached from its parent's descriptor and no link is
// ever followed; whatever stands in the way of a name is removed first, so that what comes later wins, as with tar.
// Owner, mode and times are those asked for, exactly; new parents are 0755.
import { closeSync, futimesSync, readSync, type Stats } from 'node:fs';
import { countBytes } from '../../volumes/count-bytes.ts';
import { errorCode } from '../../volumes/errors.ts';
import type { OpenDirectory, OpenFile } from '../../volumes/open-directory.ts';
import type { Owner } from '../../volumes/owner.ts';
import { removeTree } from '../../volumes/remove-tree.ts';
import type { Libc } from '../libc.ts';
import type { EntryPath } from '../read/entry-path.ts';
import type { Time } from '../read/pax.ts';
import { ArchiveError } from '../runner.ts';
import type { Budget } from './budget.ts';
import { FileContent } from './file-content.ts';
import type { MadeDirectories } from './made-directories.ts';
import { PathCursor } from './path-cursor.ts';

const directoryMode = 0o755;
/** An entry that keeps coming back is somebody's doing. */
const triesPerEntry = 8;
const copyBytes = 1024 * 1024;

export interface FileFacts {
  mode: number;
  mtime: Time;
  size: number;
}

export interface TreeWriterOptions {
  owner: Owner;
  budget: Budget;
  libc: Libc | undefined;
  /** Only these get a mode and a time; all of them without it. */
  made?: MadeDirectories | undefined;
  /** Throws to end the work. */
  checkStop: () => void;
}

export class TreeWriter implements Disposable {
  readonly #owner: Owner;
  readonly #budget: Budget;
  readonly #libc: Libc | undefined;
  readonly #made: MadeDirectories | undefined;
  readonly #checkStop: () => void;
  readonly #cursor: PathCursor;
  #file: { content: FileContent; mtime: Time } | undefined;

  /** The root stays the caller's. */
  constructor(root: OpenDirectory, { owner, budget, libc, made, checkStop }: TreeWriterOptions) {
    this.#cursor = new PathCursor(root);
    this.#owner = owner;
    this.#budget = budget;
    this.#libc = libc;
    this.#made = made;
    this.#checkStop = checkStop;
  }

  /** Made with its parents when it is missing. Valid until the next call. */
  directory(path: EntryPath, depth = path.length): OpenDirectory {
    const directory = this.#cursor.to(path, depth, (parent, name, level) =>
      this.#enterOrMake(parent, name, path.slice(0, level + 1)),
    );
    if (!directory) throw new Error('a directory was made and is not there');
    return directory;
  }

  /** Then `data` as often as it takes, then `endFile`. */
  beginFile(path: EntryPath, facts: FileFacts): void {
    const fd = this.#makeOver(path, (parent, name) => parent.createFile(name, facts.mode, this.#owner));
    this.#file = { content: new FileContent(fd, facts.size, this.#budget), mtime: facts.mtime };
    // Now that what it replaces is not counted any more.
    this.#budget.file(facts.size);
  }

  data(bytes: Buffer, at: number): void {
    this.#file?.content.write(bytes, at);
  }

  endFile(): void {
    const file = this.#file;
    if (!file) return;
    file.content.end();
    this.#setTimes(file.content.fd, file.mtime);
    this.#file = undefined;
    closeSync(file.content.fd);
  }

  /** `undefined`: there is no such file to copy. Else its bytes. */
  copyFile(target: EntryPath, path: EntryPath, facts: Omit<FileFacts, 'size'>): number | undefined {
    const source = this.#open(target);
    if (!source) return undefined;
    try {
      // Open already, so the copy may even take the place of what it is made of.
      this.beginFile(path, { ...facts, size: source.stat.size });
      const buffer = Buffer.allocUnsafe(Math.min(copyBytes, Math.max(source.stat.size, 1)));
      for (let at = 0; at < source.stat.size; ) {
        this.#checkStop();
        const bytes = readSync(source.fd, buffer, 0, Math.min(buffer.length, source.stat.size - at), at);
        if (bytes === 0) break;
        this.data(buffer.subarray(0, bytes), at);
        at += bytes;
      }
      this.endFile();
      return source.stat.size;
    } finally {
      closeSync(source.fd);
    }
  }

  /** Whatever has this name is gone; its parents are there. */
  clear(path: EntryPath): void {
    this.#remove(this.directory(path, path.length - 1), nameOf(path), path.length - 1);
  }

  /** In the place of whatever has the name. */
  makeLink(path: EntryPath, target: Buffer): void {
    this.#makeOver(path, (parent, name) => {
      parent.makeLink(target, name);
      parent.chownEntry(name, this.#owner.uid, this.#owner.gid);
    });
  }

  /** Files of one size become one file. Anything else stays as it is. */
  joinFiles(target: EntryPath, path: EntryPath): void {
    const first = this.#statFile(target);
    const second = first && this.#statFile(path);
    if (!second || second.size !== first.size || second.ino === first.ino) return;
    using parentOfTarget = this.directory(target, target.length - 1).duplicate();
    this.#makeOver(path, (parent, name) => parentOfTarget.hardLink(nameOf(target), parent, name));
  }

  /** Of a directory that is there and may be changed; none is fine. When everything in it was made. */
  setDirectory(path: EntryPath, mode: number, mtime: Time): void {
    if (this.#made && !this.#made.has(path)) return;
    const directory = this.#existing(path, path.length);
    if (!directory) return;
    directory.chmod(mode);
    this.#setTimes(directory.fd, mtime);
  }

  /** What has the name now. */
  kindOf(path: EntryPath): 'nothing' | 'link' | 'other' {
    const stat = this.#existing(path, path.length - 1)?.lstat(nameOf(path));
    if (!stat) return 'nothing';
    return stat.isSymbolicLink() ? 'link' : 'other';
  }

  [Symbol.dispose](): void {
    this.#cursor[Symbol.dispose]();
    if (this.#file) closeSync(this.#file.content.fd);
    this.#file = undefined;
  }

  #existing(path: EntryPath, depth: number): OpenDirectory | undefined {
    return this.#cursor.to(path, depth);
  }

  #enterOrMake(parent: OpenDirectory, name: Buffer, path: EntryPath): OpenDirectory {
    for (let attempt = 0; attempt < triesPerEntry; attempt++) {
      const existing = parent.enter(name);
      if (existing) return existing;
      this.#remove(parent, name, path.length - 1);
      this.#made?.add(path);
      const directory = parent.enterOrMake(name, directoryMode, this.#owner);
      if (directory) return directory;
    }
    throw keepsChanging();
  }

  #makeOver<T>(path: EntryPath, make: (parent: OpenDirectory, name: Buffer) => T): T {
    const level = path.length - 1;
    const parent = this.directory(path, level);
    for (let attempt = 0; attempt < triesPerEntry; attempt++) {
      try {
        return make(parent, nameOf(path));
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error;
      }
      this.#remove(parent, nameOf(path), level);
    }
    throw keepsChanging();
  }

  #remove(parent: OpenDirectory, name: Buffer, level: number): void {
    const stat = parent.lstat(name);
    if (!stat) return;
    this.#cursor.leave(level);
    if (stat.isFile()) {
      if (stat.nlink === 1) this.#budget.gone(stat.size);
    } else if (stat.isDirectory()) {
      using directory = parent.enter(name);
      if (directory) this.#budget.gone(countBytes(directory, this.#checkStop));
    }
    removeTree(parent, name, this.#checkStop);
  }

  #open(path: EntryPath): OpenFile | undefined {
    if (path.length === 0) return undefined;
    return this.#existing(path, path.length - 1)?.openRegular(nameOf(path));
  }

  #statFile(path: EntryPath): Stats | undefined {
    const file = this.#open(path);
    if (file) closeSync(file.fd);
    return file?.stat;
  }

  #setTimes(fd: number, { seconds, nanoseconds }: Time): void {
    if (nanoseconds === 0 || !this.#libc) futimesSync(fd, seconds + nanoseconds / 1e9, seconds + nanoseconds / 1e9);
    else this.#libc.setTimes(fd, seconds, nanoseconds);
  }
}

const noName = Buffer.alloc(0);

function nameOf(path: EntryPath): Buffer {
  return path.at(-1) ?? noName;
}

function keepsChanging(): ArchiveError {
  return new ArchiveError('FAILED', 'the directory of the server keeps changing while it is restored');
}

// A server's tree entry by entry, depth first, in the order of the directories, one step at a time: whoever walks stops
// where he likes and goes on later. Every directory is entered from its parent's descriptor, no link is followed, no mount
// is entered, and what others do to the tree meanwhile ends nothing.
import { closeSync, type Dirent, type Stats } from 'node:fs';
import { errorCode } from '../../volumes/errors.ts';
import type { OpenDirectory, OpenFile } from '../../volumes/open-directory.ts';
import { maxArchiveDepth } from '../tar-format.ts';

/** `too-deep`: a directory that no archive may hold, and with it what is below. */
export type EntryKind =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'fifo'
  | 'socket'
  | 'device'
  | 'mount'
  | 'too-deep'
  | 'vanished';

/** An entry that keeps turning into something else counts as gone after as many looks. */
const looksPerEntry = 5;

const slash = 0x2f;

export interface CursorOptions {
  /** Each regular file comes open. */
  opensFiles: boolean;
  /** Asked for whatever is no directory, by its path from the root; a hit is passed over. `undefined`: nothing is. */
  ignores: ((path: Buffer) => boolean) | undefined;
}

interface Level {
  directory: OpenDirectory;
  entries: Iterator<Dirent<Buffer>>;
  /** Of the path of this directory with its slash. */
  pathBytes: number;
}

export class TreeCursor implements Disposable {
  /** Of the current entry, as the next five. The directory it is in; of a directory itself, the one above. */
  directory: OpenDirectory;
  name: Buffer = Buffer.alloc(0);
  kind: EntryKind = 'vanished';
  /** Only for a directory: opened, and walked next. */
  child: OpenDirectory | undefined;
  /** Only for a file, and only if asked for: open, and the receiver's to close. */
  file: OpenFile | undefined;
  readonly #options: CursorOptions;
  readonly #root: OpenDirectory;
  readonly #mount: string;
  readonly #levels: Level[] = [];
  #path = Buffer.allocUnsafe(4096);
  #pathBytes = 0;

  /** The root stays the caller's. */
  constructor(root: OpenDirectory, options: CursorOptions) {
    this.#root = root;
    this.directory = root;
    this.#options = options;
    this.#mount = root.mountId();
    this.#levels.push({ directory: root, entries: root.entries(), pathBytes: 0 });
  }

  /** From the root, without a slash at either end. Valid until the next step; a view, so copy what is kept. */
  get path(): Buffer {
    return this.#path.subarray(0, this.#pathBytes);
  }

  /** Goes to the next entry. `false`: there is none. @throws what the system says */
  next(): boolean {
    this.file = undefined;
    if (this.child) this.#descend(this.child);
    for (let level = this.#levels.at(-1); level; level = this.#levels.at(-1)) {
      const entry = nextEntry(level.entries);
      if (!entry) {
        this.#ascend();
        continue;
      }
      this.directory = level.directory;
      this.name = entry.name;
      this.#setPath(level.pathBytes, entry.name);
      if (this.#lookUnlessIgnored(kindOf(entry))) return true;
    }
    return false;
  }

  /** Of the current entry by its name; `undefined` when it is gone. */
  lstat(): Stats | undefined {
    return this.directory.lstat(this.name);
  }

  [Symbol.dispose](): void {
    this.child?.[Symbol.dispose]();
    this.child = undefined;
    while (this.#levels.length > 0) this.#ascend();
  }

  /** What is ignored is not even opened, unless it was a directory a moment ago. */
  #lookUnlessIgnored(hint: EntryKind | undefined): boolean {
    const ignored = this.#options.ignores?.(this.path) ?? false;
    if (ignored && hint !== 'directory' && hint !== undefined) return false;
    this.#look(hint);
    if (!ignored || this.kind === 'directory' || this.kind === 'mount' || this.kind === 'too-deep') return true;
    if (this.file) closeSync(this.file.fd);
    return false;
  }

  /** The hint may be outdated, and what it says must open as that. */
  #look(hint: EntryKind | undefined): void {
    let kind = hint;
    for (let look = 0; look < looksPerEntry; look++) {
      if (kind === undefined) {
        const stat = this.lstat();
        if (!stat) break;
        kind = kindOf(stat) ?? 'device';
      }
      if (this.#opensAs(kind)) return;
      kind = undefined;
    }
    this.kind = 'vanished';
  }

  #opensAs(kind: EntryKind): boolean {
    this.kind = kind;
    if (kind === 'directory') return this.#enter();
    if (kind !== 'file' || !this.#options.opensFiles) return true;
    this.file = this.directory.openRegular(this.name);
    return this.file !== undefined;
  }

  #enter(): boolean {
    const child = this.directory.enter(this.name);
    if (!child) return false;
    if (this.#levels.length > maxArchiveDepth) {
      child[Symbol.dispose]();
      this.kind = 'too-deep';
      return true;
    }
    if (child.mountId() === this.#mount) {
      this.child = child;
    } else {
      child[Symbol.dispose]();
      this.kind = 'mount';
    }
    return true;
  }

  #descend(directory: OpenDirectory): void {
    this.#path[this.#pathBytes] = slash;
    this.#levels.push({ directory, entries: directory.entries(), pathBytes: this.#pathBytes + 1 });
    this.child = undefined;
  }

  #ascend(): void {
    const level = this.#levels.pop();
    level?.entries.return?.();
    if (level && level.directory !== this.#root) level.directory[Symbol.dispose]();
  }

  /** There is always room for one more slash. */
  #setPath(prefixBytes: number, name: Buffer): void {
    const bytes = prefixBytes + name.length;
    if (bytes >= this.#path.length) {
      this.#path = Buffer.concat([this.#path.subarray(0, prefixBytes)], 2 * bytes + 1);
    }
    name.copy(this.#path, prefixBytes);
    this.#pathBytes = bytes;
  }
}

/** A directory that is removed while it is read has come to its end. */
function nextEntry(entries: Iterator<Dirent<Buffer>>): Dirent<Buffer> | undefined {
  try {
    const { done, value } = entries.next();
    return done ? undefined : value;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** `undefined`: the file system does not say. */
function kindOf(entry: Dirent<Buffer> | Stats): EntryKind | undefined {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  if (entry.isSymbolicLink()) return 'symlink';
  if (entry.isFIFO()) return 'fifo';
  if (entry.isSocket()) return 'socket';
  if (entry.isCharacterDevice() || entry.isBlockDevice()) return 'device';
  return undefined;
}

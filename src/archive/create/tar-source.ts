// A server's tree as a tar stream, poured into blocks as fast as one thread can: a file is opened, looked at, read straight
// into the block and closed, and nothing is allocated for its content. Exactly the size seen at open is read: what grows is
// cut, what shrinks is filled with zeros and listed, what vanished is listed.
import { closeSync, fstatSync, readSync, type Stats } from 'node:fs';
import type { OpenDirectory, OpenFile } from '../../volumes/open-directory.ts';
import { type ManifestPath, manifestPath, manifestTarget } from '../manifest-format.ts';
import type { ArchiveProgress } from '../plan.ts';
import { tarPadding, tarType } from '../tar-format.ts';
import { EntryHeader } from './entry-header.ts';
import type { ManifestWriter } from './manifest-writer.ts';
import { type EntryKind, TreeCursor } from './tree-cursor.ts';

/** Files with several names whose other names are still to come; beyond that each is a file of its own. */
const maxOpenGroups = 100_000;

export interface TarSourceOptions {
  root: OpenDirectory;
  /** Of a path from the root; only what is no directory is asked for. `undefined`: nothing is ignored. */
  ignores: ((path: Buffer) => boolean) | undefined;
  /** Directories and symlinks are entries too. */
  posix: boolean;
  manifest: ManifestWriter;
  progress: ArchiveProgress;
}

export interface SourceCounts {
  entries: number;
  contentBytes: number;
  directories: number;
  symlinks: number;
  hardlinks: number;
  changed: number;
  skipped: number;
  /** Of the skipped: directories deeper than an archive may hold. */
  tooDeep: number;
}

export class TarSource implements Disposable {
  readonly counts: SourceCounts = {
    entries: 0,
    contentBytes: 0,
    directories: 0,
    symlinks: 0,
    hardlinks: 0,
    changed: 0,
    skipped: 0,
    tooDeep: 0,
  };
  /** Names of files with several names were more than could be kept. */
  groupsOverflowed = false;
  readonly #options: TarSourceOptions;
  readonly #cursor: TreeCursor;
  readonly #header = new EntryHeader();
  /** How much of the header is poured. */
  #headerAt = 0;
  #fd: number | undefined;
  #size = 0;
  #contentLeft = 0;
  #zerosLeft = 0;
  #groups = new Map<string, { first: ManifestPath; left: number }>();
  #done = false;

  constructor(options: TarSourceOptions) {
    this.#options = options;
    this.#cursor = new TreeCursor(options.root, { opensFiles: true, ignores: options.ignores });
  }

  /** Everything is poured. */
  get done(): boolean {
    return this.#done;
  }

  /**
   * Fills the block from `at` on until it is full, the tree is at its end or `isLate` says so, which is asked for each
   * entry. Answers where it stopped. @throws what the system says
   */
  fill(block: Buffer, at: number, isLate: () => boolean): number {
    let to = at;
    while (to < block.length && !this.#done) {
      if (this.#headerAt < this.#header.bytes) to += this.#pourHeader(block, to);
      else if (this.#contentLeft > 0) to += this.#pourContent(block, to);
      else if (this.#zerosLeft > 0) to += this.#pourZeros(block, to);
      else if (isLate()) break;
      else this.#next();
    }
    return to;
  }

  [Symbol.dispose](): void {
    this.#closeFile();
    this.#cursor[Symbol.dispose]();
  }

  #pourHeader(block: Buffer, to: number): number {
    const copied = this.#header.buffer.copy(block, to, this.#headerAt, this.#header.bytes);
    this.#headerAt += copied;
    return copied;
  }

  #pourContent(block: Buffer, to: number): number {
    const wanted = Math.min(this.#contentLeft, block.length - to);
    const read = this.#fd === undefined ? 0 : readSync(this.#fd, block, to, wanted, null);
    if (read === 0) {
      this.#shrank();
      return 0;
    }
    this.#contentLeft -= read;
    this.#options.progress.bytesDone += read;
    if (this.#contentLeft === 0) this.#closeFile();
    return read;
  }

  #pourZeros(block: Buffer, to: number): number {
    const bytes = Math.min(this.#zerosLeft, block.length - to);
    block.fill(0, to, to + bytes);
    this.#zerosLeft -= bytes;
    return bytes;
  }

  #shrank(): void {
    this.counts.changed += 1;
    const read = this.#size - this.#contentLeft;
    this.#options.manifest.add({ type: 'changed', ...manifestPath(this.#cursor.path), size: this.#size, read });
    this.#options.progress.bytesDone += this.#contentLeft;
    this.#zerosLeft += this.#contentLeft;
    this.#contentLeft = 0;
    this.#closeFile();
  }

  #next(): void {
    const cursor = this.#cursor;
    if (!cursor.next()) {
      this.#done = true;
      return;
    }
    if (cursor.kind === 'directory') this.#directory();
    else if (cursor.kind === 'symlink') this.#symlink();
    else if (cursor.file) this.#file(cursor.file);
    else this.#skip(cursor.kind);
  }

  #file({ fd, stat }: OpenFile): void {
    this.#fd = fd;
    const { size } = stat;
    this.#begin(tarType.file, stat, size);
    this.#size = size;
    this.#contentLeft = size;
    this.#zerosLeft = tarPadding(size);
    this.counts.entries += 1;
    this.counts.contentBytes += size;
    this.#options.progress.files += 1;
    if (stat.nlink > 1) this.#hardlink(stat);
    if (size === 0) this.#closeFile();
  }

  #directory(): void {
    const { child, path } = this.#cursor;
    if (!child) throw new Error('a directory is walked without being open');
    const stat = fstatSync(child.fd);
    this.counts.directories += 1;
    this.#options.manifest.add({
      type: 'directory',
      ...manifestPath(path),
      mode: stat.mode & 0o7777,
      mtime: wholeSeconds(stat),
    });
    if (this.#options.posix) this.#begin(tarType.directory, stat, 0);
  }

  #symlink(): void {
    const { directory, name, path } = this.#cursor;
    const target = directory.readLink(name);
    const stat = target && directory.lstat(name);
    if (!target || !stat) {
      this.#skip('vanished');
      return;
    }
    this.counts.symlinks += 1;
    this.#options.manifest.add({ type: 'symlink', ...manifestPath(path), ...manifestTarget(target) });
    if (this.#options.posix) this.#begin(tarType.symlink, stat, 0, target);
  }

  #skip(reason: EntryKind): void {
    this.counts.skipped += 1;
    if (reason === 'too-deep') this.counts.tooDeep += 1;
    if (reason === 'file' || reason === 'directory' || reason === 'symlink') return;
    this.#options.manifest.add({ type: 'skipped', ...manifestPath(this.#cursor.path), reason });
  }

  #begin(type: number, stat: Stats, size: number, target?: Buffer): void {
    this.#header.write({
      type,
      path: this.#cursor.path,
      mode: stat.mode & 0o7777,
      size,
      mtime: wholeSeconds(stat),
      ...(target ? { target } : {}),
    });
    this.#headerAt = 0;
  }

  /** A group is forgotten when all of its names were seen, so only those with names elsewhere stay in memory. */
  #hardlink(stat: Stats): void {
    const key = this.#inode(stat);
    const path = manifestPath(this.#cursor.path);
    const group = this.#groups.get(key);
    if (group) {
      this.counts.hardlinks += 1;
      this.#options.manifest.add({ type: 'hardlink', ...path, ...asTarget(group.first) });
      group.left -= 1;
      if (group.left === 0) this.#groups.delete(key);
    } else if (this.#groups.size < maxOpenGroups) {
      this.#groups.set(key, { first: path, left: stat.nlink - 1 });
    } else {
      this.groupsOverflowed = true;
    }
  }

  /** A double does not hold the inode numbers of every file system. */
  #inode({ dev, ino }: Stats): string {
    if (Number.isSafeInteger(ino) || this.#fd === undefined) return `${dev}:${ino}`;
    const exact = fstatSync(this.#fd, { bigint: true });
    return `${exact.dev}:${exact.ino}`;
  }

  #closeFile(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    closeSync(fd);
  }
}

function asTarget(path: ManifestPath): { target: string } | { target64: string } {
  return 'path64' in path ? { target64: path.path64 } : { target: path.path };
}

/** Rounded to the nearest, as Wings does. */
function wholeSeconds({ mtimeMs }: Stats): number {
  return Math.round(mtimeMs / 1000);
}

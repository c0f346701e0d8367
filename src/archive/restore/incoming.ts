// What an archive will put into a server's directory, by name, so that the room it needs is known before the first file is
// touched. Only sizes are kept, never names; where it cannot be exact it counts too much room and never too little.
import type { Stats } from 'node:fs';
import { countBytes } from '../../volumes/count-bytes.ts';
import type { OpenDirectory } from '../../volumes/open-directory.ts';
import { walkTree } from '../../volumes/walk.ts';
import type { EntryPath } from '../read/entry-path.ts';
import { joined } from './deferred.ts';
import { NameTable } from './name-table.ts';

/** In the table; files are twice their size, and one more when they come. */
const directory = -1;
const link = -2;

/** A file takes whole blocks. */
const blockBytes = 4096;
/** Of `stat.blocks`, on any file system. */
const statBlockBytes = 512;

export interface Meeting {
  /** Bytes of content that stay when the archive is merged. */
  stays: number;
  /** Bytes on the disk that files of the same name give up, each no more than what takes its place. */
  replaced: number;
}

export class Incoming {
  readonly #names = new NameTable();
  #bytes = 0;
  #bytesOnDisk = 0;

  /** Of content. */
  get bytes(): number {
    return this.#bytes;
  }

  get bytesOnDisk(): number {
    return this.#bytesOnDisk;
  }

  /** The size of a file that was told before, whether it comes or not. */
  sizeOf(path: EntryPath): number | undefined {
    const known = this.#names.get(joined(path));
    return known === undefined || known < 0 ? undefined : Math.floor(known / 2);
  }

  /** `comes` not: it is in the archive, and nobody wants it. */
  file(path: EntryPath, size: number, comes: boolean): void {
    if (!comes) {
      this.#names.set(joined(path), size * 2);
      return;
    }
    this.#set(path, size * 2 + 1);
    this.#bytes += size;
    this.#bytesOnDisk += inBlocks(size);
  }

  link(path: EntryPath): void {
    this.#set(path, link);
  }

  directory(path: EntryPath): void {
    if (path.length > 0) this.#set(path, directory);
  }

  /** @throws VolumeError TOO_DEEP, what `checkStop` throws */
  meet(root: OpenDirectory, checkStop: () => void): Meeting {
    const meeting = { stays: 0, replaced: 0 };
    this.#meet(root, [], meeting, checkStop);
    return meeting;
  }

  #set(path: EntryPath, what: number): void {
    this.#replace(joined(path), what);
    // Whoever is there as a directory has its parents there too.
    for (let depth = path.length - 1; depth > 0; depth--) {
      const parent = joined(path.slice(0, depth));
      if (this.#names.get(parent) === directory) return;
      this.#replace(parent, directory);
    }
  }

  /** What comes later takes the place of what came before. */
  #replace(name: Buffer, what: number): void {
    const before = this.#names.get(name);
    if (comingSize(before) !== undefined) {
      this.#bytes -= comingSize(before) ?? 0;
      this.#bytesOnDisk -= inBlocks(comingSize(before) ?? 0);
    }
    this.#names.set(name, what);
  }

  #meet(parent: OpenDirectory, path: EntryPath, meeting: Meeting, checkStop: () => void): void {
    for (const { name } of parent.entries()) {
      checkStop();
      const at = [...path, name];
      const coming = this.#names.get(joined(at));
      const size = comingSize(coming);
      using child = parent.enter(name);
      if (child) {
        if (coming === directory) this.#meet(child, at, meeting, checkStop);
        else if (size === undefined && coming !== link) meeting.stays += countBytes(child, checkStop);
        continue;
      }
      const stat = parent.lstat(name);
      if (!stat?.isFile()) continue;
      if (size !== undefined) meeting.replaced += Math.min(givenUp(stat), inBlocks(size));
      else if (coming !== directory && coming !== link) meeting.stays += stat.size;
    }
  }
}

/** Bytes on the disk that come free when a tree goes. @throws VolumeError TOO_DEEP, what `checkStop` throws */
export function bytesOnDiskOf(root: OpenDirectory, checkStop: () => void): number {
  let bytes = 0;
  walkTree(
    root,
    {
      entry(_directory, _name, stat) {
        if (stat.isFile()) bytes += (stat.blocks * statBlockBytes) / stat.nlink;
      },
    },
    checkStop,
  );
  return Math.floor(bytes);
}

/** A file with other names stays under them. */
function givenUp({ blocks, nlink }: Stats): number {
  return nlink === 1 ? blocks * statBlockBytes : 0;
}

function comingSize(what: number | undefined): number | undefined {
  return what !== undefined && what > 0 && what % 2 === 1 ? (what - 1) / 2 : undefined;
}

function inBlocks(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}

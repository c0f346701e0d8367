// Deletes a tree while somebody may still be changing it. A link is removed, never followed; a directory is emptied
// through its own descriptor; a mount in the tree is left alone. What a crash leaves behind is a smaller tree to delete.
import { randomBytes } from 'node:crypto';
import { errorCode, VolumeError } from './errors.ts';
import type { OpenDirectory } from './open-directory.ts';

/** Deeper directories are moved up to the top first, so that the number of descriptors is bounded for any depth. */
const maxHeldLevels = 64;

/** Entries that come back as fast as they are removed are somebody's doing; the caller tries again later. */
const triesPerEntry = 5;

/** What tells that an entry was exchanged or refilled since it was looked at. */
const changedCodes = ['EISDIR', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST'];

/** Removes `name`, whatever it is, from `parent`. Missing is fine. @throws VolumeError MOUNTED, BUSY */
export function removeTree(parent: OpenDirectory, name: Buffer, checkStop: () => void): void {
  for (let attempt = 0; attempt < triesPerEntry; attempt++) {
    checkStop();
    using top = parent.enter(name);
    if (!top) {
      if (done(() => parent.unlink(name))) return;
      continue;
    }
    const removal = new Removal(top, checkStop);
    removal.empty(top, 1);
    if (removed(parent, name)) return;
    // Directories that were moved up to the top are progress, not somebody's interference.
    if (removal.movedUp > 0) attempt = 0;
  }
  throw new VolumeError('BUSY', 'entries keep changing while they are removed');
}

class Removal {
  movedUp = 0;
  readonly #top: OpenDirectory;
  readonly #mount: string;
  readonly #checkStop: () => void;

  constructor(top: OpenDirectory, checkStop: () => void) {
    this.#top = top;
    this.#mount = top.mountId();
    this.#checkStop = checkStop;
  }

  empty(directory: OpenDirectory, depth: number): void {
    for (const entry of directory.entries()) this.#removeEntry(directory, entry.name, depth, entry.isDirectory());
  }

  #removeEntry(parent: OpenDirectory, name: Buffer, depth: number, isDirectory: boolean): void {
    for (let attempt = 0; attempt < triesPerEntry; attempt++) {
      this.#checkStop();
      const directoryNow = attempt === 0 ? isDirectory : (parent.lstat(name)?.isDirectory() ?? false);
      if (directoryNow ? this.#removeDirectory(parent, name, depth) : done(() => parent.unlink(name))) return;
    }
    throw new VolumeError('BUSY', 'entries keep changing while they are removed');
  }

  #removeDirectory(parent: OpenDirectory, name: Buffer, depth: number): boolean {
    using directory = parent.enter(name);
    if (!directory) return false;
    if (directory.mountId() !== this.#mount) throw new VolumeError('MOUNTED', 'another file system is mounted in it');
    if (depth > maxHeldLevels) {
      this.#moveUp(parent, name);
      return true;
    }
    this.empty(directory, depth + 1);
    return done(() => parent.removeDirectory(name));
  }

  #moveUp(parent: OpenDirectory, name: Buffer): void {
    const unique = Buffer.from(`.aileron-removing-${randomBytes(12).toString('hex')}`);
    if (done(() => parent.rename(name, this.#top, unique))) this.movedUp += 1;
  }
}

/** Where the directory is a mount of its own, its emptiness is all there is to reach. */
function removed(parent: OpenDirectory, name: Buffer): boolean {
  try {
    return done(() => parent.removeDirectory(name));
  } catch (error) {
    if (errorCode(error) === 'EBUSY') return true;
    throw error;
  }
}

/** `false` for the errors that a change by somebody else explains. Already gone counts as done. */
function done(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    const code = errorCode(error) ?? '';
    if (changedCodes.includes(code)) return false;
    if (code === 'ENOENT') return true;
    throw error;
  }
}

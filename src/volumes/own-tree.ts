// Gives a whole tree to one user, without ever giving away a file that also has a name outside of it. A file with one
// name is in the tree if that name is; one with several names changes hands only when all of them were seen here. Both
// are true only of an inode that stood still: whoever makes, removes or renames a name changes the inode's ctime, so an
// inode that changed since the pass began is left to the next pass. Time is the file system's own, not this process's.
import type { BigIntStats } from 'node:fs';
import type { OpenDirectory } from './open-directory.ts';
import type { Owner } from './owner.ts';
import type { PinnedEntry } from './pinned-entry.ts';
import { walkTree } from './walk.ts';

export interface OwnershipResult {
  /** Entries that changed hands. */
  changed: number;
  /** Entries of others that were left: busy in every pass, or with a name outside the tree. */
  left: number;
}

const maxPasses = 5;

/** More than a tick of any kernel's clock for file times. */
const passPauseMs = 20;

/** Names of others' files that are remembered at a time, some 20 MB; files beyond it are left. */
const maxRemembered = 100_000;

/** @throws VolumeError TOO_DEEP, what the system refuses, and what `checkStop` throws */
export function ownTree(root: OpenDirectory, owner: Owner, checkStop: () => void): OwnershipResult {
  let changed = 0;
  for (let pass = 1; ; pass++) {
    const outcome = ownOnce(root, owner, checkStop);
    changed += outcome.changed;
    if (outcome.busy === 0 || pass === maxPasses) return { changed, left: outcome.busy + outcome.foreign };
    pause(passPauseMs);
  }
}

function ownOnce(root: OpenDirectory, { uid, gid }: Owner, checkStop: () => void) {
  const mount = root.mountId();
  const isRight = (stat: BigIntStats) => stat.uid === BigInt(uid) && stat.gid === BigInt(gid);
  let changed = isRight(root.stat()) ? 0 : 1;
  // Also when it is right already: it reads the file system's clock into the root's ctime.
  root.chown(uid, gid);
  const passBegan = root.stat().ctimeNs;

  let busy = 0;
  const shared = new SharedInodes();

  function ownEntry(directory: OpenDirectory, name: Buffer, entry: PinnedEntry): void {
    const stat = entry.stat();
    if (isRight(stat) || stat.isDirectory() || entry.mountId() !== mount) return;
    if (stat.ctimeNs >= passBegan) {
      busy += 1;
      return;
    }
    if (stat.nlink > 1n && !shared.allNamesSeen(stat, directory.stat(), name)) return;
    entry.chown(uid, gid);
    changed += 1;
  }

  walkTree(
    root,
    {
      entry(directory, name, stat) {
        if (stat.uid === uid && stat.gid === gid) return;
        using entry = directory.pin(name);
        if (entry) ownEntry(directory, name, entry);
      },
      directory(directory) {
        if (isRight(directory.stat())) return;
        directory.chown(uid, gid);
        changed += 1;
      },
    },
    checkStop,
  );
  return { changed, busy, foreign: shared.incomplete };
}

/** Inodes with several names, and which of them were seen. A name is its directory's inode and itself, so moving a directory adds none. */
class SharedInodes {
  readonly #names = new Map<string, Set<string>>();
  #remembered = 0;
  #forgotten = 0;

  /** Inodes of which a name was not seen. */
  get incomplete(): number {
    return this.#names.size + this.#forgotten;
  }

  allNamesSeen(inode: BigIntStats, directory: BigIntStats, name: Buffer): boolean {
    if (this.#remembered >= maxRemembered) {
      this.#forgotten += 1;
      return false;
    }
    const key = `${inode.dev}:${inode.ino}`;
    const names = this.#names.get(key) ?? new Set();
    this.#remembered -= names.size;
    names.add(`${directory.dev}:${directory.ino}/${name.toString('latin1')}`);
    if (BigInt(names.size) === inode.nlink) {
      this.#names.delete(key);
      return true;
    }
    this.#remembered += names.size;
    this.#names.set(key, names);
    return false;
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

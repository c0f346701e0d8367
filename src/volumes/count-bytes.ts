// How much a tree holds: apparent sizes of regular files, an inode once however many names it has.
import type { Stats } from 'node:fs';
import type { OpenDirectory } from './open-directory.ts';
import { walkTree } from './walk.ts';

/** Some 20 MB. Beyond it every further name of a file with several names counts, so hiding behind them is no use. */
const maxLinkedFiles = 500_000;

/** Bytes, at most 2^53 - 1. @throws VolumeError TOO_DEEP, and what `checkStop` throws */
export function countBytes(root: OpenDirectory, checkStop: () => void): number {
  let bytes = 0;
  const counted = new Set<number | string>();
  walkTree(
    root,
    {
      entry(directory, name, stat) {
        if (!stat.isFile()) return;
        if (stat.nlink > 1) {
          const inode = inodeKey(directory, name, stat);
          if (counted.has(inode)) return;
          if (counted.size < maxLinkedFiles) counted.add(inode);
        }
        bytes += stat.size;
      },
    },
    checkStop,
  );
  return Math.min(bytes, Number.MAX_SAFE_INTEGER);
}

/** Overlay file systems number their inodes beyond what a double holds exactly. */
function inodeKey(directory: OpenDirectory, name: Buffer, stat: Stats): number | string {
  if (Number.isSafeInteger(stat.ino)) return stat.ino;
  using pinned = directory.pin(name);
  const exact = pinned?.stat();
  return exact ? `${exact.dev}:${exact.ino}` : stat.ino;
}

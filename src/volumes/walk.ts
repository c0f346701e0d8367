// Depth first through a tree that others change meanwhile. Every directory is entered from its parent's descriptor, no
// link is followed, no mount is entered, and memory and descriptors do not grow with the size of the tree.
import type { Stats } from 'node:fs';
import { VolumeError } from './errors.ts';
import type { OpenDirectory } from './open-directory.ts';

/**
 * Each level holds two descriptors. Twice what a path through the daemon may have (128), so nothing a user made by it
 * is out of reach; a game that nests deeper cannot hide files there, since its tree is then refused as a whole.
 */
const maxDepth = 256;

/** An entry that keeps turning from directory to something else is left after as many looks. */
const looksPerEntry = 5;

export interface TreeVisitor {
  /** Anything but a directory. `stat` may be outdated by now. */
  entry(directory: OpenDirectory, name: Buffer, stat: Stats): void;
  /** Before its entries; for the root too. */
  directory?(directory: OpenDirectory): void;
}

/** `checkStop` throws to end the walk; called for each entry. @throws VolumeError TOO_DEEP */
export function walkTree(root: OpenDirectory, visitor: TreeVisitor, checkStop: () => void): void {
  const mount = root.mountId();
  visit(root, 0);

  function visit(directory: OpenDirectory, depth: number): void {
    if (depth > maxDepth) throw new VolumeError('TOO_DEEP', `directories are nested more than ${maxDepth} deep`);
    visitor.directory?.(directory);
    for (const { name } of directory.entries()) {
      checkStop();
      visitEntry(directory, name, depth);
    }
  }

  function visitEntry(directory: OpenDirectory, name: Buffer, depth: number): void {
    for (let look = 0; look < looksPerEntry; look++) {
      const stat = directory.lstat(name);
      if (!stat) return;
      if (!stat.isDirectory()) {
        visitor.entry(directory, name, stat);
        return;
      }
      using child = directory.enter(name);
      if (!child) continue;
      if (child.mountId() === mount) visit(child, depth + 1);
      return;
    }
  }
}

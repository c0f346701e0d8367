// Makes what a restore wrote survive a power cut.
import { closeSync, fsyncSync } from 'node:fs';
import type { OpenDirectory } from '../../volumes/open-directory.ts';
import { walkTree } from '../../volumes/walk.ts';
import type { Job } from '../job.ts';
import { loadLibc } from '../libc.ts';

/**
 * The whole file system that the tree is on, in one go; where there is no such call the tree, file by file.
 * @throws when something did not reach the disk
 */
export async function makeDurable(tree: OpenDirectory, job: Job): Promise<void> {
  job.signal.throwIfAborted();
  const libc = await loadLibc();
  if (libc) await libc.syncFileSystem(tree.fd);
  else syncTree(tree, () => job.signal.throwIfAborted());
  job.signal.throwIfAborted();
}

/** Files and directories; what a link says is in its directory. */
export function syncTree(tree: OpenDirectory, checkStop: () => void): void {
  walkTree(
    tree,
    {
      directory: (directory) => directory.sync(),
      entry(directory, name, stat) {
        const file = stat.isFile() ? directory.openRegular(name) : undefined;
        if (!file) return;
        try {
          fsyncSync(file.fd);
        } finally {
          closeSync(file.fd);
        }
      },
    },
    checkStop,
  );
}

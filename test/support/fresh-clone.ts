// The checkout as a fresh clone would be: the files git has or would take, in a folder of its own.
import { cp, mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { runProgram } from './run-program.ts';
import { checkout } from './source-files.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export interface CloneOptions {
  /** Lends it the installed packages of this checkout, which is quicker than to install them once more. */
  withPackages: boolean;
}

/** Resolves with the folder, which is removed after the test. */
export async function freshClone(t: TestContext, { withPackages }: CloneOptions): Promise<string> {
  const folder = temporaryDirectory(t);
  const listing = await runProgram('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: checkout,
  });
  if (listing.code !== 0) throw new Error(`git ls-files failed: ${listing.stderr}`);
  for (const path of listing.stdout.split('\0').filter(Boolean)) {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    // A file may be listed and yet gone from the work tree.
    await cp(join(checkout, path), join(folder, path)).catch(ignoreMissing);
  }
  if (withPackages) {
    for (const packages of ['node_modules', 'bin/node/node_modules'])
      await symlink(join(checkout, packages), join(folder, packages));
  }
  return folder;
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

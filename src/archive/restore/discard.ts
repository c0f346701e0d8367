// Removes what a restore kept beside the server's files.
import { basename, dirname } from 'node:path';
import { errorCode } from '../../volumes/errors.ts';
import { OpenDirectory } from '../../volumes/open-directory.ts';
import { removeTree } from '../../volumes/remove-tree.ts';
import type { Job } from '../job.ts';
import type { DiscardPlan } from '../plan.ts';

/** Missing is fine, so it may be repeated. @throws VolumeError, the signal's reason, what the system says */
export async function discard({ staging }: DiscardPlan, job: Job): Promise<undefined> {
  const server = dirname(staging);
  using all = opened(dirname(server));
  using ofServer = all?.enter(Buffer.from(basename(server)));
  if (!all || !ofServer) return;
  removeTree(ofServer, Buffer.from(basename(staging)), () => job.signal.throwIfAborted());
  ofServer.sync();
  try {
    all.removeDirectory(Buffer.from(basename(server)));
  } catch (error) {
    // Another operation of the server has something there, or has just taken it away.
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errorCode(error) ?? '')) throw error;
  }
  all.sync();
}

function opened(path: string): OpenDirectory | undefined {
  try {
    return OpenDirectory.open(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

// Removes what a restore kept beside the server's files.
import { basename, dirname } from 'node:path';
import { errorCode } from '../../volumes/errors.ts';
import { OpenDirectory } from '../../volumes/open-directory.ts';
import { removeTree } from '../../volumes/remove-tree.ts';
import type { Job } from '../job.ts';
import type { DiscardedFacts, DiscardPlan } from '../plan.ts';
import { hasMoveList, hasUndoneMoves } from './move-list.ts';
import { oldName } from './places.ts';

/** Missing is fine, so it may be repeated. @throws VolumeError, the signal's reason, what the system says */
export async function discard({ staging, unlessTouched }: DiscardPlan, job: Job): Promise<DiscardedFacts> {
  const server = dirname(staging);
  const name = Buffer.from(basename(staging));
  using all = opened(dirname(server));
  using ofServer = all?.enter(Buffer.from(basename(server)));
  if (!all || !ofServer) return { kept: false };
  if (unlessTouched && isTouched(ofServer, name)) return { kept: true };
  removeTree(ofServer, name, () => job.signal.throwIfAborted());
  ofServer.sync();
  try {
    all.removeDirectory(Buffer.from(basename(server)));
  } catch (error) {
    // Another operation of the server has something there, or has just taken it away.
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errorCode(error) ?? '')) throw error;
  }
  all.sync();
  return { kept: false };
}

/** What waits there may be all that is left of the server's files. */
function isTouched(ofServer: OpenDirectory, name: Buffer): boolean {
  using staging = ofServer.enter(name);
  if (!staging) return false;
  if (hasMoveList(staging) || hasUndoneMoves(staging)) return true;
  using old = staging.enter(oldName);
  for (const _entry of old?.entries() ?? []) return true;
  return false;
}

function opened(path: string): OpenDirectory | undefined {
  try {
    return OpenDirectory.open(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

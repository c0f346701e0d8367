// Unpacks an archive straight into the server's directory, for lack of room beside it. The directory itself stays what it
// is. A crash in the middle leaves some of both; the work is then done again from its start.
import type { OpenDirectory } from '../../volumes/open-directory.ts';
import { removeTree } from '../../volumes/remove-tree.ts';
import type { Job } from '../job.ts';
import type { InPlacePlan, RestoredFacts } from '../plan.ts';
import { ArchiveError } from '../runner.ts';
import { Budget } from './budget.ts';
import { makeDurable } from './durable.ts';
import { MadeDirectories } from './made-directories.ts';
import { Places } from './places.ts';
import { Selection } from './selection.ts';
import { unpack } from './unpack.ts';

/** Whoever still writes in the directory must tire before this does. */
const passesToEmpty = 5;

/** @throws ArchiveError, the signal's reason, what the system says */
export async function inPlace(plan: InPlacePlan, job: Job): Promise<RestoredFacts> {
  const { archive, checksum, readLimit, limits, mode, uid, gid } = plan;
  const selection = new Selection(plan.paths);
  using places = new Places(plan);
  const { root, staging } = places;
  const checkStop = () => job.signal.throwIfAborted();
  if (mode === 'truncate') empty(root, checkStop);
  job.checkpoint?.('in-place:emptied');
  // What stays in a merge was counted before: to end now would leave half of both.
  const budget = new Budget(limits, root);
  const read = { archive, readLimit, mostEntries: limits.entries, ...(checksum === undefined ? {} : { checksum }) };
  using made = mode === 'merge' ? new MadeDirectories(staging) : undefined;
  const facts = await unpack(root, { read, owner: { uid, gid }, budget, selection, staging, made }, job);
  job.checkpoint?.('in-place:unpacked');
  await makeDurable(root, job);
  return facts;
}

function empty(root: OpenDirectory, checkStop: () => void): void {
  for (let pass = 0; pass < passesToEmpty; pass++) {
    let entries = 0;
    for (const { name } of root.entries()) {
      removeTree(root, name, checkStop);
      entries += 1;
    }
    if (entries === 0) return;
  }
  throw new ArchiveError('FAILED', 'files appear in the directory of the server while it is emptied');
}

// Unpacks an archive beside the server's files, in the same pass that verifies it. The server's files are only counted.
import { countBytes } from '../../volumes/count-bytes.ts';
import type { OpenDirectory } from '../../volumes/open-directory.ts';
import { removeTree } from '../../volumes/remove-tree.ts';
import type { Job } from '../job.ts';
import type { RestoredFacts, StagePlan } from '../plan.ts';
import { Budget, overLimit } from './budget.ts';
import { makeDurable } from './durable.ts';
import { newName, Places } from './places.ts';
import { Selection } from './selection.ts';
import { unpack } from './unpack.ts';

/** Starts anew when repeated. @throws ArchiveError, the signal's reason, what the system says */
export async function stage(plan: StagePlan, job: Job): Promise<RestoredFacts> {
  const { archive, checksum, readLimit, limits, uid, gid } = plan;
  const selection = new Selection(plan.paths);
  using places = new Places(plan);
  places.checkOneMount();
  const checkStop = () => job.signal.throwIfAborted();
  removeTree(places.staging, newName, checkStop);
  const unpacked = places.part(newName);
  const read = { archive, readLimit, mostEntries: limits.entries, ...(checksum === undefined ? {} : { checksum }) };
  const budget = new Budget(limits, unpacked);
  const { staging } = places;
  const facts = await unpack(unpacked, { read, owner: { uid, gid }, budget, selection, staging }, job);
  if (plan.mode === 'merge' && limits.contentBytes > 0) {
    const bytes = countBytes(unpacked, checkStop) + bytesThatStay(places.root, unpacked, checkStop);
    if (bytes > limits.contentBytes) throw overLimit();
  }
  await makeDurable(unpacked, job);
  return facts;
}

/** Of the root, when what was unpacked is merged into it. */
function bytesThatStay(root: OpenDirectory, unpacked: OpenDirectory, checkStop: () => void): number {
  let bytes = 0;
  for (const { name } of root.entries()) {
    checkStop();
    const coming = unpacked.lstat(name);
    using directory = root.enter(name);
    if (!directory) {
      const stat = coming ? undefined : root.lstat(name);
      if (stat?.isFile()) bytes += stat.size;
    } else if (coming) {
      using comingDirectory = unpacked.enter(name);
      if (comingDirectory) bytes += bytesThatStay(directory, comingDirectory, checkStop);
    } else {
      bytes += countBytes(directory, checkStop);
    }
  }
  return bytes;
}

// Undoes a commit that did not succeed: what came goes back to `new`, then what was moved to `old` comes back. A mark
// between the two halves tells a repetition that what stands in the directory now is what was there before.
import type { OpenDirectory } from '../../volumes/open-directory.ts';
import type { Job } from '../job.ts';
import type { RollBackPlan } from '../plan.ts';
import type { EntryPath } from '../read/entry-path.ts';
import { makeDurable } from './durable.ts';
import { hasMoveList, markMovesUndone, readMoveList, readUndoneMoves } from './move-list.ts';
import { PathCursor } from './path-cursor.ts';
import { enterStaging, newName, oldName, openRoot } from './places.ts';

/** As long as names are anywhere. */
const longestName = 255;
const mostOfAName = 1000;

/**
 * Nothing moved yet, or all of it moved back, is fine. Needs no space on the disk. Durable when it resolves.
 * @throws ArchiveError NOT_FOUND, the signal's reason, what the system says
 */
export async function rollBack(plan: RollBackPlan, job: Job): Promise<undefined> {
  using root = openRoot(plan.root);
  using staging = enterStaging(plan.staging);
  if (!staging) return;
  using unpacked = staging.enter(newName);
  using old = staging.enter(oldName);
  if (unpacked && hasMoveList(staging)) {
    moveOut(root, unpacked, staging, job);
    await makeDurable(root, job);
    markMovesUndone(staging);
    job.checkpoint?.('roll-back:marked');
  }
  if (old && plan.mode === 'truncate') moveBackChildren(old, root, job);
  else if (old) moveBackListed(old, root, staging, job);
  await makeDurable(root, job);
}

function moveOut(root: OpenDirectory, unpacked: OpenDirectory, staging: OpenDirectory, job: Job): void {
  using inRoot = new PathCursor(root);
  using inNew = new PathCursor(unpacked);
  for (const path of readMoveList(staging)) {
    job.signal.throwIfAborted();
    const name = path.at(-1);
    const to = inNew.to(path, path.length - 1);
    // Still in `new`: it was never moved, or is back already.
    if (!name || !to || to.lstat(name)) continue;
    const from = inRoot.to(path, path.length - 1);
    if (!from?.lstat(name)) continue;
    from.rename(name, to, name);
    job.checkpoint?.('roll-back:moved-out');
  }
}

function moveBackChildren(old: OpenDirectory, root: OpenDirectory, job: Job): void {
  for (const { name } of old.entries()) {
    job.signal.throwIfAborted();
    moveBack(old, root, name);
    job.checkpoint?.('roll-back:moved-back');
  }
}

function moveBackListed(old: OpenDirectory, root: OpenDirectory, staging: OpenDirectory, job: Job): void {
  using inOld = new PathCursor(old);
  using inRoot = new PathCursor(root);
  const parentOf = (cursor: PathCursor, path: EntryPath) => cursor.to(path, path.length - 1);
  for (const path of readUndoneMoves(staging)) {
    job.signal.throwIfAborted();
    const name = path.at(-1);
    const from = parentOf(inOld, path);
    const to = parentOf(inRoot, path);
    if (!name || !from?.lstat(name) || !to) continue;
    moveBack(from, to, name);
    job.checkpoint?.('roll-back:moved-back');
  }
}

/** What was made there meanwhile keeps its content under another name. */
function moveBack(from: OpenDirectory, to: OpenDirectory, name: Buffer): void {
  if (to.lstat(name)) to.rename(name, to, freeName(to, name));
  from.rename(name, to, name);
}

function freeName(directory: OpenDirectory, name: Buffer): Buffer {
  for (let number = 1; number <= mostOfAName; number++) {
    const suffix = Buffer.from(`.kept-${number}`);
    const free = Buffer.concat([name.subarray(0, longestName - suffix.length), suffix]);
    if (!directory.lstat(free)) return free;
  }
  throw new Error('no name is free for a file that appeared during a restore');
}

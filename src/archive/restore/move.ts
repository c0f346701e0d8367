// The commit of a restore that replaces everything: the children of the server's directory go to `old`, those of `new` come
// in their place, by renaming. Each half may be repeated after a crash at any point, and never replaces an entry.
import type { OpenDirectory } from '../../volumes/open-directory.ts';
import type { Job } from '../job.ts';
import type { MoveNewPlan, MoveOldPlan } from '../plan.ts';
import { ArchiveError } from '../runner.ts';
import { hasMoveList, readMoveList, writeMoveList } from './move-list.ts';
import { newName, oldName, Places } from './places.ts';

/** Whoever still makes files in the directory must tire before this does. */
const passesToEmpty = 5;

/** Durable when it resolves. @throws ArchiveError, the signal's reason, what the system says */
export async function moveOld(plan: MoveOldPlan, job: Job): Promise<undefined> {
  using places = new Places(plan);
  places.checkOneMount();
  const { root, staging } = places;
  const old = places.part(oldName);
  for (let pass = 0; moveChildren(root, old, job) > 0; pass++) {
    if (pass === passesToEmpty) throw strangers();
  }
  for (const directory of [old, root, staging]) directory.sync();
}

function moveChildren(root: OpenDirectory, old: OpenDirectory, job: Job): number {
  let moved = 0;
  for (const { name } of root.entries()) {
    job.signal.throwIfAborted();
    // Something of that name was moved before: this one was made after it.
    if (old.lstat(name)) throw strangers();
    root.rename(name, old, name);
    moved += 1;
    job.checkpoint?.('move-old:moved');
  }
  return moved;
}

/**
 * What appeared in the directory meanwhile is not lost: it goes to `old` too, or stays. Durable when it resolves.
 * @throws as `moveOld`
 */
export async function moveNew(plan: MoveNewPlan, job: Job): Promise<undefined> {
  using places = new Places(plan);
  places.checkOneMount();
  const { root, staging } = places;
  const unpacked = places.part(newName);
  const old = places.part(oldName);
  if (!hasMoveList(staging)) {
    writeMoveList(staging, childrenOf(unpacked));
    job.checkpoint?.('move-new:listed');
  }
  for (const path of readMoveList(staging)) {
    job.signal.throwIfAborted();
    const [name] = path;
    // Not there any more: it came in before a crash.
    if (!name || !unpacked.lstat(name)) continue;
    moveAside(root, old, name);
    unpacked.rename(name, root, name);
    job.checkpoint?.('move-new:moved');
  }
  for (const directory of [root, unpacked, old, staging]) directory.sync();
}

function* childrenOf(directory: OpenDirectory): Generator<readonly Buffer[], void, undefined> {
  for (const { name } of directory.entries()) yield [name];
}

/** Whatever has the name in `from` goes to the same name in `old`. Nothing there is fine. */
export function moveAside(from: OpenDirectory, old: OpenDirectory, name: Buffer): void {
  if (!from.lstat(name)) return;
  if (old.lstat(name)) throw strangers();
  from.rename(name, old, name);
}

export function strangers(): ArchiveError {
  return new ArchiveError('FAILED', 'files appear in the directory of the server while it is restored');
}

// The commit of a restore that keeps what the archive does not have: each file, and each directory that the server has not,
// is renamed over; what stood there, of whatever kind, waits in `old` until the commit ends. May be repeated after a crash
// at any point.
import type { OpenDirectory } from '../../volumes/open-directory.ts';
import type { Job } from '../job.ts';
import type { MergePlan } from '../plan.ts';
import type { EntryPath } from '../read/entry-path.ts';
import { ArchiveError } from '../runner.ts';
import { makeDurable } from './durable.ts';
import { moveAside, strangers } from './move.ts';
import { hasMoveList, readMoveList, writeMoveList } from './move-list.ts';
import { PathCursor } from './path-cursor.ts';
import { daemonOnly, newName, oldName, Places } from './places.ts';

/** Durable when it resolves. @throws ArchiveError, the signal's reason, what the system says */
export async function merge(plan: MergePlan, job: Job): Promise<undefined> {
  using places = new Places(plan);
  places.checkOneMount();
  const { root, staging } = places;
  const unpacked = places.part(newName);
  const old = places.part(oldName);
  if (!hasMoveList(staging)) {
    writeMoveList(staging, moves(unpacked, root, [], job));
    job.checkpoint?.('merge:listed');
  }
  using inRoot = new PathCursor(root);
  using inNew = new PathCursor(unpacked);
  using inOld = new PathCursor(old);
  for (const path of readMoveList(staging)) {
    job.signal.throwIfAborted();
    const name = path.at(-1);
    const from = inNew.to(path, path.length - 1);
    // Not there any more: it came in before a crash.
    if (!name || !from?.lstat(name)) continue;
    const to = inRoot.to(path, path.length - 1);
    if (!to) throw strangers();
    if (to.lstat(name)) {
      moveAside(to, parentIn(inOld, path), name);
      job.checkpoint?.('merge:moved-aside');
    }
    from.rename(name, to, name);
    job.checkpoint?.('merge:moved');
  }
  // Old and new are on one file system with it.
  await makeDurable(root, job);
}

/** What has to be renamed: as far up as a whole directory is missing, else file by file. */
function* moves(
  from: OpenDirectory,
  to: OpenDirectory,
  path: EntryPath,
  job: Job,
): Generator<EntryPath, void, undefined> {
  for (const { name } of from.entries()) {
    job.signal.throwIfAborted();
    using directory = from.enter(name);
    using existing = directory && to.enter(name);
    if (directory && existing) yield* moves(directory, existing, [...path, name], job);
    else yield [...path, name];
  }
}

/** Directories in `old` only hold what waits there; nobody but the daemon gets there, and their modes are put back nowhere. */
function parentIn(old: PathCursor, path: EntryPath): OpenDirectory {
  const parent = old.to(path, path.length - 1, (at, name) => at.enterOrMake(name, daemonOnly.mode, daemonOnly));
  if (parent) return parent;
  throw new ArchiveError('FAILED', 'something else stands where files wait during a restore');
}

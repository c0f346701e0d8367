// The begin of the work on a backup: its turn on the node and on the server, and what an earlier daemon left behind. Each
// start is recorded before anything is done, so that none is forgotten.

import type { ArchiveFacts } from '../../src/archive/plan.ts';
import { timestamp } from '../../src/clock/clock.ts';
import type { Backup } from '../../src/resources/backup.ts';
import { takeClaim } from '../../src/runtime/claims.ts';
import { after, type Outcome } from '../../src/runtime/reconciler.ts';
import { type BackupDeps, isOperationOf, keyOf, tell, type Work } from './deps.ts';
import { archiveExists, completed, failureOf, restartedTooOften } from './outcomes.ts';
import { enter, record } from './status.ts';

/** What waits is told when its turn comes; this is for a word that was lost. */
export const waitMs = 30_000;

/** Work that a daemon began and did not end is begun once more. */
const maxStarts = 2;

/** A store of archives that cannot be looked at may come back; after so many looks a backup gives it up. */
const maxFailedLooks = 6;
const lookAgainMs = 10_000;

type Progress = Outcome | 'again';

/** Answers whether to look again at once, or when. */
export async function begin(deps: BackupDeps, backup: Backup, work: Work): Promise<Progress> {
  const found = await look(deps, backup, work, () => isStrangersArchive(deps, backup));
  if ('retry' in found) return found.retry;
  if (found.value) {
    work.verdict = { outcome: archiveExists };
    return 'again';
  }
  if (!(await takePlaceAndServer(deps, backup))) return after(waitMs);
  await deps.checkpoint('backup:claimed');
  work.attempt = (backup.status?.attempt ?? 0) + 1;
  await recordStart(deps, backup, work.attempt);
  work.meter.phase('archive');
  tell(deps, backup, 'Normal', 'Archiving', `Archiving the files of server "${backup.spec.serverRef.name}".`);
  await deps.checkpoint('backup:archiving-recorded');
  return 'again';
}

/** What another daemon began: taken over when it is whole, begun once more when it is not, given up the third time. */
export async function recover(deps: BackupDeps, backup: Backup, work: Work): Promise<Progress> {
  if (!(await takePlaceAndServer(deps, backup))) return after(waitMs);
  const found = await look(deps, backup, work, () => ownArchive(deps, backup));
  if ('retry' in found) return found.retry;
  if (found.value) {
    work.verdict = { outcome: completed, facts: found.value };
    return 'again';
  }
  const attempts = backup.status?.attempt ?? 0;
  if (attempts >= maxStarts) {
    work.verdict = { outcome: restartedTooOften };
    return 'again';
  }
  work.attempt = attempts + 1;
  await recordStart(deps, backup, work.attempt);
  tell(deps, backup, 'Normal', 'Archiving', 'The daemon was restarted; archiving begins once more.');
  await deps.checkpoint('backup:restart-recorded');
  return 'again';
}

/** A failure is told each time, gives the place to others meanwhile, and in the end is how the backup ends. */
async function look<T>(
  deps: BackupDeps,
  backup: Backup,
  work: Work,
  ask: () => Promise<T>,
): Promise<{ value: T } | { retry: Progress }> {
  try {
    const value = await ask();
    work.failedLooks = 0;
    return { value };
  } catch (error) {
    const outcome = failureOf(error);
    if (!outcome) throw error;
    deps.slots.release(backup.metadata.uid);
    deps.log.warn({ err: error, backup: backup.metadata.name }, 'the archives of the node cannot be looked at');
    work.failedLooks += 1;
    if (work.failedLooks >= maxFailedLooks) {
      work.verdict = { outcome };
      return { retry: 'again' };
    }
    tell(deps, backup, 'Warning', outcome.reason, `${outcome.message} It is tried again.`);
    return { retry: after(lookAgainMs) };
  }
}

function recordStart(deps: BackupDeps, backup: Backup, attempt: number): Promise<Backup | undefined> {
  return record(deps, backup, (status) => {
    enter(deps, status, 'Archiving');
    status.attempt = attempt;
    status.startedAt ??= timestamp(deps.clock);
  });
}

/** The place first: who holds a server does not wait for anything else. */
async function takePlaceAndServer(deps: BackupDeps, { metadata, spec }: Backup): Promise<boolean> {
  const { name, uid } = metadata;
  if (!deps.slots.take(uid, () => deps.wake(name))) return false;
  const answer = await takeClaim(deps, spec.serverRef.name, { kind: 'Backup', name, uid });
  if (!answer.taken) deps.slots.release(uid);
  return answer.taken;
}

async function isStrangersArchive({ archives }: BackupDeps, backup: Backup): Promise<boolean> {
  const key = keyOf(backup);
  if ((await archives.stat(key)) === undefined) return false;
  const operation = (await archives.sidecar(key))?.operation;
  return operation === undefined || !isOperationOf(backup, operation);
}

/** The archive that an attempt of this backup finished, by what its sidecar says. */
async function ownArchive({ archives }: BackupDeps, backup: Backup): Promise<ArchiveFacts | undefined> {
  const key = keyOf(backup);
  const [stored, sidecar] = [await archives.stat(key), await archives.sidecar(key)];
  if (!sidecar || stored?.size !== sidecar.size || !isOperationOf(backup, sidecar.operation)) return undefined;
  const { size, checksum, format, entries, contentBytes, changed, skipped, verified } = sidecar;
  return { size, checksum: checksum.value, format, entries, contentBytes, changed, skipped, verified, warnings: [] };
}

// Deletes the backups of a schedule that its keep rules leave no place for, and all but the newest of those that failed.
// Decided over what the store holds at that moment, not over a cache: a cache that is behind could take the last one.
import type { WriteContext } from '../../src/resources/admission.ts';
import { type Backup, isFinishedBackup } from '../../src/resources/backup.ts';
import { findCondition } from '../../src/resources/conditions.ts';
import { ForbiddenError, OperationConflictError } from '../../src/resources/errors.ts';
import { type Schedule, scheduleLabel } from '../../src/resources/schedule.ts';
import { ConflictError, NotFoundError } from '../../src/store/errors.ts';
import type { Logger } from '../../src/telemetry/log.ts';
import type { ScheduleDeps } from './deps.ts';
import { surplusOf } from './keep-rules.ts';

/** They have no archive, but tell why it failed. */
const failedToKeep = 3;

/** Deletions of one run: others may write in between. */
const mostAtOnce = 64;

export async function prune(
  deps: ScheduleDeps,
  schedule: Schedule,
  cached: readonly Backup[],
  { writer, log }: { writer: WriteContext; log: Logger },
): Promise<void> {
  if (surplus(deps, schedule, cached).length === 0) return;
  const { items } = await deps.store.list<Backup>('Backup', { labels: { [scheduleLabel]: schedule.metadata.name } });
  for (const backup of surplus(deps, schedule, items).slice(0, mostAtOnce)) {
    await remove(deps, schedule, backup, { writer, log });
  }
}

function surplus({ clock }: ScheduleDeps, { spec }: Schedule, backups: readonly Backup[]): Backup[] {
  const present = backups.filter(({ metadata }) => !metadata.deletionTimestamp);
  const byServer = Map.groupBy(present, ({ spec: { serverRef } }) => serverRef.uuid ?? serverRef.name);
  return [...byServer.values()].flatMap((ofServer) => {
    const completed = ofServer.filter(({ status }) => status?.phase === 'Completed');
    // One that cannot be restored takes no place from one that can, and stays for people to see what became of it.
    const sound = completed.filter(isSound);
    const failed = ofServer.filter((backup) => isFinishedBackup(backup) && !completed.includes(backup));
    const when = { now: clock.now(), timeZone: spec.timeZone };
    const names = new Set([
      ...surplusOf(sound.map(asKept), spec.keep, when),
      ...surplusOf(failed.map(asKept), { last: failedToKeep }, when),
    ]);
    return ofServer.filter(({ metadata }) => names.has(metadata.name));
  });
}

function isSound({ status }: Backup): boolean {
  const lost = findCondition(status?.conditions, 'Available')?.status === 'False';
  return !lost && status?.verification?.result !== 'Failed';
}

function asKept({ metadata, spec }: Backup) {
  return { name: metadata.name, at: Date.parse(metadata.creationTimestamp), locked: spec.locked };
}

async function remove(
  { admission, events }: ScheduleDeps,
  schedule: Schedule,
  backup: Backup,
  { writer, log }: { writer: WriteContext; log: Logger },
): Promise<void> {
  const { name, uid } = backup.metadata;
  try {
    await admission.delete('Backup', name, { preconditions: { uid } }, writer);
  } catch (error) {
    // Locked meanwhile, read by a restore, changed or gone: the next look decides anew.
    const passing = [ForbiddenError, OperationConflictError, ConflictError, NotFoundError];
    if (!passing.some((kind) => error instanceof kind)) throw error;
    log.debug({ err: error, backup: name }, 'a backup that no rule keeps could not be deleted');
    return;
  }
  log.info({ backup: name, phase: backup.status?.phase }, 'a backup that no rule keeps was deleted');
  if (backup.status?.phase !== 'Completed') return;
  const { apiVersion, kind, metadata } = schedule;
  const message = `deleted the backup ${name} of the server ${backup.spec.serverRef.name}: no keep rule wants it any more`;
  events.event({ apiVersion, kind, name: metadata.name, uid: metadata.uid }, 'Normal', 'BackupPruned', message);
}

// What goes at the end of a backup's life: its archive, then its finalizer, so that a crash anywhere only repeats. And
// what is looked at as long as it lives: whether the archive is still there.
import { timestamp } from '../../src/clock/clock.ts';
import { type Backup, backupFinalizer } from '../../src/resources/backup.ts';
import { setCondition } from '../../src/resources/conditions.ts';
import { removeFinalizer } from '../../src/runtime/finalizers.ts';
import { NotFoundError } from '../../src/store/errors.ts';
import { type BackupDeps, keyOf, tell } from './deps.ts';
import { removeOwnArchive } from './ending.ts';
import { record } from './status.ts';

export async function removeBackup(deps: BackupDeps, backup: Backup): Promise<void> {
  const key = keyOf(backup);
  await deps.archives.removePartials(key);
  if (backup.status?.phase === 'Completed') await deps.archives.delete(key);
  else await removeOwnArchive(deps, backup);
  await deps.checkpoint('backup:archive-removed');
  tell(deps, backup, 'Normal', 'Deleted', 'The backup and its archive were removed.');
  await removeFinalizer(deps.store, backup, backupFinalizer);
}

/** Deletes the object of a backup that failed long ago. */
export async function expire({ store }: Pick<BackupDeps, 'store'>, { metadata }: Backup): Promise<void> {
  try {
    await store.delete('Backup', metadata.name, { uid: metadata.uid });
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
}

/** Says in the condition `Available` whether the archive is where it was put, as long as it was. */
export async function lookForArchive(deps: BackupDeps, backup: Backup): Promise<void> {
  const stored = await deps.archives.stat(keyOf(backup));
  const size = backup.status?.archive?.size;
  const found =
    stored === undefined
      ? { status: 'False' as const, reason: 'ArchiveMissing', message: 'The archive is not on the node any more.' }
      : size !== undefined && stored.size !== size
        ? { status: 'False' as const, reason: 'SizeDiffers', message: 'The archive has another size than it had.' }
        : { status: 'True' as const, reason: 'ArchiveFound', message: 'The archive is on the node.' };
  const before = backup.status?.conditions?.find(({ type }) => type === 'Available');
  await record(deps, backup, (status, { metadata }) => {
    status.conditions ??= [];
    const condition = { type: 'Available', ...found, observedGeneration: metadata.generation };
    setCondition(status.conditions, condition, timestamp(deps.clock));
  });
  if (found.status === 'False' && before?.status !== 'False')
    tell(deps, backup, 'Warning', found.reason, found.message);
}

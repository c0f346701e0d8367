// Writes to the status of a backup. Each says which life of which name it means: an object that took the name meanwhile
// is another one's.
import { timestamp } from '../../src/clock/clock.ts';
import type { Backup, BackupPhase, BackupStatus } from '../../src/resources/backup.ts';
import { enterPhase } from '../../src/runtime/operation-status.ts';
import { mutateStatus } from '../../src/runtime/status.ts';
import type { BackupDeps } from './deps.ts';

export type StatusChange = (status: BackupStatus, backup: Backup) => void;

/** `undefined`: the object is gone. */
export async function record(
  { store }: Pick<BackupDeps, 'store'>,
  { metadata }: Backup,
  change: StatusChange,
): Promise<Backup | undefined> {
  let ours = true;
  const written = await mutateStatus<Backup>(store, 'Backup', metadata.name, (draft, backup) => {
    ours = backup.metadata.uid === metadata.uid;
    if (!ours) return;
    const status = draft as BackupStatus;
    change(status, backup);
    status.observedGeneration = backup.metadata.generation;
  });
  return ours ? written : undefined;
}

export function enter({ clock }: Pick<BackupDeps, 'clock'>, status: BackupStatus, phase: BackupPhase): void {
  status.phase = phase;
  enterPhase(status, phase, timestamp(clock));
}

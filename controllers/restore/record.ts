// Every write of status on the way to the end: the phases with their times, and what those who watch hear of them.
import { timestamp } from '../../src/clock/clock.ts';
import { isFinishedRestore, type Restore, type RestoreStatus } from '../../src/resources/restore.ts';
import { wirePhases } from '../../src/resources/wire-phase.ts';
import { enterPhase } from '../../src/runtime/operation-status.ts';
import { mutateStatus } from '../../src/runtime/status.ts';
import type { RestoreDeps, Work } from './deps.ts';

export type StatusChange = (status: RestoreStatus, restore: Restore) => void;

/** Writes status and tells those who watch the phase it has then. `undefined`: the object is gone. */
export async function record(
  deps: RestoreDeps,
  restore: Restore,
  work: Work,
  change: StatusChange,
): Promise<Restore | undefined> {
  const { name, uid } = restore.metadata;
  const written = await mutateStatus<Restore>(deps.store, 'Restore', name, (status, present) => {
    if (present.metadata.uid !== uid) return;
    const before = status.phase;
    change(status, present);
    status.observedGeneration = present.metadata.generation;
    if (status.phase && status.phase !== before) {
      enterPhase(status, status.phase, timestamp(deps.clock));
      status.progress = { ...work.meter.values };
    }
  });
  if (written?.metadata.uid !== uid) return undefined;
  showPhase(written, work);
  return written;
}

/** Those who watch see work only of what left the queue. */
export function showPhase(restore: Restore, { meter }: Work): void {
  const { phase = 'Pending', startedAt } = restore.status ?? {};
  if (!isFinishedRestore(restore)) meter.phase(startedAt === undefined ? 'queued' : wirePhases[phase]);
}

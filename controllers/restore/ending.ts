// How a restore ends, always in this order: the outcome is in the store, whoever is owed a report was told or has had its
// time, the claim is released, one last write says that it is over, and in the same turn those who watch hear of it. The
// phase before that write is what makes the next daemon do it after a crash: exactly one completion.
import { timestamp } from '../../src/clock/clock.ts';
import type { Restore, RestoreStatus } from '../../src/resources/restore.ts';
import { releaseClaim, releaseClaimAndResume } from '../../src/runtime/claims.ts';
import { endPhases, type OperationOutcome } from '../../src/runtime/operation-status.ts';
import { holdMs } from '../../src/runtime/outbox.ts';
import { after, type Outcome } from '../../src/runtime/reconciler.ts';
import { mutateStatus } from '../../src/runtime/status.ts';
import { type RestoreDeps, serverUuidOf, tell, type Work } from './deps.ts';

/** A process that is being stopped tells when it is gone; this is for the case that nobody hears it, ms. */
const lookAgainMs = 5_000;

/** `done`: it is over. Otherwise somebody has to act first. */
export async function endRestore(deps: RestoreDeps, restore: Restore, work: Work): Promise<Outcome | 'done'> {
  const { status, metadata } = restore;
  const outcome = status?.outcome;
  if (!outcome) throw new Error(`restore "${metadata.name}" is to end without an outcome`);
  const hold = holdMs(status.owed, deps.clock.now());
  if (hold > 0) return after(hold);
  if (!(await release(deps, restore, outcome))) return after(lookAgainMs);
  deps.slots.release(metadata.uid);
  await deps.checkpoint('restore:released');
  const { values } = work.meter;
  const percentage = percentageOf(outcome);
  const now = timestamp(deps.clock);
  const ended = await mutateStatus<Restore>(deps.store, 'Restore', metadata.name, (draft, present) => {
    if (present.metadata.uid !== metadata.uid) return;
    const changed: RestoreStatus = draft;
    changed.phase = outcome.result;
    changed.progress = { ...values, percentage };
    changed.completedAt = now;
    changed.observedGeneration = present.metadata.generation;
    endPhases(changed, outcome, present.metadata.generation, now);
  });
  // Whoever finds that it is gone tells its end.
  if (ended?.metadata.uid === metadata.uid) publishEnd(deps, restore, work, outcome);
  return 'done';
}

/** The last progress, the completion and the Event, in one turn: who sees one of these sees all. Once, however often called. */
export function publishEnd(deps: RestoreDeps, restore: Restore, work: Work, outcome: OperationOutcome): void {
  if (work.told) return;
  work.told = true;
  const { status, metadata, spec } = restore;
  work.meter.finish(percentageOf(outcome));
  deps.bus.publish(serverUuidOf(restore), 'completion', {
    operation: metadata.uid,
    type: 'restore',
    backupId: spec.backupRef.uuid ?? '',
    successful: outcome.result === 'Completed',
    error: outcome.result === 'Completed' ? null : outcome.message,
    adapter: 'wings',
    checksum: '',
    size: 0,
  });
  deps.metrics.ended(outcome.result, { ...secondsOf(deps, work), bytes: status?.result?.bytes ?? 0 });
  tell(deps, restore, outcome.result === 'Failed' ? 'Warning' : 'Normal', outcome.reason, outcome.message);
  deps.log.info({ restore: metadata.name, ...outcome }, 'a restore has ended');
}

function percentageOf({ result }: OperationOutcome): -1 | 100 {
  return result === 'Completed' ? 100 : -1;
}

/** A server whose files are as they were is started again if it was stopped for nothing, once the process has ended. */
async function release(deps: RestoreDeps, { spec, metadata, status }: Restore, outcome: OperationOutcome) {
  const { name } = spec.serverRef;
  // Unpacking in place has a journal from the first file on; what was staged and not committed was moved back.
  const asItWas = outcome.result !== 'Completed' && !(status?.strategy === 'InPlace' && status.journal);
  if (asItWas) return releaseClaimAndResume(deps, name, metadata.uid);
  await releaseClaim(deps.store, name, metadata.uid);
  return true;
}

function secondsOf({ clock }: RestoreDeps, { begunAt }: Work): { seconds?: number } {
  return begunAt === undefined ? {} : { seconds: (clock.monotonic() - begunAt) / 1000 };
}

// What this daemon remembers of each restore beyond its object: who watches it, and how its job ended.
import { ProgressMeter } from '../../src/bus/progress-meter.ts';
import { isFinishedRestore, type Restore } from '../../src/resources/restore.ts';
import type { OperationOutcome } from '../../src/runtime/operation-status.ts';
import { type RestoreDeps, serverUuidOf, type Work } from './deps.ts';
import { publishEnd } from './ending.ts';
import { failureOf } from './failures.ts';
import { showPhase } from './record.ts';

/** The restore was told to end; its job did. */
export class CalledOff extends Error {}

const removed: OperationOutcome = {
  result: 'Cancelled',
  reason: 'Removed',
  message: 'The restore was removed before it had ended.',
};

/** Of an object that is gone, or that another one of its name has replaced: nothing it does can be wanted. */
export async function dropOthers(deps: RestoreDeps, name: string, uid: string | undefined): Promise<void> {
  for (const [other, work] of deps.works) {
    const { restore } = work;
    if (restore.metadata.name !== name || other === uid) continue;
    await deps.jobs.cancel(name, new CalledOff('the object is gone'));
    deps.jobs.takeOutcome(name);
    deps.slots.release(other);
    deps.works.delete(other);
    if (isFinishedRestore(restore)) work.meter.close();
    else publishEnd(deps, restore, work, removed);
  }
}

export function workOf(deps: RestoreDeps, restore: Restore): Work {
  const { metadata, status, spec } = restore;
  const present = deps.works.get(metadata.uid);
  if (present) {
    present.restore = restore;
    return present;
  }
  const { bus, clock } = deps;
  const operation = { operation: metadata.uid, type: 'restore', backupId: spec.backupRef.uuid ?? '' } as const;
  const server = serverUuidOf(restore);
  const meter = new ProgressMeter({ bus, clock, server, operation, from: status?.progress });
  const work: Work = { restore, meter, failures: 0, failedLooks: 0 };
  deps.works.set(metadata.uid, work);
  showPhase(restore, work);
  return work;
}

/** An outcome that nobody waits for is dropped. */
export function takeOutcome({ jobs, log }: RestoreDeps, { metadata }: Restore, work: Work): void {
  const outcome = jobs.takeOutcome(metadata.name);
  if (jobs.current(metadata.name) || !work.job) return;
  const { job: act } = work;
  delete work.job;
  if (!outcome) return;
  const failure = outcome.error === undefined ? undefined : failureOf(outcome.error);
  if (failure) {
    work.failures += 1;
    if (!(outcome.error instanceof CalledOff)) {
      log.warn({ err: outcome.error, restore: metadata.name, act }, 'a job of a restore failed');
    }
  } else {
    work.failures = 0;
  }
  work.ended = { act, failure, restored: outcome.result };
}

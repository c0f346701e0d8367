// Brings each Restore to its end: decides one step, records it, does it, looks again. What it does from each phase after a
// crash of the daemon:
//   Pending                         → waits for its turn as before
//   Extracting, Verifying, Stopping → fails with DaemonRestarted: nothing of the server was touched
//   journal MovingOld … Merging     → the job of that step is done again, and the work goes on
//   journal RollingBack             → goes on back
//   journal Extracting (in place)   → the archive is unpacked again from its start, a few times at most
//   Finalizing                      → the ending is told
//   finished, with a journal        → what is left beside the server's files is removed
// The key is the restore's name. It is enqueued by a change of the object, a change of its server's claim, the end of its
// job, a free place, the end of a wait, and a slow resync.
import { timestamp } from '../../src/clock/clock.ts';
import { isOfNode } from '../../src/resources/identity.ts';
import {
  irrevocableStep,
  isFinishedRestore,
  type Restore,
  type RestoreStatus,
  restoreFinalizer,
} from '../../src/resources/restore.ts';
import { type BackoffLimits, backoffMs } from '../../src/runtime/backoff.ts';
import { demandStop } from '../../src/runtime/claims.ts';
import { expire } from '../../src/runtime/expiry.ts';
import { removeFinalizer } from '../../src/runtime/finalizers.ts';
import type { OperationOutcome } from '../../src/runtime/operation-status.ts';
import { after, type Outcome, type Reconcile } from '../../src/runtime/reconciler.ts';
import { beginRestore } from './beginning.ts';
import { decide, type Step, type View } from './decision.ts';
import { type RestoreDeps, serverOf, tell, type Work } from './deps.ts';
import { endRestore } from './ending.ts';
import type { Failure } from './failures.ts';
import { record } from './record.ts';
import { runAct } from './restore-job.ts';
import { findSourceNow, isSource } from './source.ts';
import { CalledOff, dropOthers, takeOutcome, workOf } from './works.ts';

/** The process of a server has so long to end; the server controller kills it after two minutes. */
const stopLimitMs = 300_000;

/** Wall clocks jump: nobody sleeps longer than this towards a time. */
const longestRestMs = 3_600_000;

/** Between two tries of a job that failed. */
const jobRetry: BackoffLimits = { baseMs: 100, maxMs: 60_000 };

/** Jobs that find no place, which is far above what a node runs. */
const placeRetryMs = 1_000;

/** More steps than any path through the decision needs: beyond, two steps undo each other. */
const maxSteps = 24;

type Progress = Outcome | 'again';

export function restoreReconciler(deps: RestoreDeps): Reconcile {
  return async (name, { log }) => {
    for (let steps = 0; steps < maxSteps; steps++) {
      const restore = await deps.store.get<Restore>('Restore', name);
      await dropOthers(deps, name, restore?.metadata.uid);
      if (!restore || !isOfNode(restore, deps.config.aileron.nodeName)) return undefined;
      const work = workOf(deps, restore);
      takeOutcome(deps, restore, work);
      const view = await viewOf(deps, restore, work);
      const next = decide(view);
      log.debug(
        { step: next.do, phase: restore.status?.phase, journal: restore.status?.journal?.step },
        'decided the next step',
      );
      const outcome = await perform(deps, restore, work, view, next);
      if (outcome !== 'again') return outcome;
    }
    throw new Error(`no end was reached in ${maxSteps} steps`);
  };
}

async function viewOf(deps: RestoreDeps, restore: Restore, work: Work): Promise<View> {
  const { clock, config } = deps;
  const limitMs = config.system.backups.restoreTimeout * 1000;
  const now = clock.monotonic();
  return {
    restore,
    server: isFinishedRestore(restore) ? undefined : await serverOf(deps, restore),
    job: work.job,
    ended: work.ended,
    mine: work.begunAt !== undefined,
    stopping: deps.stopping,
    timedOut: limitMs > 0 && work.begunAt !== undefined && now - work.begunAt >= limitMs,
    stopTimedOut: work.stoppingSince !== undefined && now - work.stoppingSince >= stopLimitMs,
    failures: work.failures,
    now: clock.now(),
  };
}

async function perform(deps: RestoreDeps, restore: Restore, work: Work, view: View, next: Step): Promise<Progress> {
  const { name, uid } = restore.metadata;
  switch (next.do) {
    case 'wait':
      return patience(deps, restore, work);
    case 'cancel':
      await deps.jobs.cancel(name, new CalledOff(next.reason));
      return 'again';
    case 'accept':
      await record(deps, restore, work, (status) => {
        status.phase = 'Pending';
      });
      return 'again';
    case 'begin':
      return begin(deps, restore, work);
    case 'adopt':
      return adopt(deps, restore, work, next.again);
    case 'run':
      return run(deps, restore, work, next);
    case 'enter-stopping':
      return enterStopping(deps, restore, work, view);
    case 'demand-stop':
      work.stoppingSince ??= deps.clock.monotonic();
      await demandStop(deps.store, restore.spec.serverRef.name, uid, true);
      await deps.checkpoint('restore:stop-demanded');
      return patience(deps, restore, work);
    case 'commit':
      return commit(deps, restore, work);
    case 'journal':
      await record(deps, restore, work, (status) => {
        status.journal = { step: next.step };
        if (next.step === 'Done') status.phase = 'Finalizing';
      });
      await deps.checkpoint('restore:journal-recorded');
      return 'again';
    case 'retry':
      return retry(deps, restore, work, next.failure);
    case 'roll-back':
      tell(deps, restore, 'Warning', 'RollingBack', `The files are moved back: ${next.outcome.message}`);
      await record(deps, restore, work, (status) => {
        status.journal = { step: 'RollingBack' };
        decideOutcome(deps, status, restore, next.outcome);
      });
      work.failures = 0;
      await deps.checkpoint('restore:roll-back-recorded');
      return 'again';
    case 'conclude':
      return conclude(deps, restore, work, next.outcome);
    case 'end': {
      const outcome = await endRestore(deps, restore, work);
      return outcome === 'done' ? 'again' : outcome;
    }
    case 'forget-journal':
      await record(deps, restore, work, (status) => {
        delete status.journal;
      });
      return 'again';
    case 'remove-finalizer':
      await removeFinalizer(deps.store, restore, restoreFinalizer);
      return undefined;
    case 'expire':
      await expire(deps, restore);
      return undefined;
    case 'rest':
      deps.works.delete(uid);
      return after(Math.min(next.until - view.now, longestRestMs));
  }
}

async function begin(deps: RestoreDeps, restore: Restore, work: Work): Promise<Progress> {
  const waitMs = (work.retryAt ?? 0) - deps.clock.monotonic();
  if (waitMs > 0) return after(waitMs);
  delete work.retryAt;
  const beginning = await beginRestore(deps, restore, work);
  if (beginning === 'not-yet') return undefined;
  if ('laterMs' in beginning) {
    work.retryAt = deps.clock.monotonic() + beginning.laterMs;
    return after(beginning.laterMs);
  }
  if ('result' in beginning) return conclude(deps, restore, work, beginning);
  const { strategy, source } = beginning;
  const staged = strategy === 'Staged';
  const phase = staged ? 'Extracting' : 'Verifying';
  await deps.checkpoint('restore:claimed');
  work.source = source;
  work.begunAt = deps.clock.monotonic();
  await record(deps, restore, work, (status) => {
    status.phase = phase;
    status.strategy = strategy;
    status.startedAt = timestamp(deps.clock);
    status.attempt = 1;
    if (staged) status.journal = { step: 'Staging' };
  });
  const how = staged
    ? 'beside the files of the server'
    : 'in place, for want of room beside the files: first it is verified';
  tell(deps, restore, 'Normal', phase, `The backup "${restore.spec.backupRef.name}" is unpacked ${how}.`);
  await deps.checkpoint('restore:begun');
  return 'again';
}

async function adopt(deps: RestoreDeps, restore: Restore, work: Work, again: boolean): Promise<Progress> {
  work.begunAt = deps.clock.monotonic();
  if (!again) return 'again';
  await record(deps, restore, work, (status) => {
    status.attempt = (status.attempt ?? 1) + 1;
  });
  tell(deps, restore, 'Warning', 'Restarted', 'The daemon ended while files were unpacked: they are unpacked again.');
  return 'again';
}

function run(deps: RestoreDeps, restore: Restore, work: Work, { act }: Step & { do: 'run' }): Progress {
  const { name, uid } = restore.metadata;
  const waitMs = (work.retryAt ?? 0) - deps.clock.monotonic();
  if (waitMs > 0) return after(waitMs);
  delete work.retryAt;
  delete work.ended;
  const attempt = `${uid}/${restore.metadata.resourceVersion}/${act}/${work.failures}`;
  const started = deps.jobs.start(name, attempt, async (signal) => {
    await deps.checkpoint(`restore:before-${act}`);
    const restored = await runAct(deps, restore, act, work, signal);
    await deps.checkpoint(`restore:after-${act}`);
    return restored;
  });
  if (started === 'full') return after(placeRetryMs);
  work.job = act;
  return patience(deps, restore, work);
}

async function enterStopping(deps: RestoreDeps, restore: Restore, work: Work, { ended }: View): Promise<Progress> {
  const staged = restore.status?.strategy === 'Staged';
  await record(deps, restore, work, (status) => {
    status.phase = 'Stopping';
    if (staged) status.journal = { step: 'Staged' };
  });
  if (ended?.restored) work.restored = ended.restored;
  delete work.ended;
  for (const warning of ended?.restored?.warnings ?? []) tell(deps, restore, 'Warning', 'Unusual', warning);
  tell(deps, restore, 'Normal', 'Stopping', 'The backup is whole. The server is stopped.');
  await deps.checkpoint('restore:staged');
  return 'again';
}

/** From here on the work can only go forward or be moved back, so the last word of somebody who cancels is heard in it. */
async function commit(deps: RestoreDeps, restore: Restore, work: Work): Promise<Progress> {
  const staged = restore.status?.strategy === 'Staged';
  if (!staged) {
    const source = await findSourceNow(deps, restore);
    if (!isSource(source)) return conclude(deps, restore, work, source);
  }
  const forward = restore.spec.mode === 'Truncate' ? 'MovingOld' : 'Merging';
  const committed = await record(deps, restore, work, (status, { spec, metadata }) => {
    if (spec.cancel || metadata.deletionTimestamp) return;
    status.phase = staged ? 'Committing' : 'Extracting';
    status.journal = { step: staged ? forward : 'Extracting' };
    // The next daemon knows it from here alone.
    if (work.restored) status.result = work.restored;
  });
  if (committed && irrevocableStep(committed)) {
    tell(deps, restore, 'Normal', committed.status?.phase ?? '', 'The files of the server are replaced.');
    await deps.checkpoint('restore:committed');
  }
  return 'again';
}

async function conclude(deps: RestoreDeps, restore: Restore, work: Work, outcome: OperationOutcome): Promise<Progress> {
  const { ended } = work;
  await record(deps, restore, work, (status) => {
    status.phase = 'Finalizing';
    if (status.journal) status.journal = { step: 'Done' };
    if (ended?.act === 'in-place' && ended.restored) status.result = ended.restored;
    decideOutcome(deps, status, restore, outcome);
  });
  delete work.ended;
  await deps.checkpoint('restore:outcome-recorded');
  return 'again';
}

/** The outcome and what is owed because of it are one write. */
function decideOutcome(deps: RestoreDeps, status: RestoreStatus, restore: Restore, outcome: OperationOutcome): void {
  if (status.outcome) return;
  status.outcome = outcome;
  if (outcome.result !== 'Completed') delete status.result;
  const owed = deps.owedAtEnd(restore, outcome);
  if (owed.length > 0) status.owed = [...(status.owed ?? []), ...owed];
}

/** With a wait of its own: a job that starts well and fails at once looks to the queue like a success each time. */
async function retry(deps: RestoreDeps, restore: Restore, work: Work, failure: Failure): Promise<Progress> {
  delete work.ended;
  if (restore.status?.journal?.step === 'Extracting') {
    await record(deps, restore, work, (status) => {
      status.attempt = (status.attempt ?? 1) + 1;
    });
  }
  work.retryAt = deps.clock.monotonic() + backoffMs(work.failures, jobRetry, Math.random);
  tell(deps, restore, 'Warning', 'Retrying', `${failure.message} It is tried again.`);
  return 'again';
}

/** Time limits end a wait too. */
function patience({ clock, config }: RestoreDeps, restore: Restore, { begunAt, stoppingSince }: Work): Outcome {
  if (isFinishedRestore(restore) || irrevocableStep(restore)) return undefined;
  const limitMs = config.system.backups.restoreTimeout * 1000;
  const ends = [
    ...(begunAt !== undefined && limitMs > 0 ? [begunAt + limitMs] : []),
    ...(stoppingSince !== undefined ? [stoppingSince + stopLimitMs] : []),
  ];
  return ends.length === 0 ? undefined : after(Math.max(0, Math.min(...ends) - clock.monotonic()));
}

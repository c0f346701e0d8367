// One look at a schedule: starts the run that is due, deletes what no keep rule wants, says how it stands. A run stays due
// in the store until all its backups are made, so a crash or a server that is busy is only a later start.
import { CronLine } from '../../src/resources/cron-line.ts';
import { isOfNode } from '../../src/resources/identity.ts';
import type { Schedule } from '../../src/resources/schedule.ts';
import { after, type Outcome, type Reconcile, type ReconcileContext } from '../../src/runtime/reconciler.ts';
import { type ScheduleDeps, scheduleIndex, writerOf } from './deps.ts';
import { type DueRun, dueRun } from './due-run.ts';
import { prune } from './prune.ts';
import { following, lastRunOf, missedRun, type Report, report, suspended, unreadable } from './report.ts';
import { type Fate, startRun, timeOf } from './start-run.ts';

/** What is due is a matter of the wall clock, which may jump: nobody sleeps longer than this towards it. */
const longestWaitMs = 60_000;

/** A run that waits for a server is tried again after this. */
const laterMs = 30_000;

export function scheduleReconciler(deps: ScheduleDeps): Reconcile {
  return async (key, context) => {
    const schedule = await deps.store.get<Schedule>('Schedule', key);
    if (!schedule || schedule.metadata.deletionTimestamp || !isOfNode(schedule, deps.nodeName)) return undefined;
    const own = () => deps.backups.byIndex(scheduleIndex, key);
    if (schedule.spec.suspend) {
      await report(deps, schedule, own(), { next: undefined, ready: suspended });
      return undefined;
    }
    const line = lineOf(schedule);
    if (line instanceof Error) {
      await report(deps, schedule, own(), { next: undefined, ready: unreadable(line) });
      return undefined;
    }
    return follow(deps, schedule, line, context);
  };
}

/** Admission has read it, perhaps with an older table of time zones. */
function lineOf({ spec: { cron, timeZone } }: Schedule): CronLine | Error {
  try {
    return new CronLine(cron, timeZone);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return error;
  }
}

async function follow(
  deps: ScheduleDeps,
  schedule: Schedule,
  line: CronLine,
  { log }: ReconcileContext,
): Promise<Outcome> {
  const writer = writerOf(schedule, log);
  const own = deps.backups.byIndex(scheduleIndex, schedule.metadata.name);
  const planned = plannedRun(schedule, line);
  const run = dueRun(line, { now: deps.clock.now(), planned, deadlineMs: deadlineOf(schedule) });
  const fates = run.due === undefined ? [] : await startRun(deps, schedule, run.due, own, writer);
  if (run.due !== undefined) await deps.checkpoint('schedule:backups-made');
  tell(deps, schedule, run, fates);
  const waits = fates.some(({ is }) => is === 'later');
  await prune(deps, schedule, own, { writer, log });
  const now = deps.backups.byIndex(scheduleIndex, schedule.metadata.name);
  await report(deps, schedule, now, { ...timesOf(run, planned, waits), ready: following, ...lastRun(run, fates) });
  const untilNext = run.next === undefined ? longestWaitMs : run.next - deps.clock.now();
  return after(Math.min(Math.max(untilNext, 1), waits ? laterMs : longestWaitMs));
}

/** Of a schedule that was never looked at, the first run counts from its creation; of a resumed one, from now. */
function plannedRun({ metadata, status }: Schedule, line: CronLine): number | undefined {
  if (status?.nextScheduleTime !== undefined) return Date.parse(status.nextScheduleTime);
  if (status?.observedGeneration !== undefined) return undefined;
  return line.after(Date.parse(metadata.creationTimestamp));
}

function deadlineOf({ spec: { startingDeadlineSeconds } }: Schedule): number | undefined {
  return startingDeadlineSeconds === undefined ? undefined : startingDeadlineSeconds * 1_000;
}

/** A run that waits stays the planned one. */
function timesOf({ due, next }: DueRun, planned: number | undefined, waits: boolean): Pick<Report, 'started' | 'next'> {
  return waits ? { next: planned } : { started: due, next };
}

function lastRun({ due, missed }: DueRun, fates: readonly Fate[]): Pick<Report, 'lastRun'> {
  if (due !== undefined) return { lastRun: lastRunOf(due, fates) };
  return missed === undefined ? {} : { lastRun: missedRun(missed) };
}

function tell(
  { events }: ScheduleDeps,
  { apiVersion, kind, metadata }: Schedule,
  { missed }: DueRun,
  fates: readonly Fate[],
): void {
  const about = { apiVersion, kind, name: metadata.name, uid: metadata.uid };
  for (const { is, message } of fates) {
    if (is === 'made') events.event(about, 'Normal', 'BackupMade', message);
    if (is === 'leftOut') events.event(about, 'Warning', 'RunLeftOut', message);
  }
  if (missed === undefined) return;
  events.event(about, 'Warning', 'RunMissed', `the run of ${timeOf(missed)} is too late to be started`);
}

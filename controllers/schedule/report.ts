// The status of a schedule: when it ran and runs next, what of it is under way and kept, and what became of the last run.
import { type Clock, timestamp } from '../../src/clock/clock.ts';
import { type Backup, isFinishedBackup } from '../../src/resources/backup.ts';
import { setCondition } from '../../src/resources/conditions.ts';
import type { Condition } from '../../src/resources/object.ts';
import type { Schedule, ScheduleStatus } from '../../src/resources/schedule.ts';
import { mutateStatus } from '../../src/runtime/status.ts';
import type { Store } from '../../src/store/store.ts';
import { type Fate, timeOf } from './start-run.ts';

type Finding = Omit<Condition, 'lastTransitionTime'>;

/** As many as the schema has room for. */
const mostActive = 1_024;

export interface Report {
  /** The run that was started by now, ms since 1970. */
  started?: number | undefined;
  /** Undefined: none is planned. */
  next: number | undefined;
  ready: Finding;
  lastRun?: Finding | undefined;
}

/** Writes what differs. Times that are not given stay as they are, save the next one. */
export async function report(
  { store, clock }: { store: Store; clock: Clock },
  schedule: Schedule,
  own: readonly Backup[],
  { started, next, ready, lastRun }: Report,
): Promise<void> {
  const { uid, name, generation } = schedule.metadata;
  await mutateStatus<Schedule>(store, 'Schedule', name, (status: ScheduleStatus, { metadata }) => {
    if (metadata.uid !== uid) return;
    const conditions = structuredClone(status.conditions ?? []);
    for (const finding of lastRun ? [ready, lastRun] : [ready]) {
      setCondition(conditions, { ...finding, observedGeneration: generation }, timestamp(clock));
    }
    Object.assign(status, {
      observedGeneration: generation,
      lastScheduleTime: timeText(started) ?? status.lastScheduleTime,
      nextScheduleTime: timeText(next),
      lastSuccessfulTime: lastSuccess(own) ?? status.lastSuccessfulTime,
      active: activeOf(own),
      kept: own.filter(({ metadata, status }) => status?.phase === 'Completed' && !metadata.deletionTimestamp).length,
      conditions,
    });
  });
}

function activeOf(own: readonly Backup[]): string[] {
  const names = own.filter((backup) => !isFinishedBackup(backup)).map(({ metadata }) => metadata.name);
  return names.sort().slice(0, mostActive);
}

function lastSuccess(own: readonly Backup[]): string | undefined {
  const times = own.flatMap(({ status }) => (status?.phase === 'Completed' && status.completedAt) || []);
  return times.toSorted().at(-1);
}

function timeText(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

export const following: Finding = {
  type: 'Ready',
  status: 'True',
  reason: 'Scheduled',
  message: 'Backups are made as the cron line says.',
};

export const suspended: Finding = {
  type: 'Ready',
  status: 'False',
  reason: 'Suspended',
  message: 'Nothing is started and nothing is deleted while spec.suspend is true.',
};

export function unreadable(error: Error): Finding {
  return { type: 'Ready', status: 'False', reason: 'Invalid', message: error.message };
}

/** What is worst of a run comes first. */
export function lastRunOf(run: number, fates: readonly Fate[]): Finding {
  const type = 'LastRun';
  const when = timeOf(run);
  const bad = fates.filter(({ is }) => is === 'leftOut');
  const [first = fates.find(({ is }) => is === 'later')] = bad;
  if (first) {
    const more = bad.length > 1 ? `, and ${bad.length - 1} more` : '';
    return { type, status: 'False', reason: first.reason, message: `${when}: ${first.message}${more}` };
  }
  if (fates.length === 0) {
    return { type, status: 'False', reason: 'NoServer', message: `${when}: no server has the labels` };
  }
  const message = fates.length === 1 ? 'one backup was made' : `${fates.length} backups were made`;
  return { type, status: 'True', reason: 'Started', message: `${when}: ${message}` };
}

export function missedRun(run: number): Finding {
  const message = `${timeOf(run)}: the node was down, and startingDeadlineSeconds had passed when it was back`;
  return { type: 'LastRun', status: 'False', reason: 'Missed', message };
}

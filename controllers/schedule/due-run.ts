// Which run of a schedule is due, and when the next one is. Pure. What counts is the time that was planned and stored: it
// outlives a crash, a run that was missed is found by it, and a new cron line or the end of a suspension starts nothing
// that lies behind.
import type { CronLine } from '../../src/resources/cron-line.ts';

/** Times in ms since 1970, by the wall clock. */
export interface Moment {
  now: number;
  /** The run that was planned last; undefined: none, as the schedule is new or was suspended. */
  planned: number | undefined;
  /** How late a run may start, ms; undefined: however late. */
  deadlineMs: number | undefined;
}

export interface DueRun {
  /** The run to start now: of several that were missed the newest. */
  due?: number;
  /** The run that was to start and is too late. */
  missed?: number;
  /** The first run after this moment. Undefined: none ever. */
  next?: number;
}

export function dueRun(line: CronLine, { now, planned, deadlineMs = Number.POSITIVE_INFINITY }: Moment): DueRun {
  const next = line.after(now);
  const coming = next === undefined ? {} : { next };
  const newest = line.upTo(now);
  // Not yet; or planned by an older cron line, and the one of today has nothing since.
  if (planned === undefined || newest === undefined || newest < planned) return coming;
  return now - newest > deadlineMs ? { ...coming, missed: newest } : { ...coming, due: newest };
}

// Which backups of a schedule are to go. Pure. A backup stays when any rule wants it; one older than the maximum age goes
// whatever the others say. What is locked always stays, and so does the newest: no rule leaves a server without.
import type { ScheduleSpec } from '../../src/resources/schedule.ts';

export interface KeptBackup {
  name: string;
  /** When it was made, ms since 1970. */
  at: number;
  locked: boolean;
}

export type KeepRules = ScheduleSpec['keep'];

const unitMs = { h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Of the completed backups of one server, the names of those that no rule keeps, oldest first. `now` in ms since 1970. */
export function surplusOf(
  backups: readonly KeptBackup[],
  keep: KeepRules,
  { now, timeZone }: { now: number; timeZone: string },
): string[] {
  const newestFirst = backups.toSorted((a, b) => b.at - a.at || (a.name < b.name ? 1 : -1));
  const wanted = wantedBy(newestFirst, keep, timeZone);
  const oldest = keep.maxAge === undefined ? Number.NEGATIVE_INFINITY : now - durationMs(keep.maxAge);
  return newestFirst
    .filter(({ locked }, index) => index > 0 && !locked)
    .filter((backup) => backup.at < oldest || !wanted.has(backup))
    .map(({ name }) => name)
    .reverse();
}

function wantedBy(newestFirst: readonly KeptBackup[], keep: KeepRules, timeZone: string): Set<KeptBackup> {
  const { last, daily, weekly } = keep;
  if (last === undefined && daily === undefined && weekly === undefined) return new Set(newestFirst);
  const days = new Days(timeZone);
  return new Set([
    ...newestFirst.slice(0, last ?? 0),
    ...newestOfEach(newestFirst, daily ?? 0, ({ at }) => days.dayOf(at)),
    ...newestOfEach(newestFirst, weekly ?? 0, ({ at }) => days.weekOf(at)),
  ]);
}

/** The newest of each of the last `count` periods that have one. */
function newestOfEach(
  newestFirst: readonly KeptBackup[],
  count: number,
  periodOf: (backup: KeptBackup) => number,
): KeptBackup[] {
  const newest = new Map<number, KeptBackup>();
  for (const backup of newestFirst) {
    const period = periodOf(backup);
    if (newest.has(period)) continue;
    if (newest.size >= count) break;
    newest.set(period, backup);
  }
  return [...newest.values()];
}

/** `36h`, `30d`, `8w`, as the schema takes them. */
function durationMs(text: string): number {
  return Number(text.slice(0, -1)) * unitMs[text.slice(-1) as keyof typeof unitMs];
}

/** Days and weeks of a time zone, as running numbers. */
class Days {
  readonly #format: Intl.DateTimeFormat;

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en', { timeZone, year: 'numeric', month: 'numeric', day: 'numeric' });
  }

  dayOf(at: number): number {
    const parts = Object.fromEntries(this.#format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    return Date.UTC(parts['year'] ?? 0, (parts['month'] ?? 1) - 1, parts['day']) / unitMs.d;
  }

  /** From Monday to Sunday, as ISO 8601 has them. 1 January 1970 was a Thursday. */
  weekOf(at: number): number {
    return Math.floor((this.dayOf(at) + 3) / 7);
  }
}

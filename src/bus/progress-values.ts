// What a bar shows, computed from the counters of the work. Guarantees: the percentage is a whole number that never falls
// and stays below 100 until the end; bytes never fall; a total that is known is never below them.

/** Absolute counts of one operation; a total of 0 is not known (yet). */
export interface ProgressCounters {
  bytesDone: number;
  bytesTotal: number;
}

export interface ProgressValues {
  percentage: number;
  bytesWritten: number;
  /** 0 = not known. */
  bytesTotal: number;
}

/** 100 is for the end alone. */
const ceiling = 99;

export const nothingDone: ProgressValues = { percentage: 0, bytesWritten: 0, bytesTotal: 0 };

/** The values after `before`. Counters that went back, as those of a second try do, hold the values where they are. */
export function advance(before: ProgressValues, { bytesDone, bytesTotal }: ProgressCounters): ProgressValues {
  const bytesWritten = Math.max(before.bytesWritten, bytesDone);
  if (bytesTotal <= 0) return { percentage: before.percentage, bytesWritten, bytesTotal: 0 };
  const share = Math.min(ceiling, Math.floor((100 * bytesDone) / bytesTotal));
  return {
    percentage: Math.max(before.percentage, share),
    bytesWritten,
    bytesTotal: Math.max(bytesTotal, bytesWritten),
  };
}

/** Counters of the pass that is under way as counters of all `passes` (1 = the first) over the same archive. */
export function overPasses(
  { bytesDone, bytesTotal }: ProgressCounters,
  pass: number,
  passes: number,
): ProgressCounters {
  return { bytesDone: (pass - 1) * bytesTotal + bytesDone, bytesTotal: passes * bytesTotal };
}

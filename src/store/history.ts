// How much of the past a store remembers, so that a watch can go on where it broke off. Pure rules, shared by the
// embedded stores: what to forget, and whether a reader's revision is still known.
import { ExpiredError } from './errors.ts';

export interface HistoryLimits {
  /** Changes kept at most. */
  count: number;
  /** Bytes of JSON kept at most. */
  bytes: number;
  /** ms. */
  ageMs: number;
}

/** A reader that was away for longer than this lists again, which costs it milliseconds. */
export const defaultHistoryLimits: HistoryLimits = { count: 10_000, bytes: 32 * 1024 * 1024, ageMs: 3_600_000 };

/** How often a store looks for changes past their age, in ms. */
export const historyAgeCheckMs = 60_000;

export interface HistoryEntry {
  revision: number;
  bytes: number;
  /** Wall clock at the change, ms since the epoch. */
  at: number;
}

export interface HistorySize {
  count: number;
  bytes: number;
}

/** At a limit this share is kept, so that forgetting is one pass in many writes and not one a write. */
const keptShare = 0.9;

export function isOverLimit(size: HistorySize, limits: HistoryLimits): boolean {
  return size.count > limits.count || size.bytes > limits.bytes;
}

/**
 * The newest revision to forget, with all older ones; undefined when all may stay.
 * Only a prefix is ever forgotten: an entry older than the limit takes its predecessors along even if a clock that was
 * set back dates them later.
 */
export function forgetThrough(
  oldestFirst: Iterable<HistoryEntry>,
  size: HistorySize,
  limits: HistoryLimits,
  now: number,
): number | undefined {
  const share = isOverLimit(size, limits) ? keptShare : 1;
  const keep = { count: Math.floor(limits.count * share), bytes: Math.floor(limits.bytes * share) };
  const left = { ...size };
  let through: number | undefined;
  for (const entry of oldestFirst) {
    const surplus = left.count > keep.count || left.bytes > keep.bytes;
    if (surplus || entry.at < now - limits.ageMs) through = entry.revision;
    left.count -= 1;
    left.bytes -= entry.bytes;
  }
  return through;
}

/**
 * The revision a reader wants to go on from, if everything after it is still known.
 * @throws ExpiredError also for a revision that this store has not reached: it is another store's.
 */
export function knownRevision(from: string, forgotten: number, newest: number): number {
  const revision = /^\d{1,15}$/.test(from) ? Number(from) : Number.NaN;
  if (revision >= forgotten && revision <= newest) return revision;
  throw new ExpiredError(
    `revision ${from} is not known: the changes after ${forgotten} up to ${newest} are; list again`,
  );
}

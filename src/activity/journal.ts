// What a journal of activity must do, in words of those who use it.
import type { Activity } from './activity.ts';
import type { Row } from './entries.ts';

/** File transfers are merged, the rest is not: they wait, and fail, apart. */
export const lanes = ['plain', 'sftp'] as const;
export type Lane = (typeof lanes)[number];

export interface Journal {
  /** Rows, those included that are on their way to the disk; undefined before anything was asked. */
  readonly waiting: Readonly<Record<Lane, number>> | undefined;
  /** Never throws and never waits; what cannot be kept is counted. */
  add(activity: Activity): void;
  /** The oldest rows of a lane with ids above `after`. @throws JournalError */
  page(lane: Lane, after: number, limit: number): Promise<Row[]>;
  /** Durable when it resolves. Ids are never used twice. @throws JournalError */
  remove(ids: readonly number[]): Promise<void>;
}

export class JournalError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'JournalError';
  }
}

/** Rows of both lanes; beyond, the oldest go. */
export const mostRows = 100_000;

/** Bytes of all rows; beyond, the oldest go. A row is some 250. */
export const mostBytes = 64 * 1024 * 1024;

/** ms. Panels delete what is older (`APP_ACTIVITY_PRUNE_DAYS`, 90). */
export const longestAgeMs = 90 * 24 * 60 * 60 * 1000;

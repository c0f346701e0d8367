// What crosses between the journal and the thread that has its database.
import type { Lane } from './journal.ts';

export interface JournalWorkerOptions {
  path: string;
  /** Of Wings, whose rows are taken over; empty = none. */
  wingsPath: string;
  /** Rows and bytes that are kept at most. */
  mostRows: number;
  mostBytes: number;
}

/** An Activity as JSON. */
export interface NewRow {
  lane: Lane;
  /** ms since the epoch. */
  at: number;
  json: string;
}

/** `now`: ms since the epoch; the thread has no clock of its own. */
export type JournalRequest =
  | { op: 'add'; id: number; now: number; row: NewRow }
  | { op: 'page'; id: number; now: number; lane: Lane; after: number; limit: number }
  | { op: 'remove'; id: number; now: number; ids: readonly number[] };

export type ToJournal = JournalRequest | { op: 'close' };

export interface FoundRow {
  id: number;
  json: string;
}

/** What happened to rows beside what was asked for, since the last answer. */
export interface JournalNews {
  waiting: Record<Lane, number>;
  /** Dropped for being too many, and for being too old. */
  overflow: number;
  aged: number;
  /** Taken over from Wings, and those of it that no Panel would take. */
  takenOver: number;
  unusable: number;
  /** What was set aside or could not be read. */
  warnings: string[];
}

/** One answer for each request, in order. `error`: nothing of it was done. */
export interface JournalAnswer {
  id: number;
  rows: FoundRow[];
  error: string | undefined;
}

export interface FromJournal {
  answers: JournalAnswer[];
  /** Undefined while the database cannot be opened. */
  news: JournalNews | undefined;
}

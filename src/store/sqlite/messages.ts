// What crosses between the store's main side and its worker. Objects cross as JSON text: cheaper to clone than a tree,
// and it is what the database keeps.
import type { HistoryLimits } from '../history.ts';
import type { Change } from '../object-write.ts';
import type { ErrorData } from './error-data.ts';

export interface WorkerOptions {
  path: string;
  historyLimits: HistoryLimits;
  /** RFC 3339; the worker has no clock of its own. */
  now: string;
}

export type Request =
  /** `write` is a Write as JSON. Kind and name are those of its object. */
  | { op: 'write'; id: number; kind: string; name: string; write: string; now: string }
  | { op: 'get'; id: number; kind: string; name: string }
  | { op: 'list'; id: number; kind: string; labels: Record<string, string> | undefined; name: string | undefined }
  /** The snapshot of a kind, or with `from` what came after it. */
  | { op: 'watch'; id: number; kind: string; from: string | undefined };

/** `request` messages are answered one for one and in order; the others are not answered. */
export type ToWorker = { type: 'request'; request: Request } | { type: 'forget'; now: string } | { type: 'close' };

export type Answer =
  | { type: 'object'; json: string | undefined; change: Change['type'] | undefined }
  | { type: 'list'; items: string[]; revision: number }
  | { type: 'events'; events: { type: Change['type']; json: string }[]; revision: number };

export type Outcome = { id: number; answer: Answer } | { id: number; error: ErrorData };

export type FromWorker =
  | { type: 'opened'; setAside: SetAside | undefined; warnings: string[]; revision: number }
  | { type: 'refused'; error: ErrorData }
  /** After the commit, in commit order. */
  | { type: 'batch'; outcomes: Outcome[] }
  /** Something went wrong that no caller waits for. */
  | { type: 'problem'; message: string }
  | { type: 'closed' };

/** A database that could not be used and was renamed. */
export interface SetAside {
  path: string;
  reason: string;
}

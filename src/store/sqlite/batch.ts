// Group commit: all requests that wait become one transaction, so that many writers share one flush of the disk.
import { toErrorData } from './error-data.ts';
import type { Outcome, Request } from './messages.ts';
import type { ObjectDatabase } from './object-database.ts';

/**
 * Answers the requests in order, after the commit. One that fails alone leaves the others untouched; when the commit
 * itself fails each is tried again in a transaction of its own, so that only those pay that cannot be kept.
 */
export function runBatch(database: ObjectDatabase, requests: readonly Request[]): Outcome[] {
  try {
    return database.transaction(() => requests.map((request) => outcomeOf(database, request)));
  } catch (error) {
    if (requests.length > 1) return requests.flatMap((request) => runBatch(database, [request]));
    return requests.map(({ id }) => ({ id, error: toErrorData(error) }));
  }
}

function outcomeOf(database: ObjectDatabase, request: Request): Outcome {
  try {
    return { id: request.id, answer: database.answer(request) };
  } catch (error) {
    // Without a transaction nothing of the batch is left: the caller begins again.
    if (!database.inTransaction) throw error;
    return { id: request.id, error: toErrorData(error) };
  }
}

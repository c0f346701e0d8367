// What admission and the store refuse a document with, in words for whoever wrote it.
import { ForbiddenError, InvalidError, PowerConflictError, UnknownFieldsError } from '../resources/errors.ts';
import { MalformedObjectError, ObjectTooLargeError } from '../store/errors.ts';

const refusals = [ForbiddenError, PowerConflictError, MalformedObjectError, ObjectTooLargeError];

/** What is wrong with a document, in its parts. @throws what is not the document's fault */
export function refusalOf(error: unknown): { field?: string; message: string }[] {
  if (error instanceof InvalidError) return error.causes.map(({ field, message }) => ({ field, message }));
  if (error instanceof UnknownFieldsError) {
    return error.fields.map((field) => ({ field, message: `${error.kind} has no such field` }));
  }
  if (refusals.some((refusal) => error instanceof refusal)) return [{ message: (error as Error).message }];
  throw error;
}

// Errors cross the worker's border as data: the class by its code, foreign errors as StoreUnavailableError.
import {
  AlreadyExistsError,
  ConflictError,
  ExpiredError,
  MalformedObjectError,
  NotFoundError,
  ObjectTooLargeError,
  StoreClosedError,
  StoreError,
  StoreFullError,
  StoreLockedError,
  StoreUnavailableError,
  StoreVersionError,
} from '../errors.ts';

export interface ErrorData {
  code: string;
  message: string;
  cause: string | undefined;
}

interface Subject {
  kind: string;
  name: string;
}

const noSubject: Subject = { kind: 'object', name: '' };

export function toErrorData(error: unknown): ErrorData {
  if (error instanceof StoreError) {
    const cause = error.cause === undefined ? undefined : describe(error.cause);
    return { code: error.code, message: error.message, cause };
  }
  const cause = describe(error);
  if (hasPrimaryCode(error, sqlitePrimary.full)) return { code: 'Full', message: new StoreFullError().message, cause };
  return { code: 'Unavailable', message: `the store could not do this: ${cause}`, cause };
}

/** @param subject what the request was about; names the object in errors that name one. */
export function fromErrorData({ code, message, cause }: ErrorData, subject: Subject = noSubject): StoreError {
  const options = cause === undefined ? {} : { cause: new Error(cause) };
  switch (code) {
    case 'NotFound':
      return new NotFoundError(subject.kind, subject.name);
    case 'AlreadyExists':
      return new AlreadyExistsError(subject.kind, subject.name);
    case 'Conflict':
      return new ConflictError(message);
    case 'Full':
      return new StoreFullError(options);
    case 'Expired':
      return new ExpiredError(message);
    case 'Malformed':
      return new MalformedObjectError(message, options);
    case 'TooLarge':
      return new ObjectTooLargeError(message);
    case 'Closed':
      return new StoreClosedError();
    case 'Locked':
      return new StoreLockedError(message);
    case 'Version':
      return new StoreVersionError(message);
    default:
      return new StoreUnavailableError(message, options);
  }
}

export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const errcode = sqliteCode(error);
  return errcode === undefined ? error.message : `${error.message} (SQLite ${errcode})`;
}

/** SQLite's extended result code, when it is an error of SQLite. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode : undefined;
}

/** SQLite's primary result codes that need an answer of their own (sqlite.org/rescode.html). */
export const sqlitePrimary = { busy: 5, corrupt: 11, full: 13, notADatabase: 26 } as const;

export function hasPrimaryCode(error: unknown, ...codes: number[]): boolean {
  const code = sqliteCode(error);
  return code !== undefined && codes.includes(code & 0xff);
}

// What passes between the daemon and the process of a job. Errors cross as plain data, because a class does not.
import { errorCode } from '../volumes/errors.ts';
import type { ArchivePlan, ArchiveProgress, ArchiveResults, PathFacts } from './plan.ts';
import { ArchiveError, type ArchiveErrorCode } from './runner.ts';
import { asArchiveError } from './system-failure.ts';

export type JobRequest = { kind: 'run'; plan: ArchivePlan } | { kind: 'cancel' };

export type JobReply =
  | { kind: 'progress'; progress: ArchiveProgress }
  /** Of `read-path`; the bytes follow on a pipe. */
  | { kind: 'found'; facts: PathFacts }
  /** Why the fast compressor is not used. */
  | { kind: 'slow'; reason: string }
  | { kind: 'done'; result: ArchiveResults[ArchivePlan['kind']] | undefined }
  | { kind: 'failed'; failure: JobFailure };

export interface JobFailure {
  code: ArchiveErrorCode;
  message: string;
  stack: string | undefined;
  /** What was behind it; it may name paths and is for the log. */
  cause: { message: string; code: string | undefined; stack: string | undefined } | undefined;
}

/** Descriptor of the pipe that a path of an archive is written to. */
export const outputDescriptor = 4;

export function failureOf(error: unknown): JobFailure {
  const { code, message, stack, cause } = asArchiveError(error, 'the archive job failed');
  return {
    code,
    message,
    stack,
    cause: cause instanceof Error ? { message: cause.message, code: errorCode(cause), stack: cause.stack } : undefined,
  };
}

export function errorOf({ code, message, stack, cause }: JobFailure): ArchiveError {
  const error = new ArchiveError(code, message, cause ? { cause: rebuilt(cause) } : undefined);
  if (stack !== undefined) error.stack = stack;
  return error;
}

function rebuilt({ message, code, stack }: NonNullable<JobFailure['cause']>): Error {
  const error = Object.assign(new Error(message), code === undefined ? {} : { code });
  if (stack !== undefined) error.stack = stack;
  return error;
}

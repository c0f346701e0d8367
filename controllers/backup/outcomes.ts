// How the work on an archive ended, as one word for programs and a sentence for people that names no path of the node.
import { ArchiveError, type ArchiveErrorCode } from '../../src/archive/runner.ts';
import { ObjectStoreError, type ObjectStoreErrorCode } from '../../src/objectstore/object-store.ts';
import { asSentence, type OperationOutcome } from '../../src/runtime/operation-status.ts';

const archiveReasons: Record<ArchiveErrorCode, string> = {
  NOT_FOUND: 'FilesNotFound',
  NOT_AN_ARCHIVE: 'Damaged',
  DAMAGED: 'Damaged',
  CHECKSUM_MISMATCH: 'Damaged',
  UNSAFE_NAME: 'UnsafeName',
  TOO_MANY_ENTRIES: 'TooManyFiles',
  TOO_DEEP: 'TooDeep',
  OVER_DISK_LIMIT: 'OverDiskLimit',
  NO_SPACE: 'NoSpace',
  CRASHED: 'JobCrashed',
  FAILED: 'ArchiveFailed',
};

const storeReasons: Record<ObjectStoreErrorCode, string> = {
  BAD_KEY: 'BadUuid',
  NOT_FOUND: 'ArchiveMissing',
  NO_SPACE: 'NoSpace',
  FAILED: 'ArchiveFailed',
};

/** The work took longer than the node allows. */
export class TimedOut extends Error {
  constructor(seconds: number) {
    super(`The backup took longer than the ${duration(seconds)} that this node allows.`);
  }
}

/** `undefined`: nobody foresaw this, and its words may name anything. */
export function failureOf(error: unknown): OperationOutcome | undefined {
  const failed = (reason: string, { message }: Error): OperationOutcome => ({
    ...{ result: 'Failed', reason, message: asSentence(message) },
  });
  if (error instanceof ArchiveError) return failed(archiveReasons[error.code], error);
  if (error instanceof ObjectStoreError) return failed(storeReasons[error.code], error);
  if (error instanceof TimedOut) return failed('Timeout', error);
  return undefined;
}

export const unforeseen: OperationOutcome = {
  result: 'Failed',
  reason: 'InternalError',
  message: 'The backup failed for a reason that only the log of the daemon tells.',
};

export const restartedTooOften: OperationOutcome = {
  result: 'Failed',
  reason: 'DaemonRestarted',
  message: 'The daemon ended twice while the backup was made.',
};

export const archiveExists: OperationOutcome = {
  result: 'Failed',
  reason: 'ArchiveExists',
  message: 'There is an archive of this uuid already that this backup did not make; it was left as it is.',
};

export const adopted: OperationOutcome = {
  result: 'Completed',
  reason: 'Adopted',
  message: 'The archive was there already and was taken over.',
};

export const nothingToAdopt: OperationOutcome = {
  result: 'Failed',
  reason: 'ArchiveMissing',
  message: 'There is no archive of this uuid that could be taken over.',
};

export const completed: OperationOutcome = {
  result: 'Completed',
  reason: 'Completed',
  message: 'The archive is complete.',
};

function duration(seconds: number): string {
  const [amount, unit] = seconds % 3600 === 0 ? [seconds / 3600, 'hour'] : [seconds, 'second'];
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`;
}

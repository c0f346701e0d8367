// What an error of a job means for a restore: a word for programs, a sentence for people, and whether it may pass.
import { ArchiveError, type ArchiveErrorCode } from '../../src/archive/runner.ts';
import { ObjectStoreError } from '../../src/objectstore/object-store.ts';
import { asSentence } from '../../src/runtime/operation-status.ts';

export interface Failure {
  /** One word in CamelCase. */
  reason: string;
  /** A sentence that names no path of the host. */
  message: string;
  /** It may go well another time: the job was ended from outside, or the system refused. */
  passing: boolean;
  /** Something that the job needs is not there. */
  missing: boolean;
  error: unknown;
}

const reasons: Readonly<Record<ArchiveErrorCode, string>> = {
  NOT_FOUND: 'ArchiveMissing',
  NOT_AN_ARCHIVE: 'NotAnArchive',
  DAMAGED: 'ArchiveDamaged',
  CHECKSUM_MISMATCH: 'ChecksumMismatch',
  UNSAFE_NAME: 'UnsafeName',
  TOO_MANY_ENTRIES: 'TooManyEntries',
  TOO_DEEP: 'TooDeep',
  OVER_DISK_LIMIT: 'OverDiskLimit',
  NO_SPACE: 'NoSpace',
  CRASHED: 'JobCrashed',
  FAILED: 'SystemError',
};

export function failureOf(error: unknown): Failure {
  if (error instanceof ArchiveError) {
    const passing = error.code === 'CRASHED' || error.code === 'FAILED';
    return {
      reason: reasons[error.code],
      message: asSentence(error.message),
      passing,
      missing: error.code === 'NOT_FOUND',
      error,
    };
  }
  if (error instanceof ObjectStoreError) {
    const missing = error.code === 'NOT_FOUND';
    const reason = missing ? 'ArchiveMissing' : 'StoreError';
    return { reason, message: asSentence(error.message), passing: error.code === 'FAILED', missing, error };
  }
  const message = 'The restore failed for a reason that the log of the daemon tells.';
  return { reason: 'InternalError', message, passing: true, missing: false, error };
}

// What the system or a server's directory said, as an error of a job: a sentence without a path, the cause kept.
import { errorCode, VolumeError } from '../volumes/errors.ts';
import { ArchiveError, type ArchiveErrorCode } from './runner.ts';

const codes: Record<string, ArchiveErrorCode> = {
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'OVER_DISK_LIMIT',
  TOO_DEEP: 'TOO_DEEP',
};
const sentences: Record<string, string> = {
  ENOSPC: 'the file system is full',
  EDQUOT: 'the disk quota of the server is used up',
};

/** `doing` starts the sentence: "the archive cannot be read". Errors that are made for people already stay as they are. */
export function asArchiveError(error: unknown, doing: string): ArchiveError {
  if (error instanceof ArchiveError) return error;
  const code = errorCode(error) ?? 'unknown error';
  const reason = error instanceof VolumeError ? error.message : (sentences[code] ?? code);
  return new ArchiveError(codes[code] ?? 'FAILED', `${doing}: ${reason}`, { cause: error });
}

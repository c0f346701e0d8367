// The seam between the daemon and the data plane: a plan goes in, counters come out four times a second, one result or one
// error ends it. A crash, an out-of-memory or a kill of the job ends the job and never the daemon.
import type { Writable } from 'node:stream';
import type { ArchivePlan, ArchiveProgress, ArchiveResults, PathFacts, ReadPathPlan } from './plan.ts';

export interface RunOptions {
  /** Aborted: the job ends, removes what is only its own, and the promise rejects with the signal's reason. */
  signal: AbortSignal;
  /** At most four times a second, and once before the promise settles. */
  onProgress?: (progress: ArchiveProgress) => void;
}

export interface ArchiveRunner {
  /** @throws ArchiveError, the signal's reason */
  run<P extends Exclude<ArchivePlan, ReadPathPlan>>(plan: P, options: RunOptions): Promise<ArchiveResults[P['kind']]>;
  /** `onFound` hears what it is before the first byte goes to `output`, which is ended at the end. @throws as `run` */
  readPath(
    plan: ReadPathPlan,
    output: Writable,
    options: { signal: AbortSignal; onFound: (facts: PathFacts) => void },
  ): Promise<void>;
  /** Ends every job and waits for it. */
  close(): Promise<void>;
}

export type ArchiveErrorCode =
  /** There is no such archive, server directory, or path in the archive. */
  | 'NOT_FOUND'
  /** Neither gzip nor zstd nor tar. */
  | 'NOT_AN_ARCHIVE'
  /** Cut, flipped, or not what its headers say. */
  | 'DAMAGED'
  | 'CHECKSUM_MISMATCH'
  /** A name that leads out of the server's directory, or that no file can have. */
  | 'UNSAFE_NAME'
  | 'TOO_MANY_ENTRIES'
  | 'TOO_DEEP'
  /** More than the disk limit of the server allows. */
  | 'OVER_DISK_LIMIT'
  /** The file system is full, or would go below its reserve. */
  | 'NO_SPACE'
  /** The job ended without a word: a crash, out of memory, a kill. */
  | 'CRASHED'
  /** The system refused; the message says what. */
  | 'FAILED';

/** The message is a sentence for people that names no path of the host. */
export class ArchiveError extends Error {
  readonly code: ArchiveErrorCode;

  constructor(code: ArchiveErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ArchiveError';
    this.code = code;
  }
}

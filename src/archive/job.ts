// What the work of one plan is given by whoever runs it, in the process of the job or in a test.
import type { Clock } from '../clock/clock.ts';
import type { GzipEngine } from './gzip/engine.ts';
import type { ArchiveProgress } from './plan.ts';

export interface Job {
  /** Aborted: the work ends soon by throwing the signal's reason. */
  readonly signal: AbortSignal;
  /** The work adds to it in place and never sends it; who is interested reads it by a timer of his own. */
  readonly progress: ArchiveProgress;
  readonly gzip: GzipEngine;
  /** Of the rate limits. */
  readonly clock: Clock;
  /** Between any two acts that a crash may part; a test ends the process there. */
  readonly checkpoint?: (place: string) => void;
}

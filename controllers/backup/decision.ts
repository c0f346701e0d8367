// What to do next for one backup: a pure function of what is wanted, what is recorded and what is so. It is asked again
// after every step, so it never plans further than one.
import { type Backup, backupFinalizer, isFinishedBackup } from '../../src/resources/backup.ts';
import { isOfNode } from '../../src/resources/identity.ts';
import type { OperationOutcome } from '../../src/runtime/operation-status.ts';
import type { Verdict } from './deps.ts';

export interface View {
  backup: Backup;
  nodeName: string;
  /** `leaving`: it is being deleted. `gone`: no server of this name has the uuid. */
  server: 'present' | 'leaving' | 'gone';
  /** An earlier backup of the same server has not ended. */
  behind: boolean;
  /** A job of this backup is under way, whichever. */
  working: boolean;
  /** The last attempt that this daemon recorded. */
  attempt: number | undefined;
  /** The job was told to end. */
  stopping: boolean;
  verdict: Verdict | undefined;
  /** Wall clock, ms. */
  now: number;
}

export type Step =
  | { do: 'wait' }
  /** Others of the same server come first. */
  | { do: 'stand-back' }
  /** It is new. */
  | { do: 'accept' }
  /** It is new, and what it is about is there already. */
  | { do: 'adopt' }
  /** Its turn: take a place and the server, and record that the work begins. */
  | { do: 'begin' }
  | { do: 'archive' }
  /** An earlier daemon was at it. */
  | { do: 'recover' }
  | { do: 'stop-job'; outcome: OperationOutcome }
  | { do: 'conclude'; verdict: Verdict }
  | { do: 'end' }
  | { do: 'remove' }
  | { do: 'begin-verification'; request: string }
  | { do: 'verify'; request: string }
  | { do: 'expire' }
  | { do: 'expire-later'; at: number }
  /** Ended well: is the archive still there? */
  | { do: 'look' };

/** Failed and cancelled ones have nothing to keep. */
export const failedTtlMs = 7 * 86_400_000;

export function decide(view: View): Step {
  const { backup, working } = view;
  const { status } = backup;
  if (!isOfNode(backup, view.nodeName)) return { do: 'wait' };
  if (isFinishedBackup(backup)) return afterwards(view);
  if (status?.phase === 'Finalizing') return { do: 'end' };
  if (!status?.phase) return { do: isAdoption(backup) ? 'adopt' : 'accept' };
  const stop = stopReason(view);
  if (working) return stop && !view.stopping ? { do: 'stop-job', outcome: stop } : { do: 'wait' };
  // As long as no outcome is recorded, a wish to end it counts more than what came of it.
  if (stop) return { do: 'conclude', verdict: { outcome: stop } };
  if (view.verdict) return { do: 'conclude', verdict: view.verdict };
  if (status.phase === 'Pending') return view.behind ? { do: 'stand-back' } : { do: 'begin' };
  return view.attempt === status.attempt ? { do: 'archive' } : { do: 'recover' };
}

/** Nothing is to be made for it. One that is called off before it was looked at ends as all others do. */
export function isAdoption({ spec, status, metadata }: Backup): boolean {
  return spec.adopt === true && !status?.phase && !spec.cancel && !metadata.deletionTimestamp;
}

function stopReason({ backup, server }: View): OperationOutcome | undefined {
  const { spec, metadata } = backup;
  if (metadata.deletionTimestamp) {
    return { result: 'Cancelled', reason: 'Deleted', message: 'The backup was deleted before it had ended.' };
  }
  if (spec.cancel) return { result: 'Cancelled', reason: 'Cancelled', message: 'The backup was cancelled.' };
  if (server === 'leaving') {
    const message = 'The server was deleted before the backup had ended.';
    return { result: 'Cancelled', reason: 'ServerDeleted', message };
  }
  if (server === 'gone') {
    const message = `There is no server "${spec.serverRef.name}" any more.`;
    return { result: 'Failed', reason: 'ServerNotFound', message };
  }
  return undefined;
}

function afterwards({ backup, working, stopping, now }: View): Step {
  const { status, spec, metadata } = backup;
  if (metadata.deletionTimestamp) {
    // Others may still hold it by finalizers of their own.
    if (!metadata.finalizers?.includes(backupFinalizer)) return { do: 'wait' };
    if (!working) return { do: 'remove' };
    const message = 'The backup was deleted.';
    return stopping ? { do: 'wait' } : { do: 'stop-job', outcome: { result: 'Cancelled', reason: 'Deleted', message } };
  }
  if (working) return { do: 'wait' };
  const { request, result } = status?.verification ?? {};
  if (request !== undefined && result === 'Running') return { do: 'verify', request };
  if (spec.verify && spec.verify !== request) return { do: 'begin-verification', request: spec.verify };
  if (status?.phase === 'Completed') return { do: 'look' };
  // What a manifest declares would come back at once, and be tried again.
  if (spec.locked || spec.owner?.kind === 'Manifest') return { do: 'wait' };
  const at = Date.parse(status?.completedAt ?? metadata.creationTimestamp) + failedTtlMs;
  return now >= at ? { do: 'expire' } : { do: 'expire-later', at };
}

/** Which of two backups of one server comes first. */
export function isEarlier({ metadata: one }: Backup, { metadata: other }: Backup): boolean {
  if (one.creationTimestamp !== other.creationTimestamp) return one.creationTimestamp < other.creationTimestamp;
  return one.name < other.name;
}

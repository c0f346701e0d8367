// What to do next for one restore: a pure function of what is wanted, what is recorded and what is so. It is asked again
// after every step. Until the journal says that the server's files are being moved, every end leaves them untouched; from
// there on the work goes forward to its end, or back to where it began.
import {
  type IrrevocableStep,
  irrevocableStep,
  isFinishedRestore,
  type Restore,
  type RestoreJournalStep,
  type RestoreStatus,
} from '../../src/resources/restore.ts';
import type { Server } from '../../src/resources/server.ts';
import type { OperationOutcome } from '../../src/runtime/operation-status.ts';
import type { Failure } from './failures.ts';

/** The jobs that carry out a restore; each is a plan of the data plane. */
export type Act = 'stage' | 'verify' | 'move-old' | 'move-new' | 'merge' | 'roll-back' | 'in-place' | 'discard';

export type Restored = NonNullable<RestoreStatus['result']>;

export interface View {
  restore: Restore;
  /** The server by uuid; undefined: there is none any more. */
  server: Server | undefined;
  /** The job that runs in this process. */
  job: Act | undefined;
  /** The job that has ended and was not answered yet. */
  ended: { act: Act; failure: Failure | undefined; restored?: Restored | undefined } | undefined;
  /** This process began the work, or took it up: what an earlier one left is not known to be whole. */
  mine: boolean;
  /** The daemon is about to end. */
  stopping: boolean;
  /** The work has taken longer than it may. */
  timedOut: boolean;
  /** The process of the server has not ended in the time it had. */
  stopTimedOut: boolean;
  /** Tries of the present job that failed in this process. */
  failures: number;
  /** Wall clock, ms. */
  now: number;
}

export type Step =
  /** Something is under way, or somebody else is to act first; it tells when there is news. */
  | { do: 'wait' }
  | { do: 'cancel'; reason: string }
  /** It is new. */
  | { do: 'accept' }
  /** Leave the queue, if there is a place. */
  | { do: 'begin' }
  /** Take up what an earlier process left. `again`: it counts as another attempt. */
  | { do: 'adopt'; again: boolean }
  | { do: 'run'; act: Act }
  /** The archive is whole and read: the process has to go now. */
  | { do: 'enter-stopping' }
  | { do: 'demand-stop' }
  /** The point of no return, as far as cancelling goes. */
  | { do: 'commit' }
  | { do: 'journal'; step: RestoreJournalStep }
  /** Another attempt at the job that ended with a failure. */
  | { do: 'retry'; failure: Failure }
  | { do: 'roll-back'; outcome: OperationOutcome }
  /** Decide how it ends. */
  | { do: 'conclude'; outcome: OperationOutcome }
  /** Tell how it ended. */
  | { do: 'end' }
  /** Nothing of it is left beside the server's files. */
  | { do: 'forget-journal' }
  | { do: 'remove-finalizer' }
  | { do: 'expire' }
  | { do: 'rest'; until: number };

/** Of a job that ended without a word, or that the system refused, in one process. */
const mostTries = 3;
/** Of unpacking in place, over all restarts of the daemon. */
const mostAttempts = 5;

export function decide(view: View): Step {
  const { restore, job } = view;
  if (isFinishedRestore(restore)) return afterTheEnd(view);
  const step = irrevocableStep(restore);
  if (step) return goOn(view, step);
  if (restore.status?.outcome) return job ? { do: 'wait' } : { do: 'end' };
  if (!restore.status?.phase) return { do: 'accept' };
  return beforeCommit(view);
}

function beforeCommit(view: View): Step {
  const { restore, job, ended, server } = view;
  const end = calledOff(view);
  if (end) return job ? { do: 'cancel', reason: end.message } : { do: 'conclude', outcome: end };
  if (job) return { do: 'wait' };
  const succeeded = ended && !ended.failure;
  switch (restore.status?.phase ?? 'Pending') {
    case 'Pending':
      return view.stopping ? { do: 'wait' } : { do: 'begin' };
    case 'Extracting':
      return succeeded ? { do: 'enter-stopping' } : { do: 'run', act: 'stage' };
    case 'Verifying':
      return succeeded ? { do: 'enter-stopping' } : { do: 'run', act: 'verify' };
    default:
      return server?.status?.claim?.stopped ? { do: 'commit' } : { do: 'demand-stop' };
  }
}

/** Why the work is not to go on, as long as nothing was touched. */
function calledOff(view: View): OperationOutcome | undefined {
  const { restore, server, ended } = view;
  const { spec, metadata, status = {} } = restore;
  const began = (status.phase ?? 'Pending') !== 'Pending';
  const untouched = ' The files of the server are untouched.';
  if (spec.cancel || metadata.deletionTimestamp) {
    return { result: 'Cancelled', reason: 'Cancelled', message: `The restore was cancelled.${untouched}` };
  }
  if (!server) return failed('ServerGone', 'The server was deleted.');
  if (server.metadata.deletionTimestamp) {
    return {
      result: 'Cancelled',
      reason: 'ServerDeleted',
      message: 'The restore was cancelled: its server is being deleted.',
    };
  }
  if (!began) return undefined;
  if (!view.mine) return failed('DaemonRestarted', `The daemon ended while the restore was under way.${untouched}`);
  if (server.status?.claim?.uid !== metadata.uid) {
    return failed('ClaimLost', `Something else took the server over.${untouched}`);
  }
  if (view.stopping)
    return failed('DaemonStopping', `The daemon was stopped while the restore was under way.${untouched}`);
  if (view.timedOut) return failed('Timeout', `The restore took longer than it may.${untouched}`);
  if (ended?.failure) return failed(ended.failure.reason, `${ended.failure.message}${untouched}`);
  if (view.stopTimedOut) return failed('ServerNotStopped', `The server could not be stopped in time.${untouched}`);
  return undefined;
}

function goOn(view: View, step: IrrevocableStep): Step {
  const { job } = view;
  if (step === 'Extracting') return unpackInPlace(view);
  if (job) return { do: 'wait' };
  if (!view.mine) return { do: 'adopt', again: false };
  const act = actOf[step];
  const ended = view.ended?.act === act ? view.ended : undefined;
  if (!ended) return { do: 'run', act };
  if (ended.failure) return afterFailure(view, step, ended.failure);
  switch (step) {
    case 'MovingOld':
      return { do: 'journal', step: 'MovingNew' };
    case 'MovingNew':
    case 'Merging':
      return { do: 'conclude', outcome: completed(view.restore, view.restore.status?.result) };
    case 'RollingBack':
      return { do: 'journal', step: 'Done' };
  }
}

const actOf = { MovingOld: 'move-old', MovingNew: 'move-new', Merging: 'merge', RollingBack: 'roll-back' } as const;

function afterFailure(view: View, step: Exclude<IrrevocableStep, 'Extracting'>, failure: Failure): Step {
  const { server, failures } = view;
  // The directory went with its server: there is nothing to bring back.
  if (!server && failure.missing) {
    return step === 'RollingBack' ? { do: 'journal', step: 'Done' } : { do: 'conclude', outcome: goneMeanwhile };
  }
  // Half-way is the one place where nothing may stay, so this is tried for as long as it takes.
  if (step === 'RollingBack') return { do: 'retry', failure };
  if (failure.passing && failures < mostTries) return { do: 'retry', failure };
  return {
    do: 'roll-back',
    outcome: failed(failure.reason, `${failure.message} The files of the server are as they were before.`),
  };
}

/** It starts anew each time, so it can be repeated; but not for ever, and a server with half its files says so. */
function unpackInPlace(view: View): Step {
  const { restore, job, stopping, ended } = view;
  if (stopping) return job ? { do: 'cancel', reason: 'the daemon is stopping' } : { do: 'wait' };
  if (job) return { do: 'wait' };
  const attempt = restore.status?.attempt ?? 1;
  if (!view.mine) {
    const end = failed('Incomplete', incomplete(restore, 'Unpacking was interrupted again and again.'));
    return attempt < mostAttempts ? { do: 'adopt', again: true } : { do: 'conclude', outcome: end };
  }
  if (ended?.act !== 'in-place') return { do: 'run', act: 'in-place' };
  const { failure } = ended;
  if (!failure) return { do: 'conclude', outcome: completed(restore, ended.restored) };
  if (!view.server && failure.missing) return { do: 'conclude', outcome: goneMeanwhile };
  if (failure.passing && view.failures < mostTries && attempt < mostAttempts) return { do: 'retry', failure };
  return { do: 'conclude', outcome: failed(failure.reason, incomplete(restore, failure.message)) };
}

function incomplete({ spec }: Restore, why: string): string {
  return `${why} The files of the server are incomplete: restore the backup "${spec.backupRef.name}" again.`;
}

function afterTheEnd(view: View): Step {
  const { restore, job, ended, now } = view;
  if (job) return { do: 'wait' };
  if (restore.status?.journal) {
    if (ended?.act !== 'discard') return { do: 'run', act: 'discard' };
    return ended.failure ? { do: 'retry', failure: ended.failure } : { do: 'forget-journal' };
  }
  if (restore.metadata.deletionTimestamp) return { do: 'remove-finalizer' };
  const until = Date.parse(restore.status?.completedAt ?? '') + restore.spec.ttlSecondsAfterFinished * 1000;
  // A time that cannot be read is no reason to keep it.
  return until > now ? { do: 'rest', until } : { do: 'expire' };
}

function completed({ spec }: Restore, { files = 0, bytes = 0 }: Restored = {}): OperationOutcome {
  const what = files === 1 ? '1 file' : `${files} files`;
  return {
    result: 'Completed',
    reason: 'Completed',
    message: `${what}, ${bytes} bytes, were restored from the backup "${spec.backupRef.name}".`,
  };
}

export function failed(reason: string, message: string): OperationOutcome {
  return { result: 'Failed', reason, message };
}

const goneMeanwhile = failed('ServerGone', 'The server was deleted while its files were replaced.');

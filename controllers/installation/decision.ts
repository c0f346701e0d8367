// What to do next for one installation: a pure function of what is wanted, what is recorded and what is so. It is asked
// again after every step, so it never plans further than one.
import { type Installation, installationFinalizer, isFinishedInstallation } from '../../src/resources/installation.ts';
import type { Server } from '../../src/resources/server.ts';
import type { OperationOutcome } from '../../src/runtime/operation-status.ts';
import type { Verdict } from './deps.ts';

export interface View {
  installation: Installation;
  nodeName: string;
  /** Undefined: no server of this name has the uuid. */
  server: Server | undefined;
  /** Its job is under way. */
  working: boolean;
  /** The job was told to end. */
  stopping: boolean;
  verdict: Verdict | undefined;
  /** Wall clock, ms. */
  now: number;
}

export type Step =
  | { do: 'wait' }
  /** It is new. */
  | { do: 'accept' }
  /** Take the server and record that the work begins. */
  | { do: 'begin' }
  /** Have the process of the server ended. */
  | { do: 'demand-stop' }
  | { do: 'run' }
  | { do: 'stop-job'; outcome: OperationOutcome }
  | { do: 'conclude'; verdict: Verdict }
  | { do: 'end' }
  | { do: 'remove-finalizer' }
  | { do: 'expire' }
  | { do: 'expire-later'; at: number };

export const skipped: OperationOutcome = {
  result: 'Completed',
  reason: 'Skipped',
  message: 'There is no script to run for this server.',
};

export function decide(view: View): Step {
  const { installation, server, verdict } = view;
  const { status, spec } = installation;
  if (spec.nodeName !== undefined && spec.nodeName !== view.nodeName) return { do: 'wait' };
  if (isFinishedInstallation(installation)) return afterwards(view);
  if (status?.phase === 'Finalizing') return { do: 'end' };
  if (!status?.phase) return { do: 'accept' };
  const stop = stopReason(view);
  if (view.working) return stop && !view.stopping ? { do: 'stop-job', outcome: stop } : { do: 'wait' };
  // As long as no outcome is recorded, a wish to end it counts more than what came of it.
  if (stop) return { do: 'conclude', verdict: { outcome: stop } };
  if (verdict) return { do: 'conclude', verdict };
  if (status.phase === 'Pending') return { do: 'begin' };
  const stopsProcess = !isSkipped(installation, server) || spec.reinstall;
  if (status.phase === 'Preparing' && stopsProcess && !hasNoProcess(installation, server)) return { do: 'demand-stop' };
  return { do: 'run' };
}

/** The process of the server was stopped for this installation. */
export function hasNoProcess({ metadata }: Installation, server: Server | undefined): boolean {
  const claim = server?.status?.claim;
  return claim?.uid === metadata.uid && claim.stopped === true;
}

/** Whether there is nothing to run, as far as is known: the Panel is asked again before it counts. */
export function isSkipped({ spec }: Installation, server: Server | undefined): boolean {
  if (spec.adoptContainerId !== undefined) return false;
  return spec.skip ?? server?.spec.skipEggScripts ?? false;
}

function stopReason({ installation, server }: View): OperationOutcome | undefined {
  const { spec, metadata } = installation;
  if (metadata.deletionTimestamp) {
    return { result: 'Cancelled', reason: 'Deleted', message: 'The installation was deleted before it had ended.' };
  }
  if (spec.cancel) return { result: 'Cancelled', reason: 'Cancelled', message: 'The installation was cancelled.' };
  if (!server || server.metadata.deletionTimestamp) {
    const message = 'The server was deleted before the installation had ended.';
    return { result: 'Cancelled', reason: 'ServerDeleted', message };
  }
  return undefined;
}

function afterwards({ installation, now }: View): Step {
  const { status, spec, metadata } = installation;
  if (metadata.deletionTimestamp) {
    // Others may still hold it by finalizers of their own.
    return metadata.finalizers?.includes(installationFinalizer) ? { do: 'remove-finalizer' } : { do: 'wait' };
  }
  const at = Date.parse(status?.completedAt ?? metadata.creationTimestamp) + spec.ttlSecondsAfterFinished * 1000;
  return now >= at ? { do: 'expire' } : { do: 'expire-later', at };
}

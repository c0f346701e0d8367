// What to do next for one server: a pure function of what is wanted, what is recorded and what is so. It is asked again
// after every step, so it never plans further than one.
import { isUnlisted } from '../../src/resources/listed.ts';
import { installingText, restoringText, suspendedText } from '../../src/resources/power.ts';
import type { PowerAction, ProcessState, Server, ServerOperation } from '../../src/resources/server.ts';
import { longestRestartDelayMs } from './crash.ts';

/** The container as Docker tells it. `foreign` bears our name but is not ours: it is never touched. */
export type Observed = 'missing' | 'stopped' | 'running' | 'foreign';

export interface View {
  server: Server;
  container: Observed;
  /** A session watches the very container that was observed; it mends its own connections. */
  attached: boolean;
  /** The container ended before our eyes, not while Docker or this daemon was away. */
  witnessedExit: boolean;
  /** A done line was seen since the process started. */
  doneSeen: boolean;
  overDiskLimit: boolean;
  /** What another daemon said of the server last, when it differs from our record and has not been looked at yet. */
  inherited: ProcessState | undefined;
  /** The work on this server that is going on in this process. */
  job: { action: PowerAction | 'delete'; request?: string | undefined } | undefined;
  /** Wall clock, ms. */
  now: number;
}

export type Step =
  /** Something is under way; its end asks again. */
  | { do: 'wait' }
  /** A newer wish makes the work under way pointless. */
  | { do: 'cancel'; reason: string }
  | { do: 'remove' }
  /** Take up the record of another daemon that had the node. */
  | { do: 'inherit'; state: ProcessState }
  /** Record the operation, so that a crash cannot forget it. */
  | { do: 'begin'; action: PowerAction; cause: ServerOperation['cause']; request?: string }
  /** Carry out the recorded operation. */
  | { do: 'resume'; operation: ServerOperation }
  /** The request needs no work. */
  | { do: 'finish'; request: string; outcome: 'Succeeded' | 'Refused'; message: string }
  /** Take over a running process. */
  | { do: 'attach' }
  | { do: 'mark-running' }
  | { do: 'mark-offline' }
  /** Forget the recorded operation: it must not be carried out any more. */
  | { do: 'abandon' }
  | { do: 'handle-exit' }
  | { do: 'restart-later'; at: number }
  /** A start that is due by itself has to make way for a claim; for a restore that comes to nothing it is made up for. */
  | { do: 'yield' }
  /** Tell whoever claims the server that there is no process any more. */
  | { do: 'confirm-stopped' }
  | { do: 'settle' };

export function decide(view: View): Step {
  const { server, job } = view;
  if (server.metadata.deletionTimestamp) {
    return job && job.action !== 'delete' ? { do: 'cancel', reason: 'the server is being deleted' } : { do: 'remove' };
  }
  if (view.inherited) return { do: 'inherit', state: view.inherited };
  const wish = openRequest(server);
  if (job) return preempts(view, wish) ?? { do: 'wait' };

  const operation = server.status?.operation;
  if (operation && !supersedes(server, operation, wish)) {
    // What begins a process has to wait for the end of the claim.
    return takenText(server) && startsProcess(operation.action) ? { do: 'settle' } : { do: 'resume', operation };
  }
  if (server.status?.claim?.stopServer) return makeWay(view, wish);
  if (wish) return answer(view, wish);
  if (operation && !isOnline(view)) return { do: 'abandon' };
  if (server.spec.suspended && isOnline(view)) return { do: 'begin', action: 'stop', cause: 'Suspended' };
  return view.container === 'running' ? keepRunning(view) : keepStopped(view);
}

/** Somebody else is about to change the files: no process, and nothing that makes one. */
function makeWay(view: View, wish: OpenRequest | undefined): Step {
  const { operation, claim, restartAt } = view.server.status ?? {};
  if (wish && startsProcess(wish.action)) {
    const message = takenText(view.server) ?? restoringText;
    return { do: 'finish', request: wish.id, outcome: 'Refused', message };
  }
  if (operation && startsProcess(operation.action)) return { do: 'yield' };
  if (isOnline(view)) {
    const request = wish ? { request: wish.id } : {};
    const cause = claim?.kind === 'Installation' ? 'Installation' : 'Restore';
    return { do: 'begin', action: wish?.action ?? 'stop', cause, ...request };
  }
  if (wish) return answer(view, wish);
  if (operation) return { do: 'abandon' };
  if (restartAt) return { do: 'yield' };
  if (view.server.status?.state !== 'offline') return { do: 'mark-offline' };
  return claim?.stopped ? { do: 'settle' } : { do: 'confirm-stopped' };
}

/** Why no process may begin now, whoever asks for it; undefined: none of that. */
function takenText({ status }: Server): string | undefined {
  if (status?.claim?.kind === 'Restore') return restoringText;
  return status?.claim?.kind === 'Installation' ? installingText : undefined;
}

export interface OpenRequest {
  id: string;
  action: PowerAction;
}

/** The power request that has not come to an end yet. */
export function openRequest(server: Server): OpenRequest | undefined {
  const request = server.spec.power.request;
  if (!request?.id || request.id === server.status?.power?.finishedRequest) return undefined;
  return { id: request.id, action: request.action };
}

/** What ends a process does not wait for what is under way; what starts one does. */
function preempts(view: View, wish: OpenRequest | undefined): Step | undefined {
  const { job, server } = view;
  if (!job || job.action === 'delete') return undefined;
  if (wish && overtakes(wish, job)) return { do: 'cancel', reason: `overtaken by a request to ${wish.action}` };
  if (server.spec.suspended && startsProcess(job.action)) return { do: 'cancel', reason: suspendedText };
  if (makesWay(server, job.action)) return { do: 'cancel', reason: takenText(server) ?? restoringText };
  return undefined;
}

/** A start ends for a claim, and a requested stop, which may take ten minutes, becomes one of the claim's. */
function makesWay({ status }: Server, action: PowerAction): boolean {
  if (!status?.claim?.stopServer) return false;
  return startsProcess(action) || (action === 'stop' && status.operation?.cause === 'Request');
}

function supersedes(server: Server, operation: ServerOperation, wish: OpenRequest | undefined): boolean {
  if (server.spec.suspended && startsProcess(operation.action)) return true;
  if (makesWay(server, operation.action)) return true;
  return wish !== undefined && overtakes(wish, operation);
}

function overtakes(wish: OpenRequest, work: { action: PowerAction | 'delete'; request?: string | undefined }): boolean {
  return !startsProcess(wish.action) && wish.id !== work.request && wish.action !== work.action;
}

function answer(view: View, wish: OpenRequest): Step {
  const begin: Step = { do: 'begin', action: wish.action, cause: 'Request', request: wish.id };
  if (startsProcess(wish.action)) {
    if (view.server.spec.suspended)
      return { do: 'finish', request: wish.id, outcome: 'Refused', message: suspendedText };
    const taken = takenText(view.server);
    if (taken) return { do: 'finish', request: wish.id, outcome: 'Refused', message: taken };
    if (wish.action === 'start' && view.container === 'running' && view.attached) {
      return { do: 'finish', request: wish.id, outcome: 'Succeeded', message: 'server is running' };
    }
    return begin;
  }
  if (isOnline(view)) return begin;
  return { do: 'finish', request: wish.id, outcome: 'Succeeded', message: 'server is offline' };
}

function keepRunning(view: View): Step {
  const state = view.server.status?.state;
  if (!view.attached || state === undefined || state === 'offline') return { do: 'attach' };
  // Somebody typed the stop command: the process ends when it likes.
  if (state === 'stopping') return { do: 'settle' };
  if (state === 'starting' && view.doneSeen) return { do: 'mark-running' };
  if (view.overDiskLimit) return { do: 'begin', action: 'stop', cause: 'DiskLimit' };
  return { do: 'settle' };
}

function keepStopped(view: View): Step {
  const { state, restartAt } = view.server.status ?? {};
  const taken = takenText(view.server) !== undefined;
  if (state === 'running' || state === 'starting') {
    if (view.witnessedExit) return { do: 'handle-exit' };
    if (taken) return { do: 'settle' };
    // Its Panel may run it elsewhere by now: nothing starts unless somebody asks.
    if (isUnlisted(view.server)) return { do: 'mark-offline' };
    return { do: 'begin', action: 'start', cause: 'Outage' };
  }
  if (state !== 'offline') return { do: 'mark-offline' };
  if (restartAt && !view.server.spec.suspended && !taken && !isUnlisted(view.server)) {
    const at = Date.parse(restartAt);
    // Farther away than any back-off means that the wall clock was turned back.
    const due = at <= view.now || at - view.now > longestRestartDelayMs;
    return due ? { do: 'begin', action: 'start', cause: 'RestartPolicy' } : { do: 'restart-later', at };
  }
  return { do: 'settle' };
}

export function startsProcess(action: PowerAction): boolean {
  return action === 'start' || action === 'restart';
}

/** There is something to stop: a process, or a state that says so. */
function isOnline(view: View): boolean {
  const state = view.server.status?.state;
  return view.container === 'running' || state === 'starting' || state === 'running' || state === 'stopping';
}

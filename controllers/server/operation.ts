// Carries out the operation that status records, and ends it: succeeded, failed with a reason, or left in status to be
// taken up again because Docker or the store could not be asked. Runs as a job, outside the queue's workers.

import { publicReason } from '../../src/containers/public-reason.ts';
import { DockerUnreachableError } from '../../src/docker/engine.ts';
import type { Server, ServerOperation, ServerStatus } from '../../src/resources/server.ts';
import { StoreError } from '../../src/store/errors.ts';
import { type ServerDeps, say, tell, uuidOf } from './deps.ts';
import { observe } from './observe.ts';
import { startProcess } from './start.ts';
import type { StatusChange } from './states.ts';
import { goOffline, killProcess, stopProcess } from './stop.ts';

export async function runOperation(
  deps: ServerDeps,
  server: Server,
  operation: ServerOperation,
  signal: AbortSignal,
): Promise<void> {
  const { name } = server.metadata;
  try {
    const ending: StatusChange = (status) => endOperation(status, operation, 'Succeeded');
    await perform(deps, server, operation, signal, ending);
    await deps.states.record(name, ending);
  } catch (error) {
    if (signal.aborted || error instanceof DockerUnreachableError || error instanceof StoreError) throw error;
    await fail(deps, server, operation, error, signal);
  }
}

async function perform(
  deps: ServerDeps,
  server: Server,
  operation: ServerOperation,
  signal: AbortSignal,
  ending: StatusChange,
): Promise<void> {
  switch (operation.action) {
    case 'start':
      return startProcess(deps, server, operation, signal);
    case 'stop':
      return stopProcess(deps, server, operation, signal, ending);
    case 'kill':
      return killProcess(deps, server, operation, signal, ending);
    case 'restart':
      return restartProcess(deps, server, operation, signal);
  }
}

async function restartProcess(
  deps: ServerDeps,
  server: Server,
  operation: ServerOperation,
  signal: AbortSignal,
): Promise<void> {
  let current: Server | undefined = server;
  if (!operation.stopped) {
    await stopProcess(deps, server, operation, signal);
    current = await deps.states.record(server.metadata.name, (status) => {
      if (status.operation) status.operation.stopped = true;
    });
    await deps.checkpoint('restart:stopped');
  }
  if (current) await startProcess(deps, current, operation, signal);
}

/** A failed start is no crash: it ends in offline with one line that says why, and is not repeated by itself. */
async function fail(
  deps: ServerDeps,
  server: Server,
  operation: ServerOperation,
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  const { name } = server.metadata;
  const reason = publicReason(error, deps.config);
  deps.log.error({ err: error, server: uuidOf(server), action: operation.action }, 'an operation on a server failed');
  const sentence =
    operation.action === 'start' || operation.action === 'restart'
      ? `Failed to start the server: ${reason}`
      : `Failed to ${operation.action} the server: ${reason}`;
  say(deps, server, sentence);
  if (operation.cause === 'Crash')
    say(deps, server, 'Server crash was detected but an error occurred while handling it.');
  tell(deps, server, 'Warning', 'OperationFailed', sentence);
  const ending: StatusChange = (status) => endOperation(status, operation, 'Failed', sentence);
  await settleAfterFailure(deps, server, operation, signal, ending);
  await deps.states.record(name, ending);
}

/** Whatever the state was, a server without a process is offline now: a state that says more would start it again. */
async function settleAfterFailure(
  deps: ServerDeps,
  server: Server,
  { cause }: ServerOperation,
  signal: AbortSignal,
  ending: StatusChange,
): Promise<void> {
  const { name } = server.metadata;
  const [current, { state }] = await Promise.all([
    deps.store.get<Server>('Server', name),
    observe(deps, server, signal),
  ]);
  if (!current || state === 'running' || current.status?.state === 'offline') return;
  await deps.states.move(name, 'stopping', cause, { from: ['starting'] });
  await goOffline(deps, current, { cause, reason: 'StartFailed', signal, ending });
}

/** Clears the operation and, when a request asked for it, says how that ended. */
export function endOperation(
  status: ServerStatus,
  operation: Pick<ServerOperation, 'request'>,
  outcome: NonNullable<NonNullable<ServerStatus['power']>['outcome']>,
  message?: string,
): void {
  delete status.operation;
  // Somebody has decided, or tried: what was planned before does not stand any more.
  delete status.restartAt;
  const power: NonNullable<ServerStatus['power']> = { ...status.power, outcome };
  delete power.message;
  if (message) power.message = message;
  if (operation.request) power.finishedRequest = operation.request;
  status.power = power;
}

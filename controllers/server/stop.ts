// Ends a server's process: by its stop rule with a deadline, or at once. Runs as a job. The world decides when it is
// over: a server is offline when Docker says that its process is not running.
import { sleep } from '../../src/clock/clock.ts';
import { type ContainerInfo, DockerError, DockerUnreachableError } from '../../src/docker/engine.ts';
import type { Server, ServerOperation, ServerStatus } from '../../src/resources/server.ts';
import { type ServerDeps, say, tell, uuidOf } from './deps.ts';
import { observe } from './observe.ts';
import type { StatusChange } from './states.ts';
import { commandBytes, stopActionOf } from './stop-rule.ts';
import { attachRunning } from './take-over.ts';

/** How long a process may take, in ms, before it is killed: the figures of Wings, but for a signal. */
const requestedStopMs = 600_000;
const enforcedStopMs = 60_000;
/** Wings waits as long before a restore, and then gives up. */
const restoreStopMs = 120_000;
/** Before an installation, which replaces what the process would still save. */
const installationStopMs = 10_000;
const enforcedCauses: readonly ServerOperation['cause'][] = ['Suspended', 'DiskLimit', 'Deletion'];

/** SIGKILL is repeated at this distance until the process is gone: a hung kernel call may delay it. */
const killEveryMs = 5_000;
/** Between two attempts to have Docker stop a container while Docker is away. */
const stopRetryMs = 1_000;
const pollDelaysMs = [25, 50, 100, 200, 400, 800];

/** How long a process may take to read the line that tells it to stop. */
const typingLimitMs = 5_000;

/**
 * The stop rule, a deadline, then SIGKILL. After a restart of the daemon the deadline starts anew. `ending` goes into the
 * write that says offline, so that who sees the one sees the other.
 */
export async function stopProcess(
  deps: ServerDeps,
  server: Server,
  operation: ServerOperation,
  signal: AbortSignal,
  ending?: StatusChange,
): Promise<void> {
  const { name } = server.metadata;
  const container = await runningContainer(deps, server, signal);
  let reason = 'Stopped';
  if (container) {
    await ensureAttached(deps, server, container);
    await deps.states.move(name, 'stopping', operation.cause);
    await deps.checkpoint('stop:stopping');
    if (!operation.signalled) {
      await carryOutRule(deps, server, container, signal);
      await deps.states.record(name, (status) => {
        if (status.operation) status.operation.signalled = true;
      });
      await deps.checkpoint('stop:signalled');
    }
    if (!(await ended(deps, container.id, stopLimitMs(deps, server, operation), signal))) {
      say(deps, server, 'Server did not stop in time, killing the process.');
      tell(deps, server, 'Warning', 'StopTimedOut', 'The process did not stop in time and was killed.');
      await killUntilGone(deps, container.id, signal);
      reason = 'Killed';
    }
  }
  await goOffline(deps, server, { cause: operation.cause, reason, signal, ending });
}

/** SIGKILL until the process is gone. */
export async function killProcess(
  deps: ServerDeps,
  server: Server,
  operation: ServerOperation,
  signal: AbortSignal,
  ending?: StatusChange,
): Promise<void> {
  const container = await runningContainer(deps, server, signal);
  await deps.states.move(server.metadata.name, 'stopping', operation.cause);
  await deps.checkpoint('stop:stopping');
  if (container) await killUntilGone(deps, container.id, signal);
  await goOffline(deps, server, { cause: operation.cause, reason: 'Killed', signal, ending });
}

export interface GoingOffline {
  cause: string;
  reason: string;
  signal: AbortSignal;
  ending?: StatusChange | undefined;
}

/** Every way to offline that is not a crash. Harmless when the server is offline already. */
export async function goOffline(
  deps: ServerDeps,
  server: Server,
  { cause, reason, signal, ending }: GoingOffline,
): Promise<void> {
  const uuid = uuidOf(server);
  const { state, container } = await observe(deps, server, signal);
  await deps.checkpoint('stop:exited');
  const session = deps.sessions.get(uuid);
  if (container?.startedAt && !container.running && session?.target.containerId === container.id) await session.drain();
  const before = server.status?.state;
  const ended = before !== undefined && before !== 'offline';
  await deps.states.move(server.metadata.name, 'offline', cause, {
    change: (status, present) => {
      if (ended) recordExit(status, state === 'foreign' ? undefined : container, reason);
      ending?.(status, present);
    },
  });
  deps.sessions.close(uuid);
  if (ended)
    tell(deps, server, 'Normal', reason, reason === 'Killed' ? 'The process was killed.' : 'The server stopped.');
}

/** What is known of the end of a process; nothing when it never ran. */
function recordExit(status: ServerStatus, container: ContainerInfo | undefined, reason: string): void {
  delete status.restartAt;
  if (!container?.startedAt || container.running) return;
  status.exit = { code: container.exitCode, oomKilled: container.oomKilled, finishedAt: container.finishedAt, reason };
}

async function runningContainer(
  deps: ServerDeps,
  server: Server,
  signal: AbortSignal,
): Promise<ContainerInfo | undefined> {
  const { state, container } = await observe(deps, server, signal);
  return state === 'running' ? container : undefined;
}

async function ensureAttached(deps: ServerDeps, server: Server, container: ContainerInfo): Promise<void> {
  if (deps.sessions.get(uuidOf(server))?.target.containerId === container.id) return;
  try {
    await attachRunning(deps, server, container, false);
  } catch (error) {
    // A process whose console cannot be had is stopped without one.
    if (!(error instanceof DockerError)) throw error;
    deps.log.warn(
      { err: error, server: uuidOf(server) },
      'the console of a server to be stopped could not be attached',
    );
  }
}

async function carryOutRule(
  deps: ServerDeps,
  server: Server,
  container: ContainerInfo,
  signal: AbortSignal,
): Promise<void> {
  const action = stopActionOf(server.spec.egg.stop);
  const session = deps.sessions.get(uuidOf(server));
  if (action.kind === 'signal') {
    await deps.docker.killContainer(container.id, action.signal);
    return;
  }
  if (action.kind === 'command' && session) {
    try {
      return await typed(deps, session.write(commandBytes(action.line)), signal);
    } catch (error) {
      if (!(error instanceof DockerError)) throw error;
      // While Docker is away there is no console either: the stop waits for it, as every other does.
      await deps.docker.inspectContainer(container.id, signal);
      deps.log.warn(
        { err: error, server: uuidOf(server) },
        'the stop command could not be typed; Docker is asked to stop',
      );
    }
  }
  // Docker answers only when the process has ended, which `ended` finds out with a deadline.
  void askDockerToStop(deps, server, container.id, signal);
}

/** A process that does not read its console is not waited for. @throws DockerError, the signal's reason */
async function typed({ clock }: ServerDeps, writing: Promise<void>, signal: AbortSignal): Promise<void> {
  writing.catch(() => undefined); // Whoever has given up on it does not care how it ends.
  const patience = new AbortController();
  const tooLong = sleep(clock, typingLimitMs, AbortSignal.any([signal, patience.signal])).then(() => {
    throw new DockerError(504, 'the process does not read its console');
  });
  tooLong.catch(() => undefined);
  try {
    await Promise.race([writing, tooLong]);
  } finally {
    patience.abort(new Error('the line was typed'));
  }
}

/** Asks again after an outage: what was under way in Docker is forgotten then. Never rejects. */
async function askDockerToStop(
  { docker, clock, log }: ServerDeps,
  server: Server,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      return await docker.stopContainer(id, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof DockerUnreachableError))
        return log.warn({ err: error, server: uuidOf(server) }, 'Docker could not stop a container');
      await sleep(clock, stopRetryMs, signal).catch(() => undefined);
    }
  }
}

function stopLimitMs(deps: ServerDeps, server: Server, operation: ServerOperation): number {
  if (enforcedCauses.includes(operation.cause)) return enforcedStopMs;
  if (operation.cause === 'Restore') return restoreStopMs;
  if (operation.cause === 'Installation') return installationStopMs;
  if (stopActionOf(server.spec.egg.stop).kind === 'signal') return deps.config.aileron.stopGraceSeconds * 1000;
  return requestedStopMs;
}

async function killUntilGone(deps: ServerDeps, id: string, signal: AbortSignal): Promise<void> {
  do {
    // Whatever Docker says, only an inspect tells whether the process is gone.
    await deps.docker.killContainer(id, 'SIGKILL').catch((error) => {
      if (!(error instanceof DockerUnreachableError)) deps.log.warn({ err: error, container: id }, 'a kill failed');
    });
  } while (!(await ended(deps, id, killEveryMs, signal)));
}

/** Whether the container stopped within `limitMs`. Docker being away is not an answer. */
async function ended(
  { docker, clock }: ServerDeps,
  id: string,
  limitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = clock.monotonic() + limitMs;
  for (let poll = 0; ; poll++) {
    try {
      const container = await docker.inspectContainer(id, signal);
      if (!container?.running) return true;
    } catch (error) {
      if (!(error instanceof DockerUnreachableError)) throw error;
    }
    const left = deadline - clock.monotonic();
    if (left <= 0) return false;
    await sleep(clock, Math.min(pollDelaysMs[poll] ?? 1_000, left), signal);
  }
}

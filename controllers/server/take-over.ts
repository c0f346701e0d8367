// Takes a running process under our eyes without touching it: after a restart of the daemon, after Wings, after a
// `docker start` by hand. The process never notices.
import { LineSplitter } from '../../src/console/line-splitter.ts';
import type { ContainerInfo } from '../../src/docker/engine.ts';
import type { ProcessState, Server } from '../../src/resources/server.ts';
import { processStates } from '../../src/resources/server-status.ts';
import { type ServerDeps, tell, uuidOf } from './deps.ts';

/**
 * Ensures a session for the container and a state that says it is online. Our own record tells whether the process was
 * still starting; then its log since the start is searched for the done line.
 */
export async function takeOver(
  deps: ServerDeps,
  server: Server,
  container: ContainerInfo,
  doubt: string | undefined,
): Promise<void> {
  const { containerId, state } = server.status ?? {};
  // While we start one, the id is recorded only after the process runs.
  const known = containerId === container.id || (state === 'starting' && containerId === undefined);
  const starting = known && state === 'starting';
  await attachRunning(deps, server, container, starting);
  // A process that was told to stop goes on stopping, whoever watches it.
  const from: readonly ProcessState[] = known ? ['offline', 'starting', 'running'] : processStates;
  await deps.states.move(server.metadata.name, starting ? 'starting' : 'running', 'Adoption', {
    from,
    change: (status) => {
      status.containerId = container.id;
      status.startedAt = container.startedAt;
      delete status.restartAt;
    },
  });
  if (doubt) tell(deps, server, 'Warning', 'Unlabelled', doubt);
  if (!known)
    tell(deps, server, 'Normal', 'Adopted', 'A process that was running already was taken over without a restart.');
  deps.log.info({ server: uuidOf(server), container: container.id, known }, 'took over a running container');
}

/** Ensures a session for a running container, with the console's history filled from its log. */
export async function attachRunning(
  deps: ServerDeps,
  server: Server,
  container: ContainerInfo,
  awaitsDone: boolean,
): Promise<void> {
  const uuid = uuidOf(server);
  const { done, stripAnsi } = server.spec.egg;
  const session = await deps.sessions.openRunning({
    uuid,
    containerId: container.id,
    tty: container.tty,
    stdin: container.openStdin,
    ...(awaitsDone ? { done: { rules: done, stripAnsi } } : {}),
  });
  const lines = await printedLines(deps, container, awaitsDone);
  deps.history.fill(uuid, lines.slice(-deps.config.system.websocketLogCount).map(String));
  session.recall(lines);
  session.followUsage(container.startedAt);
}

/** Docker writes down the start only after the process runs: its first lines are older. */
const startMarginSeconds = 10;

async function printedLines(deps: ServerDeps, container: ContainerInfo, sinceStart: boolean): Promise<Buffer[]> {
  const range = sinceStart
    ? { since: Date.parse(container.startedAt) / 1000 - startMarginSeconds }
    : { tail: deps.config.system.websocketLogCount };
  try {
    const printed = await deps.docker.containerLogs(container.id, { tty: container.tty, ...range });
    const splitter = new LineSplitter();
    return [...splitter.push(printed), ...splitter.flush()];
  } catch (error) {
    // A log driver that Docker cannot read costs the history, not the take-over.
    deps.log.warn({ err: error, container: container.id }, 'the log of a running container could not be read');
    return [];
  }
}

// What is left to do when nothing has to start or stop: limits of a running process follow the spec, its disk usage is
// kept fresh, and status says how far the spec is carried out.
import { timestamp } from '../../src/clock/clock.ts';
import type { ContainerInfo } from '../../src/docker/engine.ts';
import { DockerError } from '../../src/docker/engine.ts';
import { removeCondition, setCondition } from '../../src/resources/conditions.ts';
import type { Server, ServerStatus } from '../../src/resources/server.ts';
import { after, type Outcome } from '../../src/runtime/reconciler.ts';
import { type ServerDeps, tell, uuidOf } from './deps.ts';
import { liveUpdate } from './live-update.ts';
import type { Observation } from './observe.ts';

/** A figure that moved less than this share is not worth a write. */
const worthRecording = 0.01;

export async function settle(
  deps: ServerDeps,
  server: Server,
  { state, container, remark }: Observation,
): Promise<Outcome> {
  const running = state === 'running' ? container : undefined;
  const needsRestart = running && !server.spec.suspended ? await applyLimits(deps, server, running) : [];
  const countDue = running ? deps.disk.keepFresh(uuidOf(server)) : undefined;
  const diskBytes = deps.disk.last(uuidOf(server));
  await deps.states.record(server.metadata.name, (status) => {
    status.observedGeneration = server.metadata.generation;
    if (needsRestart.length > 0) status.needsRestart = needsRestart;
    else delete status.needsRestart;
    if (diskBytes !== undefined && movedEnough(status.diskBytes, diskBytes)) status.diskBytes = diskBytes;
    setForeign(status, server, state === 'foreign' ? remark : undefined, timestamp(deps.clock));
  });
  return countDue === undefined ? undefined : after(countDue);
}

/** Ensures the limits that Docker can change while a process runs. Answers what needs a restart. */
async function applyLimits(deps: ServerDeps, server: Server, container: ContainerInfo): Promise<string[]> {
  const { update, needsRestart } = liveUpdate({ server, config: deps.config, host: deps.host, container });
  if (!update) return needsRestart;
  const uuid = uuidOf(server);
  const wanted = `${container.id} ${JSON.stringify(update)}`;
  // Sent before and still wanted: Docker refused it, or took it and could not keep it on this kernel.
  if (deps.sentUpdates.get(uuid) === wanted) return [...needsRestart, 'limits'];
  deps.sentUpdates.set(uuid, wanted);
  try {
    const { warnings } = await deps.docker.updateContainer(container.id, update);
    for (const warning of warnings) deps.log.warn({ server: uuid, warning }, 'Docker warned while changing limits');
    tell(deps, server, 'Normal', 'LimitsChanged', 'The limits of the running process were changed.');
    return needsRestart;
  } catch (error) {
    if (!(error instanceof DockerError)) throw error;
    // The process keeps its limits; the next start has the new ones.
    deps.log.warn({ err: error, server: uuid, update }, 'limits could not be changed while the process runs');
    return [...needsRestart, 'limits'];
  }
}

function movedEnough(recorded: number | undefined, counted: number): boolean {
  if (recorded === undefined) return true;
  return Math.abs(counted - recorded) > recorded * worthRecording;
}

/** A container that has our name and is not ours blocks every start: only a person can solve that. */
function setForeign(status: ServerStatus, server: Server, reason: string | undefined, now: string): void {
  status.conditions ??= [];
  if (!reason) {
    removeCondition(status.conditions, 'Stalled');
    return;
  }
  const message = `A container named ${uuidOf(server)} is on this node and is not touched: ${reason}. Remove or rename it.`;
  setCondition(
    status.conditions,
    {
      type: 'Stalled',
      status: 'True',
      reason: 'ForeignContainer',
      message,
      observedGeneration: server.metadata.generation,
    },
    now,
  );
}

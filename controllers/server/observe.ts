// What Docker says about a server's container at this moment.
import type { ContainerInfo } from '../../src/docker/engine.ts';
import type { Server } from '../../src/resources/server.ts';
import type { Observed } from './decision.ts';
import { type ServerDeps, uuidOf } from './deps.ts';
import { identify } from './identity.ts';

export interface Observation {
  state: Observed;
  /** Present unless the container is missing. */
  container?: ContainerInfo;
  /** Why it is foreign, or a doubt about one that is ours. */
  remark?: string;
}

/** @throws DockerUnreachableError: nothing is known, which is not the same as stopped */
export async function observe(
  { docker, volumes }: Pick<ServerDeps, 'docker' | 'volumes'>,
  server: Server,
  signal: AbortSignal,
): Promise<Observation> {
  const uuid = uuidOf(server);
  const container = await docker.inspectContainer(uuid, signal);
  if (!container) return { state: 'missing' };
  const identity = await identify(container, volumes.path(uuid));
  if (!identity.ours) return { state: 'foreign', container, remark: identity.reason };
  const state = container.running ? 'running' : 'stopped';
  return identity.warning ? { state, container, remark: identity.warning } : { state, container };
}

// An installer that another daemon left on a server: no claim speaks of it until it is taken over, so who is about to start
// the game looks at Docker.
import { installerName, installerType } from '../../src/containers/container-labels.ts';
import type { ContainerInfo } from '../../src/docker/engine.ts';
import type { ServerDeps } from './deps.ts';

/** Whoever made it, and whether it runs or has ended. */
export async function installerOf(
  { docker }: Pick<ServerDeps, 'docker'>,
  uuid: string,
  signal: AbortSignal,
): Promise<ContainerInfo | undefined> {
  const found = await docker.inspectContainer(installerName(uuid), signal);
  return found?.labels['ContainerType'] === installerType.ContainerType ? found : undefined;
}

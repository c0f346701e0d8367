// Whether a container that bears a server's name is that server's: made by us, or by a Wings before us. Anything else
// is left alone whatever its name.

import { realpath } from 'node:fs/promises';
import type { ContainerInfo } from '../../src/docker/engine.ts';

export type Identity = { ours: true; warning?: string } | { ours: false; reason: string };

const wingsServices = ['Pterodactyl', 'Pelican'];

/** `dataDirectory` is the server's own directory on this node. */
export async function identify(container: ContainerInfo, dataDirectory: string): Promise<Identity> {
  const mounted = await mountsData(container, dataDirectory);
  const labelled =
    container.labels['ContainerType'] === 'server_process' && wingsServices.includes(container.labels['Service'] ?? '');
  if (labelled && mounted) return { ours: true };
  if (labelled) return { ours: false, reason: 'its data directory is not the one of this server' };
  if (mounted)
    return {
      ours: true,
      warning:
        'The container has no labels of a game server; it is taken for ours because it mounts the data directory.',
    };
  return { ours: false, reason: 'it has neither the labels of a game server nor the data directory of this one' };
}

async function mountsData(container: ContainerInfo, dataDirectory: string): Promise<boolean> {
  const mount = container.mounts.find(({ target }) => target === '/home/container');
  if (!mount) return false;
  return (await resolved(mount.source)) === (await resolved(dataDirectory));
}

/** A path that does not exist (any more) stands for itself. */
async function resolved(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return path;
    throw error;
  }
}

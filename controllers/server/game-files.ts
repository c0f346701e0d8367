// The configuration files of a game, brought to what the egg says before the process starts. What cannot be done is logged
// and left: it never holds up the start.

import type { Config } from '../../src/config/config.ts';
import type { EggContext } from '../../src/egg/config-file.ts';
import type { Server } from '../../src/resources/server.ts';
import { type ServerDeps, say, uuidOf } from './deps.ts';

export async function updateGameFiles(deps: ServerDeps, server: Server, signal: AbortSignal): Promise<void> {
  const { configs } = server.spec.egg;
  // A Panel's server has them always, if empty: its console shows the line as it always did.
  if (!configs) return;
  say(deps, server, 'Updating process configuration files...');
  const uuid = uuidOf(server);
  const { uid, gid } = deps.config.system.user;
  await deps.eggs.apply(
    {
      directory: deps.volumes.path(uuid),
      owner: { uid, gid },
      configs,
      context: contextOf(server, deps.config),
      log: deps.log.child({ server: uuid }),
    },
    signal,
  );
}

function contextOf({ spec }: Server, { flavour, docker }: Config): EggContext {
  const { default: defaultAllocation } = spec.allocations;
  return {
    flavour,
    dockerInterface: docker.network.interface,
    ...(defaultAllocation ? { defaultAllocation } : {}),
    // The number of the Panel, as SERVER_MEMORY has it.
    memoryLimit: spec.limits.memory,
    environment: spec.environment,
  };
}

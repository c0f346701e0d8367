// What a daemon before this one, such as a Wings that was swapped out, says of a server that this one looks at for the
// first time: it ran, so it is wanted, whether Docker still has its process or a reboot took it.
import type { ProcessState, Server } from '../../src/resources/server.ts';
import type { Observed } from './decision.ts';
import { type ServerDeps, uuidOf } from './deps.ts';
import { installerOf } from './installer.ts';

/** Undefined: nothing that is not recorded already. To be asked at the first look alone: from then on we know better. */
export async function inheritedState(
  deps: Pick<ServerDeps, 'docker' | 'handover'>,
  server: Server,
  seen: Observed,
  signal: AbortSignal,
): Promise<ProcessState | undefined> {
  // A process that runs speaks for itself.
  if (seen !== 'missing' && seen !== 'stopped') return undefined;
  const uuid = uuidOf(server);
  const { state } = server.status ?? {};
  const said = state === undefined ? fromFirstPower(deps, uuid) : deps.handover.leftBehind(uuid);
  // One that is about to be taken over: what was written down, by whomever, is older than that.
  const left = startsIt(said ?? state) && (await installerOf(deps, uuid, signal)) ? 'offline' : said;
  return left === state ? undefined : left;
}

function fromFirstPower({ handover }: Pick<ServerDeps, 'handover'>, uuid: string): ProcessState | undefined {
  return handover.firstPower(uuid) === 'Running' ? 'running' : undefined;
}

function startsIt(state: ProcessState | undefined): boolean {
  return state === 'running' || state === 'starting';
}

// The server as its Panel wants it at this moment, asked before each start. A Panel that is away keeps nobody from starting:
// then the configuration counts that it sent last. One that does not know the server, or has it suspended, does.

import { isUnlisted, unlistedCondition } from '../../src/resources/listed.ts';
import { suspendedText } from '../../src/resources/power.ts';
import type { Server, ServerOperation } from '../../src/resources/server.ts';
import { type ServerDeps, uuidOf } from './deps.ts';
import { StartError } from './start-error.ts';

/** @throws PanelRefusedError, StaleUnknownError and StartError when it must not start */
export async function newestOf(
  deps: ServerDeps,
  server: Server,
  { cause }: Pick<ServerOperation, 'cause'>,
  signal: AbortSignal,
): Promise<Server> {
  const { panel, store, log } = deps;
  if (!panel || server.spec.owner?.kind !== 'Panel') return server;
  const uuid = uuidOf(server);
  // Nobody waits for what starts by itself; a whole node that comes back would wait for each.
  const found = await panel.refresh(uuid, signal, { whileAway: cause === 'Request' ? 'hurry' : 'skip' });
  if (found === 'stale') log.warn({ server: uuid }, 'the Panel does not answer: a server starts as it said last');
  const newest = await store.get<Server>('Server', server.metadata.name);
  if (newest?.metadata.uid !== server.metadata.uid) throw new StartError('the server was deleted meanwhile');
  if (newest.spec.suspended) throw new StartError(suspendedText);
  // It was marked meanwhile, and nobody asked for this start.
  if (cause !== 'Request' && isUnlisted(newest)) throw new StartError(unlistedCondition.message);
  return newest;
}

// A line that somebody typed into a console. When it is the stop command, the end that follows was asked for: the state
// says so before the process can hear it, so that it is no crash.
import type { Server } from '../../src/resources/server.ts';
import type { ServerDeps } from './deps.ts';
import type { Session } from './session.ts';
import { commandBytes, stopActionOf } from './stop-rule.ts';

type Deps = Pick<ServerDeps, 'states'> & {
  servers: { byIndex(index: string, uuid: string): Server[] };
};

/** @throws DockerError when no console can be had; the state is then as before */
export async function typeLine({ servers, states }: Deps, session: Session, line: string): Promise<void> {
  const [server] = servers.byIndex('uuid', session.target.uuid);
  const stop = server && stopActionOf(server.spec.egg.stop);
  if (!server || stop?.kind !== 'command' || stop.line !== line) return session.write(commandBytes(line));

  const { name } = server.metadata;
  const before = server.status?.state === 'starting' ? 'starting' : 'running';
  const moved = await states.move(name, 'stopping', 'TypedStop', { from: ['starting', 'running'] });
  try {
    await session.write(commandBytes(line));
  } catch (error) {
    if (moved) await states.move(name, before, 'TypedStop', { from: ['stopping'] });
    throw error;
  }
}

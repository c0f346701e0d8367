// Whoever was told that something is done finds it so: waits until what was written is what the next request is answered
// from.
import { sleep } from '../../clock/clock.ts';
import type { Server } from '../../resources/server.ts';
import type { RouteDeps } from './route-deps.ts';

/** A watch that is broken keeps nobody from an answer, ms. */
const patienceMs = 1_000;

/** Resolves when the change, or a later one, has come to those who answer. */
export async function seen(
  { servers, clock }: Pick<RouteDeps, 'servers' | 'clock'>,
  { metadata, spec }: Server,
): Promise<void> {
  const isSeen = (server: Server | undefined) =>
    metadata.deletionTimestamp
      ? server?.metadata.uid !== metadata.uid || server.metadata.deletionTimestamp !== undefined
      : server !== undefined && Number(server.metadata.resourceVersion) >= Number(metadata.resourceVersion);
  if (isSeen(servers.byUuid(spec.uuid ?? ''))) return;
  const arrived = new AbortController();
  const unsubscribe = servers.onChange(({ type, object }) => {
    if (object.metadata.name === metadata.name && isSeen(type === 'DELETED' ? undefined : object)) arrived.abort();
  });
  // Aborted when it has come, which is what is waited for.
  await sleep(clock, patienceMs, arrived.signal).catch(() => {});
  unsubscribe();
}

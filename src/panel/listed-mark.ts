// The mark of a server that its Panel lists no more: a condition, told once in the log and as an Event. The server stays.
import { type Clock, timestamp } from '../clock/clock.ts';
import { removeCondition, setCondition } from '../resources/conditions.ts';
import type { EventRecorder } from '../resources/event.ts';
import { isUnlisted, unlistedCondition } from '../resources/listed.ts';
import type { Server } from '../resources/server.ts';
import { mutateStatus } from '../runtime/status.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/log.ts';

export interface ListedMarkDeps {
  store: Store;
  events: EventRecorder;
  clock: Clock;
  log: Logger;
}

/** Writes nothing when the server is marked as it should be. */
export async function markListed(
  { store, events, clock, log }: ListedMarkDeps,
  server: Server,
  isListed: boolean,
): Promise<void> {
  if (isListed === !isUnlisted(server)) return;
  const { name, uid } = server.metadata;
  await mutateStatus<Server>(store, 'Server', name, (status, { metadata }) => {
    status.conditions ??= [];
    if (isListed) {
      removeCondition(status.conditions, unlistedCondition.type);
      return;
    }
    const finding = { ...unlistedCondition, observedGeneration: metadata.generation };
    setCondition(status.conditions, finding, timestamp(clock));
  });
  if (isListed) return;
  log.warn({ server: name }, 'the Panel does not list this server any more; it is kept');
  const about = { apiVersion: server.apiVersion, kind: server.kind, name, uid };
  events.event(about, 'Warning', 'Unlisted', unlistedCondition.message);
}

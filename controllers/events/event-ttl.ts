// Events are a story, not an archive: each goes an hour after it last happened, and of more than 5,000 the oldest go.
// Wakes up on: its own look-again, and an Event that makes one too many.
import type { Clock } from '../../src/clock/clock.ts';
import type { Event } from '../../src/resources/event.ts';
import { Controller } from '../../src/runtime/controller.ts';
import { Informer } from '../../src/runtime/informer.ts';
import type { RuntimeMetrics } from '../../src/runtime/metrics.ts';
import { after, type Reconcile } from '../../src/runtime/reconciler.ts';
import { ConflictError, NotFoundError } from '../../src/store/errors.ts';
import type { Store } from '../../src/store/store.ts';
import type { Logger } from '../../src/telemetry/log.ts';

export interface EventTtlDeps {
  store: Store;
  clock: Clock;
  log: Logger;
  metrics: RuntimeMetrics;
  /** Since `lastTimestamp`, ms. Default 1 h, as of a Kubernetes API server. */
  ttlMs?: number;
  /** Default 5,000: some 5 MB in the store. */
  maxEvents?: number;
}

const defaultTtlMs = 3_600_000;
const defaultMaxEvents = 5_000;

/** All Events are looked at together, so there is one key. */
const key = 'events';

/** Deletions of one run: they share a few commits of the store and let other writers in between. */
const batchSize = 100;

/** Expiry is a matter of the wall clock, which may jump: nobody sleeps longer than this towards it. */
const longestWaitMs = 60_000;
const shortestWaitMs = 1_000;

/** The parts for the manager. */
export function createEventTtl(deps: EventTtlDeps): { informers: Informer<Event>[]; controllers: Controller[] } {
  const { store, clock, log, metrics, ttlMs = defaultTtlMs, maxEvents = defaultMaxEvents } = deps;
  const events = new Informer<Event>({ store, kind: 'Event', clock, log, metrics });
  const controller = new Controller({
    name: 'event-ttl',
    reconcile: expireEvents({ store, events, clock, ttlMs, maxEvents }),
    workers: 1,
    clock,
    log,
    metrics,
  });
  events.onChange(({ type }) => {
    if (type === 'ADDED' && events.size > maxEvents) controller.enqueue(key);
  });
  controller.enqueue(key);
  return { informers: [events], controllers: [controller] };
}

export interface ExpiryDeps {
  store: Store;
  events: Pick<Informer<Event>, 'list'>;
  clock: Clock;
  ttlMs: number;
  maxEvents: number;
}

export function expireEvents({ store, events, clock, ttlMs, maxEvents }: ExpiryDeps): Reconcile {
  return async (_key, { log }) => {
    const { surplus, nextExpiry } = sortOut(events.list(), { now: clock.now(), ttlMs, maxEvents });
    const batch = surplus.slice(0, batchSize);
    await Promise.all(batch.map((event) => deleteAsSeen(store, event)));
    if (batch.length > 0) log.debug({ events: batch.length, left: surplus.length - batch.length }, 'events expired');
    // The watch tells of these deletions a moment later; only then is the next look of use.
    if (surplus.length > batch.length) return after(shortestWaitMs);
    return after(Math.min(Math.max(nextExpiry - clock.now(), shortestWaitMs), longestWaitMs));
  };
}

/** Deletes the Event unless it has happened again meanwhile. */
async function deleteAsSeen(store: Store, { metadata: { name, uid, resourceVersion } }: Event): Promise<void> {
  try {
    await store.delete('Event', name, { uid, resourceVersion });
  } catch (error) {
    if (!(error instanceof NotFoundError) && !(error instanceof ConflictError)) throw error;
  }
}

/**
 * Which Events are to go, oldest first, and when the next of those that stay expires (wall clock, ms). Pure.
 * One that is being deleted and waits for a finalizer is nobody's business here.
 */
export function sortOut(
  events: readonly Event[],
  { now, ttlMs, maxEvents }: { now: number; ttlMs: number; maxEvents: number },
): { surplus: Event[]; nextExpiry: number } {
  const byAge = events
    .filter(({ metadata }) => !metadata.deletionTimestamp)
    .map((event) => ({ event, lastSeen: lastSeenAt(event) }))
    .sort((one, other) => one.lastSeen - other.lastSeen);
  const tooMany = Math.max(0, byAge.length - maxEvents);
  const firstToStay = byAge.findIndex(({ lastSeen }, at) => at >= tooMany && lastSeen + ttlMs > now);
  const staying = byAge[firstToStay];
  if (!staying) return { surplus: byAge.map(({ event }) => event), nextExpiry: now + ttlMs };
  return {
    surplus: byAge.slice(0, firstToStay).map(({ event }) => event),
    nextExpiry: staying.lastSeen + ttlMs,
  };
}

/** Wall clock, ms. An Event written by hand may lack a time that can be read: then its creation counts. */
function lastSeenAt({ lastTimestamp, metadata }: Event): number {
  const time = Date.parse(lastTimestamp);
  return Number.isNaN(time) ? Date.parse(metadata.creationTimestamp) : time;
}

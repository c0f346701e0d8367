// Writes Events behind the back of whoever reports them: `event` returns at once and never throws. An Event equal to an
// earlier one raises that one's count instead of making another. What does not fit in the queue, what one object says too
// often, and what the store refuses again and again is dropped and counted: an Event is a story, never a state.
import { randomBytes } from 'node:crypto';
import { type Clock, sleep, timestamp } from '../clock/clock.ts';
import { type Event, type EventRecorder, eventNamespace, type ObjectReference } from '../resources/event.ts';
import { AlreadyExistsError, NotFoundError, StoreClosedError } from '../store/errors.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/log.ts';
import { type BackoffLimits, backoffMs } from './backoff.ts';
import { BoundedMap } from './bounded-map.ts';
import type { DroppedEventReason, EventMetrics, RuntimeMetrics } from './metrics.ts';
import { SpamLimit } from './spam-limit.ts';

export interface EventRecorderOptions {
  store: Store;
  clock: Clock;
  log: Logger;
  metrics?: RuntimeMetrics;
  /** Who reports: shown as the source of the Event. */
  component: string;
  /** The node's name. */
  host: string;
  random?: () => number;
  /** Makes the last part of a name; 16 hexadecimal digits. */
  newHex?: () => string;
}

/** Different Events that may wait for the store. */
const queueLimit = 1_000;

/** Events whose name and count are remembered, as many as client-go remembers. */
const knownLimit = 4_096;

/** The limits of a Kubernetes API server; a longer text is cut. */
const maxMessageLength = 1_024;
const maxNameLength = 253;

/** client-go, too, gives a write twelve tries. */
const maxAttempts = 12;
const writeBackoff: BackoffLimits = { baseMs: 100, maxMs: 10_000 };

/** A report, merged with the equal ones that came while it waited. */
interface Pending {
  about: ObjectReference;
  type: Event['type'];
  reason: string;
  message: string;
  count: number;
  firstAt: string;
  lastAt: string;
}

interface Known {
  name: string;
  count: number;
}

export class StoreEventRecorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #log: Logger;
  readonly #metrics: EventMetrics | undefined;
  readonly #spam: SpamLimit;
  readonly #pending = new Map<string, Pending>();
  readonly #known = new BoundedMap<string, Known>(knownLimit);
  #writing: Promise<void> | undefined;
  /** While somebody waits for `flush`, a failed write is given up at once. */
  #hurry = new AbortController();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#log = options.log.child({ recorder: options.component });
    this.#metrics = options.metrics?.events();
    this.#spam = new SpamLimit(options.clock);
  }

  event(about: ObjectReference, type: Event['type'], reason: string, message: string): void {
    const object = keyOf(about.apiVersion, about.kind, about.namespace, about.name, about.uid);
    if (!this.#spam.allows(object)) {
      this.#drop('spam', { object: about.name, reason });
      return;
    }
    const now = timestamp(this.#options.clock);
    const text = message.slice(0, maxMessageLength);
    const key = keyOf(object, type, reason, text);
    const waiting = this.#pending.get(key);
    if (waiting) {
      waiting.count += 1;
      waiting.lastAt = now;
      return;
    }
    if (this.#pending.size >= queueLimit) {
      this.#drop('queue_full', { object: about.name, reason });
      return;
    }
    this.#pending.set(key, { about, type, reason, message: text, count: 1, firstAt: now, lastAt: now });
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when everything reported so far is stored or, because the store refused it, dropped. Never rejects. */
  async flush(): Promise<void> {
    this.#hurry.abort(new Error('flush'));
    await this.#writing;
    this.#hurry = new AbortController();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.flush();
  }

  async #writeAll(): Promise<void> {
    // A turn later, so that equal reports of one moment become one write.
    await Promise.resolve();
    for (let next = firstOf(this.#pending); next; next = firstOf(this.#pending)) {
      const [key, pending] = next;
      this.#pending.delete(key);
      await this.#writeOne(key, pending);
    }
    this.#writing = undefined;
  }

  async #writeOne(key: string, pending: Pending): Promise<void> {
    const { clock, random = Math.random } = this.#options;
    for (let failures = 1; ; failures += 1) {
      try {
        await this.#store(key, pending);
        this.#metrics?.written();
        return;
      } catch (error) {
        const lost = failures >= maxAttempts || this.#hurry.signal.aborted || error instanceof StoreClosedError;
        if (lost) {
          this.#drop('store', { object: pending.about.name, reason: pending.reason, err: error });
          return;
        }
        // A flush wakes it: then one more try, at once.
        await sleep(clock, backoffMs(failures, writeBackoff, random), this.#hurry.signal).catch(() => {});
      }
    }
  }

  async #store(key: string, pending: Pending): Promise<void> {
    const known = this.#known.get(key);
    const name = (known && (await this.#repeat(known, pending))) ?? (await this.#create(pending));
    this.#known.set(key, { name, count: pending.count + (known?.name === name ? known.count : 0) });
  }

  /** Raises the count of an Event that is there already; answers undefined when it has expired meanwhile. */
  async #repeat(known: Known, { count, lastAt }: Pending): Promise<string | undefined> {
    try {
      await this.#options.store.patch('Event', known.name, { count: known.count + count, lastTimestamp: lastAt });
      return known.name;
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  async #create({ about, type, reason, message, count, firstAt, lastAt }: Pending): Promise<string> {
    const { store, component, host, newHex = () => randomBytes(8).toString('hex') } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const name = eventName(about.name, newHex());
      try {
        await store.create<Event>({
          apiVersion: 'v1',
          kind: 'Event',
          metadata: { name, namespace: eventNamespace },
          involvedObject: { ...about },
          reason,
          message,
          type,
          count,
          firstTimestamp: firstAt,
          lastTimestamp: lastAt,
          source: { component, host },
          reportingComponent: component,
          reportingInstance: host,
        });
        return name;
      } catch (error) {
        if (!(error instanceof AlreadyExistsError) || attempt >= maxAttempts) throw error;
      }
    }
  }

  #drop(reason: DroppedEventReason, fields: object): void {
    this.#metrics?.dropped(reason);
    if (reason === 'store') this.#log.warn({ ...fields, dropped: reason }, 'event could not be stored');
    else this.#log.debug({ ...fields, dropped: reason }, 'event dropped');
  }
}

/** `<object>.<hex>`, cut to the length of a name. */
function eventName(object: string, hex: string): string {
  return `${object.slice(0, maxNameLength - hex.length - 1).replace(/[.-]+$/, '')}.${hex}`;
}

/** A key no other parts can make, whatever characters they hold. */
function keyOf(...parts: (string | undefined)[]): string {
  return JSON.stringify(parts);
}

function firstOf<K, V>(map: ReadonlyMap<K, V>): [K, V] | undefined {
  const next = map.entries().next();
  return next.done ? undefined : next.value;
}

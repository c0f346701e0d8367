// Delivers what status.owed says that others have to be told. Guarantees: each entry reaches its receiver at least once,
// the entries of one object in their order; an entry that cannot be delivered holds up no other object; tries and their
// errors are in the store, so a restart forgets none; an object with entries stays, deleted or not, by a finalizer.
import type { Registry } from 'prom-client';
import type { Clock } from '../clock/clock.ts';
import type { BackupStatus } from '../resources/backup.ts';
import type { EventRecorder } from '../resources/event.ts';
import { isOfNode } from '../resources/identity.ts';
import type { StoredObject } from '../resources/object.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/log.ts';
import { type BackoffLimits, backoffMs } from './backoff.ts';
import { Controller } from './controller.ts';
import { addFinalizer, removeFinalizer } from './finalizers.ts';
import type { RuntimeMetrics } from './metrics.ts';
import { createOutboxMetrics, type OutboxMetrics } from './outbox-metrics.ts';
import { after, type Outcome, type ReconcileContext } from './reconciler.ts';
import { mutateStatus } from './status.ts';

/** Keeps an object that owes something to somebody. */
export const owedFinalizer = 'aileron.dev/owed';

export type Owed = NonNullable<BackupStatus['owed']>[number];

/** An object of a kind that can owe. */
export interface OwingObject extends StoredObject {
  spec?: { nodeName?: string };
  status?: { owed?: Owed[] };
}

/** An informer of such a kind. */
export interface OwingSource {
  readonly kind: string;
  list(): OwingObject[];
  onChange(handler: (change: { object: OwingObject }) => void): () => void;
}

/** Resolves when the receiver has it, or needs it no more. @throws UndeliverableError, or anything to be tried again */
export type Deliver = (entry: Owed, object: OwingObject, signal: AbortSignal) => Promise<void>;

/** No later try can help: the receiver has refused it for good. */
export class UndeliverableError extends Error {}

/** The receiver said when to ask again; five minutes are the most that it is left alone. */
export class RetryLaterError extends Error {
  readonly afterMs: number;
  constructor(message: string, afterMs: number, options?: ErrorOptions) {
    super(message, options);
    this.afterMs = afterMs;
  }
}

export interface OutboxOptions {
  store: Store;
  /** Of these, the objects of this node. */
  sources: readonly OwingSource[];
  nodeName: string;
  events: EventRecorder;
  clock: Clock;
  log: Logger;
  metrics: RuntimeMetrics;
  registry: Registry;
  /** Passed between any two acts that a crash may part; a test stops the daemon there. */
  checkpoint?: (name: string) => Promise<void>;
  random?: () => number;
}

/** A receiver that is away is asked again every five minutes at the latest. */
const tryAgain: BackoffLimits = { baseMs: 1_000, maxMs: 300_000 };

/** Timestamps are whole seconds: so much more is never too early. */
const roundingMs = 999;

/** What nobody took for seven days is not tried any more. */
const giveUpMs = 7 * 86_400_000;

/** But each daemon tries for so long: it may have been off for a week, or its wall clock may have jumped. */
const leastTryingMs = 600_000;

/** A delivery that says nothing for so long has failed, where its receiver allows no other time. */
const defaultTimeoutMs = 30_000;

/** Objects whose entries are delivered side by side. */
const workers = 16;

/** Those who watch are kept waiting for the end of an operation no longer than this because of a report. */
const longestHoldMs = 30_000;

/**
 * How long the end of an operation still waits for what it owes, ms; 0 = no longer. `since` of the oldest entry is when
 * the outcome was decided. A wall clock that was turned back holds nobody up.
 */
export function holdMs(owed: readonly Owed[] | undefined, now: number): number {
  const [oldest] = owed ?? [];
  if (!oldest) return 0;
  const elapsed = now - Date.parse(oldest.since);
  return elapsed < 0 ? 0 : Math.max(0, longestHoldMs - elapsed);
}

export class Outbox {
  readonly controller: Controller;
  readonly #options: OutboxOptions;
  readonly #metrics: OutboxMetrics;
  readonly #deliverers = new Map<string, { deliver: Deliver; timeoutMs: number }>();
  readonly #owing: () => OwingObject[];
  /** Monotonic, ms. */
  readonly #begun: number;
  /** By key of the object: the entry whose receiver is back. */
  readonly #hastened = new Map<string, string>();
  /** By key of the object: the entry that was not taken although its receiver was back. */
  readonly #inVain = new Map<string, string>();

  constructor(options: OutboxOptions) {
    const { sources, nodeName, clock, log, metrics, registry } = options;
    this.#options = options;
    this.#begun = clock.monotonic();
    const isOwing = (object: OwingObject) => isOfNode(object, nodeName) && owesAnything(object);
    this.#owing = () => sources.flatMap((source) => source.list().filter(isOwing));
    this.#metrics = createOutboxMetrics(registry, () =>
      this.#owing().reduce((sum, { status }) => sum + (status?.owed?.length ?? 0), 0),
    );
    this.controller = new Controller({
      name: 'outbox',
      reconcile: (key, context) => this.#reconcile(key, context),
      workers,
      clock,
      log,
      metrics,
      resyncMs: tryAgain.maxMs,
      listKeys: () => this.#owing().map(keyOf),
    });
    for (const source of sources) {
      source.onChange(({ object }) => {
        if (isOwing(object)) this.controller.enqueue(keyOf(object));
      });
    }
  }

  /**
   * Entries whose `to` is this go through `deliver`. Once for each receiver; those without one wait. `timeoutMs`: longer than
   * `deliver` takes by itself; what is not over by then has failed.
   */
  register(to: string, deliver: Deliver, timeoutMs = defaultTimeoutMs): void {
    if (this.#deliverers.has(to)) throw new Error(`reports to ${to} have a way already`);
    this.#deliverers.set(to, { deliver, timeoutMs });
  }

  /**
   * It was away and is back: what it did not take is tried now, not when its pause is over. What it does not take then
   * either waits for its own next try before it is hastened again.
   */
  hasten(to: string): void {
    for (const object of this.#owing()) {
      const [entry] = object.status?.owed ?? [];
      if (entry?.to !== to || entry.attempts === 0 || this.#inVain.get(keyOf(object)) === entry.id) continue;
      this.#hastened.set(keyOf(object), entry.id);
      this.controller.enqueue(keyOf(object));
    }
  }

  async #reconcile(key: string, context: ReconcileContext): Promise<Outcome> {
    const { store, clock } = this.#options;
    const hastened = this.#hastened.get(key);
    this.#hastened.delete(key);
    const object = await store.get<OwingObject>(...partsOf(key));
    const entry = object?.status?.owed?.[0];
    if (this.#inVain.get(key) !== entry?.id) this.#inVain.delete(key);
    if (!object) return undefined;
    if (!entry) {
      await removeFinalizer(store, object, owedFinalizer);
      return undefined;
    }
    await addFinalizer(store, object, owedFinalizer);
    const waitMs = entry.nextAttemptAt ? Date.parse(entry.nextAttemptAt) - clock.now() : 0;
    // Farther away than any pause means that the wall clock was turned back.
    const isDue = waitMs <= 0 || waitMs > tryAgain.maxMs + roundingMs;
    if (!isDue && hastened !== entry.id) return after(waitMs);
    if (isDue) this.#inVain.delete(key);
    else this.#inVain.set(key, entry.id);
    const receiver = this.#deliverers.get(entry.to);
    if (!receiver) return this.#wait(object, entry);
    const { deliver, timeoutMs } = receiver;
    const inTime: Deliver = (...delivery) => this.#withTimeout(timeoutMs, deliver, delivery);
    return this.#try(inTime, entry, object, context);
  }

  async #try(deliver: Deliver, entry: Owed, object: OwingObject, { signal, log }: ReconcileContext): Promise<Outcome> {
    const { checkpoint = async () => {} } = this.#options;
    await checkpoint('report:due');
    try {
      await deliver(entry, object, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      if (error instanceof UndeliverableError) {
        await this.#giveUp(object, entry, reason);
        return after(0);
      }
      this.#metrics.tried('failed');
      log.debug({ err: error, to: entry.to, what: entry.what }, 'a report was not taken');
      if (this.#isOver(entry)) {
        await this.#giveUp(object, entry, `after seven days: ${reason}`);
        return after(0);
      }
      const notBeforeMs = error instanceof RetryLaterError ? error.afterMs : 0;
      return after(await this.#recordFailure(object, entry, reason, notBeforeMs));
    }
    await checkpoint('report:taken');
    this.#metrics.tried('delivered');
    await this.#remove(object, entry);
    return after(0);
  }

  /** Nobody here knows the way to its receiver. */
  async #wait(object: OwingObject, entry: Owed): Promise<Outcome> {
    if (!this.#isOver(entry)) return after(tryAgain.maxMs);
    await this.#giveUp(object, entry, `after seven days: ${entry.lastError ?? 'there was no way to it'}`);
    return after(0);
  }

  #isOver({ since }: Owed): boolean {
    const { clock } = this.#options;
    return clock.now() - Date.parse(since) >= giveUpMs && clock.monotonic() - this.#begun >= leastTryingMs;
  }

  /** Answers when the next try is due, ms from now. */
  async #recordFailure(object: OwingObject, entry: Owed, reason: string, notBeforeMs: number): Promise<number> {
    const { clock, random = Math.random } = this.#options;
    const attempts = entry.attempts + 1;
    const delay = Math.max(backoffMs(attempts, tryAgain, random), Math.min(notBeforeMs, tryAgain.maxMs));
    const nextAttemptAt = `${new Date(clock.now() + delay + roundingMs).toISOString().slice(0, 19)}Z`;
    await this.#change(object, (owed) =>
      owed.map((one) => (one.id === entry.id ? { ...one, attempts, nextAttemptAt, lastError: reason } : one)),
    );
    return Date.parse(nextAttemptAt) - clock.now();
  }

  async #giveUp(object: OwingObject, entry: Owed, why: string): Promise<void> {
    const { apiVersion, kind, metadata } = object;
    await this.#remove(object, entry);
    this.#metrics.tried('given_up');
    const about = { apiVersion, kind, name: metadata.name, uid: metadata.uid };
    const message = `The report "${entry.what}" to ${entry.to} was given up ${why}`;
    this.#options.events.event(about, 'Warning', 'ReportGivenUp', message);
  }

  #remove(object: OwingObject, { id }: Owed): Promise<void> {
    return this.#change(object, (owed) => owed.filter((one) => one.id !== id));
  }

  async #change({ kind, metadata }: OwingObject, next: (owed: Owed[]) => Owed[]): Promise<void> {
    const { store } = this.#options;
    await mutateStatus<OwingObject>(store, kind, metadata.name, (status, present) => {
      if (present.metadata.uid !== metadata.uid) return;
      const owed = next(status.owed ?? []);
      if (owed.length > 0) status.owed = owed;
      else delete status.owed;
    });
  }

  /** A deliverer that does not heed its signal holds no worker either. */
  async #withTimeout(ms: number, deliver: Deliver, [entry, object, signal]: Parameters<Deliver>): Promise<void> {
    const limit = new AbortController();
    const late = new Error(`no answer in ${ms / 1000} s`);
    const cancel = this.#options.clock.after(ms, () => limit.abort(late));
    const limited = AbortSignal.any([signal, limit.signal]);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(limited.reason);
    limited.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([deliver(entry, object, limited), aborted]);
    } finally {
      cancel();
      limited.removeEventListener('abort', onAbort);
    }
  }
}

function owesAnything({ status, metadata }: OwingObject): boolean {
  return (status?.owed?.length ?? 0) > 0 || (metadata.finalizers?.includes(owedFinalizer) ?? false);
}

function keyOf({ kind, metadata }: OwingObject): string {
  return `${kind}/${metadata.name}`;
}

function partsOf(key: string): [kind: string, name: string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
}

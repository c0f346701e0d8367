// The newest known state of every object of one kind, kept by list and watch. Guarantees: handlers see each object's
// changes in order, with the state they saw before; whatever happened while the watch was broken, deletions included, is
// told after the next list. The cache may be behind the store, never ahead and never wrong about the past.
import type { Clock } from '../clock/clock.ts';
import { sleep } from '../clock/clock.ts';
import type { StoredObject } from '../resources/object.ts';
import { ExpiredError, StoreClosedError } from '../store/errors.ts';
import type { Store, WatchEvent } from '../store/store.ts';
import type { Logger } from '../telemetry/log.ts';
import { type BackoffLimits, backoffMs } from './backoff.ts';
import { IndexedCache, type IndexFunctions } from './indexed-cache.ts';
import type { InformerMetrics, RuntimeMetrics } from './metrics.ts';

export interface Change<T extends StoredObject> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** For DELETED: the last state known. */
  object: T;
  /** What handlers saw before; absent for ADDED. */
  old?: T;
}

export interface InformerOptions<T extends StoredObject> {
  store: Store;
  kind: string;
  clock: Clock;
  log: Logger;
  metrics?: RuntimeMetrics;
  /** By name: the values under which `byIndex` finds an object. */
  indexes?: IndexFunctions<T>;
  random?: () => number;
}

/** A watch that held for `maxMs` counts as well again; one that breaks sooner waits longer each time. */
const relistBackoff: BackoffLimits = { baseMs: 100, maxMs: 30_000 };

export class Informer<T extends StoredObject = StoredObject> {
  readonly kind: string;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #random: () => number;
  readonly #metrics: InformerMetrics | undefined;
  readonly #cache: IndexedCache<T>;
  readonly #handlers = new Set<(change: Change<T>) => void>();
  readonly #abort = new AbortController();
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;
  #failures = 0;
  #syncedAt: number | undefined;
  #run: Promise<void> | undefined;

  constructor({ store, kind, clock, log, metrics, indexes, random = Math.random }: InformerOptions<T>) {
    this.kind = kind;
    this.#store = store;
    this.#clock = clock;
    this.#log = log.child({ informer: kind });
    this.#random = random;
    this.#metrics = metrics?.informer(kind);
    this.#cache = new IndexedCache(indexes ?? {});
    this.#synced.promise.catch(() => {}); // Nobody may be waiting when it is stopped early.
  }

  /** Once. Handlers registered before miss nothing either way. */
  start(): void {
    if (this.#run !== undefined || this.#abort.signal.aborted)
      throw new Error(`informer ${this.kind} was started before`);
    this.#run = this.#keepWatching();
  }

  /** Resolves when the first list is in the cache; rejects when the informer ends before that. */
  synced(): Promise<void> {
    return this.#synced.promise;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get size(): number {
    return this.#cache.size;
  }

  get(name: string): T | undefined {
    return this.#cache.get(name);
  }

  /** In no particular order. */
  list(): T[] {
    return this.#cache.list();
  }

  /** Every object for which the index function gave this value. @throws TypeError when there is no such index */
  byIndex(index: string, value: string): T[] {
    return this.#cache.byIndex(index, value);
  }

  /**
   * Calls back for each change, and first, before this returns, with ADDED for what the cache holds already. A handler
   * must be quick, usually one `enqueue`; one that throws is logged and harms no other. The answer ends it.
   */
  onChange(handler: (change: Change<T>) => void): () => void {
    for (const object of this.#cache.list()) this.#call(handler, { type: 'ADDED', object });
    this.#handlers.add(handler);
    return () => {
      this.#handlers.delete(handler);
    };
  }

  /** Ends the watch; the cache stays as it is. No handler is called once this has resolved. Never rejects. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error('the informer is stopped'));
    await this.#run;
    this.#synced.reject(new Error(`informer ${this.kind} was stopped before its first list`));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #keepWatching(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const ended = await this.#watchOnce(signal);
      if (signal.aborted) return;
      if (ended instanceof StoreClosedError) {
        this.#log.warn({ err: ended }, 'watch ended with its store');
        this.#synced.reject(ended);
        return;
      }
      const heldMs = this.#syncedAt === undefined ? 0 : this.#clock.monotonic() - this.#syncedAt;
      this.#failures = heldMs >= relistBackoff.maxMs ? 1 : this.#failures + 1;
      this.#metrics?.relisted(ended instanceof ExpiredError ? 'expired' : 'error');
      const delay = backoffMs(this.#failures, relistBackoff, this.#random);
      const fields = { err: ended, failures: this.#failures, retryInMs: Math.round(delay) };
      if (ended instanceof ExpiredError) this.#log.info(fields, 'watch fell behind, listing again');
      else this.#log.warn(fields, 'watch failed, listing again');
      // Only `stop` aborts the wait, and the loop's condition sees that.
      await sleep(this.#clock, delay, signal).catch(() => {});
    }
  }

  /** One list and the watch after it. Answers why it ended. */
  async #watchOnce(signal: AbortSignal): Promise<Error> {
    let listed: Set<string> | undefined = new Set();
    this.#syncedAt = undefined;
    try {
      for await (const event of this.#store.listAndWatch<T>(this.kind, { signal })) {
        if (signal.aborted) break;
        if (event.type !== 'BOOKMARK') {
          listed?.add(event.object.metadata.name);
          this.#apply(event);
        } else if (listed) {
          this.#removeAllBut(listed);
          listed = undefined;
          this.#syncedAt = this.#clock.monotonic();
          this.#hasSynced = true;
          this.#synced.resolve();
        }
      }
      return new Error('the watch ended without a reason');
    } catch (error) {
      return error instanceof Error
        ? error
        : new Error('the watch ended with something that is no Error', { cause: error });
    }
  }

  #apply({ type, object }: Exclude<WatchEvent<T>, { type: 'BOOKMARK' }>): void {
    const { name, uid, resourceVersion } = object.metadata;
    let old = this.#cache.get(name);
    if (type === 'DELETED') {
      if (old) this.#remove(old, object);
      return;
    }
    if (old && old.metadata.uid !== uid) {
      // Deleted and made anew while nobody watched: two lives, not one change.
      this.#remove(old, old);
      old = undefined;
    }
    if (old?.metadata.resourceVersion === resourceVersion) return;
    this.#cache.set(object);
    this.#metrics?.objects(this.#cache.size);
    this.#tell(old ? { type: 'MODIFIED', object, old } : { type: 'ADDED', object });
  }

  /** After a list: what was not in it has been deleted meanwhile. */
  #removeAllBut(listed: ReadonlySet<string>): void {
    for (const object of this.#cache.list()) if (!listed.has(object.metadata.name)) this.#remove(object, object);
  }

  #remove(old: T, last: T): void {
    this.#cache.delete(old.metadata.name);
    this.#metrics?.objects(this.#cache.size);
    this.#tell({ type: 'DELETED', object: last, old });
  }

  #tell(change: Change<T>): void {
    for (const handler of this.#handlers) this.#call(handler, change);
  }

  #call(handler: (change: Change<T>) => void, change: Change<T>): void {
    try {
      handler(change);
    } catch (error) {
      this.#log.error({ err: error, name: change.object.metadata.name }, 'a handler of changes failed');
    }
  }
}

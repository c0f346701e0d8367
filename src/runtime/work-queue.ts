// The keys a controller has to look at. Guarantees: a key is in the queue at most once; a key in a worker's hand is
// given to no other worker, and one that is added meanwhile comes up again when the worker is done with it; of several
// delayed adds of a key the earliest wins. Bounded by the number of keys.
import type { Clock } from '../clock/clock.ts';
import { type BackoffLimits, backoffMs } from './backoff.ts';
import type { RuntimeMetrics } from './metrics.ts';

/** Node's timers overflow beyond 2^31 ms; no look-again needs to be further away than a day. */
const maxDelayMs = 24 * 3_600_000;

export interface WorkQueueOptions {
  /** Label of the metrics. */
  name: string;
  clock: Clock;
  metrics?: RuntimeMetrics;
  /** Default 5 ms to 5 min. */
  backoff?: BackoffLimits;
  /** In [0, 1). */
  random?: () => number;
}

export const defaultBackoff: BackoffLimits = { baseMs: 5, maxMs: 300_000 };

interface Delayed {
  dueAt: number;
  cancel: () => void;
}

export class WorkQueue {
  readonly #clock: Clock;
  readonly #backoff: BackoffLimits;
  readonly #random: () => number;
  readonly #metrics;
  /** Waiting keys in the order they came, each with the time of its add. */
  readonly #waiting = new Map<string, number>();
  /** Keys in a worker's hand, each with the time it was taken. */
  readonly #inHand = new Map<string, number>();
  /** Added while in a worker's hand: they wait again as soon as the worker is done. */
  readonly #again = new Map<string, number>();
  /** What others asked for: `addAfter`. */
  readonly #delayed = new Map<string, Delayed>();
  /** What the last run of the key asked for: a retry or a look-again. Void once a newer run has begun. */
  readonly #scheduled = new Map<string, Delayed>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #idle: (() => void)[] = [];
  #closed = false;

  constructor({ name, clock, metrics, backoff = defaultBackoff, random = Math.random }: WorkQueueOptions) {
    this.#clock = clock;
    this.#backoff = backoff;
    this.#random = random;
    this.#metrics = metrics?.queue(name, () => this.#runningSeconds());
  }

  /** Keys that wait for a worker now. */
  get length(): number {
    return this.#waiting.size;
  }

  get inHand(): number {
    return this.#inHand.size;
  }

  /** Puts the key in, unless it is in already. Ignored after `shutdown`. */
  add(key: string): void {
    if (this.#closed) return;
    if (this.#inHand.has(key)) {
      if (this.#again.has(key)) return;
      this.#metrics?.added();
      this.#again.set(key, this.#clock.monotonic());
      return;
    }
    if (this.#waiting.has(key)) return;
    this.#metrics?.added();
    this.#wait(key, this.#clock.monotonic());
  }

  /** Puts the key in after `ms`, unless an earlier delayed add of it is pending. */
  addAfter(key: string, ms: number): void {
    if (ms <= 0) {
      this.add(key);
      return;
    }
    this.#delay(this.#delayed, key, ms);
  }

  /** For the worker that holds the key: look again after `ms`, unless another run comes first. */
  schedule(key: string, ms: number): void {
    if (ms <= 0) {
      this.add(key);
      return;
    }
    this.#delay(this.#scheduled, key, ms);
  }

  /** For the worker that holds the key: it failed. Comes up again after its back-off, the ms of which are the answer. */
  retry(key: string): number {
    const failures = this.failures(key) + 1;
    this.#failures.set(key, failures);
    this.#metrics?.retried();
    const delay = backoffMs(failures, this.#backoff, this.#random);
    this.schedule(key, delay);
    return delay;
  }

  /** Failures in a row since the last `forget`. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The key is well, or nothing can be done for it: its next back-off starts from the beginning. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, for exactly one caller, who must call `done` with it. `undefined` once the queue is shut down. */
  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const next = this.#waiting.entries().next();
    if (!next.done) return Promise.resolve(this.#hand(...next.value));
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    const takenAt = this.#inHand.get(key);
    if (takenAt === undefined) return;
    this.#inHand.delete(key);
    this.#metrics?.worked((this.#clock.monotonic() - takenAt) / 1000);
    const addedAt = this.#again.get(key);
    if (addedAt !== undefined) {
      this.#again.delete(key);
      this.#wait(key, addedAt);
    }
    if (this.#inHand.size === 0) this.#wakeIdle();
  }

  /**
   * Takes no more keys and gives none out; what waits is dropped, for whoever starts next lists everything anyway.
   * Keys in hand stay there until their workers are done.
   */
  shutdown(): void {
    this.#closed = true;
    this.#waiting.clear();
    this.#again.clear();
    for (const entries of [this.#delayed, this.#scheduled]) {
      for (const { cancel } of entries.values()) cancel();
      entries.clear();
    }
    this.#metrics?.depth(0);
    for (const resolve of this.#takers.splice(0)) resolve(undefined);
  }

  /** Resolves when no key is in a worker's hand. */
  idle(): Promise<void> {
    if (this.#inHand.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #wait(key: string, addedAt: number): void {
    const taker = this.#takers.shift();
    if (taker) {
      taker(this.#hand(key, addedAt));
      return;
    }
    this.#waiting.set(key, addedAt);
    this.#metrics?.depth(this.#waiting.size);
  }

  #hand(key: string, addedAt: number): string {
    const now = this.#clock.monotonic();
    this.#waiting.delete(key);
    this.#inHand.set(key, now);
    this.#drop(this.#scheduled, key);
    this.#metrics?.depth(this.#waiting.size);
    this.#metrics?.taken((now - addedAt) / 1000);
    return key;
  }

  #delay(entries: Map<string, Delayed>, key: string, ms: number): void {
    if (this.#closed) return;
    const delay = Math.min(ms, maxDelayMs);
    const dueAt = this.#clock.monotonic() + delay;
    const present = entries.get(key);
    if (present && present.dueAt <= dueAt) return;
    present?.cancel();
    const cancel = this.#clock.after(delay, () => {
      entries.delete(key);
      this.add(key);
    });
    entries.set(key, { dueAt, cancel });
  }

  #drop(entries: Map<string, Delayed>, key: string): void {
    entries.get(key)?.cancel();
    entries.delete(key);
  }

  #wakeIdle(): void {
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }

  #runningSeconds(): number[] {
    const now = this.#clock.monotonic();
    return [...this.#inHand.values()].map((takenAt) => (now - takenAt) / 1000);
  }
}

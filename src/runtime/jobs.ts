// Long work outside the workers: image pulls, stops, archives. One job a key; an end enqueues the key, and the outcome
// waits until the reconciler takes it. The table lives in memory alone: after a restart it is empty, and what the store
// and the world say decides what happens next.
import type { Clock } from '../clock/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import type { JobsMetrics, RuntimeMetrics } from './metrics.ts';

/** Tells one try from the next: a number that rises, or the id of the request it serves. */
export type Attempt = string | number;

export interface JobOutcome<R> {
  attempt: Attempt;
  result?: R;
  error?: unknown;
}

export interface JobsOptions {
  /** In logs and metrics. */
  name: string;
  /** Jobs under way at the same time. */
  limit: number;
  clock: Clock;
  log: Logger;
  metrics?: RuntimeMetrics;
  /** A job has ended and its outcome can be taken: enqueue the key. */
  onEnd: (key: string) => void;
  /** How long `stop` waits for jobs that were told to end, ms. */
  stopMs?: number;
}

const defaultStopMs = 10_000;

/** Outcomes nobody takes, of objects that are gone, may not pile up: beyond so many the oldest goes. */
const maxOutcomes = 1_024;

interface Running {
  attempt: Attempt;
  startedAt: number;
  abort: AbortController;
  ended: Promise<void>;
}

export class Jobs<R> {
  readonly #options: JobsOptions;
  readonly #log: Logger;
  readonly #metrics: JobsMetrics | undefined;
  readonly #running = new Map<string, Running>();
  readonly #outcomes = new Map<string, JobOutcome<R>>();
  #stopped: Promise<void> | undefined;

  constructor(options: JobsOptions) {
    this.#options = options;
    this.#log = options.log.child({ jobs: options.name });
    this.#metrics = options.metrics?.jobs(options.name);
  }

  /**
   * Starts the work unless something forbids it:
   * - `running`: a job of this key is under way, of this or of another attempt (`current` tells which).
   * - `ended`: this very attempt has ended and its outcome waits to be taken; `onEnd` is called again.
   * - `full`: every place is taken, or the daemon stops. Try later.
   * An outcome of another attempt that nobody took is discarded.
   */
  start(
    key: string,
    attempt: Attempt,
    work: (signal: AbortSignal) => Promise<R>,
  ): 'started' | 'running' | 'ended' | 'full' {
    if (this.#running.has(key)) return 'running';
    if (this.#outcomes.get(key)?.attempt === attempt) {
      queueMicrotask(() => this.#tellEnd(key));
      return 'ended';
    }
    this.#outcomes.delete(key);
    if (this.#stopped !== undefined || this.#running.size >= this.#options.limit) {
      this.#metrics?.refused();
      return 'full';
    }
    const abort = new AbortController();
    const running: Running = { attempt, startedAt: this.#options.clock.now(), abort, ended: Promise.resolve() };
    this.#running.set(key, running);
    this.#metrics?.running(this.#running.size);
    running.ended = this.#carryOut(key, running, work);
    return 'started';
  }

  /** The job of the key that is under way. `startedAt`: wall clock, ms. */
  current(key: string): { attempt: Attempt; startedAt: number } | undefined {
    const running = this.#running.get(key);
    return running && { attempt: running.attempt, startedAt: running.startedAt };
  }

  /** Tells the job of the key to end. Resolves when it has really ended, at once when there is none. Never rejects. */
  async cancel(key: string, reason: Error): Promise<void> {
    const running = this.#running.get(key);
    running?.abort.abort(reason);
    await running?.ended;
  }

  /** Hands the outcome out, once. The caller compares `attempt` with the one it waits for. */
  takeOutcome(key: string): JobOutcome<R> | undefined {
    const outcome = this.#outcomes.get(key);
    this.#outcomes.delete(key);
    return outcome;
  }

  /** Starts no more, tells all to end and waits for them, at most `stopMs`. Never rejects. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #carryOut(key: string, running: Running, work: (signal: AbortSignal) => Promise<R>): Promise<void> {
    const { attempt, abort } = running;
    let outcome: JobOutcome<R>;
    try {
      // A turn later, so that `start` has answered before anything of the job happens.
      await Promise.resolve();
      outcome = { attempt, result: await work(abort.signal) };
      this.#metrics?.ended('succeeded');
    } catch (error) {
      outcome = { attempt, error };
      this.#metrics?.ended(abort.signal.aborted ? 'cancelled' : 'failed');
    }
    this.#running.delete(key);
    this.#metrics?.running(this.#running.size);
    this.#keep(key, outcome);
    this.#tellEnd(key);
  }

  #keep(key: string, outcome: JobOutcome<R>): void {
    this.#outcomes.set(key, outcome);
    if (this.#outcomes.size <= maxOutcomes) return;
    const [oldest] = this.#outcomes.keys();
    if (oldest === undefined) return;
    this.#outcomes.delete(oldest);
    this.#log.warn({ key: oldest }, 'the outcome of a job was dropped because nobody took it');
  }

  #tellEnd(key: string): void {
    try {
      this.#options.onEnd(key);
    } catch (error) {
      this.#log.error({ key, err: error }, 'the end of a job could not be told');
    }
  }

  async #stop(): Promise<void> {
    const { clock, stopMs = defaultStopMs } = this.#options;
    const reason = new Error('the daemon is stopping');
    for (const running of this.#running.values()) running.abort.abort(reason);
    const allEnded = Promise.all([...this.#running.values()].map((running) => running.ended));
    let cancel = () => {};
    const tooLate = new Promise<void>((resolve) => {
      cancel = clock.after(stopMs, () => {
        this.#log.error({ keys: [...this.#running.keys()] }, 'jobs left behind that did not end when told to');
        resolve();
      });
    });
    await Promise.race([allEnded, tooLate]);
    cancel();
  }
}

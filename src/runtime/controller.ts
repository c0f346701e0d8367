// The loop around one reconciler: takes keys from the queue, runs them, and decides by one switch what follows. A
// reconciler neither retries nor counts nor logs its own failure. No error of a reconciler, of whatever form, ends the loop.
import { randomUUID } from 'node:crypto';
import { setImmediate as giveWay } from 'node:timers/promises';
import { context, trace } from '@opentelemetry/api';
import type { Clock } from '../clock/clock.ts';
import { ConflictError } from '../store/errors.ts';
import type { Logger } from '../telemetry/log.ts';
import { type BackoffLimits, lastBackoffStep } from './backoff.ts';
import type { ControllerMetrics, ReconcileResult, RuntimeMetrics } from './metrics.ts';
import { type Outcome, type Reconcile, TerminalError } from './reconciler.ts';
import { endReconcileSpan, startReconcileSpan } from './tracing.ts';
import { defaultBackoff, WorkQueue } from './work-queue.ts';

export interface ControllerOptions {
  /** In logs, metrics and spans. */
  name: string;
  reconcile: Reconcile;
  /** Keys that are worked on at the same time. */
  workers: number;
  clock: Clock;
  log: Logger;
  metrics: RuntimeMetrics;
  /** Every so many ms all of `listKeys` are looked at again, whatever the watch said. Needs `listKeys`. */
  resyncMs?: number;
  listKeys?: () => Iterable<string> | Promise<Iterable<string>>;
  /** The W3C traceparent of the request that last changed the object behind the key. */
  linkOf?: (key: string) => string | undefined;
  /** How long `stop` lets runs end by themselves before it aborts them, ms. */
  drainMs?: number;
  /** How long `stop` waits for an aborted run before it leaves it behind, ms. */
  abandonMs?: number;
  backoff?: BackoffLimits;
  random?: () => number;
  newId?: () => string;
}

const defaultDrainMs = 3_000;
const defaultAbandonMs = 5_000;

/** A worker with an endless supply of keys lets timers and sockets have their turn after so many. */
const runsBetweenPauses = 32;

type Verdict =
  | { is: 'done' }
  | { is: 'again'; afterMs: number }
  | { is: 'interrupted'; error: Error }
  | { is: 'stalled'; error: TerminalError }
  | { is: 'failed'; error: Error; panic: boolean };

interface Complaint {
  step: number;
  message: string;
  at: number;
}

export class Controller {
  readonly name: string;
  readonly #reconcile: Reconcile;
  readonly #workerCount: number;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: ControllerMetrics;
  readonly #queue: WorkQueue;
  readonly #options: ControllerOptions;
  readonly #backoff: BackoffLimits;
  readonly #newId: () => string;
  readonly #runs = new Map<string, AbortController>();
  /** Keys whose last run ended in a TerminalError: the resync passes them by. */
  readonly #stalled = new Set<string>();
  readonly #complaints = new Map<string, Complaint>();
  #started = false;
  #cancelResync: (() => void) | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: ControllerOptions) {
    const { name, reconcile, workers, clock, log, metrics, backoff = defaultBackoff, random, newId } = options;
    this.name = name;
    this.#options = options;
    this.#reconcile = reconcile;
    this.#workerCount = workers;
    this.#clock = clock;
    this.#log = log.child({ controller: name });
    this.#backoff = backoff;
    this.#newId = newId ?? randomUUID;
    this.#metrics = metrics.controller(name, workers);
    this.#queue = new WorkQueue({ name, clock, metrics, backoff, ...(random ? { random } : {}) });
  }

  /** Something about the object behind the key changed, or may have. */
  enqueue(key: string): void {
    this.#queue.add(key);
  }

  /** The key is to be looked at in `ms`; an earlier such wish stands. */
  enqueueAfter(key: string, ms: number): void {
    this.#queue.addAfter(key, ms);
  }

  /**
   * Aborts the run of the key that is under way, if there is one: a newer wish makes it pointless. If it ends by
   * throwing, that is no failure: the key runs again at once.
   */
  cancel(key: string, reason: Error): boolean {
    const run = this.#runs.get(key);
    run?.abort(reason);
    return run !== undefined;
  }

  /** Once. Keys that were added before wait for this. */
  start(): void {
    if (this.#started || this.#stopped !== undefined) throw new Error(`controller ${this.name} was started before`);
    this.#started = true;
    for (let worker = 0; worker < this.#workerCount; worker += 1) void this.#work();
    this.#scheduleResync();
  }

  /**
   * No new run begins. Those under way may end, are aborted after `drainMs`, and left behind with an error in the log
   * after another `abandonMs`. Never rejects.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#drain();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #work(): Promise<void> {
    for (let runs = 1; ; runs += 1) {
      const key = await this.#queue.take();
      if (key === undefined) return;
      try {
        await this.#run(key);
      } catch (error) {
        // Nothing in #run should throw; should it (a tracer, a logger), the key must not be lost nor the worker end.
        this.#log.error({ key, err: error }, 'the controller loop failed');
        this.#queue.retry(key);
      } finally {
        this.#queue.done(key);
      }
      if (runs % runsBetweenPauses === 0) await giveWay();
    }
  }

  async #run(key: string): Promise<void> {
    const reconcileId = this.#newId();
    const log = this.#log.child({ key, reconcileId });
    const abort = new AbortController();
    const startedAt = this.#clock.monotonic();
    this.#stalled.delete(key);
    this.#runs.set(key, abort);
    this.#metrics.started();
    let result: ReconcileResult = 'error';
    try {
      const span = startReconcileSpan({ controller: this.name, key, reconcileId }, this.#linkOf(key, log));
      const verdict = await context.with(trace.setSpan(context.active(), span), () =>
        this.#judge(key, { signal: abort.signal, log, reconcileId }),
      );
      result = this.#conclude(key, verdict, log);
      endReconcileSpan(span, result, result === 'error' && 'error' in verdict ? verdict.error : undefined);
    } finally {
      this.#runs.delete(key);
      this.#metrics.ended(result, (this.#clock.monotonic() - startedAt) / 1000);
    }
  }

  async #judge(key: string, run: { signal: AbortSignal; log: Logger; reconcileId: string }): Promise<Verdict> {
    try {
      const outcome = checked(await this.#reconcile(key, run));
      return outcome ? { is: 'again', afterMs: outcome.requeueAfter } : { is: 'done' };
    } catch (thrown) {
      const error =
        thrown instanceof Error ? thrown : new Error('something that is no Error was thrown', { cause: thrown });
      if (error instanceof TerminalError) return { is: 'stalled', error };
      if (run.signal.aborted) return { is: 'interrupted', error };
      return { is: 'failed', error, panic: thrown !== error || isProgrammingError(error) };
    }
  }

  /** The one place that decides what follows a run. */
  #conclude(key: string, verdict: Verdict, log: Logger): ReconcileResult {
    switch (verdict.is) {
      case 'done':
        this.#forget(key);
        return 'success';
      case 'again':
        this.#forget(key);
        this.#queue.schedule(key, verdict.afterMs);
        return 'requeue_after';
      case 'interrupted':
        // Ignored by a queue that is shut down: then the next start lists the key again.
        this.#queue.add(key);
        log.debug({ err: verdict.error }, 'reconcile interrupted');
        return 'requeue';
      case 'stalled':
        this.#forget(key);
        this.#stalled.add(key);
        this.#metrics.terminalError();
        log.warn({ reason: verdict.error.reason, err: verdict.error }, 'reconcile stalled until the object changes');
        return 'error';
      case 'failed': {
        if (verdict.panic) this.#metrics.panic();
        const retryInMs = Math.round(this.#queue.retry(key));
        this.#complain(key, verdict, retryInMs, log);
        return 'error';
      }
    }
  }

  #forget(key: string): void {
    this.#queue.forget(key);
    this.#complaints.delete(key);
  }

  /**
   * Logs a failure once per step of its back-off: a key that many changes wake while it fails would fill the log.
   * At the last step it is repeated as often as the back-off would.
   */
  #complain(key: string, verdict: { error: Error; panic: boolean }, retryInMs: number, log: Logger): void {
    const failures = this.#queue.failures(key);
    const step = Math.min(failures, lastBackoffStep(this.#backoff) + 1);
    const message = verdict.error.message;
    const at = this.#clock.monotonic();
    const last = this.#complaints.get(key);
    if (last && last.step === step && last.message === message && at - last.at < this.#backoff.maxMs / 2) return;
    this.#complaints.set(key, { step, message, at });
    const fields = { err: verdict.error, failures, retryInMs };
    if (verdict.panic) log.error(fields, 'reconcile failed by a mistake of the program');
    else if (verdict.error instanceof ConflictError && failures === 1) log.debug(fields, 'reconcile raced a writer');
    else log.warn(fields, 'reconcile failed');
  }

  #linkOf(key: string, log: Logger): string | undefined {
    try {
      return this.#options.linkOf?.(key);
    } catch (error) {
      log.warn({ err: error }, 'the link to the request could not be read');
      return undefined;
    }
  }

  #scheduleResync(): void {
    const { resyncMs, listKeys } = this.#options;
    if (!resyncMs || !listKeys || this.#stopped !== undefined) return;
    this.#cancelResync = this.#clock.after(resyncMs, () => {
      void this.#resync(listKeys).finally(() => this.#scheduleResync());
    });
  }

  async #resync(listKeys: NonNullable<ControllerOptions['listKeys']>): Promise<void> {
    try {
      const keys = new Set(await listKeys());
      for (const key of this.#stalled) if (!keys.has(key)) this.#stalled.delete(key);
      for (const key of keys) if (!this.#stalled.has(key)) this.#queue.add(key);
    } catch (error) {
      this.#log.warn({ err: error }, 'keys could not be listed for the resync');
    }
  }

  async #drain(): Promise<void> {
    this.#cancelResync?.();
    this.#queue.shutdown();
    if (await this.#idleWithin(this.#options.drainMs ?? defaultDrainMs)) return;
    const reason = new Error('the daemon is stopping');
    for (const run of this.#runs.values()) run.abort(reason);
    if (await this.#idleWithin(this.#options.abandonMs ?? defaultAbandonMs)) return;
    this.#log.error({ keys: [...this.#runs.keys()] }, 'reconciles left behind that did not end when told to');
  }

  #idleWithin(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, () => resolve(false));
      void this.#queue.idle().then(() => {
        cancel();
        resolve(true);
      });
    });
  }
}

function checked(outcome: Outcome): Outcome {
  if (outcome === undefined) return undefined;
  // A moment that has passed already is a negative number of ms and means at once.
  if (Number.isFinite(outcome?.requeueAfter)) return outcome;
  throw new TypeError('a reconciler must end in undefined or in requeueAfter with a number of ms');
}

/** fetch throws a TypeError with a cause when the network fails: that one is the world's fault. */
function isProgrammingError(error: Error): boolean {
  if (error instanceof TypeError) return error.cause === undefined;
  return error instanceof ReferenceError || error instanceof RangeError || error instanceof SyntaxError;
}

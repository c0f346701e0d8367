// Brings what the journal holds to the Panel: in small reports, oldest first, each row removed when the Panel has taken it
// and not before. Neither an entry that the Panel refuses nor one at which it breaks keeps the others back, and a Panel
// that is away costs one try at a time.
import type { Clock } from '../clock/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Activity } from './activity.ts';
import type { ActivityMetrics } from './activity-metrics.ts';
import { type Entry, entryOf, fitting, mergeTransfers, minuteOf, type Row } from './entries.ts';
import { type Journal, type Lane, lanes } from './journal.ts';

/**
 * One report. `refused`: the Panel, or a proxy before it, took none of it because of what is in it (422, 413).
 * Whatever else is no success throws, the reason of `signal` included, and may be tried again.
 */
export type SendActivity = (entries: readonly Activity[], signal: AbortSignal) => Promise<'accepted' | 'refused'>;

export interface DeliveryOptions {
  journal: Journal;
  send: SendActivity;
  clock: Clock;
  log: Logger;
  metrics: ActivityMetrics;
  /** ms between two looks. */
  intervalMs: number;
  /** Entries of one report. */
  count: number;
}

/** Plain rows that are worth a report before the interval is over. */
const flushAt = 100;

/** Of one lane in one run, so that the other has its turn. */
const reportsPerRun = 20;

/** Tries of one lane in one run, those included that look for what the Panel refuses. */
const triesPerRun = 200;

/** Rows among which transfers of one minute are merged. */
const mergedRows = 2_000;

/** ms before the first try after one that failed; doubled each time, the interval at most. */
const firstRetryMs = 1_000;

/** For the last run, when the daemon stops, ms. */
const closeWithinMs = 5_000;

/** How a lane fares; of its rows none is held here. */
interface LaneState {
  lane: Lane;
  /** Reports that failed, less those that did not since. */
  failures: number;
  /** Rows up to this one failed alone and wait until those behind them had their turn. */
  after: number;
  /** Accepted by the Panel and not out of the journal yet: nothing is sent before they are. */
  accepted: number[];
}

/** What a run may still do. */
interface Budget {
  reports: number;
  tries: number;
}

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #states: LaneState[] = lanes.map((lane) => ({ lane, failures: 0, after: 0, accepted: [] }));
  readonly #stop = new AbortController();
  #cancelTimer: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #failedRuns = 0;
  /** Transfers of the minute that is not over. */
  #held = 0;
  #closing = false;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** The first look is one interval from now. */
  start(): void {
    this.#schedule();
  }

  /** Something was added: enough of it does not wait for the interval. */
  added(): void {
    const { waiting } = this.#options.journal;
    if (waiting && waiting.plain >= flushAt && this.#failedRuns === 0) this.#look();
  }

  /** Sends what it can within 5 s; the rest is for the next daemon. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#cancelTimer?.();
    const late = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(closeWithinMs, () => {
      this.#stop.abort(new Error('the daemon stops'));
      late.resolve();
    });
    await Promise.race([late.promise, this.#finish()]);
    cancel();
  }

  async #finish(): Promise<void> {
    await this.#running;
    if (!this.#stop.signal.aborted) await this.#run();
  }

  /** One run at a time; when it is due while one is under way, that one does the work. */
  #look(): void {
    if (this.#running || this.#closing) return;
    this.#cancelTimer?.();
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (!this.#closing) this.#schedule();
    });
  }

  #schedule(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#options.clock.after(this.#pause(), () => this.#look());
  }

  #pause(): number {
    const { intervalMs, clock } = this.#options;
    if (this.#failedRuns > 0) return Math.min(intervalMs, firstRetryMs * 2 ** (this.#failedRuns - 1));
    // A minute of transfers goes when it is over.
    return this.#held > 0 ? Math.min(intervalMs, 60_000 - (clock.now() % 60_000)) : intervalMs;
  }

  /** Never rejects: what could not be sent stays where it is. */
  async #run(): Promise<void> {
    this.#held = 0;
    let failed = false;
    for (const state of this.#states) {
      try {
        await this.#drain(state);
      } catch (error) {
        failed = true;
        this.#tellFailure(error, state);
      }
    }
    if (!failed && this.#failedRuns > 0) this.#options.log.info({}, 'the Panel takes activity again');
    this.#failedRuns = failed ? this.#failedRuns + 1 : 0;
  }

  async #drain(state: LaneState): Promise<void> {
    const { journal, count } = this.#options;
    const budget: Budget = { reports: reportsPerRun, tries: triesPerRun };
    await this.#forget(state);
    if (journal.waiting?.[state.lane] === 0) return;
    while (budget.reports > 0 && budget.tries > 0) {
      const size = Math.max(1, count >> state.failures);
      const rows = await journal.page(state.lane, state.after, state.lane === 'sftp' ? mergedRows : size);
      const entries = fitting(state.lane === 'sftp' ? mergeTransfers(this.#finished(rows)) : rows.map(entryOf), size);
      if (entries.length === 0) {
        if (state.after === 0) return;
        // What failed alone has its turn again.
        state.after = 0;
        continue;
      }
      budget.reports -= 1;
      await this.#deliver(state, entries, budget);
      state.failures = Math.max(0, state.failures - 1);
    }
  }

  /** Of a minute that goes on there may be more to come, which belongs into the same entry. */
  #finished(rows: readonly Row[]): readonly Row[] {
    if (this.#closing) return rows;
    const present = minuteOf(new Date(this.#options.clock.now()).toISOString());
    const finished = rows.filter(({ activity }) => minuteOf(activity.timestamp) !== present);
    this.#held = rows.length - finished.length;
    return finished;
  }

  /** A report that is refused is halved until the entry is found that cannot be taken; that one is dropped. */
  async #deliver(state: LaneState, entries: readonly Entry[], budget: Budget): Promise<void> {
    if (budget.tries <= 0) return;
    budget.tries -= 1;
    if ((await this.#try(state, entries)) === 'accepted') return this.#done(state, entries);
    const [first] = entries;
    if (first && entries.length === 1) {
      const { event, server, timestamp } = first.activity;
      this.#options.metrics.dropped('refused', first.ids.length);
      this.#options.log.warn({ event, server, timestamp }, 'the Panel refuses an entry of activity: it is dropped');
      return this.#done(state, entries);
    }
    const middle = Math.ceil(entries.length / 2);
    await this.#deliver(state, entries.slice(0, middle), budget);
    await this.#deliver(state, entries.slice(middle), budget);
  }

  async #try(state: LaneState, entries: readonly Entry[]): Promise<'accepted' | 'refused'> {
    const { send, metrics, count } = this.#options;
    const { signal } = this.#stop;
    signal.throwIfAborted();
    try {
      const result = await send(
        entries.map(({ activity }) => activity),
        signal,
      );
      metrics.reported(result, entries.length);
      return result;
    } catch (error) {
      metrics.reported('failed', entries.length);
      state.failures = Math.min(halvings(count), state.failures + 1);
      // The Panel may break at this one and take the others.
      if (entries.length === 1) state.after = Math.max(...idsOf(entries));
      throw error;
    }
  }

  async #done(state: LaneState, entries: readonly Entry[]): Promise<void> {
    state.accepted.push(...idsOf(entries));
    await this.#forget(state);
  }

  async #forget(state: LaneState): Promise<void> {
    if (state.accepted.length === 0) return;
    await this.#options.journal.remove(state.accepted);
    state.accepted = [];
  }

  /** Once for each time that the Panel goes away. */
  #tellFailure(error: unknown, { lane }: LaneState): void {
    const { log } = this.#options;
    const fields = { err: error, lane };
    if (this.#failedRuns === 0 && !this.#stop.signal.aborted) {
      log.warn(fields, 'activity could not be reported to the Panel: it is kept');
    } else log.debug(fields, 'activity could not be reported to the Panel');
  }
}

/** Until one entry is left. */
function halvings(count: number): number {
  return 32 - Math.clz32(count);
}

function idsOf(entries: readonly Entry[]): number[] {
  return entries.flatMap(({ ids }) => ids);
}

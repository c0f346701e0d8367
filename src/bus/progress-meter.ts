// Turns the counters of one backup or restore into messages that people can watch (backups contract 12.2): the first one
// at once, a change of phase at once, others at least 250 ms apart with the newest values, the last one again every 5 s
// while nothing moves, and one at the end. Whoever feeds it is never kept waiting.
import type { Clock } from '../clock/clock.ts';
import type { WirePhase } from '../resources/wire-phase.ts';
import type { Bus, OperationRef } from './bus.ts';
import { advance, nothingDone, type ProgressCounters, type ProgressValues } from './progress-values.ts';

export interface ProgressMeterOptions {
  bus: Pick<Bus, 'publish'>;
  clock: Clock;
  /** uuid of the server. */
  server: string;
  operation: OperationRef;
  /** What an earlier try showed: it never falls behind that. */
  from?: ProgressValues | undefined;
}

const leastGapMs = 250;
const repeatMs = 5_000;

export class ProgressMeter {
  readonly #options: ProgressMeterOptions;
  #values: ProgressValues;
  #phase: WirePhase | undefined;
  #publishedAt = 0;
  /** Whether the values have moved since they were published. */
  #moved = false;
  #cancelTimer = () => {};
  #finished = false;

  constructor(options: ProgressMeterOptions) {
    this.#options = options;
    this.#values = options.from && options.from.percentage >= 0 ? { ...options.from } : nothingDone;
  }

  /** As the next message will have them. */
  get values(): ProgressValues {
    return this.#values;
  }

  /** The first call publishes the first message. The present phase again changes nothing. */
  phase(phase: WirePhase): void {
    if (this.#finished || phase === this.#phase) return;
    this.#phase = phase;
    this.#publish();
  }

  /** Absolute counters over the whole operation. Before the first phase they are kept and nothing is published. */
  update(counters: ProgressCounters): void {
    if (this.#finished) return;
    const next = advance(this.#values, counters);
    if (isEqual(next, this.#values)) return;
    this.#values = next;
    if (this.#phase === undefined) return;
    const hadMoved = this.#moved;
    this.#moved = true;
    // What has moved before has a timer already.
    if (!hadMoved) this.#publishWhenDue();
  }

  /** The last message: 100 for success, -1 for failure and cancel. What comes after it is ignored. */
  finish(percentage: 100 | -1): void {
    if (this.#finished) return;
    // One that never left the queue was never seen to work, and is not at its end either.
    if (percentage === 100 || this.#phase !== 'queued') this.#phase = 'finalize';
    this.#values = { ...this.#values, percentage };
    this.#publish();
    this.close();
  }

  /** Says nothing more; for the end of the daemon, when the operation has not ended. */
  close(): void {
    this.#finished = true;
    this.#cancelTimer();
  }

  #publishWhenDue(): void {
    const waitMs = this.#publishedAt + leastGapMs - this.#options.clock.monotonic();
    if (waitMs <= 0) this.#publish();
    // A timer may come a fraction of a millisecond early.
    else this.#setTimer(waitMs, () => this.#publishWhenDue());
  }

  #publish(): void {
    const { bus, clock, server, operation } = this.#options;
    if (this.#phase === undefined) return;
    this.#moved = false;
    this.#publishedAt = clock.monotonic();
    this.#setTimer(repeatMs, () => this.#publish());
    bus.publish(server, 'progress', { ...operation, phase: this.#phase, ...this.#values });
  }

  #setTimer(ms: number, callback: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.after(ms, callback);
  }
}

function isEqual(one: ProgressValues, other: ProgressValues): boolean {
  return (
    one.percentage === other.percentage &&
    one.bytesWritten === other.bytesWritten &&
    one.bytesTotal === other.bytesTotal
  );
}

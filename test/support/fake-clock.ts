// A clock that stands still until a test turns it. Timers run in the order they are due, each with everything it set
// off settled before the next one, so a test of minutes takes microseconds and always takes the same course.
import type { Clock } from '../../src/clock/clock.ts';

interface Timer {
  dueAt: number;
  order: number;
  callback: () => void;
}

/** More than any test needs; reached only by a timer that keeps setting itself again after 0 ms. */
const maxTimersPerAdvance = 100_000;

export class FakeClock implements Clock {
  #monotonic = 0;
  #wall: number;
  #order = 0;
  readonly #timers = new Set<Timer>();

  /** Starts at 2026-01-01T00:00:00Z unless told otherwise. */
  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#wall = startMs;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(ms: number, callback: () => void): () => void {
    this.#order += 1;
    const timer = { dueAt: this.#monotonic + Math.max(0, ms), order: this.#order, callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Timers that have neither run nor been cancelled: what a test of clean shutdown looks at. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Lets time pass. Resolves when every timer due by then has run and what it set off has settled. */
  async advance(ms: number): Promise<void> {
    const target = this.#monotonic + ms;
    await settle();
    for (let ran = 0; ; ran += 1) {
      const next = this.#earliest();
      if (!next || next.dueAt > target) break;
      if (ran >= maxTimersPerAdvance) throw new Error('a timer keeps setting itself again without time passing');
      this.#timers.delete(next);
      this.#moveTo(next.dueAt);
      next.callback();
      await settle();
    }
    this.#moveTo(target);
  }

  /** Moves the wall clock alone, as NTP or an administrator does. Timers do not notice. */
  jumpWall(ms: number): void {
    this.#wall += ms;
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) {
      if (!earliest || timer.dueAt < earliest.dueAt || (timer.dueAt === earliest.dueAt && timer.order < earliest.order))
        earliest = timer;
    }
    return earliest;
  }

  #moveTo(monotonic: number): void {
    if (monotonic <= this.#monotonic) return;
    this.#wall += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }
}

/** Lets pending promises, and what they set off, run to their next wait. Not for work done by another thread or process. */
export async function settle(turns = 4): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

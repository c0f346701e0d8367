// The doubt whether the Panel is still there, raised by calls that did not get through to it. It leads to a look at once, and
// then, while looks find it well and calls fail all the same, to one after a pause that grows: a single way to the Panel that
// is broken must not have everything else asked over and over.
import type { Clock } from '../clock/clock.ts';
import { type BackoffLimits, backoffMs } from '../runtime/backoff.ts';

export interface SuspicionOptions {
  clock: Clock;
  random: () => number;
  look: () => void;
}

const pause: BackoffLimits = { baseMs: 5_000, maxMs: 300_000 };

/** So long after the last look the next one comes at once again, ms. */
const forgottenMs = 600_000;

export class Suspicion {
  readonly #options: SuspicionOptions;
  /** Looks in a row, and when the last one was; monotonic, ms. */
  #looks = 0;
  #lastLook = 0;
  #cancel: (() => void) | undefined;

  constructor(options: SuspicionOptions) {
    this.#options = options;
  }

  raise(): void {
    if (this.#cancel) return;
    const { clock, random } = this.#options;
    const sinceMs = clock.monotonic() - this.#lastLook;
    if (sinceMs > forgottenMs) this.#looks = 0;
    const waitMs = this.#looks === 0 ? 0 : backoffMs(this.#looks, pause, random) - sinceMs;
    if (waitMs <= 0) this.#look();
    else this.#cancel = clock.after(waitMs, () => this.#look());
  }

  stop(): void {
    this.#cancel?.();
  }

  #look(): void {
    this.#cancel = undefined;
    this.#looks += 1;
    this.#lastLook = this.#options.clock.monotonic();
    this.#options.look();
  }
}

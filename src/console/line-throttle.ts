// How many lines of one server's process reach those who watch, within a fixed window of time: the first line after the
// end of a window begins the next. A flood is named once, and again only after a line has passed since.
import type { Clock } from '../clock/clock.ts';

export interface ThrottleLimits {
  enabled: boolean;
  /** In one window. */
  lines: number;
  intervalMs: number;
}

export const throttleText = 'Server is outputting console data too quickly -- throttling...';

export class LineThrottle {
  readonly #limits: ThrottleLimits;
  readonly #clock: Clock;
  #windowEnd = Number.NEGATIVE_INFINITY;
  #passed = 0;
  #told = false;

  constructor(limits: ThrottleLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** `tell`: the line is dropped, and it is time to say so. */
  judge(): 'pass' | 'drop' | 'tell' {
    const { enabled, lines, intervalMs } = this.#limits;
    if (!enabled) return 'pass';
    const now = this.#clock.monotonic();
    if (now >= this.#windowEnd) {
      this.#windowEnd = now + intervalMs;
      this.#passed = 0;
    }
    if (this.#passed < lines) {
      this.#passed += 1;
      this.#told = false;
      return 'pass';
    }
    if (this.#told) return 'drop';
    this.#told = true;
    return 'tell';
  }

  /** A new process has its own window. */
  reset(): void {
    this.#windowEnd = Number.NEGATIVE_INFINITY;
    this.#told = false;
  }
}

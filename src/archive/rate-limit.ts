// A token bucket in front of a sink or a source. It starts empty and fills to one second's worth, so a burst is never more
// than what was left unused just before, and no stretch that begins with the operation is faster than the limit.
import type { Clock } from '../clock/clock.ts';
import { sleep } from '../clock/clock.ts';

export class RateLimit {
  readonly #clock: Clock;
  readonly #bytesPerMs: number;
  #tokens = 0;
  #filledAt: number;

  /** `bytesPerSecond` 0 = no limit. */
  constructor(bytesPerSecond: number, clock: Clock) {
    this.#clock = clock;
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#filledAt = clock.monotonic();
  }

  /** `undefined`: at once. Else resolves when so many bytes may pass; more than a second's worth is fine. @throws the signal's reason */
  take(bytes: number, signal: AbortSignal): Promise<void> | undefined {
    if (this.#bytesPerMs === 0) return undefined;
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#tokens + (now - this.#filledAt) * this.#bytesPerMs, this.#bytesPerMs * 1000) - bytes;
    this.#filledAt = now;
    // What is taken too early is owed, and paid by waiting before it is used.
    return this.#tokens >= 0 ? undefined : sleep(this.#clock, -this.#tokens / this.#bytesPerMs, signal);
  }
}

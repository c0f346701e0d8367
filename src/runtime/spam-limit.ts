// How many Events one object may cause: a burst, then a trickle. The numbers are client-go's (tools/record,
// events_cache.go): whatever goes wrong for ever is told 25 times and then once in 5 minutes.
import type { Clock } from '../clock/clock.ts';
import { BoundedMap } from './bounded-map.ts';

const burst = 25;
const refillEveryMs = 300_000;

/** client-go's number of objects remembered; one that is forgotten has its whole burst again. */
const maxObjects = 4_096;

interface Bucket {
  tokens: number;
  /** Monotonic ms at which `tokens` was true. */
  at: number;
}

export class SpamLimit {
  readonly #clock: Clock;
  readonly #buckets = new BoundedMap<string, Bucket>(maxObjects);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes one of the object's tokens; false when it has none left. */
  allows(object: string): boolean {
    const now = this.#clock.monotonic();
    const { tokens, at } = this.#buckets.get(object) ?? { tokens: burst, at: now };
    const filled = Math.min(burst, tokens + (now - at) / refillEveryMs);
    const allowed = filled >= 1;
    this.#buckets.set(object, { tokens: allowed ? filled - 1 : filled, at: now });
    return allowed;
  }
}

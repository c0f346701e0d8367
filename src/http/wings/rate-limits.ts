// How often one socket may speak: token buckets that refill continuously, one for all frames together and one for each
// kind of message. Whoever is over a limit is told once, until a message of that kind passes again.
import type { Clock } from '../../clock/clock.ts';

/** Tokens at most, and ms for each that comes back. The figures are those of Pelican Wings. */
interface BucketSize {
  burst: number;
  refillMs: number;
}

const everything: BucketSize = { burst: 10, refillMs: 200 };
const perEvent: Record<string, BucketSize> = {
  auth: { burst: 2, refillMs: 5_000 },
  'send logs': { burst: 2, refillMs: 5_000 },
  'send command': { burst: 10, refillMs: 1_000 },
};
/** `set state`, `send stats` and names that nobody knows share it. */
const anyOther: BucketSize = { burst: 4, refillMs: 1_000 };

export class TokenBucket {
  readonly #size: BucketSize;
  readonly #clock: Clock;
  #tokens: number;
  #countedAt: number;
  #told = false;

  constructor(size: BucketSize, clock: Clock) {
    this.#size = size;
    this.#clock = clock;
    this.#tokens = size.burst;
    this.#countedAt = clock.monotonic();
  }

  /** `tell`: refused, for the first time since one passed. */
  take(): 'pass' | 'refuse' | 'tell' {
    const now = this.#clock.monotonic();
    const { burst, refillMs } = this.#size;
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#countedAt) / refillMs);
    this.#countedAt = now;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      this.#told = false;
      return 'pass';
    }
    if (this.#told) return 'refuse';
    this.#told = true;
    return 'tell';
  }
}

/** At most so many in any second. */
export class SecondLimit {
  readonly #clock: Clock;
  /** When the last ones passed. */
  readonly #passed: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  passes(most: number): boolean {
    const now = this.#clock.monotonic();
    while (this.#passed[0] !== undefined && now - this.#passed[0] >= 1_000) this.#passed.shift();
    if (this.#passed.length >= most) return false;
    this.#passed.push(now);
    return true;
  }
}

export class SocketLimits {
  readonly #everything: TokenBucket;
  readonly #perEvent: ReadonlyMap<string, TokenBucket>;
  readonly #anyOther: TokenBucket;

  constructor(clock: Clock) {
    this.#everything = new TokenBucket(everything, clock);
    this.#perEvent = new Map(Object.entries(perEvent).map(([event, size]) => [event, new TokenBucket(size, clock)]));
    this.#anyOther = new TokenBucket(anyOther, clock);
  }

  /** For each frame, before it is read. */
  takeFrame(): 'pass' | 'refuse' | 'tell' {
    return this.#everything.take();
  }

  takeEvent(event: string): 'pass' | 'refuse' | 'tell' {
    return (this.#perEvent.get(event) ?? this.#anyOther).take();
  }
}

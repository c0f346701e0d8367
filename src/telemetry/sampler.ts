// Keeps one message that is logged over and over from filling disks: of each message a minute has its first lines whole and
// then every hundredth, with the number of those between. Messages are constant sentences, so few are kept in mind.
import type { Clock } from '../clock/clock.ts';

interface Seen {
  /** Monotonic ms. */
  since: number;
  count: number;
  leftOut: number;
}

const windowMs = 60_000;

/** A node may have 500 servers, and say one thing of each when it starts. */
const wholeInWindow = 600;
const thenEvery = 100;

const mostMessages = 1_000;

export class Sampler {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #seen = new Map<string, Seen>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** How many like it were left out since the last one that was not; undefined: this one is left out too. */
  admit(level: number, message: string): number | undefined {
    const seen = this.#of(`${level} ${message}`);
    seen.count += 1;
    if (seen.count > wholeInWindow && seen.count % thenEvery !== 0) {
      seen.leftOut += 1;
      return undefined;
    }
    const { leftOut } = seen;
    seen.leftOut = 0;
    return leftOut;
  }

  #of(key: string): Seen {
    const now = this.#clock.monotonic();
    const known = this.#seen.get(key);
    if (known && now - known.since < windowMs) return known;
    // Set anew, so that the one whose minute began first is the first to be forgotten.
    this.#seen.delete(key);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size >= mostMessages && oldest !== undefined) this.#seen.delete(oldest);
    const seen = { since: now, count: 0, leftOut: known?.leftOut ?? 0 };
    this.#seen.set(key, seen);
    return seen;
  }
}

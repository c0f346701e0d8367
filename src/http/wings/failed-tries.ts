// How often an address showed a wrong token of late. Whoever guesses is slowed down; who shows the right one is never
// counted, from whatever address. Bounded: the addresses that were quiet the longest are forgotten first.
import type { Clock } from '../../clock/clock.ts';

/** Tries in one window, of ms. */
const most = 20;
const windowMs = 60_000;
const maxAddresses = 10_000;

interface Window {
  count: number;
  until: number;
}

export class FailedTries {
  readonly #clock: Clock;
  readonly #maxAddresses: number;
  readonly #windows = new Map<string, Window>();

  constructor(clock: Clock, addresses = maxAddresses) {
    this.#clock = clock;
    this.#maxAddresses = addresses;
  }

  /** Counts one. Answers whether there were too many. */
  failed(address: string): boolean {
    const now = this.#clock.monotonic();
    const known = this.#windows.get(address);
    const window = known && known.until > now ? known : { count: 0, until: now + windowMs };
    window.count += 1;
    // Last in the order from now on.
    this.#windows.delete(address);
    this.#windows.set(address, window);
    const [oldest] = this.#windows.keys();
    if (this.#windows.size > this.#maxAddresses && oldest !== undefined) this.#windows.delete(oldest);
    return window.count > most;
  }
}

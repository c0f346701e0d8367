// How often an address, or a network of IPv6, showed a wrong token of late. Whoever guesses is slowed down; who shows the
// right one is never counted, from wherever. Bounded: those that were quiet the longest are forgotten first.
import type { Clock } from '../../clock/clock.ts';
import { networkOf } from './socket-places.ts';

/** Tries in one window, of ms. */
const most = 20;
const windowMs = 60_000;
const maxParties = 10_000;

interface Window {
  count: number;
  until: number;
}

export class FailedTries {
  readonly #clock: Clock;
  readonly #maxParties: number;
  readonly #windows = new Map<string, Window>();

  constructor(clock: Clock, parties = maxParties) {
    this.#clock = clock;
    this.#maxParties = parties;
  }

  /** Counts one. Answers whether there were too many. */
  failed(address: string): boolean {
    const now = this.#clock.monotonic();
    const party = networkOf(address);
    const known = this.#windows.get(party);
    const window = known && known.until > now ? known : { count: 0, until: now + windowMs };
    window.count += 1;
    // Last in the order from now on.
    this.#windows.delete(party);
    this.#windows.set(party, window);
    const [oldest] = this.#windows.keys();
    if (this.#windows.size > this.#maxParties && oldest !== undefined) this.#windows.delete(oldest);
    return window.count > most;
  }
}

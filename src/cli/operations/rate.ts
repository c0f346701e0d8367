// How fast bytes move, from samples that come at any time: smoothed, so that the time left does not jump. Pure.

/** ms after which a sample has lost two thirds of its weight. */
const memoryMs = 4_000;
/** Of bytes a second over less than this nothing can be said. */
const leastMs = 400;

export class RateEstimate {
  #bytes: number | undefined;
  #at = 0;
  #rate: number | undefined;

  /** `bytes` so far, `at` monotonic ms. Bytes that fell, or a new phase, begin anew: see `reset`. */
  add(bytes: number, at: number): void {
    if (this.#bytes === undefined || bytes < this.#bytes) {
      this.reset();
      this.#bytes = bytes;
      this.#at = at;
      return;
    }
    const ms = at - this.#at;
    if (ms < leastMs) return;
    const now = ((bytes - this.#bytes) * 1_000) / ms;
    const weight = 1 - Math.exp(-ms / memoryMs);
    this.#rate = this.#rate === undefined ? now : this.#rate + weight * (now - this.#rate);
    this.#bytes = bytes;
    this.#at = at;
  }

  reset(): void {
    this.#bytes = undefined;
    this.#rate = undefined;
  }

  /** Bytes a second; `undefined` while nothing can be said. */
  get perSecond(): number | undefined {
    return this.#rate;
  }

  /** ms until `total`; `undefined` when nothing can be said, or nothing moves. */
  msLeft(bytes: number, total: number): number | undefined {
    if (this.#rate === undefined || this.#rate < 1 || total <= bytes) return undefined;
    return ((total - bytes) * 1_000) / this.#rate;
  }
}

// Places for work that the whole node shares: so many run at a time, the others wait in the order in which they asked.
// A place that becomes free is set aside for whoever waits longest, so that nobody overtakes; who is gone must `release`.

/** A limit below 1 counts as 1: nothing would ever run. */
export class Slots {
  readonly #limit: number;
  /** Keys that have a place, or for which one is set aside. */
  readonly #taken = new Set<string>();
  /** In the order of asking: what to call when a place is set aside. */
  readonly #waiting = new Map<string, () => void>();

  constructor(limit: number) {
    this.#limit = Math.max(1, limit);
  }

  get running(): number {
    return this.#taken.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Answers whether the key has a place; asking again is harmless. If not, it waits in line and `wake` is called once a
   * place is set aside for it: then asking answers true.
   */
  take(key: string, wake: () => void): boolean {
    if (this.#taken.has(key)) return true;
    if (this.#taken.size < this.#limit) {
      this.#taken.add(key);
      return true;
    }
    // One who asks again keeps the turn.
    this.#waiting.set(key, wake);
    return false;
  }

  /** Gives the place back, or leaves the line. Harmless for a key that is in neither. */
  release(key: string): void {
    this.#taken.delete(key);
    this.#waiting.delete(key);
    for (const [next, wake] of this.#waiting) {
      if (this.#taken.size >= this.#limit) return;
      this.#waiting.delete(next);
      this.#taken.add(next);
      wake();
    }
  }
}

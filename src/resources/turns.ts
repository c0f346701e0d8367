// Writers that depend on the same thing, one after the other.

export class Turns {
  /** The end of the last one that waits or works, by key. */
  readonly #last = new Map<string, Promise<unknown>>();

  /** All of these turns, the first key first. Nobody may take two of them in another order, or both would wait for ever. */
  async take<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const [key, ...others] = keys;
    return key === undefined ? work() : this.#takeOne(key, () => this.take(others, work));
  }

  async #takeOne<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(key) ?? Promise.resolve()).then(work);
    // The next writer does not care how this one fared.
    const end = turn.catch(() => undefined);
    this.#last.set(key, end);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === end) this.#last.delete(key);
    }
  }
}

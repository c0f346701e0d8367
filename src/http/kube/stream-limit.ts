// Answers that stream, such as watches: how many of one sort there may be, and how to end them when the server stops.
import { StatusError, tooManyRequests } from './status.ts';

export class StreamLimit {
  readonly #max: number;
  readonly #open = new Set<AbortController>();
  #stopped = false;

  constructor(max: number) {
    this.#max = max;
  }

  /** @throws StatusError 429 when all places are taken */
  enter(): { abort: AbortController; leave: () => void } {
    if (this.#open.size >= this.#max) throw new StatusError(tooManyRequests(5));
    const abort = new AbortController();
    if (this.#stopped) abort.abort();
    this.#open.add(abort);
    return { abort, leave: () => this.#open.delete(abort) };
  }

  stop(): void {
    this.#stopped = true;
    for (const abort of this.#open) abort.abort();
  }
}

// What came in on one socket and is not dealt with yet: one message after the other, in order, and only so many.

/** Far more than the rate limits let through while a handler is at work. */
const mostWaiting = 64;

export class Inbox {
  readonly #onError: (error: unknown) => void;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** False: too much waits already, the message is dropped. */
  add(work: () => Promise<void>): boolean {
    if (this.#waiting >= mostWaiting) return false;
    this.#waiting += 1;
    this.#last = this.#last
      .then(work)
      .catch(this.#onError)
      .finally(() => {
        this.#waiting -= 1;
      });
    return true;
  }
}

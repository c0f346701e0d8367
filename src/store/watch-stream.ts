// The events on their way to one reader: a snapshot read at the reader's pace, then live changes in a bounded buffer.
// A reader that falls behind further than the buffer loses its stream with ExpiredError and delays nobody.
import { ExpiredError } from './errors.ts';
import type { WatchEvent } from './store.ts';

export class WatchStream {
  readonly #limit: number;
  #snapshot: Iterator<WatchEvent> | undefined;
  #buffer: WatchEvent[] = [];
  /** Index of the next event to hand out; the array is cut when the reader has caught up with half of it. */
  #head = 0;
  #ended = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;
  #bookmarked = -1;

  /** @param limit live events that may wait for the reader. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Sets what comes first, and the revision it is true at. `events` must not change any more. */
  begin(events: Iterable<WatchEvent>, revision: number): void {
    this.#snapshot = events[Symbol.iterator]();
    this.bookmark(revision);
  }

  push(event: WatchEvent): void {
    if (this.#ended) return;
    if (this.#waiting() >= this.#limit) {
      this.#drop();
      this.end(new ExpiredError(`the reader fell more than ${this.#limit} events behind; list again`));
      return;
    }
    this.#append(event);
  }

  /** Says once how far the stream has come. Left out when the buffer is full: it is no reason to lose a reader. */
  bookmark(revision: number): void {
    if (this.#ended || revision <= this.#bookmarked || this.#waiting() >= this.#limit) return;
    this.#bookmarked = revision;
    this.#append({ type: 'BOOKMARK', resourceVersion: String(revision) });
  }

  /** Ends after what is buffered; with `error`, by throwing it then. */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wake?.();
  }

  /** Ends now and lets go of everything. */
  stop(): void {
    this.#drop();
    this.end();
  }

  /** The next event, or undefined at the end. One caller at a time. */
  async next(): Promise<WatchEvent | undefined> {
    for (;;) {
      const event = this.#take();
      if (event) return event;
      if (this.#error) throw this.#error;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #take(): WatchEvent | undefined {
    const first = this.#snapshot?.next();
    if (first && !first.done) return first.value;
    this.#snapshot = undefined;
    const event = this.#buffer[this.#head];
    if (!event) return undefined;
    this.#head += 1;
    if (this.#head * 2 >= this.#buffer.length) {
      this.#buffer = this.#buffer.slice(this.#head);
      this.#head = 0;
    }
    return event;
  }

  #append(event: WatchEvent): void {
    this.#buffer.push(event);
    this.#wake?.();
  }

  #waiting(): number {
    return this.#buffer.length - this.#head;
  }

  #drop(): void {
    this.#snapshot = undefined;
    this.#buffer = [];
    this.#head = 0;
  }
}

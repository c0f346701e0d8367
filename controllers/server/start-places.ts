// How many servers are started at a time when a node or its Docker comes back. A server has two stages: it asks its Panel, a
// few at a time because a Panel has few workers, and then it takes one of the places, in the order in which they were ready.
// So a Panel that says nothing keeps no place occupied, and what it said is not old when the place is there.
import { Slots } from '../../src/runtime/slots.ts';

/** Servers that ask their Panel, or wait for a place after that. */
const askingAtATime = 8;

export class StartPlaces {
  readonly #places: Slots;
  readonly #wake: (name: string) => void;
  /** Admitted, and without a place yet. */
  readonly #asking = new Set<string>();
  /** Of those that wait for their place: what to call when it is theirs. */
  readonly #line = new Map<string, () => void>();
  /** Not admitted, oldest first. */
  readonly #outside = new Set<string>();

  /** `wake` is told who may ask to be admitted again. */
  constructor(atATime: number, wake: (name: string) => void) {
    this.#places = new Slots(atATime);
    this.#wake = wake;
  }

  /** Whether the server may begin. If not it is woken later. Whoever was admitted has to `leave`. */
  admit(name: string): boolean {
    if (this.#asking.size >= askingAtATime && !this.#asking.has(name)) {
      this.#outside.add(name);
      return false;
    }
    this.#outside.delete(name);
    this.#asking.add(name);
    return true;
  }

  /** Resolves when a place is there; at once for who was not admitted, and needs none. Rejects with the signal's reason. */
  async take(name: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#asking.has(name)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      this.#line.set(name, resolve);
      if (this.#places.take(name, resolve)) resolve();
      await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#line.delete(name);
    }
    this.#goOn(name);
  }

  /** Somebody asks for this one: it waits no longer, and needs no place. */
  hurry(name: string): void {
    if (!this.#asking.has(name)) return;
    this.#places.release(name);
    this.#goOn(name);
    this.#line.get(name)?.();
  }

  /** Its start has ended, or it is not wanted any more. Harmless for one that is nowhere. */
  leave(name: string): void {
    this.#outside.delete(name);
    this.#places.release(name);
    this.#goOn(name);
  }

  #goOn(name: string): void {
    if (!this.#asking.delete(name)) return;
    const [next] = this.#outside;
    if (next === undefined) return;
    this.#outside.delete(next);
    this.#wake(next);
  }
}

// A limit for a wait of a person: a time, or that nobody reads the result any more.
import type { Io } from './io.ts';

export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/** Dispose of it when the wait is over; it keeps the process alive until then. */
export function deadline({ gone }: Pick<Io, 'gone'>, ms: number): Deadline {
  const controller = new AbortController();
  // A timer of Node holds 31 bits of ms: 24 days.
  const timer = setTimeout(() => controller.abort(), Math.min(ms, 2 ** 31 - 1));
  return { signal: AbortSignal.any([controller.signal, gone]), [Symbol.dispose]: () => clearTimeout(timer) };
}

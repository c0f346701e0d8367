// What signed links have opened and is still running: each ends within moments of its revocation.
import { RequestRefused, refusals } from './http-errors.ts';
import type { RouteDeps } from './route-deps.ts';
import type { Claims } from './token.ts';

/** On the whole node; each holds a file and a connection open. */
const mostStreams = 1_024;

export class LinkStreams {
  readonly #rules: RouteDeps['rules'];
  readonly #open = new Map<AbortController, Claims>();
  readonly #unsubscribe: () => void;

  constructor({ revocations, rules }: Pick<RouteDeps, 'revocations' | 'rules'>) {
    this.#rules = rules;
    this.#unsubscribe = revocations.onChange(() => this.#look());
  }

  /** @throws RequestRefused when there are too many */
  enter(claims: Claims): { abort: AbortController; leave: () => void } {
    if (this.#open.size >= mostStreams) throw new RequestRefused(refusals.tooBusy);
    const abort = new AbortController();
    this.#open.set(abort, claims);
    return { abort, leave: () => this.#open.delete(abort) };
  }

  close(): void {
    this.#unsubscribe();
    for (const abort of this.#open.keys()) abort.abort();
  }

  #look(): void {
    for (const [abort, claims] of this.#open) if (this.#rules.isDenied(claims)) abort.abort();
  }
}

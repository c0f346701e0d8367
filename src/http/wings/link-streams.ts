// What signed links have opened and is still running: each ends within moments of its revocation, and with its server. What
// has lost its right since its link was checked does not begin.
import { RequestRefused, refusals } from './http-errors.ts';
import type { RouteDeps } from './route-deps.ts';
import type { Claims } from './token.ts';

/** On the whole node; each holds a file and a connection open. */
const mostStreams = 1_024;

export class LinkStreams {
  readonly #rules: RouteDeps['rules'];
  readonly #servers: RouteDeps['servers'];
  readonly #open = new Map<AbortController, Claims>();
  readonly #unsubscribe: (() => void)[];

  constructor({ revocations, rules, servers }: Pick<RouteDeps, 'revocations' | 'rules' | 'servers'>) {
    this.#rules = rules;
    this.#servers = servers;
    this.#unsubscribe = [
      revocations.onChange(() => this.#end((claims) => this.#rules.isDenied(claims))),
      servers.onChange(({ type, object: { metadata, spec } }) => {
        if (type !== 'DELETED' && !metadata.deletionTimestamp) return;
        this.#end(({ serverUuid }) => serverUuid === spec.uuid);
      }),
    ];
  }

  /** @throws RequestRefused when the link opens nothing any more, or when there are too many */
  enter(claims: Claims): { abort: AbortController; leave: () => void } {
    const server = this.#servers.byUuid(claims.serverUuid);
    const isGone = !server || server.metadata.deletionTimestamp !== undefined;
    if (isGone || this.#rules.isDenied(claims)) throw new RequestRefused(refusals.linkRefused);
    if (this.#open.size >= mostStreams) throw new RequestRefused(refusals.tooBusy);
    const abort = new AbortController();
    this.#open.set(abort, claims);
    return { abort, leave: () => this.#open.delete(abort) };
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    for (const abort of this.#open.keys()) abort.abort();
  }

  #end(which: (claims: Claims) => boolean): void {
    for (const [abort, claims] of this.#open) if (which(claims)) abort.abort();
  }
}

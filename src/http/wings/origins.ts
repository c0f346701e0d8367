// Which pages may open a console: the Panel's, those that the configuration lists, and, on a node without a Panel, what
// the listener itself would serve. Compared by scheme, host and port; a missing Origin is none of them.

export interface OriginRules {
  /** URL of the Panel; empty = there is none. */
  remote: string;
  /** Origins; `*` = any, a missing one included. */
  allowedOrigins: readonly string[];
}

const any = '*';

export class Origins {
  readonly #allowed: ReadonlySet<string>;
  readonly #any: boolean;
  /** The Panel's, undefined when there is none. */
  readonly panel: string | undefined;

  /** `listener` is where the API listens. */
  constructor({ remote, allowedOrigins }: OriginRules, listener: { host: string; port: number }) {
    this.panel = originOf(remote);
    const own = this.panel === undefined ? ownOrigins(listener) : [];
    const listed = allowedOrigins.map(originOf).filter((origin) => origin !== undefined);
    this.#allowed = new Set([...own, ...listed, ...(this.panel === undefined ? [] : [this.panel])]);
    this.#any = allowedOrigins.includes(any);
  }

  get any(): boolean {
    return this.#any;
  }

  allows(header: string | undefined): boolean {
    if (this.#any) return true;
    const origin = originOf(header ?? '');
    return origin !== undefined && this.#allowed.has(origin);
  }
}

/** What a program on this machine states as its Origin when there is no Panel: the first is as good as any. */
export function ownOrigins({ host, port }: { host: string; port: number }): string[] {
  const names = isLocal(host) ? ['127.0.0.1', 'localhost', '[::1]'] : [host.includes(':') ? `[${host}]` : host];
  return names.flatMap((name) => originOf(`http://${name}:${port}`) ?? []);
}

/** The wildcard addresses, and those of the machine itself. */
function isLocal(host: string): boolean {
  return ['', '0.0.0.0', '::', '127.0.0.1', 'localhost', '::1'].includes(host);
}

/** Scheme, host and port in one spelling; undefined for what is no http or https URL. */
function originOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, origin } = new URL(text);
  return protocol === 'http:' || protocol === 'https:' ? origin : undefined;
}

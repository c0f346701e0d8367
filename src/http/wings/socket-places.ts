// How many console sockets there may be. Those with a token are counted by server. Strangers are counted apart, so that
// nobody can keep an owner out by holding sockets open: where their room is full, a newcomer takes the place of the
// oldest of the address that holds the most. Every change is made in one turn, so no two can take the last place.

export interface Place {
  /** The socket has a valid token now. False: the server has no place left for it. Once. */
  authenticated(): boolean;
  leave(): void;
}

export interface PlaceLimits {
  authenticatedPerServer: number;
  strangersPerServer: number;
  strangersPerAddress: number;
  strangers: number;
}

export const defaultPlaceLimits: PlaceLimits = {
  authenticatedPerServer: 30,
  strangersPerServer: 10,
  strangersPerAddress: 20,
  strangers: 500,
};

interface Stranger {
  server: string;
  address: string;
  evict: () => void;
}

export class SocketPlaces {
  readonly #limits: PlaceLimits;
  readonly #authenticated = new Map<string, number>();
  /** Oldest first. */
  readonly #strangers = new Set<Stranger>();

  constructor(limits: PlaceLimits = defaultPlaceLimits) {
    this.#limits = limits;
  }

  get authenticatedCount(): number {
    return [...this.#authenticated.values()].reduce((sum, count) => sum + count, 0);
  }

  get strangerCount(): number {
    return this.#strangers.size;
  }

  /** With a token, that is. */
  hasRoom(server: string): boolean {
    return this.#count(server) < this.#limits.authenticatedPerServer;
  }

  /** `evict` is called when the place goes to another one. `remoteAddress` is that of the peer. */
  take(server: string, remoteAddress: string, evict: () => void): Place {
    const stranger: Stranger = { server, address: networkOf(remoteAddress), evict };
    this.#strangers.add(stranger);
    this.#makeRoom(stranger);
    let counted = false;
    let left = false;
    return {
      authenticated: () => {
        if (left || !this.hasRoom(server)) return false;
        this.#strangers.delete(stranger);
        this.#authenticated.set(server, this.#count(server) + 1);
        counted = true;
        return true;
      },
      leave: () => {
        if (left) return;
        left = true;
        this.#strangers.delete(stranger);
        if (!counted) return;
        const rest = this.#count(server) - 1;
        if (rest > 0) this.#authenticated.set(server, rest);
        else this.#authenticated.delete(server);
      },
    };
  }

  #count(server: string): number {
    return this.#authenticated.get(server) ?? 0;
  }

  #makeRoom({ server, address }: Stranger): void {
    const { strangersPerServer, strangersPerAddress, strangers } = this.#limits;
    this.#evictAbove(strangersPerAddress, (one) => one.address === address);
    this.#evictAbove(strangersPerServer, (one) => one.server === server);
    this.#evictAbove(strangers, () => true);
  }

  #evictAbove(limit: number, counts: (stranger: Stranger) => boolean): void {
    const group = [...this.#strangers].filter(counts);
    if (group.length <= limit) return;
    const held = Map.groupBy(group, ({ address }) => address);
    const [crowd] = [...held.values()].sort((one, other) => other.length - one.length);
    const oldest = crowd?.[0];
    if (!oldest) return;
    this.#strangers.delete(oldest);
    oldest.evict();
  }
}

/** What one party commands: an IPv4 address, or the /64 of an IPv6 one. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1]) return mapped[1];
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.toLowerCase().split('%', 1).join('').split('::');
  const groups = head === '' ? [] : head.split(':');
  const last = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - groups.length - last.length)).fill('0');
  return [...groups, ...zeros, ...last].slice(0, 4).join(':');
}

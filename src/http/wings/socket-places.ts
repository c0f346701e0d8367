// How many console sockets there may be. Those with a token are counted by server. Strangers are counted apart, so that
// nobody can keep an owner out by holding sockets open: where their room is full, the oldest of the address that holds
// the most has to go. Every change is made in one turn, so no two can take the last place.
import type { Clock } from '../../clock/clock.ts';

export interface Place {
  /** The socket has a valid token now. False: the server has no place left for it. Once. */
  authenticated(): boolean;
  leave(): void;
}

export interface PlaceLimits {
  authenticatedPerServer: number;
  /** Like the next one it counts those who have had the time to show a token. */
  strangersPerServer: number;
  strangersPerAddress: number;
  /** Counts everybody. */
  strangers: number;
}

/** ms to show a token: all who watch a server may come back at the same moment, after a restart of the node. */
const arrivalMs = 2_000;

export const defaultPlaceLimits: PlaceLimits = {
  authenticatedPerServer: 30,
  strangersPerServer: 10,
  strangersPerAddress: 20,
  strangers: 500,
};

interface Stranger {
  server: string;
  address: string;
  cameAt: number;
  evict: () => void;
}

export class SocketPlaces {
  readonly #limits: PlaceLimits;
  readonly #clock: Clock;
  readonly #authenticated = new Map<string, number>();
  /** Oldest first. */
  readonly #strangers = new Set<Stranger>();
  #cancelCount: (() => void) | undefined;

  constructor(clock: Clock, limits: PlaceLimits = defaultPlaceLimits) {
    this.#clock = clock;
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
    const cameAt = this.#clock.monotonic();
    const stranger: Stranger = { server, address: networkOf(remoteAddress), cameAt, evict };
    this.#strangers.add(stranger);
    this.#evictAbove(this.#limits.strangers, [...this.#strangers]);
    this.#countLater();
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

  #countLater(): void {
    this.#cancelCount ??= this.#clock.after(arrivalMs, () => {
      this.#cancelCount = undefined;
      const settled = [...this.#strangers].filter(({ cameAt }) => cameAt + arrivalMs <= this.#clock.monotonic());
      if (settled.length < this.#strangers.size) this.#countLater();
      const { strangersPerServer, strangersPerAddress } = this.#limits;
      const byAddress = Map.groupBy(settled, ({ address }) => address);
      for (const group of byAddress.values()) this.#evictAbove(strangersPerAddress, group);
      const byServer = Map.groupBy(settled, ({ server }) => server);
      for (const group of byServer.values()) this.#evictAbove(strangersPerServer, group);
    });
  }

  /** `group` is in the order of arrival. */
  #evictAbove(limit: number, group: readonly Stranger[]): void {
    const present = group.filter((one) => this.#strangers.has(one));
    const held = Map.groupBy(present, ({ address }) => address);
    for (let surplus = present.length - limit; surplus > 0; surplus--) {
      const [crowd] = [...held.values()].sort((one, other) => other.length - one.length);
      const oldest = crowd?.shift();
      if (!oldest) return;
      this.#strangers.delete(oldest);
      oldest.evict();
    }
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

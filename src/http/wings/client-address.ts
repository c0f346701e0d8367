// Where a request really came from: the peer, unless that is a proxy which the operator trusts. Whoever is not trusted
// cannot put another address in the place of its own.
import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { bareAddress } from '../../activity/activity.ts';

/** Hops of one header; a chain of proxies has a handful. */
const mostHops = 64;

/** `api.trusted_proxies`. */
export class TrustedProxies {
  readonly #ranges = new BlockList();

  /** @param ranges addresses and CIDRs, checked by the configuration */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', length] = range.split('/');
      if (length === undefined) this.#ranges.addAddress(address, familyOf(address));
      else this.#ranges.addSubnet(address, Number(length), familyOf(address));
    }
  }

  trusts(address: string): boolean {
    return this.#ranges.check(address, familyOf(address));
  }
}

/**
 * From the right, the first hop that is no trusted proxy; when all are, the leftmost one. A header with something in the
 * part that is read which is no address says nothing.
 * @param peer of the connection
 */
export function clientAddress(peer: string | undefined, headers: IncomingHttpHeaders, proxies: TrustedProxies): string {
  const own = bareAddress(peer ?? '') ?? '';
  if (own === '' || !proxies.trusts(own)) return own;
  return originOf(headers['x-forwarded-for'], proxies) ?? originOf(headers['x-real-ip'], proxies) ?? own;
}

function originOf(header: string | string[] | undefined, proxies: TrustedProxies): string | undefined {
  if (header === undefined) return undefined;
  const hops = [header].flat().join(',').split(',').slice(-mostHops).reverse();
  let origin: string | undefined;
  for (const hop of hops) {
    origin = bareAddress(hop);
    if (origin === undefined || !proxies.trusts(origin)) return origin;
  }
  return origin;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

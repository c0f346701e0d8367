// Addresses that servers publish: all of one server, and which two cannot both be bound. Pure.
import { isIP, SocketAddress } from 'node:net';
import type { ServerSpec } from './server.ts';

export interface Allocation {
  ip: string;
  port: number;
}

/** Every address a server publishes, with the field it stands in. */
export function allocationsOf(allocations: ServerSpec['allocations']): (Allocation & { field: string })[] {
  const { default: first, additional } = allocations;
  const rest = additional.map((allocation, index) => ({
    ...allocation,
    field: `spec.allocations.additional[${index}]`,
  }));
  return first ? [{ ...first, field: 'spec.allocations.default' }, ...rest] : rest;
}

/** Two addresses that Docker cannot both bind: the same port, and one address equal to the other or all of its family. */
export function collide(one: Allocation, other: Allocation): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  const [mine, theirs] = [canonicalAddress(one.ip), canonicalAddress(other.ip)];
  if (mine === undefined || theirs === undefined || isIP(mine) !== isIP(theirs)) return false;
  return mine === theirs || isEvery(mine) || isEvery(theirs);
}

/** One text for each address, however it was written; undefined for what is none. A zone is no part of an address. */
export function canonicalAddress(ip: string): string | undefined {
  if (isIP(ip) === 4) return ip;
  if (isIP(ip) === 0 || ip.includes('%')) return undefined;
  const { address } = new SocketAddress({ address: ip, family: 'ipv6' });
  return address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}

/** Of its family: Docker binds all of IPv6 without taking the port of IPv4. */
function isEvery(ip: string): boolean {
  return ip === '0.0.0.0' || ip === '::';
}

// How many connections one party may hold open at a time: an address, or a network of IPv6. Who has too many is cut off
// before a byte is read, and nobody else notices. Proxies speak for many, so those that are trusted are not counted, and
// neither is this machine, where an unlisted proxy often runs.
import { BlockList, isIP, type Server } from 'node:net';
import { bareAddress } from '../../activity/activity.ts';
import type { TrustedProxies } from './client-address.ts';
import { networkOf } from './socket-places.ts';

export interface ConnectionCap {
  /** For each party. */
  most: number;
  isExempt(address: string): boolean;
}

const mostOfOneParty = 256;

const thisMachine = new BlockList();
thisMachine.addSubnet('127.0.0.0', 8, 'ipv4');
thisMachine.addAddress('::1', 'ipv6');

export function defaultCap(proxies: TrustedProxies): ConnectionCap {
  const isLocal = (address: string) => thisMachine.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  return { most: mostOfOneParty, isExempt: (address) => isLocal(address) || proxies.trusts(address) };
}

/** From now on, of this listener. */
export function capConnections(server: Server, { most, isExempt }: ConnectionCap): void {
  const open = new Map<string, number>();
  server.prependListener('connection', (socket) => {
    const address = bareAddress(socket.remoteAddress ?? '');
    // One that has gone already has no address.
    if (address === undefined || isExempt(address)) return;
    const party = networkOf(address);
    const count = (open.get(party) ?? 0) + 1;
    if (count > most) {
      socket.destroy();
      return;
    }
    open.set(party, count);
    socket.once('close', () => {
      const left = (open.get(party) ?? 1) - 1;
      if (left > 0) open.set(party, left);
      else open.delete(party);
    });
  });
}

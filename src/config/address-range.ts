// IP addresses and CIDRs as people write them in lists of the configuration.
import { isIP } from 'node:net';

/** `10.0.0.1`, `10.0.0.0/8`, `fd00::/8`; no names, no zones. */
export function isRange(text: string): boolean {
  const [, address = '', length] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  if (version === 0) return false;
  return length === undefined || Number(length) <= (version === 4 ? 32 : 128);
}

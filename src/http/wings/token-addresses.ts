// Whom a token names: the Panel that made it, and the node that it was made for. Addresses are compared as browsers do, by
// host and port, because that is all that both sides know of each other. Pure.
import type { Claims } from './token.ts';

/** @param remote URL of the Panel; empty: there is none that could be named */
export function namesPanel({ issuer }: Pick<Claims, 'issuer'>, remote: string): boolean {
  const panel = hostOf(remote);
  return panel === undefined || hostOf(issuer) === panel;
}

/** @param host of the request, with its port unless that is the usual one */
export function namesNode({ audience }: Pick<Claims, 'audience'>, host: string | undefined): boolean {
  return audience.some((address) => hostOf(address) === host?.toLowerCase());
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host || undefined : undefined;
}

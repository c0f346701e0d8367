// The one comparison of bearer tokens: over SHA-256 digests and in constant time, so that neither the length nor a common
// prefix of the right one shows. Beside it, how the doors that are ours read the header; that of Wings has rules of its own.
import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** An empty token is nobody's. */
export function isToken(given: string, right: string): boolean {
  const isEqual = timingSafeEqual(digest(given), digest(right));
  return isEqual && right !== '';
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

/** `absent`: there is no Authorization header at all. */
export type Bearing = 'right' | 'wrong' | 'absent';

/** @throws Error at once when the token is empty: that would let everybody in */
export function bearerOf(token: string): (request: Pick<IncomingMessage, 'headersDistinct'>) => Bearing {
  if (token === '') throw new Error('an empty bearer token would let everybody in: there is no bearer token');
  return ({ headersDistinct }) => {
    const headers = headersDistinct['authorization'];
    if (headers === undefined) return 'absent';
    const [, given] = (headers.length === 1 && /^bearer +([\x21-\x7e]+) *$/i.exec(headers[0] ?? '')) || [];
    return given !== undefined && isToken(given, token) ? 'right' : 'wrong';
  };
}

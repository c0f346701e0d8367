// The node's token in the Authorization header, compared in constant time. Whoever has it is the Panel.
import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** `secret` is asked for at each request, because it can change. An empty one lets nobody in. */
export function judgeBearer(request: IncomingMessage, secret: string): 'right' | 'wrong' | 'missing' {
  const headers = request.headersDistinct['authorization'] ?? [];
  const [header = ''] = headers;
  const space = header.indexOf(' ');
  if (headers.length !== 1 || space === -1 || header.slice(0, space) !== 'Bearer') return 'missing';
  const equal = timingSafeEqual(digest(header.slice(space + 1)), digestOf(secret));
  return equal && secret !== '' ? 'right' : 'wrong';
}

/** Of the secret that was asked for last: it is the same for a long time. */
let known = { secret: '', digest: digest('') };

function digestOf(secret: string): Buffer {
  if (known.secret !== secret) known = { secret, digest: digest(secret) };
  return known.digest;
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

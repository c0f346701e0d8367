// The node's token in the Authorization header, read as Wings reads it: the scheme as it is written, and all behind the first
// space. Whoever has it is the Panel.
import type { IncomingMessage } from 'node:http';
import { isToken } from '../bearer.ts';

/** `secret` is asked for at each request, because it can change. An empty one lets nobody in. */
export function judgeBearer(
  { headersDistinct }: Pick<IncomingMessage, 'headersDistinct'>,
  secret: string,
): 'right' | 'wrong' | 'missing' {
  const headers = headersDistinct['authorization'] ?? [];
  const [header = ''] = headers;
  const space = header.indexOf(' ');
  if (headers.length !== 1 || space === -1 || header.slice(0, space) !== 'Bearer') return 'missing';
  return isToken(header.slice(space + 1), secret) ? 'right' : 'wrong';
}

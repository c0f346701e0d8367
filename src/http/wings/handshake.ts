// The requests whose connection is taken from HTTP: nothing but the console knows how to go on with one.
import type { IncomingMessage } from 'node:http';

/** Whether a request is taken so; the answer to any other offer of a protocol is plain HTTP. */
export function asksForConsole({ method, url = '', headers }: IncomingMessage): boolean {
  const isConsole = method === 'GET' && /^\/api\/servers\/[\w-]+\/ws(\?|$)/.test(url);
  return isConsole && headers.upgrade?.toLowerCase() === 'websocket';
}

/** Of a request that is taken so. */
export function isComplete({ headers }: IncomingMessage): boolean {
  return headers['sec-websocket-version'] === '13' && /^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '');
}

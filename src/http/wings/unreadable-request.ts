// The answer to what is no HTTP request, or one whose head is too large or too slow. There is no request object, so what
// every other answer goes through is written out here.
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { unexpected } from './http-errors.ts';

// An import by name would load undici: see src/docker/transport.ts.
const { STATUS_CODES } = process.getBuiltinModule('node:http');

const statusOf: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

export function answerUnreadableRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const id = randomUUID();
  const status = statusOf[error.code ?? ''] ?? 400;
  const body = JSON.stringify({ error: unexpected, request_id: id });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${id}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

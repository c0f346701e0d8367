// Answers of the node API that are no success: status and body, byte for byte as both Panels and browsers know them.

export interface HttpRefusal {
  code: number;
  /** An object goes out as JSON, a text as plain text. */
  body: { error: string } | string;
  headers?: Record<string, string>;
}

const handshakeVersion = { 'sec-websocket-version': '13' };

export const refusals = {
  noToken: {
    code: 401,
    body: { error: 'The required authorization heads were not present in the request.' },
    headers: { 'www-authenticate': 'Bearer' },
  },
  wrongToken: { code: 403, body: { error: 'You are not authorized to access this endpoint.' } },
  noSuchPath: { code: 404, body: '404 page not found' },
  noSuchServer: { code: 404, body: { error: 'The requested resource does not exist on this instance.' } },
  tooManySockets: { code: 400, body: { error: 'Too many open websocket connections.' } },
  noHandshake: { code: 400, body: 'Bad Request', headers: handshakeVersion },
  wrongOrigin: { code: 403, body: 'Forbidden', headers: handshakeVersion },
  notReady: { code: 503, body: { error: 'The node is starting.' } },
  badRequest: { code: 400, body: { error: 'An unexpected error was encountered while processing this request' } },
  internal: { code: 500, body: { error: 'An unexpected error was encountered while processing this request' } },
} as const satisfies Record<string, HttpRefusal>;

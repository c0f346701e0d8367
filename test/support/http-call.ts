// One request over a connection of its own, with exactly the headers and the bytes that a test states.
import { type IncomingHttpHeaders, request } from 'node:http';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  bytes: Buffer;
  /** @throws SyntaxError */
  json(): unknown;
}

export interface Call {
  method?: string;
  headers?: Record<string, string | string[]>;
  /** An object goes out as JSON, all else as it is. */
  body?: unknown;
}

export function httpCall(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body }: Call = {},
): Promise<Answer> {
  const sent = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const length = sent === undefined ? {} : { 'content-length': String(Buffer.byteLength(sent)) };
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, headers: { ...length, ...headers }, agent: false };
    const call = request(options, (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      answer.on('error', reject);
      answer.on('end', () => {
        const bytes = Buffer.concat(pieces);
        const text = bytes.toString('utf8');
        const { statusCode: status = 0, headers } = answer;
        resolve({ status, headers, body: text, bytes, json: () => JSON.parse(text) as unknown });
      });
    });
    call.on('error', reject);
    call.end(sent);
  });
}

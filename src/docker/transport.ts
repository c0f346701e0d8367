// One request to Docker. dockerode's modem says how a request looks (path, query, body, headers); sending is done here,
// because the modem follows redirects without an error handler, reads answers without a bound and waits for ever for
// the rest of half an answer. Each request has a connection of its own: a kept one could belong to an engine that is gone.
import type { IncomingHttpHeaders, RequestOptions } from 'node:http';
import https from 'node:https';
import type { Duplex, Readable } from 'node:stream';
import Docker from 'dockerode';
import type { Endpoint } from './endpoint.ts';

export interface DockerRequest {
  method: 'GET' | 'POST' | 'DELETE';
  /** Without the API version. */
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: object;
  headers?: Record<string, string>;
  /** Asks for the raw connection instead of an answer. */
  hijack?: boolean;
}

export type Answer =
  | { upgraded: false; status: number; headers: IncomingHttpHeaders; body: Readable }
  | { upgraded: true; socket: Duplex };

type Callback = (error: unknown, answer?: Answer) => void;

interface DialOptions {
  path: string;
  method: string;
  headers: Record<string, string>;
  options: { _query: object; _body: object };
  allowEmpty: boolean;
  hijack: boolean;
  abortSignal: AbortSignal;
}

interface Modem {
  dial(options: DialOptions, callback: Callback): void;
  buildRequest(options: RequestOptions, context: DialOptions, data: string | undefined, callback: Callback): void;
}

// Imported by name the module would show all it has, a WebSocket among it, and so load undici: 8 MB.
const http = process.getBuiltinModule('node:http');

/** Sends TCP keep-alives, so that an engine on another machine cannot vanish unnoticed behind a quiet stream. */
const keepAliveMs = 15_000;

export class Transport {
  readonly #endpoint: Endpoint;
  readonly #modem: Modem;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    // The modem must not look at the environment; with a socket path it takes paths as they are.
    const modem = new Docker({ socketPath: '/', protocol: 'http', host: undefined }).modem as unknown as Modem;
    modem.buildRequest = (options, context, data, callback) => {
      this.#send(options, context.abortSignal, data, context.hijack).then(
        (answer) => callback(null, answer),
        (error: unknown) => callback(error),
      );
    };
    this.#modem = modem;
  }

  /** Resolves with the head of the answer, whatever its status. Rejects with the reason when the signal aborts first. */
  send(prefix: string, request: DockerRequest, signal: AbortSignal): Promise<Answer> {
    const query = Object.fromEntries(Object.entries(request.query ?? {}).filter(([, value]) => value !== undefined));
    return new Promise((resolve, reject) => {
      this.#modem.dial(
        {
          // The modem puts the query behind a question mark that it finds.
          path: `${prefix}${request.path}${Object.keys(query).length > 0 ? '?' : ''}`,
          method: request.method,
          headers: { ...request.headers },
          options: { _query: query, _body: request.body ?? {} },
          allowEmpty: request.body !== undefined,
          hijack: request.hijack ?? false,
          abortSignal: signal,
        },
        (error, answer) => (answer ? resolve(answer) : reject(error)),
      );
    });
  }

  #send(options: RequestOptions, signal: AbortSignal, data: string | undefined, hijack: boolean): Promise<Answer> {
    const { 'Transfer-Encoding': _, ...headers } = options.headers as Record<string, string>;
    const { target } = this.#endpoint;
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const request = (target.protocol === 'https:' ? https : http).request({
        ...target,
        path: options.path ?? '/',
        method: options.method ?? 'GET',
        headers,
        agent: false,
      });
      const onAbort = () => {
        reject(signal.reason);
        request.destroy();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const settled = () => signal.removeEventListener('abort', onAbort);
      request.on('socket', (socket) => socket.setKeepAlive(true, keepAliveMs));
      request.on('error', (error) => {
        settled();
        reject(error);
      });
      request.on('close', () => {
        settled();
        reject(new Error('the connection was closed without an answer'));
      });
      request.on('response', (body) => {
        settled();
        resolve({ upgraded: false, status: body.statusCode ?? 0, headers: body.headers, body });
      });
      request.on('upgrade', (_response, socket, head) => {
        if (!hijack) {
          socket.destroy();
          return;
        }
        settled();
        if (head.length > 0) socket.unshift(head);
        resolve({ upgraded: true, socket });
      });
      request.end(data);
    });
  }
}

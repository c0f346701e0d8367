// One request to the Panel and its whole answer, with a deadline and a bound on what is read. Redirects are followed for
// GET alone, and the token goes to nobody but the Panel's host. Throws PanelUnreachableError when there is no answer.
import type { Agent as HttpAgent, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Clock } from '../clock/clock.ts';
import { PanelUnreachableError, PanelUnreadableError } from './panel-errors.ts';

export interface PanelRequest {
  method: 'GET' | 'POST';
  url: URL;
  headers: Record<string, string>;
  body?: string;
  /** Of an answer that is a success, unpacked. */
  maxBytes: number;
}

export interface PanelAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Whole when the call succeeded; otherwise its beginning. */
  body: Buffer;
}

export interface ExchangeOptions {
  clock: Clock;
  /** Of one exchange, its redirects included. */
  timeoutMs: number;
  ignoreCertificateErrors: boolean;
  /** HTTP_PROXY, HTTPS_PROXY and NO_PROXY count. */
  environment: Readonly<Record<string, string | undefined>>;
}

// Imported by name the module would show all it has, a WebSocket among it, and so load undici: 8 MB.
const http = process.getBuiltinModule('node:http');

/** Of an answer that is no success: it holds a sentence, or a page of a proxy that nobody reads. */
const complaintBytes = 65_536;

const mostRedirects = 10;
const redirects = [301, 302, 303, 307, 308];

/** A Panel has a few workers of PHP: more at a time only wait there. */
const mostConnections = 16;

/** Connections that nobody uses are closed before a web server's usual limit. */
const idleMs = 15_000;

export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #plain: HttpAgent;
  readonly #tls: https.Agent;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { environment, ignoreCertificateErrors } = options;
    const shared = { keepAlive: true, maxSockets: mostConnections, timeout: idleMs, proxyEnv: { ...environment } };
    this.#plain = new http.Agent(shared);
    this.#tls = new https.Agent({ ...shared, rejectUnauthorized: !ignoreCertificateErrors });
  }

  /** Closes connections, also those in use. */
  close(): void {
    this.#plain.destroy();
    this.#tls.destroy();
  }

  /** The answer, whatever its status. Rejects with the reason when the signal aborts first. */
  async send(request: PanelRequest, signal: AbortSignal): Promise<PanelAnswer> {
    signal.throwIfAborted();
    const { clock, timeoutMs } = this.#options;
    const limit = new AbortController();
    const late = new PanelUnreachableError(`the Panel gave no answer in ${timeoutMs / 1000} s`, { timedOut: true });
    const cancel = clock.after(timeoutMs, () => limit.abort(late));
    try {
      return await this.#follow(request, AbortSignal.any([signal, limit.signal]));
    } finally {
      cancel();
    }
  }

  async #follow(request: PanelRequest, signal: AbortSignal): Promise<PanelAnswer> {
    let next = request;
    for (let hops = 0; ; hops += 1) {
      const answer = await this.#sendOnce(next, signal);
      const target =
        request.method === 'GET' && redirects.includes(answer.status) ? targetOf(answer, next.url) : undefined;
      if (!target) return answer;
      if (hops >= mostRedirects)
        throw new PanelUnreachableError(`the Panel redirects more than ${mostRedirects} times`);
      next = { ...next, url: target, headers: headersFor(target, request) };
    }
  }

  #sendOnce({ method, url, headers, body, maxBytes }: PanelRequest, signal: AbortSignal): Promise<PanelAnswer> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const options: RequestOptions = { method, headers };
      const request =
        url.protocol === 'https:'
          ? https.request(url, { ...options, agent: this.#tls })
          : http.request(url, { ...options, agent: this.#plain });
      const onAbort = () => {
        reject(signal.reason);
        request.destroy();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const settled = () => signal.removeEventListener('abort', onAbort);
      const failed = (error: unknown) => {
        settled();
        // Whoever reads no further lets the connection go.
        request.destroy();
        reject(error instanceof PanelUnreadableError ? error : unreachable(error));
      };
      request.on('error', failed);
      let answered = false;
      request.on('close', () => {
        if (!answered) failed(new Error('the connection was closed without an answer'));
      });
      request.on('upgrade', (_response, socket) => socket.destroy());
      request.on('response', (response) => {
        answered = true;
        const { statusCode: status = 0, headers } = response;
        const isSuccess = status >= 200 && status <= 299;
        const content = isSuccess ? readAll(response, maxBytes) : readBeginning(response, complaintBytes);
        content.then((body) => {
          settled();
          resolve({ status, headers, body });
        }, failed);
      });
      request.end(body);
    });
  }
}

/** Unpacked, up to the bound. @throws PanelUnreadableError, and what the connection throws */
async function readAll(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of unpacked(response)) {
    size += (chunk as Buffer).length;
    if (size > maxBytes) throw new PanelUnreadableError(`the Panel answered with more than ${maxBytes} bytes`);
    chunks.push(chunk as Buffer);
  }
  if (!response.complete) throw closedInTheMiddle();
  return Buffer.concat(chunks, size);
}

/** Unpacked, and no further than the bound. @throws PanelUnreadableError, and what the connection throws */
async function readBeginning(response: IncomingMessage, mostBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of unpacked(response)) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size <= mostBytes) continue;
    // The rest is not waited for: the connection goes.
    response.destroy();
    return Buffer.concat(chunks, mostBytes);
  }
  if (!response.complete) throw closedInTheMiddle();
  return Buffer.concat(chunks, size);
}

function closedInTheMiddle(): Error {
  return new Error('the connection was closed in the middle of an answer');
}

function unpacked(response: IncomingMessage): Readable {
  const encoding = (response.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') return response;
  if (encoding !== 'gzip' && encoding !== 'x-gzip')
    throw new PanelUnreadableError('the Panel answered in an encoding that it was not asked for');
  const gunzip = createGunzip();
  response.on('error', (error) => gunzip.destroy(error));
  response.on('aborted', () => gunzip.destroy(closedInTheMiddle()));
  return response.pipe(gunzip);
}

function unreachable(error: unknown): PanelUnreachableError {
  if (error instanceof PanelUnreachableError) return error;
  const reason = error instanceof Error ? error.message || (error as NodeJS.ErrnoException).code : String(error);
  return new PanelUnreachableError(`the Panel cannot be reached: ${reason}`, { cause: error });
}

function targetOf({ headers }: PanelAnswer, from: URL): URL | undefined {
  const { location } = headers;
  if (location === undefined || !URL.canParse(location, from.href)) return undefined;
  const target = new URL(location, from.href);
  return target.protocol === 'https:' || target.protocol === 'http:' ? target : undefined;
}

/** Secrets stay with the Panel's host and those below it, and off connections that anybody can read. */
function headersFor(target: URL, { url, headers }: PanelRequest): Record<string, string> {
  const sameHost = target.hostname === url.hostname || target.hostname.endsWith(`.${url.hostname}`);
  if (sameHost && (target.protocol === url.protocol || target.protocol === 'https:')) return headers;
  const open = ['accept', 'accept-encoding', 'content-type', 'user-agent'];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => open.includes(name.toLowerCase())));
}

// A Panel for tests and for trying things out by hand: it answers as the real ones do (test/unit/panel/stand-in.test.ts
// says what it claims), remembers every request, and can be slow, broken or away.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Flavour } from '../../../src/config/config.ts';
import type { Owner } from '../owner.ts';
import { DaemonCalls } from './daemon-calls.ts';
import { type PanelNode, PanelState } from './panel-state.ts';
import { answerRemote, type RemoteAnswer, type RemoteRequest } from './remote-routes.ts';

export interface Seen extends RemoteRequest {
  /** As it came, before it was parsed. */
  text: string;
  /** Of the answer; 0 = none was given. */
  status: number;
}

/** What happens to a request instead of its answer, or before it. */
export interface Weather {
  /** Which requests; absent = all. */
  when?: (request: RemoteRequest) => boolean;
  /** How many of them; absent = until `clear`. */
  times?: number;
  /** ms before the answer. */
  delayMs?: number;
  /** Waits for this before the answer. */
  until?: Promise<unknown>;
  /** Instead of what the Panel would say. */
  answer?: RemoteAnswer & { text?: string };
  /** The same, byte for byte. */
  respond?: (response: ServerResponse) => void;
  /** The connection is cut, after the work was done when `late`. */
  cut?: 'early' | 'late';
}

export interface PanelOptions {
  flavour?: Flavour;
  /** A path in `remote`. */
  prefix?: string;
  port?: number;
  /** Hears of each request to the remote API once it is answered. */
  onAnswered?: (seen: Seen) => void;
}

/** What `configure` is answered with who shows the key. */
export interface NodeConfiguration {
  key: string;
  document: object;
}

export class PanelStandIn {
  readonly state: PanelState;
  readonly node: PanelNode;
  /** In the order in which they came. */
  readonly seen: Seen[] = [];
  /** Requests that are being answered, and the most at a time so far. */
  open = 0;
  mostOpen = 0;
  /** Of the first node. Without it there is none to be had. */
  configuration: NodeConfiguration | undefined;
  readonly #prefix: string;
  readonly #onAnswered: (seen: Seen) => void;
  readonly #throttle = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  #weather: Weather[] = [];
  #server: Server | undefined;
  #port: number;

  private constructor({ flavour = 'pelican', prefix = '', port = 0, onAnswered = () => {} }: PanelOptions) {
    this.state = new PanelState(flavour);
    this.node = this.state.addNode();
    this.#prefix = prefix;
    this.#onAnswered = onAnswered;
    this.#port = port;
  }

  static async start(owner: Owner, options: PanelOptions = {}): Promise<PanelStandIn> {
    const panel = new PanelStandIn(options);
    owner.after(() => panel.down());
    await panel.up();
    return panel;
  }

  /** For `remote` in config.yml. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}${this.#prefix}`;
  }

  /** The calls that this Panel makes to a daemon at this address. */
  daemon(url: string): DaemonCalls {
    return new DaemonCalls(url, this.state.flavour, this.node);
  }

  /** Newest first. */
  weather(weather: Weather): void {
    this.#weather.unshift({ ...weather });
  }

  clear(): void {
    this.#weather = [];
  }

  get listens(): boolean {
    return this.#server !== undefined;
  }

  /** Nobody listens any more; what is open is cut. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Listens again, at the same address. */
  async up(): Promise<void> {
    if (this.#server) return;
    const server = createServer((request, response) => {
      void this.#serve(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined);
      });
    });
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Requests of this form, such as `POST /servers/reset`; ids as `:id`. */
  requests(form: string): Seen[] {
    return this.seen.filter(({ method, path }) => `${method} ${path.replaceAll(idInPath, '/:id')}` === form);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await textOf(request);
    const url = new URL(request.url ?? '/', this.url);
    if (url.pathname === `${this.#prefix}/api/application/nodes/${this.node.id}/configuration`) {
      send(response, this.#configure(String(request.headers.authorization ?? '')), false);
      return;
    }
    const base = `${this.#prefix}/api/remote`;
    const path = url.pathname.startsWith(`${base}/`) ? url.pathname.slice(base.length) : '';
    const { method = 'GET', headers } = request;
    const seen: Seen = { method, path, query: url.searchParams, headers, body: parsed(text), text, status: 0 };
    this.seen.push(seen);
    this.open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    try {
      await this.#answer(seen, response);
    } finally {
      this.open -= 1;
    }
    if (seen.status > 0) this.#onAnswered(seen);
  }

  #configure(authorization: string): RemoteAnswer {
    if (!this.configuration || authorization !== `Bearer ${this.configuration.key}`)
      return { status: 401, body: { errors: [{ code: 'AuthenticationException', status: '401' }] } };
    return { status: 200, body: this.configuration.document };
  }

  async #answer(seen: Seen, response: ServerResponse): Promise<void> {
    const weather = this.#take(seen);
    if (weather.delayMs !== undefined) await sleep(weather.delayMs);
    await weather.until;
    if (weather.cut === 'early') {
      response.destroy();
      return;
    }
    if (weather.respond) {
      weather.respond(response);
      return;
    }
    const answer = weather.answer ?? this.#remote(seen);
    if (weather.cut === 'late') {
      response.destroy();
      return;
    }
    seen.status = answer.status;
    send(response, answer, String(seen.headers['accept-encoding'] ?? '').includes('gzip'));
  }

  #remote(seen: Seen): RemoteAnswer {
    if (seen.path === '') return { status: 404, body: { errors: [] } };
    // Without JSON in Accept the Panel answers a failed validation with a redirect, and all else as a page.
    const wantsJson = String(seen.headers['accept'] ?? '').includes('json');
    const answer = answerRemote(this.state, seen, this.#throttle);
    if (wantsJson || answer.status < 400) return answer;
    return answer.status === 422 ? { status: 302, headers: { Location: '/' } } : { status: answer.status };
  }

  #take(request: RemoteRequest): Weather {
    const found = this.#weather.find(({ when, times }) => (times ?? 1) > 0 && (when?.(request) ?? true));
    if (found?.times !== undefined) found.times -= 1;
    return found ?? {};
  }
}

const idInPath = /\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

function send(
  response: ServerResponse,
  { status, body, headers, text }: RemoteAnswer & { text?: string },
  zipped: boolean,
): void {
  const plain = text ?? (body === undefined ? undefined : JSON.stringify(body));
  const type = text === undefined ? 'application/json' : 'text/html';
  if (plain === undefined) {
    response.writeHead(status, headers).end();
    return;
  }
  const content = zipped ? gzipSync(plain) : Buffer.from(plain);
  const encoding = zipped ? { 'Content-Encoding': 'gzip' } : {};
  response.writeHead(status, { 'Content-Type': type, ...encoding, ...headers }).end(content);
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

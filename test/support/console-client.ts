// A client of the console socket as a front end is one: it keeps what it gets, says what it is told to say, and waits for
// what a test expects. What it speaks is the wire; it knows nothing of the daemon's code.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';

export interface Message {
  event: string;
  args?: string[];
}

export interface ConsoleClientOptions {
  port: number;
  uuid: string;
  origin?: string | undefined;
  /** Undefined: what the library offers by itself. */
  perMessageDeflate?: boolean;
  headers?: Record<string, string>;
}

const patienceMs = 30_000;
const pollMs = 5;

/** The answer that was no upgrade. */
export class UpgradeRefused extends Error {
  readonly status: number;
  readonly body: string;
  readonly headers: Record<string, unknown>;

  constructor(status: number, body: string, headers: Record<string, unknown>) {
    super(`${status} ${body}`);
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

export class ConsoleClient {
  readonly socket: WebSocket;
  readonly messages: Message[] = [];
  /** Of the answer that was the upgrade. */
  upgradeHeaders: NodeJS.Dict<string | string[]> = {};
  /** Once the socket is closed. */
  closed: { code: number; reason: string } | undefined;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('upgrade', ({ headers }) => {
      this.upgradeHeaders = headers;
    });
    socket.on('message', (data) => this.messages.push(JSON.parse(String(data)) as Message));
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) };
    });
    socket.on('error', () => {}); // The close says what a test needs to know.
  }

  /** @throws UpgradeRefused */
  static async open({
    port,
    uuid,
    origin,
    perMessageDeflate,
    headers = {},
  }: ConsoleClientOptions): Promise<ConsoleClient> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/api/servers/${uuid}/ws`, {
      headers,
      ...(origin === undefined ? {} : { origin }),
      ...(perMessageDeflate === undefined ? {} : { perMessageDeflate }),
    });
    const client = new ConsoleClient(socket);
    const refused = Promise.withResolvers<never>();
    socket.on('unexpected-response', (_request, answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (piece: string) => {
        body += piece;
      });
      answer.on('end', () => refused.reject(new UpgradeRefused(answer.statusCode ?? 0, body, answer.headers)));
    });
    await Promise.race([once(socket, 'open'), refused.promise]);
    return client;
  }

  send(event: string, ...args: (string | null)[]): void {
    this.sendRaw(JSON.stringify({ event, args }));
  }

  sendRaw(data: string | Buffer, options: { binary?: boolean } = {}): void {
    this.socket.send(data, { binary: options.binary ?? false });
  }

  /** Resolves with what came, `auth success` included, when the answer is there. */
  async authenticate(token: string): Promise<void> {
    const before = this.count('auth success');
    this.send('auth', token);
    await this.until('auth success', () => this.count('auth success') > before);
  }

  count(event: string): number {
    return this.all(event).length;
  }

  /** The first argument of every message of this name. */
  all(event: string): (string | undefined)[] {
    return this.messages.filter((message) => message.event === event).map(({ args }) => args?.[0]);
  }

  get events(): string[] {
    return this.messages.map(({ event }) => event);
  }

  get lines(): string[] {
    return this.all('console output').map((line) => line ?? '');
  }

  async until(what: string, wanted: () => boolean | Promise<boolean>, ms = patienceMs): Promise<void> {
    const deadline = performance.now() + ms;
    while (!(await wanted())) {
      if (performance.now() > deadline) {
        const got = JSON.stringify(this.messages.slice(-20)).slice(0, 4_000);
        throw new Error(`Waited ${ms} ms in vain: ${what}; it got ${got}, ${JSON.stringify(this.closed)}`);
      }
      await sleep(pollMs);
    }
  }

  async untilClosed(ms = patienceMs): Promise<{ code: number; reason: string }> {
    await this.until('it is closed', () => this.closed !== undefined, ms);
    return this.closed ?? { code: 0, reason: '' };
  }

  /** Everything that was sent before has been dealt with: the answer to a ping comes behind it, or the end. */
  async settled(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      if (this.socket.readyState !== this.socket.OPEN) return;
      const answered = new AbortController();
      const pong = once(this.socket, 'pong', { signal: answered.signal });
      const closed = once(this.socket, 'close', { signal: answered.signal });
      this.socket.ping();
      await Promise.race([pong, closed]);
      answered.abort();
      await Promise.allSettled([pong, closed]);
    }
  }

  /** Reads on, but is silent: pings stay without an answer. */
  stopAnswering(): void {
    this.socket.pong = () => {};
  }

  close(): void {
    this.socket.terminate();
  }
}

// A console over the node's WebSocket, held through restarts of the node: connects again with back-off, shows the node a
// fresh token before the old one expires, asks for the past once it is in, and sends no faster than the node takes.
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { WebSocket } from 'ws';
import { CliError, exitCodes } from '../exit-codes.ts';
import { newLines } from './history-overlap.ts';

export interface ConsoleEvents {
  /** A line of the game, of an installation, or of the daemon; not made safe for a terminal. */
  line(text: string): void;
  state(state: string): void;
  /** Something the person should know. */
  notice(text: string): void;
  /** Any other event, such as `backup_progress`, and its arguments as one text. */
  other?(event: string, text: string): void;
}

export interface ConsoleTarget {
  url: string;
  origin: string;
  /** Of the server, for messages. */
  name: string;
  token(): Promise<string>;
  /** Of a TLS connection; asked for each one. */
  trust(): Promise<ConnectionOptions>;
}

/** The node takes 10 commands at once and one a second after that; a little less leaves room for clocks. */
const burst = 7;
const refillMs = 1_050;
/** It takes two tokens in 5 s. */
const renewPauseMs = 3_000;
const mostRefusals = 3;
const firstPauseMs = 500;
const longestPauseMs = 15_000;
const handshakeTimeoutMs = 10_000;
/** After a reconnect lines are held until none came for so long, then those already printed are left out. */
const historyQuietMs = 300;
const rememberedLines = 500;
const maxFrameBytes = 16 * 1024 * 1024;

export class ConsoleConnection {
  readonly #target: ConsoleTarget;
  readonly #events: ConsoleEvents;
  readonly #end = new AbortController();
  readonly #printed: string[] = [];
  #socket: WebSocket | undefined;
  #ready = Promise.withResolvers<void>();
  #isReady = false;
  #state: string | undefined;
  #held: string[] | undefined;
  #holdTimer: NodeJS.Timeout | undefined;
  #refusals = 0;
  #renewedAt = Number.NEGATIVE_INFINITY;
  #failure: CliError | undefined;
  #tokens = burst;
  #countedAt = performance.now();

  constructor(target: ConsoleTarget, events: ConsoleEvents) {
    this.#target = target;
    this.#events = events;
  }

  /** Resolves after `close`. @throws CliError when there is no use in trying on */
  async run(): Promise<void> {
    let pause = firstPauseMs;
    let told = false;
    while (!this.#end.signal.aborted) {
      const { entered, why } = await this.#connect();
      if (this.#failure) throw this.#failure;
      if (this.#end.signal.aborted) return;
      if (entered) {
        pause = firstPauseMs;
        told = false;
      }
      if (!told) this.#events.notice(`The connection is lost (${why}); the game goes on. Connecting again …`);
      told = true;
      await sleep(pause, undefined, { signal: this.#end.signal }).catch(() => {});
      pause = Math.min(pause * 2, longestPauseMs);
    }
  }

  get connected(): boolean {
    return this.#isReady;
  }

  /** Resolves once the node has let us in. */
  entered(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves when the line is on its way, which may be after the next connect. */
  async send(line: string): Promise<void> {
    for (;;) {
      await this.#ready.promise;
      const pause = this.#pauseBeforeCommand();
      if (pause <= 0) break;
      await sleep(pause, undefined, { signal: this.#end.signal });
    }
    if (!this.#isReady) return this.send(line);
    this.#tokens -= 1;
    this.#tell('send command', line);
  }

  /** The game goes on. */
  close(): void {
    this.#end.abort();
    this.#flushHeld();
    this.#socket?.close(1000);
    // A node that does not answer the goodbye must not keep anybody waiting.
    setTimeout(() => this.#socket?.terminate(), 1_000).unref();
  }

  async #connect(): Promise<{ entered: boolean; why: string }> {
    const { url, origin } = this.#target;
    const trust = await this.#target.trust();
    const limits = { handshakeTimeout: handshakeTimeoutMs, maxPayload: maxFrameBytes };
    const socket = new WebSocket(url, { ...trust, ...limits, origin });
    this.#socket = socket;
    this.#refusals = 0;
    let entered = false;
    let why = '';
    socket.on('open', () => void this.#authenticate());
    socket.on('message', (data, isBinary) => {
      if (isBinary) return;
      this.#receive(String(data));
      entered ||= this.#isReady;
    });
    socket.on('unexpected-response', (_request, answer) => {
      why = this.#refused(answer);
      socket.terminate();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      why ||= error.code === 'ECONNREFUSED' ? 'nobody listens there' : error.message;
    });
    const [code, reason] = await new Promise<[number, string]>((resolve) =>
      socket.on('close', (number, bytes) => resolve([number, bytes.toString('utf8')])),
    );
    if (this.#isReady) this.#ready = Promise.withResolvers();
    this.#isReady = false;
    this.#flushHeld();
    if (code === 4409) this.#fail(new CliError(`${this.#target.name} is suspended.`, { exitCode: exitCodes.refused }));
    if (code === 1000 && reason === 'server deleted')
      this.#fail(new CliError(`${this.#target.name} was deleted.`, { exitCode: exitCodes.notFound }));
    return { entered, why: why || reason || `closed with ${code}` };
  }

  #refused(answer: IncomingMessage): string {
    const { origin, name } = this.#target;
    answer.resume();
    switch (answer.statusCode) {
      case 404:
        this.#fail(new CliError(`The node has no console for ${name}.`, { exitCode: exitCodes.notFound }));
        break;
      case 403:
        this.#fail(
          new CliError(
            `The node refuses consoles from ${origin}: remote or allowed_origins in config.yml has changed since it was started.`,
            { exitCode: exitCodes.refused },
          ),
        );
        break;
      case 400:
        return 'too many open consoles';
    }
    return `the node answered with ${answer.statusCode}`;
  }

  async #authenticate(): Promise<void> {
    this.#renewedAt = performance.now();
    try {
      this.#tell('auth', await this.#target.token());
    } catch (error) {
      this.#fail(
        error instanceof CliError
          ? error
          : new CliError(`No token could be made: ${(error as Error).message}.`, { cause: error }),
      );
    }
  }

  #receive(payload: string): void {
    let message: { event?: unknown; args?: unknown };
    try {
      message = JSON.parse(payload) as typeof message;
    } catch {
      return; // nothing a person could do about it
    }
    const text = Array.isArray(message.args) ? message.args.map(String).join('') : '';
    switch (message.event) {
      case 'auth success':
        this.#entered();
        break;
      case 'console output':
      case 'install output':
      case 'transfer logs':
      case 'daemon message':
        this.#line(text);
        break;
      case 'status':
        if (text !== this.#state) this.#events.state(text);
        this.#state = text;
        break;
      case 'daemon error':
        this.#events.notice(text.replace(/^Error Event \[[\w-]+\]: /, ''));
        break;
      case 'throttled':
        if (text === 'send command' || text === 'global')
          this.#events.notice('Too quick: the node left a command out.');
        break;
      case 'token expiring':
      case 'token expired':
        void this.#renew();
        break;
      case 'jwt error':
        this.#tokenRefused(text);
        break;
      default:
        this.#events.other?.(String(message.event), text);
    }
  }

  #entered(): void {
    this.#refusals = 0;
    if (this.#isReady) return; // a renewed token
    if (this.#printed.length > 0) this.#held = [];
    this.#tell('send logs');
    if (this.#held) this.#holdOn();
    this.#isReady = true;
    this.#ready.resolve();
  }

  #line(text: string): void {
    if (!this.#held) {
      this.#print(text);
      return;
    }
    this.#held.push(text);
    if (this.#held.length < rememberedLines) this.#holdOn();
    else this.#flushHeld();
  }

  #holdOn(): void {
    clearTimeout(this.#holdTimer);
    this.#holdTimer = setTimeout(() => this.#flushHeld(), historyQuietMs);
  }

  #flushHeld(): void {
    clearTimeout(this.#holdTimer);
    const held = this.#held;
    this.#held = undefined;
    if (held) for (const line of newLines(this.#printed, held)) this.#print(line);
  }

  #print(text: string): void {
    this.#printed.push(text);
    if (this.#printed.length > rememberedLines) this.#printed.shift();
    this.#events.line(text);
  }

  async #renew(): Promise<void> {
    if (performance.now() - this.#renewedAt >= renewPauseMs) await this.#authenticate();
  }

  #tokenRefused(text: string): void {
    this.#refusals += 1;
    if (this.#refusals <= mostRefusals) {
      void this.#renew();
      return;
    }
    const remedy = text.includes('HMAC')
      ? 'the token in config.yml is not the one the node was started with'
      : 'compare the clocks, or restart the node';
    this.#fail(new CliError(`The node does not take our token (${text}): ${remedy}.`, { exitCode: exitCodes.refused }));
  }

  #fail(failure: CliError): void {
    this.#failure ??= failure;
    this.#socket?.terminate();
  }

  #tell(event: string, ...args: string[]): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ event, args }));
  }

  /** ms until the node takes another command. */
  #pauseBeforeCommand(): number {
    const now = performance.now();
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#countedAt) / refillMs);
    this.#countedAt = now;
    return this.#tokens >= 1 ? 0 : Math.ceil((1 - this.#tokens) * refillMs);
  }
}

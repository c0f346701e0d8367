// One console socket from its upgrade to its end: who speaks, what comes in, what may go out. Messages are worked on one
// after the other; only power actions, which may take minutes, do not hold up what comes behind them. What goes out is
// judged by the socket's token at that moment, each time.
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../../clock/clock.ts';
import { daemonLine } from '../../console/daemon-line.ts';
import { type Frame, visibleTo } from '../../console/frame.ts';
import type { ConsoleHub, Watch } from '../../console/hub.ts';
import type { Logger } from '../../telemetry/log.ts';
import { type Inbound, readInbound } from './inbound.ts';
import { Inbox } from './inbox.ts';
import { watchLiveness } from './liveness.ts';
import { Outbox } from './outbox.ts';
import { errorsPermission } from './permissions.ts';
import { SecondLimit, SocketLimits } from './rate-limits.ts';
import type { Revocations } from './revocations.ts';
import type { ServerLookup } from './server-lookup.ts';
import type { Asker, SocketActions } from './socket-actions.ts';
import { type Closing, closings, explain, TokenError, tokenErrors, wrapped } from './socket-errors.ts';
import type { SocketMetrics } from './socket-metrics.ts';
import type { Place } from './socket-places.ts';
import { SocketToken } from './socket-token.ts';
import { textFrame } from './text-frame.ts';
import { verifyToken } from './token.ts';
import type { TokenRules } from './token-rules.ts';

export interface ConsoleSocketDeps {
  clock: Clock;
  log: Logger;
  hub: ConsoleHub;
  servers: ServerLookup;
  rules: TokenRules;
  revocations: Revocations;
  actions: SocketActions;
  /** The node's token as it is now. */
  secret: () => string;
  /** Name in the daemon's own lines. */
  appName: string;
  metrics: SocketMetrics;
}

export interface Upgraded {
  serverUuid: string;
  socket: WebSocket;
  /** What the socket writes to. */
  connection: Duplex;
  place: Place;
  /** Of the client, as its activity names it. */
  address: string;
  /** Of this node, as the client knows it. */
  host: string | undefined;
}

const gapText = 'This connection is too slow: console lines were left out.';

/** Between two complaints about a token while events are withheld, ms. */
const complainEveryMs = 5_000;

/** For what waits to be sent, and for the other side to answer, when a socket is closed. */
const closeWithinMs = 5_000;

/** Of an event's name in `throttled`. */
const longestName = 64;

export class ConsoleSocket {
  readonly serverUuid: string;
  readonly #deps: ConsoleSocketDeps;
  readonly #socket: WebSocket;
  readonly #place: Place;
  readonly #address: string;
  readonly #host: string | undefined;
  readonly #token: SocketToken;
  readonly #limits: SocketLimits;
  /** Of what goes out, by the name of the event. */
  readonly #seconds = new Map<string, SecondLimit>();
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #permits = (permission: string) => this.#token.permits(permission);
  readonly #stopLiveness: () => void;
  #watch: Watch | undefined;
  #closing = false;
  #complainedAt = Number.NEGATIVE_INFINITY;
  /** A state was withheld that no snapshot will bring again. */
  #missedState = false;

  /** `onClosed` is called once, when nothing is left of it. */
  constructor(
    deps: ConsoleSocketDeps,
    { serverUuid, socket, connection, place, address, host }: Upgraded,
    onClosed: () => void,
  ) {
    const { clock, rules, revocations, metrics } = deps;
    this.#deps = deps;
    this.serverUuid = serverUuid;
    this.#socket = socket;
    this.#place = place;
    this.#address = address;
    this.#host = host;
    this.#limits = new SocketLimits(clock);
    this.#inbox = new Inbox((error) => this.#report(error));
    this.#outbox = new Outbox({
      connection,
      clock,
      gap: () => textFrame('console output', [daemonLine(deps.appName, gapText)]),
      onTooSlow: () => this.close(closings.tooSlow),
      onDropped: (frames) => metrics.dropped(frames),
    });
    this.#token = new SocketToken({
      ...{ serverUuid, rules, revocations, clock },
      onReminder: (event) => this.#send(event),
      onRevoked: () => this.#tellRevoked(),
      onTimeout: () => this.close(closings.noToken),
    });
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    this.#stopLiveness = watchLiveness({
      ...{ socket, connection, clock },
      onSilent: () => socket.terminate(),
      onUnfinished: () => this.close(closings.unfinished),
    });
    socket.once('close', () => {
      this.#end();
      this.#outbox.close();
      place.leave();
      onClosed();
    });
    if (this.#isSuspended()) this.close(closings.suspended);
  }

  /** Sends what waits, then says goodbye; whoever does not answer is cut off. */
  close(closing: Closing): void {
    if (this.#closing) return;
    this.#end();
    this.#deps.metrics.closed(closing);
    const { code, reason } = closing;
    if (closing === closings.tooSlow) this.#socket.close(code, reason);
    else this.#outbox.finish(() => this.#socket.close(code, reason));
    this.#socket.once(
      'close',
      this.#deps.clock.after(closeWithinMs, () => this.#socket.terminate()),
    );
  }

  /** The server is being deleted. */
  closeDeleted(): void {
    this.#deliver({ bytes: textFrame('deleted', ['null']), delivery: 'keep', name: 'deleted' });
    this.close(closings.deleted);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #end(): void {
    this.#closing = true;
    this.#token.close();
    this.#stopLiveness();
    this.#watch?.end();
    this.#watch = undefined;
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#closing || !this.#pass(this.#limits.takeFrame(), 'global') || isBinary) return;
    const message = readInbound(String(data));
    if (!message) return;
    if (this.#isSuspended()) this.close(closings.suspended);
    else if (this.#pass(this.#limits.takeEvent(message.event), message.event.slice(0, longestName))) {
      if (!this.#inbox.add(() => this.#handle(message))) this.#send('throttled', ['global']);
    }
  }

  #pass(verdict: 'pass' | 'refuse' | 'tell', name: string): boolean {
    if (verdict === 'tell') this.#send('throttled', [name]);
    return verdict === 'pass';
  }

  async #handle({ event, text }: Inbound): Promise<void> {
    if (this.#closing) return;
    if (event === 'auth') return this.#authenticate(text);
    const objection = this.#token.objection();
    if (objection) return this.#send('jwt error', [objection]);
    const { actions } = this.#deps;
    switch (event) {
      case 'set state':
        actions.setState(this.serverUuid, this.#asker, text).catch((error: unknown) => this.#report(error));
        return;
      case 'send command':
        return actions.sendCommand(this.serverUuid, this.#asker, text);
      case 'send logs':
        return this.#watch?.showPast();
      case 'send stats':
        if (this.#watch) this.#deliver(this.#watch.stats());
    }
  }

  async #authenticate(text: string): Promise<void> {
    const { rules, secret, log } = this.#deps;
    try {
      const claims = await verifyToken(text, secret());
      const objection = rules.objection(claims, this.serverUuid) ?? rules.foreignness(claims, this.#host);
      if (objection) throw new TokenError(objection);
      if (this.#closing) return;
      if (!this.#watch && !this.#place.authenticated()) return this.close(closings.tooMany);
      this.#token.replace(claims);
      rules
        .took(claims)
        .catch((error: unknown) => log.error({ err: error }, 'what a token showed could not be stored'));
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      const { id, text: answer } = wrapped(error.text);
      log.debug({ id, err: error, server: this.serverUuid }, 'a console token was refused');
      return this.#send('jwt error', [answer]);
    }
    this.#send('auth success');
    if (this.#watch) this.#tellMissedState(this.#watch);
    else this.#begin();
  }

  /** Subscribed before the snapshot and in the same turn: nothing falls between. */
  #begin(): void {
    const watch = this.#deps.hub.watch(this.serverUuid, (frame) => this.#deliver(frame));
    this.#watch = watch;
    this.#deliver(watch.status());
    if (watch.state === 'offline' && !watch.installing) this.#deliver(watch.stats());
    for (const frame of watch.operations()) this.#deliver(frame);
  }

  #tellMissedState(watch: Watch): void {
    if (!this.#missedState) return;
    this.#missedState = false;
    for (const frame of [watch.status(), ...watch.operations()]) this.#deliver(frame);
  }

  /** The gate for everything that only a valid token may see. */
  #deliver(frame: Frame): void {
    if (!this.#isOpen()) return;
    const silence = this.#token.silence();
    if (silence) {
      if (frame.name === 'status' || frame.name === 'server_status') this.#missedState = true;
      this.#complain(silence);
      return;
    }
    const visible = visibleTo(frame, this.#permits);
    if (visible && this.#hasTurn(visible)) this.#outbox.push(visible);
  }

  #hasTurn({ name, mostPerSecond }: Frame): boolean {
    if (mostPerSecond === undefined) return true;
    const limit = this.#seconds.get(name) ?? new SecondLimit(this.#deps.clock);
    this.#seconds.set(name, limit);
    return limit.passes(mostPerSecond);
  }

  /** With the token of this moment. */
  get #asker(): Asker {
    return { permits: this.#permits, userUuid: this.#token.userUuid, address: this.#address };
  }

  #complain(text: string): void {
    const now = this.#deps.clock.monotonic();
    // Who was told that the token is revoked hears nothing more.
    if (this.#token.revoked || this.#watch === undefined || now - this.#complainedAt < complainEveryMs) return;
    this.#complainedAt = now;
    this.#send('jwt error', [text]);
  }

  #tellRevoked(): void {
    this.#outbox.clear();
    this.#send('jwt error', [tokenErrors.denied]);
    this.#send('token expired');
  }

  /** An answer to this socket, which needs no token. */
  #send(event: string, args?: readonly string[]): void {
    if (this.#isOpen()) this.#outbox.push({ bytes: textFrame(event, args), delivery: 'keep', name: event });
  }

  #report(error: unknown): void {
    const { log } = this.#deps;
    const { real, shown, suspended } = explain(error, this.#token.permits(errorsPermission));
    if (suspended) {
      this.close(closings.suspended);
      return;
    }
    const { id, text } = wrapped(shown);
    log.info({ err: error, id, server: this.serverUuid, reason: real }, 'a request on a console socket failed');
    this.#send('daemon error', [text]);
  }

  /** After the close frame of either side nothing may follow. */
  #isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  #isSuspended(): boolean {
    return this.#deps.servers.byUuid(this.serverUuid)?.spec.suspended ?? false;
  }
}

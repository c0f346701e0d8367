// Keeps one stream of container events open, whatever Docker does, and knows whether Docker answers. After an outage the
// stream continues from the last event seen; Docker remembers only a few and none across its own restart, so whoever
// listens inspects everything again at each `onReachable`.
import { Gauge, type Registry } from 'prom-client';
import { type Clock, sleep } from '../clock/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import type { ContainerEvent, DockerEngine } from './engine.ts';

export interface DockerFeedOptions {
  docker: Pick<DockerEngine, 'ping' | 'openEvents'>;
  clock: Clock;
  log: Logger;
  registry?: Registry;
}

const firstDelayMs = 100;
/** Players notice a game that is not looked after for longer. */
const maxDelayMs = 5_000;
/** A stream that lived as long as this was a working one: the next attempt begins with a short wait again. */
const settledMs = 5_000;
/** A hung engine sends nothing and closes nothing; only a question finds that out. */
const pingEveryMs = 15_000;
/** Between "stream accepted" and "subscribed" Docker may miss events; asking for the last seconds closes the gap. */
const overlapSeconds = 5;

export class DockerFeed {
  readonly #docker: DockerFeedOptions['docker'];
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #gauge: Gauge | undefined;
  readonly #eventHandlers = new Set<(event: ContainerEvent) => void>();
  readonly #reachableHandlers = new Set<() => void>();
  readonly #unreachableHandlers = new Set<(reason: Error) => void>();
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #reachable = false;
  #failure: Error | undefined;
  /** Seconds by Docker's clock. */
  #since: number | undefined;

  constructor({ docker, clock, log, registry }: DockerFeedOptions) {
    this.#docker = docker;
    this.#clock = clock;
    this.#log = log;
    if (registry) {
      const help = '1 while the Docker engine answers and its events arrive, else 0.';
      this.#gauge = new Gauge({ name: 'aileron_docker_reachable', help, registers: [registry] });
      this.#gauge.set(0);
    }
  }

  get reachable(): boolean {
    return this.#reachable;
  }

  /** Why Docker is not reachable; `undefined` while it is, and before the first attempt has ended. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** An event may come twice, around a reconnect. The returned function ends the subscription, as with the two below. */
  onEvent(handler: (event: ContainerEvent) => void): () => void {
    return subscribe(this.#eventHandlers, handler);
  }

  /** Called when Docker answers for the first time and after every outage, with the stream of events already open. */
  onReachable(handler: () => void): () => void {
    return subscribe(this.#reachableHandlers, handler);
  }

  /** Called once an outage, also when Docker does not answer at the very first attempt. */
  onUnreachable(handler: (reason: Error) => void): () => void {
    return subscribe(this.#unreachableHandlers, handler);
  }

  start(): void {
    this.#running ??= this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the daemon stops'));
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let delay = firstDelayMs;
    while (!signal.aborted) {
      let openedAt: number | undefined;
      try {
        await this.#follow(signal, () => {
          openedAt = this.#clock.monotonic();
        });
      } catch (error) {
        if (signal.aborted) return;
        this.#lost(error instanceof Error ? error : new Error(String(error), { cause: error }));
      }
      if (openedAt !== undefined && this.#clock.monotonic() - openedAt >= settledMs) delay = firstDelayMs;
      await sleep(this.#clock, delay, signal).catch(() => undefined);
      delay = Math.min(delay * 2, maxDelayMs);
    }
  }

  /** One connection from its beginning to its end, which is always an error unless the feed is stopped. */
  async #follow(signal: AbortSignal, opened: () => void): Promise<void> {
    await this.#docker.ping();
    const connection = new AbortController();
    const onAbort = () => connection.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    let broken: unknown;
    const watch = this.#watch(connection.signal, (error) => {
      broken = error;
      connection.abort(error);
    });
    try {
      this.#since ??= this.#clock.now() / 1000 - overlapSeconds;
      const events = await this.#docker.openEvents({ since: this.#since, signal: connection.signal });
      opened();
      this.#regained();
      for await (const event of events) {
        this.#since = event.time;
        this.#tell(this.#eventHandlers, event);
      }
      if (broken) throw broken;
    } finally {
      signal.removeEventListener('abort', onAbort);
      connection.abort(new Error('the connection has ended'));
      await watch;
    }
  }

  async #watch(signal: AbortSignal, onSilence: (error: unknown) => void): Promise<void> {
    while (!signal.aborted) {
      await sleep(this.#clock, pingEveryMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.#docker.ping();
      } catch (error) {
        onSilence(error);
      }
    }
  }

  #regained(): void {
    if (this.#reachable) return;
    this.#reachable = true;
    this.#failure = undefined;
    this.#gauge?.set(1);
    this.#log.info({}, 'Docker is reachable');
    this.#tell(this.#reachableHandlers, undefined);
  }

  #lost(reason: Error): void {
    const first = this.#failure === undefined;
    this.#failure = reason;
    this.#reachable = false;
    this.#gauge?.set(0);
    if (!first) return;
    this.#log.warn({ err: reason }, 'Docker is not reachable: states are kept as they were');
    this.#tell(this.#unreachableHandlers, reason);
  }

  /** A listener's failure is its own: the others and the feed go on. */
  #tell<T>(handlers: Set<(value: T) => void>, value: T): void {
    for (const handler of handlers) {
      try {
        handler(value);
      } catch (error) {
        this.#log.error({ err: error }, 'a listener to Docker failed');
      }
    }
  }
}

function subscribe<T>(handlers: Set<T>, handler: T): () => void {
  handlers.add(handler);
  return () => handlers.delete(handler);
}

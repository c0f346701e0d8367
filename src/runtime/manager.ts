// Starts what keeps the world converged, in the one order that works, and stops it in reverse: informers, then, when
// every cache holds its first list, controllers. A controller therefore never mistakes an empty cache for an empty world.
import { type Clock, systemClock } from '../clock/clock.ts';
import type { Logger } from '../telemetry/log.ts';

/** What fills a cache. */
export interface Source {
  readonly kind: string;
  start(): void;
  synced(): Promise<void>;
  stop(): Promise<void>;
}

/** What acts on it: a controller, or anything else that lives as long as the controllers do. */
export interface Runner {
  readonly name: string;
  start(): void | Promise<void>;
  stop(): Promise<void>;
}

/** What belongs together: a controller and the caches it reads. */
export interface Part {
  readonly informers?: readonly Source[];
  readonly controllers?: readonly Runner[];
}

/** How often a start that does not get on says what it waits for, ms. */
const stillWaitingMs = 5_000;

export class Manager {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #informers: Source[] = [];
  readonly #controllers: Runner[] = [];
  /** In the order of their start; stopped from the end. */
  readonly #started: { name: string; stop(): Promise<void> }[] = [];
  #starting = false;
  #ready = false;
  #stopped: Promise<void> | undefined;

  constructor({ log, clock = systemClock }: { log: Logger; clock?: Clock }) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Before `start`. Controllers start in the order they are added. */
  add({ informers = [], controllers = [] }: Part): void {
    if (this.#starting) throw new Error('the manager was started before');
    this.#informers.push(...informers);
    this.#controllers.push(...controllers);
  }

  /** All caches hold their first list and all controllers run. */
  get ready(): boolean {
    return this.#ready;
  }

  /**
   * Resolves when every controller runs, or quietly when `stop` came first.
   * @throws what a cache or a controller threw at its start; the caller then calls `stop`
   */
  async start(): Promise<void> {
    this.#starting = true;
    for (const informer of this.#informers) {
      this.#started.push({ name: `informer ${informer.kind}`, stop: () => informer.stop() });
      informer.start();
    }
    try {
      await Promise.all(this.#informers.map((informer) => this.#waitFor(informer)));
    } catch (error) {
      if (this.#stopped !== undefined) return;
      throw error;
    }
    for (const controller of this.#controllers) {
      if (this.#stopped !== undefined) return;
      this.#started.push({ name: `controller ${controller.name}`, stop: () => controller.stop() });
      await controller.start();
      this.#log.info({ controller: controller.name }, 'controller started');
    }
    this.#ready = this.#stopped === undefined;
  }

  /** Stops one after the other what was started. Goes on when one fails. @throws AggregateError with what failed */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #waitFor(informer: Source): Promise<void> {
    let cancel = () => {};
    const remind = () => {
      cancel = this.#clock.after(stillWaitingMs, () => {
        this.#log.warn({ kind: informer.kind }, 'still waiting for the first list');
        remind();
      });
    };
    remind();
    try {
      await informer.synced();
    } finally {
      cancel();
    }
  }

  async #stop(): Promise<void> {
    this.#ready = false;
    const failures: Error[] = [];
    for (let last = this.#started.pop(); last; last = this.#started.pop()) {
      try {
        await last.stop();
      } catch (error) {
        failures.push(new Error(`${last.name} could not be stopped`, { cause: error }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not everything could be stopped');
  }
}

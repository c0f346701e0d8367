// Tells the Panel once after each start that what it still shows as installing or being restored is over: daemons that died
// may owe it that. Not before the work that this daemon goes on with, or was asked for meanwhile, has ended and was
// reported, for 30 s at most, because until then the Panel would show such servers as free.
import { type Clock, sleep } from '../clock/clock.ts';
import { backoffMs } from '../runtime/backoff.ts';
import type { Logger } from '../telemetry/log.ts';
import type { PanelApi } from './panel-api.ts';

export interface BootResetOptions {
  api: Pick<PanelApi, 'resetServers'>;
  /** The Panel answers and has listed the servers. */
  listed: Promise<void>;
  /** Operations that have not ended, or whose end the Panel has not heard. */
  unsettled: () => number;
  clock: Clock;
  log: Logger;
  random?: () => number;
}

const longestWaitMs = 30_000;
const lookMs = 1_000;
const tryAgain = { baseMs: 1_000, maxMs: 60_000 };

export class BootReset {
  readonly name = 'panel-reset';
  readonly #options: BootResetOptions;
  readonly #abort = new AbortController();
  readonly #done = Promise.withResolvers<void>();
  #run: Promise<void> | undefined;

  constructor(options: BootResetOptions) {
    this.#options = options;
  }

  start(): void {
    this.#run = this.#reset().catch((error: unknown) => {
      if (!this.#abort.signal.aborted) this.#options.log.error({ err: error }, 'the reset of servers was given up');
    });
  }

  async stop(): Promise<void> {
    this.#abort.abort(new Error('the daemon is stopping'));
    await this.#run;
  }

  /** Resolves when the Panel has taken it. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  async #reset(): Promise<void> {
    const { api, unsettled, clock, log, random = Math.random } = this.#options;
    const { signal } = this.#abort;
    await this.#listed(signal);
    const begin = clock.monotonic();
    while (unsettled() > 0 && clock.monotonic() - begin < longestWaitMs) await sleep(clock, lookMs, signal);
    for (let failures = 1; ; failures += 1) {
      try {
        await api.resetServers(signal);
        log.info({ unsettled: unsettled() }, 'the Panel shows no server as busy but those that are');
        this.#done.resolve();
        return;
      } catch (error) {
        signal.throwIfAborted();
        log.warn({ err: error, failures }, 'the Panel did not take the reset of servers');
        await sleep(clock, backoffMs(failures, tryAgain, random), signal);
      }
    }
  }

  #listed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#options.listed.then(resolve, reject);
    });
  }
}

// Keeps states.json true while the daemon runs, and remembers what it said when the daemon began: the one thing that is
// known of a server which this daemon has never seen.
import type { Clock } from '../clock/clock.ts';
import type { ProcessState, Server } from '../resources/server.ts';
import type { Logger } from '../telemetry/log.ts';
import { writeDurable } from '../volumes/write-durable.ts';
import { type RecordedStates, readStates, textOfStates } from './states-file.ts';

export interface ServerStatesOptions {
  /** Of states.json. */
  path: string;
  clock: Clock;
  log: Logger;
}

/** As much of an informer as is needed. */
export interface ServerChanges {
  onChange(handler: (change: { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Server }) => void): () => void;
  synced(): Promise<void>;
}

/** Between two writes, ms: when all servers of a node change at once they share a few. */
const gapMs = 500;

/** Another try after the disk refused, ms. */
const retryMs = 30_000;

export class ServerStatesKeeper {
  /** What the file said at the start. */
  readonly atStart: RecordedStates;
  readonly #options: ServerStatesOptions;
  /** What was found stays until a server is known better: a Panel that is away tells of its servers later. */
  readonly #states: Map<string, ProcessState>;
  #written: string | undefined;
  #complete = false;
  #cancelTimer: (() => void) | undefined;
  #writing: Promise<void> | undefined;
  #notBefore = 0;
  #unfollow: () => void = () => {};

  private constructor(options: ServerStatesOptions, atStart: RecordedStates) {
    this.#options = options;
    this.atStart = atStart;
    this.#states = new Map(atStart.states);
  }

  static async open(options: ServerStatesOptions): Promise<ServerStatesKeeper> {
    return new ServerStatesKeeper(options, await readStates(options.path, options.log));
  }

  /**
   * What a server that this daemon sees for the first time is to do: it ran or was starting under another daemon, so its
   * process is wanted, whether Docker still has it or a reboot took it.
   */
  firstPower(uuid: string): 'Running' | 'Stopped' {
    const state = this.atStart.states.get(uuid);
    return state === 'running' || state === 'starting' ? 'Running' : 'Stopped';
  }

  /**
   * The state of a server after another daemon had the node; undefined when this one had it last, whose own record says
   * more. A server that the other did not mention was offline.
   */
  leftBehind(uuid: string): ProcessState | undefined {
    if (!this.atStart.byAnother) return undefined;
    return this.atStart.states.get(uuid) ?? 'offline';
  }

  /** Follows the servers of the store. Until all are known the file stays as it was: it may be all there is. */
  follow(servers: ServerChanges): void {
    this.#unfollow = servers.onChange(({ type, object }) => {
      const { uuid } = object.spec;
      if (!uuid) return;
      if (type === 'DELETED') this.#states.delete(uuid);
      else this.#states.set(uuid, object.status?.state ?? this.#states.get(uuid) ?? 'offline');
      this.#schedule();
    });
    servers.synced().then(
      () => {
        this.#complete = true;
        this.#schedule();
      },
      () => undefined, // the daemon ended before it knew them
    );
  }

  /** Writes what is not written yet. Call when no state changes any more. */
  async close(): Promise<void> {
    this.#unfollow();
    this.#cancelTimer?.();
    await this.settled();
    this.#cancelTimer?.();
    if (this.#complete) await this.#write();
  }

  /** Resolves when no write is under way. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #schedule(): void {
    if (!this.#complete || this.#cancelTimer || this.#writing !== undefined) return;
    const { clock } = this.#options;
    this.#cancelTimer = clock.after(Math.max(0, this.#notBefore - clock.monotonic()), () => {
      this.#cancelTimer = undefined;
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined;
        if (textOfStates(this.#states) !== this.#written) this.#schedule();
      });
    });
  }

  async #write(): Promise<void> {
    const { path, clock, log } = this.#options;
    const text = textOfStates(this.#states);
    if (text === this.#written) return;
    try {
      await writeDurable(path, text, { mode: 0o644 });
      this.#written = text;
      this.#notBefore = clock.monotonic() + gapMs;
    } catch (error) {
      // The store knows more: only a Wings that comes after us would miss it.
      log.warn({ path, err: error }, 'the states of servers cannot be written for a Wings that may follow');
      this.#notBefore = clock.monotonic() + retryMs;
    }
  }
}

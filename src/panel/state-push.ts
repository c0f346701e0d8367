// Tells a Pelican Panel the state of each server. Per server one push at a time and the newest state next: what came and
// went in between is not told, nor what the Panel has already. Only the four process states, and only of servers that the
// Panel lists for this node.
import type { Bus } from '../bus/bus.ts';
import { type Clock, sleep } from '../clock/clock.ts';
import { isUnlisted } from '../resources/listed.ts';
import type { ProcessState, Server } from '../resources/server.ts';
import { backoffMs } from '../runtime/backoff.ts';
import type { Informer } from '../runtime/informer.ts';
import type { Logger } from '../telemetry/log.ts';
import type { PanelApi } from './panel-api.ts';
import { PanelResponseError } from './panel-errors.ts';

export interface StatePushOptions {
  api: Pick<PanelApi, 'reportState'>;
  bus: Bus;
  servers: Pick<Informer<Server>, 'list' | 'byIndex' | 'onChange'>;
  nodeName: string;
  /** Calls with each list of the Panel. With the first one every state is told once. */
  onListed: (handler: () => void) => void;
  /** Asks for a list soon: that says whether the Panel knows this node at all. */
  doubt: () => void;
  clock: Clock;
  log: Logger;
  random?: () => number;
}

interface Lane {
  /** What the Panel was told last; undefined = nothing by this daemon. */
  told: ProcessState | undefined;
  newest: ProcessState;
  /** What the Panel did not take, and is not asked again before the next change or list. */
  refused: ProcessState | undefined;
  failures: number;
  /** In a row. */
  refusals: number;
  /** In the line, on its way, or waiting for its next try. */
  busy: boolean;
}

const pushesAtATime = 4;
const tryAgain = { baseMs: 1_000, maxMs: 60_000 };

export class StatePush {
  readonly name = 'panel-states';
  readonly #options: StatePushOptions;
  readonly #abort = new AbortController();
  readonly #lanes = new Map<string, Lane>();
  /** Servers whose turn it is, oldest first. */
  readonly #line: string[] = [];
  readonly #pushes = new Set<Promise<void>>();
  #running = 0;
  #mayTell = false;
  #ends: (() => void)[] = [];

  constructor(options: StatePushOptions) {
    this.#options = options;
  }

  start(): void {
    const { bus, servers, onListed } = this.#options;
    this.#ends = [
      bus.subscribe(undefined, 'state', ({ state }, uuid) => this.#note(uuid, state)),
      servers.onChange(({ type, object }) => {
        if (type === 'DELETED') this.#lanes.delete(object.spec.uuid ?? '');
        else this.#tellFirst(object);
      }),
    ];
    onListed(() => {
      this.#mayTell = true;
      for (const server of servers.list()) this.#tellFirst(server);
      this.#tellRefused();
    });
  }

  async stop(): Promise<void> {
    this.#abort.abort(new Error('the daemon is stopping'));
    for (const end of this.#ends) end();
    await Promise.all(this.#pushes);
  }

  /** Servers whose state the Panel does not have yet. */
  get waiting(): number {
    let count = 0;
    for (const { told, newest } of this.#lanes.values()) if (told !== newest) count += 1;
    return count;
  }

  /** A state that was found, not changed to, is nowhere said: of a new server, and of one that is offline at the start. */
  #tellFirst({ spec, status }: Server): void {
    const { uuid } = spec;
    if (!this.#mayTell || !uuid || !status?.state || this.#lanes.has(uuid)) return;
    this.#note(uuid, status.state);
  }

  /** The Panel knows the node: what it refused may have been refused for another token, or before it had the server. */
  #tellRefused(): void {
    for (const [uuid, lane] of this.#lanes) {
      if (lane.refused === undefined) continue;
      lane.refused = undefined;
      if (!lane.busy && lane.newest !== lane.told) this.#enqueue(uuid, lane);
    }
  }

  #note(uuid: string, state: ProcessState): void {
    if (this.#abort.signal.aborted || !this.#isOurs(uuid)) return;
    const lane = this.#lanes.get(uuid) ?? {
      ...{ told: undefined, newest: state, refused: undefined },
      ...{ failures: 0, refusals: 0, busy: false },
    };
    this.#lanes.set(uuid, lane);
    lane.newest = state;
    if (!lane.busy && lane.told !== state && lane.refused !== state) this.#enqueue(uuid, lane);
  }

  #enqueue(uuid: string, lane: Lane): void {
    lane.busy = true;
    this.#line.push(uuid);
    this.#next();
  }

  #next(): void {
    while (this.#running < pushesAtATime && !this.#abort.signal.aborted) {
      const uuid = this.#line.shift();
      if (uuid === undefined) return;
      const lane = this.#lanes.get(uuid);
      if (!lane) continue;
      this.#running += 1;
      const push = this.#push(uuid, lane).finally(() => {
        this.#running -= 1;
        this.#pushes.delete(push);
        this.#next();
      });
      this.#pushes.add(push);
    }
  }

  async #push(uuid: string, lane: Lane): Promise<void> {
    const { api, log, doubt } = this.#options;
    const { signal } = this.#abort;
    const next = lane.newest;
    if (!this.#isOurs(uuid)) {
      this.#lanes.delete(uuid);
      return;
    }
    try {
      await api.reportState(uuid, { previous: lane.told ?? next, next }, signal);
      lane.failures = 0;
      lane.refusals = 0;
      lane.refused = undefined;
      lane.told = next;
    } catch (error) {
      if (signal.aborted) return;
      lane.failures += 1;
      if (!isFinal(error)) {
        this.#tryLater(uuid, lane);
        return;
      }
      log.info({ err: error, server: uuid }, 'the Panel does not take the state of a server');
      lane.failures = 0;
      lane.refusals += 1;
      lane.refused = next;
      // Once: what is refused although the node is known is the Panel's last word, until something changes.
      if (lane.refusals === 1) doubt();
    }
    lane.busy = false;
    if (lane.newest !== lane.told && lane.newest !== lane.refused) this.#enqueue(uuid, lane);
  }

  /** Without a place: others are not to wait for it. */
  #tryLater(uuid: string, lane: Lane): void {
    const { clock, random = Math.random } = this.#options;
    const { signal } = this.#abort;
    sleep(clock, backoffMs(lane.failures, tryAgain, random), signal).then(
      () => {
        if (this.#lanes.get(uuid) !== lane) return;
        if (lane.told === lane.newest) lane.busy = false;
        else this.#enqueue(uuid, lane);
      },
      () => {}, // Only `stop` ends the wait.
    );
  }

  #isOurs(uuid: string): boolean {
    const { servers, nodeName } = this.#options;
    const [server] = servers.byIndex('uuid', uuid);
    if (!server || isUnlisted(server)) return false;
    return server.spec.owner?.kind === 'Panel' && (server.spec.nodeName ?? nodeName) === nodeName;
  }
}

/** The Panel understood and says no; whom it asks to wait may ask again. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof PanelResponseError)) return false;
  return error.status >= 400 && error.status < 500 && error.status !== 408 && error.status !== 429;
}

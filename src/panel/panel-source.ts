// Keeps the Server objects of a Panel as the Panel describes them. Guarantees: the daemon never waits for the Panel; while
// it is away the stored configuration counts and the list is asked for again for ever, every 60 s at the latest; a change
// that nobody told comes with a list that is taken every so often; a server that the Panel does not list any more is
// marked and kept: no answer of a Panel deletes anything.
import { type Clock, sleep, timestamp } from '../clock/clock.ts';
import type { Flavour } from '../config/config.ts';
import type { EventRecorder } from '../resources/event.ts';
import { isUnlisted } from '../resources/listed.ts';
import type { Server } from '../resources/server.ts';
import { backoffMs } from '../runtime/backoff.ts';
import type { Informer } from '../runtime/informer.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/log.ts';
import { KnownAway } from './known-away.ts';
import { markListed } from './listed-mark.ts';
import { type Listing, listServers } from './listing.ts';
import { NodeReport, type PanelFacts } from './node-report.ts';
import type { PanelApi } from './panel-api.ts';
import { isAway, isPanelError, isRefusal, PanelResponseError } from './panel-errors.ts';
import type { PanelCounts } from './panel-metrics.ts';
import { BadRecordError, uuidOfRecord } from './server-record.ts';
import type { ServerWriter } from './server-writer.ts';
import { Suspicion } from './suspicion.ts';
import { PanelRefusedError, type PanelSync, type RefreshOptions, StaleUnknownError } from './sync.ts';

export interface PanelSourceOptions {
  api: Pick<PanelApi, 'servers' | 'server'>;
  store: Store;
  servers: Pick<Informer<Server>, 'list' | 'onChange'>;
  writer: ServerWriter;
  events: EventRecorder;
  nodeName: string;
  flavour: Flavour;
  perPage: number;
  /** From one list that succeeded to the next, ms, give or take a quarter; 0 = none without a reason. */
  listEveryMs: number;
  clock: Clock;
  log: Logger;
  random?: () => number;
}

const tryAgain = { baseMs: 1_000, maxMs: 60_000 };

const betweenListsMs = 5_000;

/** Of those who wait for a Panel that is away, ms. */
const patienceMs = { hurry: 3_000, skip: 0 };

/** Nodes that were started together do not ask together for ever. */
const spread = 0.25;

export class PanelSource implements PanelSync {
  readonly name = 'panel';
  readonly #options: PanelSourceOptions;
  readonly #report: NodeReport;
  readonly #abort = new AbortController();
  readonly #firstList = Promise.withResolvers<void>();
  #facts: PanelFacts = {
    reachable: undefined,
    reason: 'Unreachable',
    error: '',
    listedAt: undefined,
    servers: 0,
    unlisted: 0,
    refused: 0,
  };
  /** Resolved when a list is wanted. */
  #wanted = Promise.withResolvers<void>();
  #run: Promise<void> | undefined;
  #cancelNext: (() => void) | undefined;
  #unsubscribe: (() => void) | undefined;
  readonly #onBack: (() => void)[] = [];
  readonly #onListed: (() => void)[] = [];
  readonly #suspicion: Suspicion;
  readonly #away: KnownAway;

  constructor(options: PanelSourceOptions) {
    const { clock, random = Math.random } = options;
    this.#options = options;
    this.#report = new NodeReport(options);
    this.#away = new KnownAway(clock);
    this.#suspicion = new Suspicion({ clock, random, look: () => this.relist() });
  }

  start(): void {
    const { servers, writer } = this.#options;
    this.#unsubscribe = servers.onChange(({ type, object }) => {
      if (type === 'DELETED') writer.gone(object);
    });
    this.#wanted.resolve();
    this.#run = this.#keepListing();
  }

  /** No list is taken any more. Whoever asks for one server still may, until `close`. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error('the daemon is stopping'));
    this.#cancelNext?.();
    this.#wanted.resolve();
    this.#suspicion.stop();
    await this.#run;
    await this.#report.stop();
  }

  /** Call after those who ask for servers have ended. */
  close(): void {
    this.#unsubscribe?.();
  }

  /** Resolves when all servers were listed once since the start. May never be. */
  get listed(): Promise<void> {
    return this.#firstList.promise;
  }

  /** Calls with each list that comes after none did. */
  onBack(handler: () => void): void {
    this.#onBack.push(handler);
  }

  /** Calls with each list. */
  onListed(handler: () => void): void {
    this.#onListed.push(handler);
  }

  /** Somebody wonders whether the Panel still knows this node: a list says so, soon. */
  doubt(): void {
    if (this.#facts.reachable === true) this.#suspicion.raise();
  }

  /** Asks for the list anew, also while the Panel is taken to answer. */
  relist(): void {
    this.#wanted.resolve();
  }

  /** Hears how every call to the Panel ended. One that finds nobody has the list asked for, which says whether that is so. */
  heard(error: unknown): void {
    if (isAway(error)) this.doubt();
  }

  /** For `/readyz`: undefined when there is nothing to say. */
  summary(): string | undefined {
    const { reachable, listedAt, unlisted, refused, error } = this.#facts;
    const since = listedAt === undefined ? 'no list yet' : `list of ${listedAt}`;
    if (reachable === undefined) return `not asked yet, ${since}`;
    if (!reachable) return `away (${error}), ${since}`;
    const remarks = [...(unlisted > 0 ? [`${unlisted} unlisted`] : []), ...(refused > 0 ? [`${refused} refused`] : [])];
    return remarks.length > 0 ? remarks.join(', ') : undefined;
  }

  counts(): Omit<PanelCounts, 'statesWaiting'> {
    const { reachable, unlisted, refused, listedAt } = this.#facts;
    const seconds = listedAt === undefined ? 0 : Date.parse(listedAt) / 1000;
    return { reachable: reachable === true, unlisted, refused, listedAt: seconds };
  }

  async refresh(uuid: string, signal: AbortSignal, options: RefreshOptions = {}): Promise<'fresh' | 'stale'> {
    const { store, writer } = this.#options;
    const ticket = writer.ticket();
    let record: unknown;
    try {
      record = await this.#ask(uuid, signal, options);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof PanelResponseError && isRefusal(error)) throw refusalOf(error);
      if (!isPanelError(error)) throw error;
      if (!(await store.get('Server', uuid)))
        throw new StaleUnknownError('the Panel does not answer, and this server is not known here yet', {
          cause: error,
        });
      return 'stale';
    }
    signal.throwIfAborted();
    if (uuidOfRecord(record) !== uuid) throw new PanelRefusedError('the Panel answered with another server');
    try {
      await writer.write(record, ticket, options);
    } catch (error) {
      if (!(error instanceof BadRecordError)) throw error;
      throw new PanelRefusedError(`what the Panel says of this server cannot be used: ${error.message}`, {
        cause: error,
      });
    } finally {
      this.#count();
    }
    await this.#confirm(uuid);
    return 'fresh';
  }

  async #ask(uuid: string, signal: AbortSignal, { whileAway = 'ask' }: RefreshOptions): Promise<unknown> {
    const { api } = this.#options;
    if (whileAway === 'ask') return api.server(uuid, signal);
    using patience = this.#away.patience(patienceMs[whileAway]);
    // Not even begun.
    patience.signal.throwIfAborted();
    return await api.server(uuid, AbortSignal.any([signal, patience.signal]), patience.mayRepeat);
  }

  /** Pelican answers for servers of this node alone; of Pterodactyl only the list says whose a server is. */
  async #confirm(uuid: string): Promise<void> {
    const { store, flavour } = this.#options;
    const server = await store.get<Server>('Server', uuid);
    if (!server || !isUnlisted(server)) return;
    if (flavour === 'pelican') await markListed(this.#options, server, true);
    else this.relist();
  }

  async #keepListing(): Promise<void> {
    const { signal } = this.#abort;
    const { clock, log, random = Math.random } = this.#options;
    this.#say({ listedAt: await this.#report.lastListedAt().catch(() => undefined) });
    for (let failures = 0; !signal.aborted; ) {
      await this.#wanted.promise;
      if (signal.aborted) return;
      this.#wanted = Promise.withResolvers();
      try {
        await this.#list(signal);
        failures = 0;
        this.#listAgainLater();
        // Whoever wants it anew waits a moment: one call that keeps failing must not make a list each time.
        await sleep(clock, betweenListsMs, signal).catch(() => {});
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        const delay = backoffMs(failures, tryAgain, random);
        const fields = { err: error, failures, retryInMs: Math.round(delay) };
        if (isPanelError(error)) {
          this.#failed(error);
          log.warn(fields, 'the servers of the Panel could not be listed');
        } else log.error(fields, 'the list of the Panel could not be taken up by this node');
        // Only `stop` aborts the wait, and the loop's condition sees that.
        await sleep(clock, delay, signal).catch(() => {});
        this.#wanted.resolve();
      }
    }
  }

  #listAgainLater(): void {
    const { clock, listEveryMs, random = Math.random } = this.#options;
    this.#cancelNext?.();
    if (listEveryMs === 0) return;
    this.#cancelNext = clock.after(listEveryMs * (1 - spread + 2 * spread * random()), () => this.relist());
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { writer, perPage, clock, log } = this.#options;
    const begin = writer.ticket();
    const startedAt = clock.monotonic();
    const listing = await listServers({ ...this.#options, writer, perPage }, signal);
    if (listing.complete) await this.#markAll(listing, begin);
    const wasAway = this.#facts.reachable !== true;
    this.#away.found(undefined);
    this.#say({ reachable: true, listedAt: timestamp(clock), servers: listing.uuids.size });
    if (wasAway) for (const handler of this.#onBack) handler();
    this.#count();
    const ms = Math.round(clock.monotonic() - startedAt);
    log.info(
      { servers: listing.uuids.size, written: listing.written, ms },
      'the Panel listed the servers of this node',
    );
    this.#firstList.resolve();
    for (const handler of this.#onListed) handler();
  }

  #failed(error: unknown): void {
    this.#away.found(error);
    const isAnswer = error instanceof PanelResponseError && error.status < 500;
    this.#say({ reachable: false, reason: isAnswer ? 'Refused' : 'Unreachable', error: messageOf(error) });
  }

  /** What was confirmed one by one since the list was begun is listed. */
  async #markAll({ uuids, nameless }: Listing, begin: number): Promise<void> {
    const { servers, writer, nodeName } = this.#options;
    writer.forgetRefused((uuid) => {
      return uuid === '' ? nameless.size === 0 : !uuids.has(uuid) && writer.newestOf(uuid) <= begin;
    });
    let unlisted = 0;
    for (const server of servers.list()) {
      const { uuid = '', owner, nodeName: itsNode = nodeName } = server.spec;
      if (owner?.kind !== 'Panel' || itsNode !== nodeName || server.metadata.deletionTimestamp) continue;
      const isListed = uuids.has(uuid) || writer.newestOf(uuid) > begin;
      if (!isListed) unlisted += 1;
      await markListed(this.#options, server, isListed);
    }
    this.#say({ unlisted });
  }

  #count(): void {
    const { refused } = this.#options.writer;
    if (refused !== this.#facts.refused) this.#say({ refused });
  }

  #say(facts: Partial<PanelFacts>): void {
    this.#facts = { ...this.#facts, ...facts };
    this.#report.set(this.#facts);
  }
}

function refusalOf(error: PanelResponseError): PanelRefusedError {
  const text =
    error.status === 404
      ? 'server does not exist on remote system'
      : `the Panel does not confirm this server: ${error.detail}`;
  return new PanelRefusedError(text, { status: error.status, cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// The Store on SQLite, as the rest of the daemon sees it. The database lives in a worker thread: a commit on a busy disk
// takes its time there and never on the main thread. Answers and changes arrive in commit order.
import { Worker } from 'node:worker_threads';
import { type Clock, timestamp } from '../../clock/clock.ts';
import type { ObjectInput, StoredObject } from '../../resources/object.ts';
import type { Logger } from '../../telemetry/log.ts';
import { StoreClosedError, StoreUnavailableError } from '../errors.ts';
import { defaultHistoryLimits, type HistoryLimits, historyAgeCheckMs } from '../history.ts';
import { jsonOf, parseFrozen } from '../json.ts';
import { targetOf, type Write } from '../object-write.ts';
import type { ListOptions, ObjectList, Preconditions, Store, WatchEvent } from '../store.ts';
import { defaultWatchBuffer, type Opening, WatchHub } from '../watch-hub.ts';
import { fromErrorData } from './error-data.ts';
import type { Answer, FromWorker, Outcome, Request, ToWorker, WorkerOptions } from './messages.ts';

export interface SqliteStoreOptions {
  /** The database file; its directory is made if it is not there. `.lock`, `.pid` and `-wal` stand beside it. */
  path: string;
  clock: Clock;
  log: Logger;
  historyLimits?: HistoryLimits;
  /** Live events that may wait for one watching reader. */
  watchBuffer?: number;
}

type AnswerOf<Type extends Answer['type']> = Extract<Answer, { type: Type }>;

type NewRequest = Request extends infer Each ? (Each extends Request ? Omit<Each, 'id'> : never) : never;

interface Pending {
  kind: string;
  name: string;
  resolve(answer: Answer, object: StoredObject | undefined): void;
  reject(error: Error): void;
}

/** Requests that may wait for the worker. Beyond it the disk has stood still for long and more waiting helps nobody. */
const maxPending = 10_000;

/** @throws StoreLockedError, StoreVersionError, StoreUnavailableError */
export function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  return SqliteStore.connect(startStoreWorker(options), options);
}

export function startStoreWorker({ path, clock, historyLimits }: SqliteStoreOptions): Worker {
  const workerData: WorkerOptions = {
    path,
    historyLimits: historyLimits ?? defaultHistoryLimits,
    now: timestamp(clock),
  };
  return new Worker(new URL('./sqlite-worker.ts', import.meta.url), { workerData, name: 'store' });
}

export class SqliteStore implements Store {
  /** The new name of a database that could not be used; undefined when the one found was opened. */
  readonly setAside: string | undefined;
  /** Resolves when the worker died: nothing can be stored any more, and the daemon should end. Never otherwise. */
  readonly failed: Promise<StoreUnavailableError>;

  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #hub: WatchHub;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #refusal: Error | undefined;
  #tellFailure: (error: StoreUnavailableError) => void = () => {};
  #closing: Promise<void> | undefined;
  #closed: () => void = () => {};
  #cancelAgeCheck: (() => void) | undefined;

  /** Waits for the worker's word on the database. */
  static connect(worker: Worker, options: SqliteStoreOptions): Promise<SqliteStore> {
    return new Promise((resolve, reject) => {
      const onError = (cause: unknown) => reject(new StoreUnavailableError('the store could not start', { cause }));
      const onExit = (code: number) => onError(new Error(`its worker ended with code ${code}`));
      worker.once('error', onError);
      worker.once('exit', onExit);
      worker.once('message', (message: FromWorker) => {
        worker.off('error', onError);
        worker.off('exit', onExit);
        if (message.type === 'opened') resolve(new SqliteStore(worker, options, message));
        else
          reject(message.type === 'refused' ? fromErrorData(message.error) : new Error(`unexpected ${message.type}`));
      });
    });
  }

  private constructor(worker: Worker, options: SqliteStoreOptions, opened: Extract<FromWorker, { type: 'opened' }>) {
    const { path, clock, log, watchBuffer } = options;
    this.#worker = worker;
    this.#clock = clock;
    this.#log = log;
    this.#hub = new WatchHub(clock, watchBuffer ?? defaultWatchBuffer);
    this.setAside = opened.setAside?.path;
    this.failed = new Promise((resolve) => {
      this.#tellFailure = resolve;
    });
    if (opened.setAside)
      log.error(
        { path, setAside: opened.setAside.path, reason: opened.setAside.reason },
        'the state was damaged: set aside, started with no objects',
      );
    for (const warning of opened.warnings) log.warn({ path, warning }, 'the store opened with a warning');
    log.info({ path, revision: opened.revision }, 'store opened');
    worker.on('message', (message: FromWorker) => this.#receive(message));
    worker.on('error', (cause) => this.#die(cause));
    worker.on('exit', (code) => this.#onExit(code));
    this.#scheduleAgeCheck();
  }

  async get<T extends StoredObject = StoredObject>(kind: string, name: string): Promise<T | undefined> {
    return this.#object<T>({ op: 'get', kind, name });
  }

  async list<T extends StoredObject = StoredObject>(kind: string, options: ListOptions = {}): Promise<ObjectList<T>> {
    const { labels, name } = options;
    const answer = await new Promise<AnswerOf<'list'>>((resolve, reject) => {
      this.#send(
        { op: 'list', kind, labels, name },
        { resolve: (found) => resolve(found as AnswerOf<'list'>), reject },
      );
    });
    return { items: answer.items.map((json) => parseFrozen<T>(json)), resourceVersion: String(answer.revision) };
  }

  async create<T extends StoredObject = StoredObject>(object: ObjectInput): Promise<T> {
    return this.#write<T>({ op: 'create', object });
  }

  async update<T extends StoredObject = StoredObject>(object: ObjectInput): Promise<T> {
    return this.#write<T>({ op: 'update', object });
  }

  async updateStatus<T extends StoredObject = StoredObject>(object: ObjectInput): Promise<T> {
    return this.#write<T>({ op: 'updateStatus', object });
  }

  async patch<T extends StoredObject = StoredObject>(
    kind: string,
    name: string,
    patch: Record<string, unknown>,
  ): Promise<T> {
    return this.#write<T>({ op: 'patch', kind, name, patch });
  }

  async delete<T extends StoredObject = StoredObject>(
    kind: string,
    name: string,
    preconditions: Preconditions = {},
  ): Promise<T> {
    return this.#write<T>({ op: 'delete', kind, name, preconditions });
  }

  listAndWatch<T extends StoredObject = StoredObject>(
    kind: string,
    options: { from?: string; signal?: AbortSignal } = {},
  ): AsyncIterable<WatchEvent<T>> {
    const { from, signal } = options;
    return this.#hub.watch(kind, signal, (opening) => this.#join(opening, kind, from)) as AsyncIterable<WatchEvent<T>>;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#refusal) return;
    this.#refusal = new StoreClosedError();
    this.#cancelAgeCheck?.();
    await new Promise<void>((resolve) => {
      this.#closed = resolve;
      this.#post({ type: 'close' });
    });
  }

  async #write<T extends StoredObject>(write: Write): Promise<T> {
    const target = targetOf(write);
    const object = await this.#object<T>({ op: 'write', ...target, write: jsonOf(write), now: timestamp(this.#clock) });
    if (!object) throw new StoreUnavailableError('the store answered a write without an object');
    return object;
  }

  #object<T extends StoredObject>(request: NewRequest): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#send(request, { resolve: (_answer, object) => resolve(object as T | undefined), reject });
    });
  }

  /** The stream joins while the batch is being received: after the changes before it, before those after it. */
  #join(opening: Opening, kind: string, from: string | undefined): void {
    this.#send(
      { op: 'watch', kind, from },
      {
        resolve: (answer) => {
          const { events, revision } = answer as AnswerOf<'events'>;
          opening.join(parsed(events), revision);
        },
        reject: opening.fail,
      },
    );
  }

  #send(request: NewRequest, pending: Pick<Pending, 'resolve' | 'reject'>): void {
    if (this.#refusal) throw this.#refusal;
    if (this.#pending.size >= maxPending) {
      throw new StoreUnavailableError(`the store is not keeping up: ${maxPending} requests are waiting for the disk`);
    }
    this.#lastId += 1;
    const { kind } = request;
    const name = 'name' in request ? (request.name ?? '') : '';
    this.#pending.set(this.#lastId, { kind, name, ...pending });
    this.#post({ type: 'request', request: { ...request, id: this.#lastId } as Request });
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromWorker): void {
    if (message.type === 'batch') for (const outcome of message.outcomes) this.#settle(outcome);
    else if (message.type === 'problem') this.#log.error({ problem: message.message }, 'the store has a problem');
  }

  #settle(outcome: Outcome): void {
    const pending = this.#pending.get(outcome.id);
    if (!pending) return;
    this.#pending.delete(outcome.id);
    if ('error' in outcome) {
      pending.reject(fromErrorData(outcome.error, pending));
      return;
    }
    const { answer } = outcome;
    if (answer.type !== 'object') {
      pending.resolve(answer, undefined);
      return;
    }
    let object: StoredObject | undefined;
    try {
      if (answer.json !== undefined) object = parseFrozen(answer.json);
    } catch (cause) {
      // A text that was damaged since the check at start. Only this request suffers.
      pending.reject(new StoreUnavailableError(`${pending.kind} "${pending.name}" is damaged in the store`, { cause }));
      return;
    }
    // Published before the writer hears of it: who has its answer finds the change in every stream.
    if (object && answer.change) this.#hub.publish({ type: answer.change, object });
    pending.resolve(answer, object);
  }

  #onExit(code: number): void {
    const wanted = this.#closing !== undefined;
    if (wanted) {
      this.#hub.end(new StoreClosedError());
      this.#closed();
    }
    if (!wanted || this.#pending.size > 0) this.#die(new Error(`its worker ended with code ${code}`));
  }

  #die(cause: unknown): void {
    if (this.#refusal instanceof StoreUnavailableError) return;
    const error = new StoreUnavailableError('the store has failed and takes no more requests', { cause });
    this.#refusal ??= error;
    this.#cancelAgeCheck?.();
    this.#log.error({ err: cause }, 'the store has failed');
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
    this.#hub.end(error);
    this.#tellFailure(error);
  }

  #scheduleAgeCheck(): void {
    this.#cancelAgeCheck = this.#clock.after(historyAgeCheckMs, () => {
      this.#post({ type: 'forget', now: timestamp(this.#clock) });
      this.#scheduleAgeCheck();
    });
  }
}

/** Parsed as the reader takes them, so that a large snapshot is not one long halt of the main thread. */
function* parsed(events: AnswerOf<'events'>['events']): Generator<WatchEvent> {
  for (const { type, json } of events) yield { type, object: parseFrozen(json) };
}

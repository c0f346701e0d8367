// The journal as the main thread sees it. Its database is in a thread that is there only while it has work: a report a
// minute needs none in between, and a thread takes 12 MB.
import { Worker } from 'node:worker_threads';
import type { Clock } from '../clock/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import { type Activity, isSftp } from './activity.ts';
import type { ActivityMetrics } from './activity-metrics.ts';
import type { Row } from './entries.ts';
import { type Journal, JournalError, type Lane, mostBytes, mostRows } from './journal.ts';
import type {
  FoundRow,
  FromJournal,
  JournalAnswer,
  JournalNews,
  JournalRequest,
  JournalWorkerOptions,
  ToJournal,
} from './journal-messages.ts';

export interface WorkerJournalOptions {
  /** The database; its directory exists. */
  path: string;
  /** Database of Wings, whose rows are taken over; empty = none. */
  wingsPath?: string;
  clock: Clock;
  log: Logger;
  metrics: ActivityMetrics;
  /** Rows at most. */
  mostRows?: number;
}

type NewRequest = JournalRequest extends infer Each
  ? Each extends JournalRequest
    ? Omit<Each, 'id' | 'now'>
    : never
  : never;

interface Pending {
  resolve(rows: FoundRow[]): void;
  reject(error: JournalError): void;
}

/** Requests that may wait for the disk: beyond it, it has stood still for long. */
const mostPending = 10_000;

/** How long a thread without work is kept, ms. */
const idleMs = 30_000;

/** For what waits to reach the disk when the daemon ends, ms. */
const closeWithinMs = 2_000;

/** Enough for a page; a defect must not take the daemon's memory with it. */
const maxHeapMb = 128;

export class WorkerJournal implements Journal {
  readonly #options: WorkerJournalOptions;
  readonly #pending = new Map<number, Pending>();
  #stored: Record<Lane, number> | undefined;
  readonly #adding: Record<Lane, number> = { plain: 0, sftp: 0 };
  #worker: Worker | undefined;
  #lastId = 0;
  #cancelIdle: (() => void) | undefined;
  #closed = false;
  /** One line in the log for each time that rows begin to be lost. */
  #losing = { overflow: false, notStored: false };

  constructor(options: WorkerJournalOptions) {
    this.#options = options;
  }

  get waiting(): Readonly<Record<Lane, number>> | undefined {
    const { plain, sftp } = this.#adding;
    return this.#stored && { plain: this.#stored.plain + plain, sftp: this.#stored.sftp + sftp };
  }

  add(activity: Activity): void {
    const lane = isSftp(activity.event) ? 'sftp' : 'plain';
    const row = { lane, at: Date.parse(activity.timestamp), json: JSON.stringify(activity) } as const;
    this.#adding[lane] += 1;
    this.#ask({ op: 'add', row }).then(
      () => {
        this.#adding[lane] -= 1;
        this.#losing.notStored = false;
      },
      (error: unknown) => {
        this.#adding[lane] -= 1;
        this.#lost(error);
      },
    );
  }

  async page(lane: Lane, after: number, limit: number): Promise<Row[]> {
    const rows = await this.#ask({ op: 'page', lane, after, limit });
    return rows.map(({ id, json }) => ({ id, activity: JSON.parse(json) as Activity }));
  }

  async remove(ids: readonly number[]): Promise<void> {
    await this.#ask({ op: 'remove', ids });
  }

  /** What was added is on the disk, or a line says that it is not. */
  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    if (!worker) return;
    const cancel = this.#options.clock.after(closeWithinMs, () => void worker.terminate());
    await this.#release();
    cancel();
  }

  #ask(request: NewRequest): Promise<FoundRow[]> {
    if (this.#closed) return Promise.reject(new JournalError('the journal of activity is closed'));
    if (this.#pending.size >= mostPending) {
      return Promise.reject(new JournalError(`the disk is not keeping up: ${mostPending} requests are waiting for it`));
    }
    this.#cancelIdle?.();
    this.#cancelIdle = undefined;
    this.#lastId += 1;
    const id = this.#lastId;
    const worker = this.#worker ?? this.#start();
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      worker.postMessage({ ...request, id, now: this.#options.clock.now() } as ToJournal);
    });
  }

  #start(): Worker {
    const { path, wingsPath = '', mostRows: rows = mostRows } = this.#options;
    const workerData: JournalWorkerOptions = { path, wingsPath, mostRows: rows, mostBytes };
    const worker = new Worker(new URL('./journal-worker.ts', import.meta.url), {
      workerData,
      name: 'activity',
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    });
    worker.on('message', (message: FromJournal) => this.#receive(message));
    worker.on('error', (cause) => this.#ended(worker, cause));
    worker.on('exit', (code) => this.#ended(worker, new Error(`its thread ended with code ${code}`)));
    return worker;
  }

  #receive({ answers, news }: FromJournal): void {
    if (news) this.#tell(news);
    for (const answer of answers) this.#settle(answer);
    if (this.#pending.size > 0 || this.#closed) return;
    this.#cancelIdle?.();
    this.#cancelIdle = this.#options.clock.after(idleMs, () => void this.#release());
  }

  #settle({ id, rows, error }: JournalAnswer): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) pending?.resolve(rows);
    else pending?.reject(new JournalError(`the journal of activity could not do this: ${error}`));
  }

  /** Lets the thread go; who asks next gets another one, which waits until the file is free. */
  #release(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#cancelIdle?.();
    this.#cancelIdle = undefined;
    if (!worker) return Promise.resolve();
    return new Promise((resolve) => {
      worker.once('exit', () => resolve());
      worker.postMessage({ op: 'close' } satisfies ToJournal);
    });
  }

  #ended(worker: Worker, cause: unknown): void {
    if (worker !== this.#worker && !this.#closed) return;
    this.#worker = undefined;
    if (this.#pending.size === 0) return;
    const error = new JournalError('the thread of the activity journal ended', { cause });
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #tell({ waiting, overflow, aged, takenOver, unusable, warnings }: JournalNews): void {
    const { log, metrics } = this.#options;
    this.#stored = waiting;
    metrics.waiting(waiting);
    metrics.dropped('overflow', overflow);
    metrics.dropped('age', aged);
    metrics.dropped('invalid', unusable);
    if (overflow > 0 && !this.#losing.overflow) {
      log.warn({ rows: waiting.plain + waiting.sftp }, 'too much activity waits for the Panel: the oldest is dropped');
    }
    if (overflow > 0 || waiting.plain + waiting.sftp === 0) this.#losing.overflow = overflow > 0;
    if (takenOver > 0) log.info({ rows: takenOver }, 'took over activity that Wings had not sent');
    for (const warning of warnings) log.warn({ warning }, 'the journal of activity opened with a warning');
  }

  #lost(error: unknown): void {
    const { log, metrics } = this.#options;
    metrics.dropped('not_stored', 1);
    if (!this.#losing.notStored) log.error({ err: error }, 'what users do is not recorded for the Panel');
    this.#losing.notStored = true;
  }
}

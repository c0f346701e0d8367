// Brings the configuration files of a server to what its egg says, before it starts. Whatever is in them or in the egg, the
// daemon goes on: each file has a time limit in a thread with a memory limit, what fails is logged and left as it is, and
// the start is never held up for long.
import { Worker } from 'node:worker_threads';
import { type Clock, systemClock } from '../clock/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Owner } from '../volumes/owner.ts';
import type { EggConfigFile, EggContext } from './config-file.ts';
import type { EggFileResult, EggFileTask } from './edit-file.ts';
import type { EggReply } from './egg-messages.ts';

/** Servers at a time; each has a thread of 20 MB while its files are edited. */
const serversAtATime = 2;

/**
 * A large ordinary file takes some hundred ms. Parsing one of the largest size may run into either limit; the thread ends
 * then and nothing else.
 */
const defaultLimits: EggLimits = { fileMs: 5_000, heapMb: 512 };

/** Of all files of one server together, so that an egg with many slow ones does not keep the others waiting. */
const serverLimitMs = 20_000;

/** For a disk that is busy. */
const writeLimitMs = 30_000;
const loadLimitMs = 30_000;

export interface EggConfigurationRequest {
  /** The server's root, absolute: `Volumes.path(uuid)`. */
  directory: string;
  /** Whom new files and directories belong to. */
  owner: Owner;
  configs: readonly EggConfigFile[];
  context: EggContext;
  /** The server's. */
  log: Logger;
}

export interface EggFileReport extends EggFileResult {
  /** As the egg names it. */
  file: string;
}

export interface EggLimits {
  /** For one file, until it is written; ms. */
  fileMs: number;
  heapMb: number;
}

export class EggConfiguration {
  readonly #clock: Clock;
  readonly #limits: EggLimits;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor({ clock = systemClock, limits = {} }: { clock?: Clock; limits?: Partial<EggLimits> } = {}) {
    this.#clock = clock;
    this.#limits = { ...defaultLimits, ...limits };
  }

  /** In the order of `configs`. @throws the signal's reason, as soon as it is aborted; nothing else */
  async apply(request: EggConfigurationRequest, signal: AbortSignal): Promise<EggFileReport[]> {
    if (request.configs.length === 0) return [];
    await this.#turn(signal);
    try {
      return await this.#applyAll(request, signal);
    } finally {
      const next = this.#waiting.shift();
      // The place changes hands, so nobody can come between.
      if (next) next();
      else this.#running -= 1;
    }
  }

  async #applyAll(request: EggConfigurationRequest, signal: AbortSignal): Promise<EggFileReport[]> {
    const { configs, log, directory, owner, context } = request;
    const deadline = this.#clock.monotonic() + serverLimitMs;
    const reports: EggFileReport[] = [];
    await using thread = new EggThread(this.#clock, this.#limits, signal);
    for (const config of configs) {
      const result =
        this.#clock.monotonic() < deadline
          ? await thread.edit({ directory, owner, config, context })
          : failed('the time for the files of this server is over');
      const report = { file: config.file, ...result };
      logReport(log, report);
      reports.push(report);
    }
    return reports;
  }

  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#running < serversAtATime) {
      this.#running += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const go = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        reject(signal.reason);
      };
      this.#waiting.push(go);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}

/** Started for the first file, and again after one that ended it. */
class EggThread implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #limits: EggLimits;
  readonly #signal: AbortSignal;
  #worker: Worker | undefined;

  constructor(clock: Clock, limits: EggLimits, signal: AbortSignal) {
    this.#clock = clock;
    this.#limits = limits;
    this.#signal = signal;
  }

  /** @throws the signal's reason */
  async edit(task: EggFileTask): Promise<EggFileResult> {
    try {
      const reply = await this.#answer(this.#worker ?? (await this.#started()), this.#limits.fileMs, task);
      return reply.kind === 'done' ? reply.result : failed('the parser gave no answer');
    } catch (error) {
      await this.#end();
      this.#signal.throwIfAborted();
      return failed(error instanceof Error ? error.message : String(error));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }

  async #started(): Promise<Worker> {
    const worker = new Worker(new URL('./egg-worker.ts', import.meta.url), {
      name: 'egg-configuration',
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.heapMb },
    });
    // When no answer is awaited, an error has nobody to tell; the next file finds the thread gone.
    worker.on('error', () => {});
    // The end may come together with the last answer, before the next one is awaited.
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    this.#worker = worker;
    await this.#answer(worker, loadLimitMs);
    if (this.#worker !== worker) throw new Error('the parser ended');
    return worker;
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  /**
   * The last reply to a task, or that the thread is ready. What is being written is waited for even after an abort, so
   * that no half file is left. @throws when the time is over, the thread ends or the signal is aborted
   */
  async #answer(worker: Worker, limitMs: number, task?: EggFileTask): Promise<EggReply> {
    const over = new AbortController();
    try {
      return await new Promise<EggReply>((resolve, reject) => {
        const fail = (message: string, cause?: unknown) => reject(new Error(message, { cause }));
        const limit = (ms: number) => this.#clock.after(ms, () => fail(`it took more than ${ms / 1000} s`));
        const onAbort = () => reject(this.#signal.reason);
        const onError = (cause: unknown) => fail(`the parser ended${detail(cause)}`, cause);
        const onExit = () => fail('the parser ended');
        const onMessage = (reply: EggReply) => {
          if (reply.kind !== 'edited') return resolve(reply);
          cancel();
          cancel = limit(writeLimitMs);
          this.#signal.removeEventListener('abort', onAbort);
        };
        let cancel = limit(limitMs);
        worker.on('message', onMessage).on('error', onError).on('exit', onExit);
        this.#signal.addEventListener('abort', onAbort);
        over.signal.addEventListener('abort', () => {
          cancel();
          worker.off('message', onMessage).off('error', onError).off('exit', onExit);
          this.#signal.removeEventListener('abort', onAbort);
        });
        if (this.#signal.aborted) onAbort();
        else if (task) worker.postMessage(task);
      });
    } finally {
      over.abort();
    }
  }
}

function logReport(log: Logger, { file, result, reason, notes }: EggFileReport): void {
  if (result === 'failed') log.warn({ file, reason }, 'a configuration file was left as it is');
  else if (reason !== undefined) log.warn({ file, reason }, 'a configuration file was skipped');
  else log.debug({ file, result }, 'a configuration file was brought up to date');
  if (notes.length > 0) log.warn({ file, notes }, 'some replacements in a configuration file were skipped');
}

function failed(reason: string): EggFileResult {
  return { result: 'failed', reason, notes: [] };
}

/** Out of memory, say. */
function detail(cause: unknown): string {
  if (!(cause instanceof Error)) return '';
  return 'code' in cause && typeof cause.code === 'string' ? ` (${cause.code})` : ` (${cause.name})`;
}

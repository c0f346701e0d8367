// Jobs in processes of their own: a crash, an out-of-memory or a kill ends a job and never the daemon, and its processors
// and its disk go to the games first. A promise settles when the process is gone.
import { type ChildProcess, fork } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../clock/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import { errorOf, type JobReply, type JobRequest, outputDescriptor } from './job-messages.ts';
import type { ArchivePlan, ArchiveResults, PathFacts, ReadPathPlan } from './plan.ts';
import { ArchiveError, type ArchiveRunner, type RunOptions } from './runner.ts';

const program = fileURLToPath(new URL('./job-child.ts', import.meta.url));

/** Cancelled, a job has so long to remove what is only its own. */
const cancelMs = 5000;

/** JavaScript objects only; blocks and tables of the compressor are beside it. An honest job needs 30 MB. */
const maxHeapMb = 192;
/** MB; more makes garbage rarer and the process larger. */
const youngHeapMb = 8;

/** Threads for four blocks at a time, one write and one synchronization. */
const mostThreads = 6;

/** Of what a process says before it crashes. */
const maxLastWords = 4096;

interface Hooks {
  signal: AbortSignal;
  onReply: (reply: JobReply) => void;
  /** Of a job that writes to a pipe. */
  onOutput?: (pipe: Readable) => void;
}

export class ProcessRunner implements ArchiveRunner {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #jobs = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  #saidSlow = false;

  constructor({ log, clock }: { log: Logger; clock: Clock }) {
    this.#log = log;
    this.#clock = clock;
  }

  async run<P extends Exclude<ArchivePlan, ReadPathPlan>>(
    plan: P,
    { signal, onProgress }: RunOptions,
  ): Promise<ArchiveResults[P['kind']]> {
    const result = await this.#start(plan, {
      signal,
      onReply: (reply) => {
        if (reply.kind === 'progress') onProgress?.(reply.progress);
      },
    });
    return result as ArchiveResults[P['kind']];
  }

  async readPath(
    plan: ReadPathPlan,
    output: Writable,
    { signal, onFound }: { signal: AbortSignal; onFound: (facts: PathFacts) => void },
  ): Promise<void> {
    const receiverGone = new AbortController();
    let pipe: Readable | undefined;
    let piping: Promise<void> | undefined;
    const begin = () => {
      if (!pipe) throw new Error('the process of a job has no pipe');
      // Not ended with the pipe: a process that dies must not look like one that is done.
      piping = pipeline(pipe, output, { end: false });
      piping.catch((error) => receiverGone.abort(error));
    };
    await this.#start(plan, {
      signal: AbortSignal.any([signal, receiverGone.signal]),
      onOutput: (readable) => {
        pipe = readable;
      },
      onReply: (reply) => {
        if (reply.kind !== 'found') return;
        onFound(reply.facts);
        begin();
      },
    });
    await piping;
    output.end();
    await finished(output);
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the daemon is going down'));
    await Promise.allSettled(this.#jobs);
  }

  #start(plan: ArchivePlan, hooks: Hooks): Promise<ArchiveResults[ArchivePlan['kind']] | undefined> {
    const signal = AbortSignal.any([hooks.signal, this.#closing.signal]);
    if (signal.aborted) return Promise.reject(signal.reason);
    const job = this.#supervise(plan, { ...hooks, signal });
    this.#jobs.add(job);
    const forget = () => this.#jobs.delete(job);
    job.then(forget, forget);
    return job;
  }

  async #supervise(plan: ArchivePlan, { signal, onReply, onOutput }: Hooks) {
    const child = startProcess(plan.kind === 'read-path');
    const lastWords = collectLastWords(child);
    const output = child.stdio[outputDescriptor] as Readable | undefined;
    if (output) onOutput?.(output);
    let outcome: Extract<JobReply, { kind: 'done' | 'failed' }> | undefined;
    child.on('message', (reply: JobReply) => {
      if (reply.kind === 'done' || reply.kind === 'failed') outcome = reply;
      else if (reply.kind === 'slow') this.#saySlow(reply.reason);
      else onReply(reply);
    });
    const end = gone(child);
    const stopKilling = this.#killLate(child, signal);
    let reason: string;
    try {
      send(child, { kind: 'run', plan });
      reason = await end;
    } finally {
      stopKilling();
    }
    if (outcome?.kind === 'done') return outcome.result;
    signal.throwIfAborted();
    if (outcome) throw errorOf(outcome.failure);
    // Whatever was on its way to somebody is cut off here.
    output?.destroy();
    throw new ArchiveError('CRASHED', `the archive job ended without a word: ${reason}`, {
      cause: new Error(lastWords() || 'it said nothing'),
    });
  }

  /** The returned function ends the watch. */
  #killLate(child: ChildProcess, signal: AbortSignal): () => void {
    let cancelKill = () => {};
    const onAbort = () => {
      send(child, { kind: 'cancel' });
      cancelKill = this.#clock.after(cancelMs, () => child.kill('SIGKILL'));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    return () => {
      signal.removeEventListener('abort', onAbort);
      cancelKill();
    };
  }

  #saySlow(reason: string): void {
    if (this.#saidSlow) return;
    this.#saidSlow = true;
    this.#log.warn({ reason }, 'archives are compressed by Node.js itself, several times slower than with libisal2');
  }
}

function startProcess(hasOutput: boolean): ChildProcess {
  const cache = getCompileCacheDir();
  const threads = Math.min(mostThreads, availableParallelism() + 2);
  return fork(program, [], {
    // A session of its own: Ctrl-C in a terminal is for the daemon, which then cancels.
    detached: true,
    env: {
      UV_THREADPOOL_SIZE: String(threads),
      MALLOC_ARENA_MAX: '2',
      // Its name ends with the version of Node.js, which every process adds by itself.
      ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) }),
    },
    execArgv: [
      '--disable-sigusr1',
      '--disable-warning=ExperimentalWarning',
      `--max-old-space-size=${maxHeapMb}`,
      `--max-semi-space-size=${youngHeapMb}`,
    ],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc', ...(hasOutput ? (['pipe'] as const) : [])],
  });
}

function send(child: ChildProcess, request: JobRequest): void {
  // A process that is gone is noticed by its end.
  if (child.connected) child.send(request, () => {});
}

/** When the process has ended and everything it said was heard. Answers how it ended. */
function gone(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let how: string | undefined;
    const settle = () => {
      if (how !== undefined && !child.connected) resolve(how);
    };
    child.on('exit', (code, signal) => {
      how = signal ? `it was ended by ${signal}` : `it ended with code ${code}`;
      settle();
    });
    child.on('disconnect', settle);
    child.on('error', (error) => {
      // Only a process that never was has no exit.
      if (child.pid !== undefined) return;
      how = error.message;
      resolve(how);
    });
  });
}

function collectLastWords(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    text = (text + piece).slice(-maxLastWords);
  });
  return () => text;
}

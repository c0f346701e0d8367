// Threads that walk trees, so that neither the event loop nor libuv's pool waits for a disk. Started when needed, kept for
// a while; a task that finds none free waits its turn. A task is over when its promise settles, aborted ones included.
import { Worker } from 'node:worker_threads';
import { VolumeError } from './errors.ts';
import type { TreeReply, TreeRequest, TreeTask } from './tree-task.ts';

/** A walk needs a few MB; a defect must not take the daemon's memory with it. */
const maxHeapMb = 256;

/** A thread takes 12 MB and starts in 50 ms; directories are counted in bursts with minutes between them. */
const defaultIdleMs = 10_000;

type Success = Exclude<TreeReply, { kind: 'failed' | 'stopped' }>;

interface Job {
  request: TreeRequest;
  signal: AbortSignal | undefined;
  onAbort: () => void;
  resolve: (reply: Success) => void;
  reject: (error: unknown) => void;
}

export class TreeThreads {
  readonly #limit: number;
  readonly #idleMs: number;
  readonly #idle: { worker: Worker; leave: NodeJS.Timeout }[] = [];
  readonly #all = new Set<Worker>();
  readonly #waiting: Job[] = [];
  #closed = false;

  /** `limit`: tasks at a time. `idleMs`: how long a thread without a task is kept. */
  constructor({ limit, idleMs = defaultIdleMs }: { limit: number; idleMs?: number }) {
    this.#limit = limit;
    this.#idleMs = idleMs;
  }

  /** @throws VolumeError, the signal's reason when it is aborted */
  run(task: TreeTask, signal?: AbortSignal): Promise<Success> {
    if (this.#closed) return Promise.reject(new Error('the threads for server directories are closed'));
    if (signal?.aborted) return Promise.reject(signal.reason);
    const request = { task, stop: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT) };
    return new Promise((resolve, reject) => {
      const job: Job = { request, signal, onAbort: () => this.#abort(job), resolve, reject };
      signal?.addEventListener('abort', job.onAbort, { once: true });
      this.#waiting.push(job);
      this.#startNext();
    });
  }

  /** Ends what runs as soon as it can be ended and refuses the rest. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error('the daemon is going down'));
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
  }

  /** What waits is over at once; what runs ends itself, and is over when it has. */
  #abort(job: Job): void {
    Atomics.store(new Int32Array(job.request.stop), 0, 1);
    const index = this.#waiting.indexOf(job);
    if (index === -1) return;
    this.#waiting.splice(index, 1);
    job.reject(job.signal?.reason);
  }

  #startNext(): void {
    while (this.#waiting.length > 0) {
      const worker = this.#takeIdle() ?? this.#newWorker();
      if (!worker) return;
      const job = this.#waiting.shift();
      if (!job) return;
      void this.#give(worker, job);
    }
  }

  /** How many threads there are. */
  get size(): number {
    return this.#all.size;
  }

  /** The one that worked last, so that those too many have nothing to do and leave. */
  #takeIdle(): Worker | undefined {
    const idle = this.#idle.pop();
    clearTimeout(idle?.leave);
    return idle?.worker;
  }

  #letRest(worker: Worker): void {
    const leave = setTimeout(() => {
      this.#unlist(worker);
      void worker.terminate();
    }, this.#idleMs);
    this.#idle.push({ worker, leave: leave.unref() });
  }

  #unlist(worker: Worker): void {
    const index = this.#idle.findIndex((idle) => idle.worker === worker);
    if (index !== -1) clearTimeout(this.#idle.splice(index, 1)[0]?.leave);
  }

  #newWorker(): Worker | undefined {
    if (this.#all.size >= this.#limit) return undefined;
    const worker = new Worker(new URL('./tree-worker.ts', import.meta.url), {
      name: 'server-directories',
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    });
    this.#all.add(worker);
    // The error itself reaches the job that was running; an idle thread has nothing to fail.
    worker.on('error', () => this.#forget(worker));
    worker.on('exit', () => this.#forget(worker));
    return worker;
  }

  #forget(worker: Worker): void {
    this.#all.delete(worker);
    this.#unlist(worker);
    // A task may have come while one that leaves still counted.
    if (!this.#closed) this.#startNext();
  }

  async #give(worker: Worker, { request, signal, onAbort, resolve, reject }: Job): Promise<void> {
    try {
      const reply = await exchange(worker, request);
      if (reply.kind === 'stopped') throw signal?.reason ?? new Error('the work was stopped');
      if (reply.kind === 'failed') throw rebuilt(reply);
      resolve(reply);
    } catch (error) {
      reject(error);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      if (this.#all.has(worker)) this.#letRest(worker);
      this.#startNext();
    }
  }
}

/** One request, one reply; a thread that ends instead is an error. While it works it keeps the process alive. */
async function exchange(worker: Worker, request: TreeRequest): Promise<TreeReply> {
  worker.ref();
  const answered = new AbortController();
  try {
    return await new Promise<TreeReply>((resolve, reject) => {
      const failed = (cause?: unknown) =>
        reject(new VolumeError('FAILED', 'the thread that works on server directories ended', { cause }));
      const { signal } = answered;
      worker.once('message', resolve);
      worker.once('error', failed);
      worker.once('exit', failed);
      signal.addEventListener('abort', () => {
        worker.off('message', resolve).off('error', failed).off('exit', failed);
      });
      worker.postMessage(request);
    });
  } finally {
    answered.abort();
    worker.unref();
  }
}

function rebuilt(reply: Extract<TreeReply, { kind: 'failed' }>): VolumeError {
  if (reply.code !== 'FAILED') return new VolumeError(reply.code, reply.message);
  const cause = Object.assign(new Error(reply.message), { code: reply.systemCode });
  if (reply.stack) cause.stack = reply.stack;
  return new VolumeError('FAILED', `the system refused: ${reply.systemCode ?? reply.message}`, { cause });
}

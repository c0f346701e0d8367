// One pull of one image, however many servers wait for it. Who goes away leaves the others alone; when the last one is
// gone, or the time is up, the pull itself ends.
import type { Clock } from '../clock/clock.ts';
import type { DockerEngine, PullOptions } from '../docker/engine.ts';
import { ProgressLines } from './progress-lines.ts';

export interface SharedPullOptions {
  docker: Pick<DockerEngine, 'pullImage'>;
  clock: Clock;
  timeoutMs: number;
  reference: string;
  auth?: NonNullable<PullOptions['auth']> | undefined;
  platform?: string | undefined;
}

/** The registry did not finish in time. */
export class PullTimeoutError extends Error {
  constructor(timeoutMs: number) {
    super(`the pull was not done after ${Math.round(timeoutMs / 1000)} s`);
    this.name = 'PullTimeoutError';
  }
}

export class SharedPull {
  readonly #abort = new AbortController();
  readonly #listeners = new Set<(line: string) => void>();
  readonly #result: Promise<void>;

  /** Begins at once. `onIdle` is called when it ended or nobody waits any more: nobody may join then. */
  constructor(options: SharedPullOptions, onIdle: () => void) {
    this.#result = this.#run(options).finally(onIdle);
    // Each who waits gets the outcome; whoever left must not make it an unhandled one.
    this.#result.catch(() => undefined);
    this.#abort.signal.addEventListener('abort', onIdle, { once: true });
  }

  /** Resolves when the image is here. @throws the reason of `signal`, PullTimeoutError, or what the pull threw */
  async wait(onProgress: (line: string) => void, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    // A listener of its own, so that a function given twice counts twice.
    const listener = (line: string) => onProgress(line);
    this.#listeners.add(listener);
    try {
      await untilAborted(this.#result, signal);
    } finally {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#abort.abort(new Error('nobody waits for this pull any more'));
    }
  }

  async #run({ docker, clock, timeoutMs, reference, auth, platform }: SharedPullOptions): Promise<void> {
    const { signal } = this.#abort;
    const lines = new ProgressLines(clock, (line) => {
      for (const listener of this.#listeners) listener(line);
    });
    const cancelTimeout = clock.after(timeoutMs, () => this.#abort.abort(new PullTimeoutError(timeoutMs)));
    try {
      const onProgress: PullOptions['onProgress'] = (progress) => {
        if (!signal.aborted) lines.push(progress);
      };
      const pull = docker.pullImage(reference, {
        ...(auth ? { auth } : {}),
        ...(platform === undefined ? {} : { platform }),
        onProgress,
        signal,
      });
      await untilAborted(pull, signal);
    } finally {
      cancelTimeout();
      lines.flush();
    }
  }
}

/** `work`, or a rejection with the signal's reason when that comes first. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

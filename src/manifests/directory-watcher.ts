// Says when something in the manifest directory may have changed. It may say so too often and, as every watcher, miss
// something: whoever listens looks at the whole directory, and looks now and then without being told. A watcher that
// fails is closed and opened again, later each time.
import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Clock, sleep } from '../clock/clock.ts';
import { type BackoffLimits, backoffMs } from '../runtime/backoff.ts';
import type { Logger } from '../telemetry/log.ts';

export interface DirectoryWatcherOptions {
  directory: string;
  onChange: () => void;
  clock: Clock;
  log: Logger;
  random?: () => number;
  /** What a test may put in place of the real one. */
  open?: (directory: string, listener: WatchListener) => Promise<OpenWatch>;
}

export interface WatchListener {
  onChange: () => void;
  onError: (error: unknown) => void;
}

export interface OpenWatch {
  close(): Promise<void>;
}

const reopenBackoff: BackoffLimits = { baseMs: 1_000, maxMs: 60_000 };

export class DirectoryWatcher {
  readonly #options: DirectoryWatcherOptions;
  readonly #stop = new AbortController();
  #again = Promise.withResolvers<Error | undefined>();
  #run: Promise<void> | undefined;

  constructor(options: DirectoryWatcherOptions) {
    this.#options = options;
  }

  start(): void {
    this.#run ??= this.#keepWatching();
  }

  /** Another directory is where the watched one was. */
  reopen(): void {
    this.#again.resolve(undefined);
  }

  /** Never rejects. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the watcher is stopped'));
    this.#again.resolve(undefined);
    await this.#run;
  }

  async #keepWatching(): Promise<void> {
    const { clock, log, directory, random = Math.random } = this.#options;
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      const openedAt = clock.monotonic();
      this.#again = Promise.withResolvers();
      const error = await this.#watchOnce();
      if (signal.aborted) return;
      if (!error) continue;
      failures = clock.monotonic() - openedAt >= reopenBackoff.maxMs ? 1 : failures + 1;
      const retryInMs = Math.round(backoffMs(failures, reopenBackoff, random));
      log.warn(
        { err: error, directory, retryInMs },
        'the watcher of the manifest directory failed; it is opened again',
      );
      // Only `stop` aborts the wait, and the loop's condition sees that.
      await sleep(clock, retryInMs, signal).catch(() => {});
    }
  }

  /** Answers why it ended; undefined when it was asked to. */
  async #watchOnce(): Promise<Error | undefined> {
    const { directory, onChange, open = openChokidar, log } = this.#options;
    const onError = (error: unknown) => this.#again.resolve(error instanceof Error ? error : new Error(String(error)));
    let watch: OpenWatch | undefined;
    try {
      watch = await open(directory, { onChange, onError });
      return await this.#again.promise;
    } catch (error) {
      return error instanceof Error ? error : new Error('the watcher could not be opened', { cause: error });
    } finally {
      await watch?.close().catch((error: unknown) => {
        log.warn({ err: error }, 'the watcher of the manifest directory could not be closed');
      });
    }
  }
}

async function openChokidar(named: string, { onChange, onError }: WatchListener): Promise<OpenWatch> {
  // The setting may name a link to the directory; links in it are not followed. What is missing is waited for.
  const directory = await realpath(named).catch(() => named);
  // Not before it is needed: a node without manifests does not pay for it.
  const { watch } = await import('chokidar');
  const watcher = watch(directory, {
    depth: 0,
    followSymlinks: false,
    ignored: (path) => path !== directory && basename(path).startsWith('.'),
    ignoreInitial: true,
    ignorePermissionErrors: true,
  });
  watcher.on('all', onChange);
  // Whatever came between the last look and this moment.
  watcher.on('ready', onChange);
  watcher.on('error', onError);
  return watcher;
}

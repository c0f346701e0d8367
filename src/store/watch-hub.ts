// Who is watching what. A stream joins at one point of the store's order, with the snapshot of that very point, and
// gets every change published after it: nothing between, nothing twice.
import type { Clock } from '../clock/clock.ts';
import type { Change } from './object-write.ts';
import type { WatchEvent } from './store.ts';
import { WatchStream } from './watch-stream.ts';

/** Live events that may wait for one reader. */
export const defaultWatchBuffer = 1_000;

/**
 * A bookmark a minute, as a Kubernetes API server sends: a reader of a quiet kind keeps a revision to go on from that
 * history has not forgotten.
 */
const bookmarkEveryMs = 60_000;

/** How a store begins a stream. Both are for the moment the snapshot is known, not for later. */
export interface Opening {
  join(snapshot: Iterable<WatchEvent>, revision: number): void;
  fail(error: Error): void;
}

export class WatchHub {
  readonly #clock: Clock;
  readonly #buffer: number;
  readonly #streams = new Map<string, Set<WatchStream>>();
  #revision = 0;
  #cancelBookmarks: (() => void) | undefined;

  constructor(clock: Clock, buffer: number) {
    this.#clock = clock;
    this.#buffer = buffer;
  }

  /** Published in commit order, by whoever owns that order. */
  publish(change: Change): void {
    const { type, object } = change;
    this.#revision = Number(object.metadata.resourceVersion);
    const streams = this.#streams.get(object.kind);
    for (const stream of streams ?? []) {
      stream.push({ type, object });
      if (stream.ended) streams?.delete(stream);
    }
  }

  /** @param open asks the store for the snapshot; what it throws ends the iteration. */
  async *watch(
    kind: string,
    signal: AbortSignal | undefined,
    open: (opening: Opening) => void,
  ): AsyncGenerator<WatchEvent> {
    if (signal?.aborted) return;
    const stream = new WatchStream(this.#buffer);
    const stop = () => stream.stop();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      open({
        join: (snapshot, revision) => this.#join(kind, stream, snapshot, revision),
        fail: (error) => stream.end(error),
      });
      for (let event = await stream.next(); event; event = await stream.next()) yield event;
    } finally {
      signal?.removeEventListener('abort', stop);
      stream.stop();
      this.#leave(kind, stream);
    }
  }

  /** Ends every stream with the error, after what it has buffered. */
  end(error: Error): void {
    for (const streams of this.#streams.values()) for (const stream of streams) stream.end(error);
    this.#streams.clear();
    this.#stopBookmarks();
  }

  #join(kind: string, stream: WatchStream, snapshot: Iterable<WatchEvent>, revision: number): void {
    if (stream.ended) return;
    this.#revision = Math.max(this.#revision, revision);
    stream.begin(snapshot, revision);
    const streams = this.#streams.get(kind) ?? new Set();
    this.#streams.set(kind, streams.add(stream));
    if (!this.#cancelBookmarks) this.#scheduleBookmarks();
  }

  #leave(kind: string, stream: WatchStream): void {
    const streams = this.#streams.get(kind);
    streams?.delete(stream);
    if (streams?.size === 0) this.#streams.delete(kind);
    if (this.#streams.size === 0) this.#stopBookmarks();
  }

  #scheduleBookmarks(): void {
    this.#cancelBookmarks = this.#clock.after(bookmarkEveryMs, () => {
      for (const streams of this.#streams.values()) for (const stream of streams) stream.bookmark(this.#revision);
      this.#scheduleBookmarks();
    });
  }

  #stopBookmarks(): void {
    this.#cancelBookmarks?.();
    this.#cancelBookmarks = undefined;
  }
}

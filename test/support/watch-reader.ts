// Reads a watch step by step, so that a test can say what must come next.
import type { StoredObject } from '../../src/resources/object.ts';
import type { Store, WatchEvent } from '../../src/store/store.ts';

type ChangeEvent = Exclude<WatchEvent, { type: 'BOOKMARK' }>;

export class WatchReader {
  readonly #iterator: AsyncIterator<WatchEvent>;
  readonly #abort = new AbortController();
  /** The revision of the newest event or bookmark: where another reader could go on. */
  revision = '';

  private constructor(store: Store, kind: string, from: string | undefined) {
    const options = { signal: this.#abort.signal, ...(from === undefined ? {} : { from }) };
    this.#iterator = store.listAndWatch(kind, options)[Symbol.asyncIterator]();
  }

  /** A reader past its snapshot (or past what it had missed since `from`), and what that was. */
  static async open(
    store: Store,
    kind: string,
    from?: string,
  ): Promise<{ reader: WatchReader; snapshot: ChangeEvent[] }> {
    const reader = new WatchReader(store, kind, from);
    return { reader, snapshot: await reader.untilBookmark() };
  }

  /** The next event, bookmarks too; undefined at the end. */
  async next(): Promise<WatchEvent | undefined> {
    const result = await this.#iterator.next();
    if (result.done) return undefined;
    const event = result.value;
    this.revision = event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.resourceVersion;
    return event;
  }

  async untilBookmark(): Promise<ChangeEvent[]> {
    const events: ChangeEvent[] = [];
    for (let event = await this.next(); event; event = await this.next()) {
      if (event.type === 'BOOKMARK') return events;
      events.push(event);
    }
    throw new Error('the watch ended before a bookmark');
  }

  /** The next `count` changes; bookmarks are skipped. */
  async take(count: number): Promise<ChangeEvent[]> {
    const events: ChangeEvent[] = [];
    while (events.length < count) {
      const event = await this.next();
      if (!event) throw new Error(`the watch ended after ${events.length} of ${count} changes`);
      if (event.type !== 'BOOKMARK') events.push(event);
    }
    return events;
  }

  abort(): void {
    this.#abort.abort();
  }
}

/** "ADDED a", "MODIFIED b": the story without the objects. */
export function story(events: readonly { type: string; object: StoredObject }[]): string[] {
  return events.map(({ type, object }) => `${type} ${object.metadata.name}`);
}

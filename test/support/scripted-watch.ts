// A store of which a test says, watch by watch, what it delivers: for the ways a watch breaks that a healthy store
// never shows. Everything but `listAndWatch` is out of reach.
import type { StoredObject } from '../../src/resources/object.ts';
import type { Store, WatchEvent } from '../../src/store/store.ts';

export interface ScriptedWatch {
  send(...events: WatchEvent[]): void;
  fail(error: unknown): void;
  end(): void;
}

export class ScriptedStore {
  /** One entry a call of `listAndWatch`, oldest first. */
  readonly watches: ScriptedWatch[] = [];

  get last(): ScriptedWatch {
    const last = this.watches.at(-1);
    if (!last) throw new Error('nobody watches');
    return last;
  }

  asStore(): Store {
    return { listAndWatch: (_kind: string, { signal }: { signal?: AbortSignal }) => this.#watch(signal) } as never;
  }

  async *#watch(signal: AbortSignal | undefined): AsyncGenerator<WatchEvent> {
    const steps: (() => WatchEvent | undefined)[] = [];
    let wake = () => {};
    const push = (step: () => WatchEvent | undefined) => {
      steps.push(step);
      wake();
    };
    this.watches.push({
      send: (...events) => {
        for (const event of events) push(() => event);
      },
      fail: (error) =>
        push(() => {
          throw error;
        }),
      end: () => push(() => undefined),
    });
    signal?.addEventListener('abort', () => wake());
    while (!signal?.aborted) {
      const step = steps.shift();
      if (!step) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const event = step();
      if (!event) return;
      yield event;
    }
  }
}

/** An object of which only name and version matter. */
export function anObject(name: string, resourceVersion = '1', uid = `uid-of-${name}`): StoredObject {
  return {
    apiVersion: 'test/v1',
    kind: 'Thing',
    metadata: { name, uid, resourceVersion, generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
  };
}

export const added = (object: StoredObject): WatchEvent => ({ type: 'ADDED', object });
export const modified = (object: StoredObject): WatchEvent => ({ type: 'MODIFIED', object });
export const deleted = (object: StoredObject): WatchEvent => ({ type: 'DELETED', object });
export const bookmark: WatchEvent = { type: 'BOOKMARK', resourceVersion: '1' };

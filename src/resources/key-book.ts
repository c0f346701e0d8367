// Who holds what, so that a comparison with other objects of a kind reads only those that matter. Guarantee: an object that
// holds a key is never missed, if those who take the same key take turns. The book itself only says who may hold it: a
// name goes in before the write that takes the key, and stays when that write fails or the key is given up later; the
// store has the last word on every name. So the book need not follow the store, and a crash leaves nothing behind: it
// begins with a list.
import type { Store } from '../store/store.ts';
import type { StoredObject } from './object.ts';

/** Names that may stand in a book for nothing, beyond as many as the list had, before it is begun anew. */
const spare = 1_000;

export interface KeyBookOptions {
  kind: string;
  keysOf: (spec: StoredObject['spec']) => readonly string[];
  store: Pick<Store, 'get' | 'list'>;
}

interface Entry {
  metadata: { name: string };
  spec?: unknown;
}

interface Pages {
  /** Names by key. */
  names: Map<string, Set<string>>;
  entries: number;
  /** Known when the list is in; until then names are added, and nobody is answered. */
  mostEntries: number;
  listed: Promise<void>;
}

export class KeyBook {
  readonly #options: KeyBookOptions;
  /** Their writes are under way: a list may have them or not. */
  readonly #writing = new Set<Entry>();
  #pages: Pages | undefined;

  constructor(options: KeyBookOptions) {
    this.#options = options;
  }

  /** Enters the object, then writes it. */
  async written<T>(object: Entry, write: () => Promise<T>): Promise<T> {
    const pages = this.#pages;
    if (pages) {
      this.#enter(pages, object);
      // Whoever asks next begins anew.
      if (pages.entries > pages.mostEntries) this.#pages = undefined;
    }
    this.#writing.add(object);
    try {
      return await write();
    } finally {
      this.#writing.delete(object);
    }
  }

  /** As they are now, by name. @throws what the store throws */
  async holders<T extends StoredObject>(key: string): Promise<T[]> {
    const { kind, keysOf, store } = this.#options;
    this.#pages ??= this.#begin();
    const pages = this.#pages;
    await pages.listed;
    const names = [...(pages.names.get(key) ?? [])].sort();
    const objects = await Promise.all(names.map((name) => store.get<T>(kind, name)));
    return objects.filter((object, index) => {
      const holds = object !== undefined && keysOf(object.spec).includes(key);
      if (!holds) remove(pages, key, names[index] ?? '');
      return holds;
    }) as T[];
  }

  #begin(): Pages {
    const listed = Promise.withResolvers<void>();
    const pages: Pages = {
      names: new Map(),
      entries: 0,
      mostEntries: Number.POSITIVE_INFINITY,
      listed: listed.promise,
    };
    for (const object of this.#writing) this.#enter(pages, object);
    this.#list(pages).then(listed.resolve, (error: unknown) => {
      if (this.#pages === pages) this.#pages = undefined;
      listed.reject(error);
    });
    return pages;
  }

  async #list(pages: Pages): Promise<void> {
    const { kind, store } = this.#options;
    const { items } = await store.list(kind);
    for (const object of items) this.#enter(pages, object);
    pages.mostEntries = 2 * pages.entries + spare;
  }

  #enter(pages: Pages, { metadata: { name }, spec }: Entry): void {
    for (const key of this.#options.keysOf(spec)) {
      const names = pages.names.get(key) ?? new Set();
      pages.names.set(key, names);
      if (names.has(name)) continue;
      names.add(name);
      pages.entries += 1;
    }
  }
}

function remove(pages: Pages, key: string, name: string): void {
  const names = pages.names.get(key);
  if (!names?.delete(name)) return;
  pages.entries -= 1;
  if (names.size === 0) pages.names.delete(key);
}

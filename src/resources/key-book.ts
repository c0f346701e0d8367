// Who holds what, so that a comparison with all objects of a kind reads only those that matter. Guarantee: an object that
// holds a key is never missed. The book itself only says who may hold it: a name goes in before the write that takes the
// key, and stays when that write fails or the key is given up later; the store has the last word on every name. So the
// book need not follow the store, and a crash leaves nothing behind: it begins with a list.
// To be used by one writer at a time, whom nobody overtakes who takes keys of that kind.
import type { Store } from '../store/store.ts';
import type { StoredObject } from './object.ts';

/** Names that may stand in a book for nothing before it is written anew. Twice what a node has anyway costs little. */
const spare = 1_000;

export interface KeyBookOptions {
  kind: string;
  keysOf: (spec: StoredObject['spec']) => readonly string[];
  store: Pick<Store, 'get' | 'list'>;
}

export class KeyBook {
  readonly #options: KeyBookOptions;
  /** Names by key; undefined until the kind was listed. */
  #names: Map<string, Set<string>> | undefined;
  #entries = 0;
  #mostEntries = 0;

  constructor(options: KeyBookOptions) {
    this.#options = options;
  }

  /** To be called before the write by which the object takes its keys. */
  enter({ metadata, spec }: { metadata: { name: string }; spec?: unknown }): void {
    // Nobody has asked yet: the list will say it.
    if (!this.#names) return;
    this.#add(metadata.name, spec);
    // The next one who asks begins anew.
    if (this.#entries > this.#mostEntries) this.#names = undefined;
  }

  /** As they are now, by name. */
  async holders<T extends StoredObject>(key: string): Promise<T[]> {
    const { kind, keysOf, store } = this.#options;
    const book = this.#names ?? (await this.#begin());
    const names = [...(book.get(key) ?? [])].sort();
    const objects = await Promise.all(names.map((name) => store.get<T>(kind, name)));
    return objects.filter((object, index) => {
      const holds = object !== undefined && keysOf(object.spec).includes(key);
      if (!holds) this.#remove(key, names[index] ?? '');
      return holds;
    }) as T[];
  }

  async #begin(): Promise<Map<string, Set<string>>> {
    const { kind, store } = this.#options;
    const { items } = await store.list(kind);
    const names = new Map<string, Set<string>>();
    this.#names = names;
    this.#entries = 0;
    for (const { metadata, spec } of items) this.#add(metadata.name, spec);
    this.#mostEntries = 2 * this.#entries + spare;
    return names;
  }

  #add(name: string, spec: unknown): void {
    for (const key of this.#options.keysOf(spec)) {
      const names = this.#names?.get(key);
      if (!names) this.#names?.set(key, new Set([name]));
      else if (names.has(name)) continue;
      else names.add(name);
      this.#entries += 1;
    }
  }

  #remove(key: string, name: string): void {
    const names = this.#names?.get(key);
    if (!names?.delete(name)) return;
    this.#entries -= 1;
    if (names.size === 0) this.#names?.delete(key);
  }
}

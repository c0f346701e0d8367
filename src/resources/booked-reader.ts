// What the rules of a kind read of other objects when they compare: one by its name, or those that hold a key, from a book
// of each kind. `holders` is exact for whoever has the turn in which that key is taken, if all writes in it pass here.
import type { Store } from '../store/store.ts';
import { KeyBook } from './key-book.ts';
import type { ObjectReader } from './kind-rules.ts';
import type { ObjectInput, StoredObject } from './object.ts';
import { rulesOf } from './rules-by-kind.ts';

export class BookedReader implements ObjectReader {
  readonly #store: Pick<Store, 'get' | 'list'>;
  readonly #books = new Map<string, KeyBook>();

  constructor(store: Pick<Store, 'get' | 'list'>) {
    this.#store = store;
  }

  get<T extends StoredObject = StoredObject>(kind: string, name: string): Promise<T | undefined> {
    return this.#store.get<T>(kind, name);
  }

  async holders<T extends StoredObject = StoredObject>(kind: string, key: string): Promise<T[]> {
    return (await this.#bookOf(kind)?.holders<T>(key)) ?? [];
  }

  /** Does the write. Whoever has the next turn finds the object, however it ended. */
  async written<T>(object: ObjectInput, write: () => Promise<T>): Promise<T> {
    const book = this.#bookOf(object.kind);
    return book ? book.written(object, write) : write();
  }

  #bookOf(kind: string): KeyBook | undefined {
    const keysOf = rulesOf(kind)?.keysOf;
    if (!keysOf) return undefined;
    const book = this.#books.get(kind) ?? new KeyBook({ kind, keysOf, store: this.#store });
    this.#books.set(kind, book);
    return book;
  }
}

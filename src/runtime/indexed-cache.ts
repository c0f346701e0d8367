// Objects of one kind by name, and by whatever else an index function finds in them.
import type { StoredObject } from '../resources/object.ts';

/** By name of the index: the values of an object. Pure; called once for each state of an object. */
export type IndexFunctions<T> = Readonly<Record<string, (object: T) => readonly string[]>>;

interface Index<T> {
  valuesOf: (object: T) => readonly string[];
  /** Value → names of the objects that have it. */
  names: Map<string, Set<string>>;
  /** Name → the values it is filed under. */
  filed: Map<string, readonly string[]>;
}

export class IndexedCache<T extends StoredObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes: ReadonlyMap<string, Index<T>>;

  constructor(functions: IndexFunctions<T>) {
    this.#indexes = new Map(
      Object.entries(functions).map(([name, valuesOf]) => [name, { valuesOf, names: new Map(), filed: new Map() }]),
    );
  }

  get size(): number {
    return this.#objects.size;
  }

  get(name: string): T | undefined {
    return this.#objects.get(name);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  byIndex(index: string, value: string): T[] {
    const found = this.#indexes.get(index);
    if (!found) throw new TypeError(`there is no index "${index}"`);
    const objects: T[] = [];
    for (const name of found.names.get(value) ?? []) {
      const object = this.#objects.get(name);
      if (object) objects.push(object);
    }
    return objects;
  }

  set(object: T): void {
    const { name } = object.metadata;
    this.#objects.set(name, object);
    for (const index of this.#indexes.values()) {
      unfile(index, name);
      file(index, name, [...index.valuesOf(object)]);
    }
  }

  delete(name: string): void {
    this.#objects.delete(name);
    for (const index of this.#indexes.values()) unfile(index, name);
  }
}

function file<T>(index: Index<T>, name: string, values: readonly string[]): void {
  index.filed.set(name, values);
  for (const value of values) {
    const names = index.names.get(value);
    if (names) names.add(name);
    else index.names.set(value, new Set([name]));
  }
}

function unfile<T>(index: Index<T>, name: string): void {
  for (const value of index.filed.get(name) ?? []) {
    const names = index.names.get(value);
    names?.delete(name);
    if (names?.size === 0) index.names.delete(value);
  }
  index.filed.delete(name);
}

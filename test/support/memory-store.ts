// A Store that forgets at the end of the process: for tests of everything above the interface. It keeps every guarantee
// of the interface but durability, and passes the same suite as the one on disk.
import { randomUUID } from 'node:crypto';
import { type Clock, timestamp } from '../../src/clock/clock.ts';
import type { ObjectInput, StoredObject } from '../../src/resources/object.ts';
import { StoreClosedError } from '../../src/store/errors.ts';
import {
  defaultHistoryLimits,
  forgetThrough,
  type HistoryEntry,
  type HistoryLimits,
  type HistorySize,
  historyAgeCheckMs,
  isOverLimit,
  knownRevision,
} from '../../src/store/history.ts';
import { jsonOf, parseFrozen, textOf } from '../../src/store/json.ts';
import { hasLabels } from '../../src/store/labels.ts';
import { applyWrite, type Change, targetOf, type Write } from '../../src/store/object-write.ts';
import type { ListOptions, ObjectList, Preconditions, Store, WatchEvent } from '../../src/store/store.ts';
import { defaultWatchBuffer, WatchHub } from '../../src/store/watch-hub.ts';

export interface MemoryStoreOptions {
  clock: Clock;
  historyLimits?: HistoryLimits;
  watchBuffer?: number;
}

type Remembered = HistoryEntry & { change: Change };

export class MemoryStore implements Store {
  readonly #clock: Clock;
  readonly #limits: HistoryLimits;
  readonly #hub: WatchHub;
  readonly #kinds = new Map<string, Map<string, StoredObject>>();
  #history: Remembered[] = [];
  #bytes = 0;
  #revision = 0;
  #forgotten = 0;
  #closed = false;
  #cancelAgeCheck: (() => void) | undefined;

  constructor({ clock, historyLimits, watchBuffer }: MemoryStoreOptions) {
    this.#clock = clock;
    this.#limits = historyLimits ?? defaultHistoryLimits;
    this.#hub = new WatchHub(clock, watchBuffer ?? defaultWatchBuffer);
    this.#scheduleAgeCheck();
  }

  async get<T extends StoredObject = StoredObject>(kind: string, name: string): Promise<T | undefined> {
    this.#checkOpen();
    return this.#kinds.get(kind)?.get(name) as T | undefined;
  }

  async list<T extends StoredObject = StoredObject>(kind: string, options: ListOptions = {}): Promise<ObjectList<T>> {
    this.#checkOpen();
    const { labels = {}, name } = options;
    const items = this.#sorted(kind).filter(
      (object) => (name === undefined || object.metadata.name === name) && hasLabels(object, labels),
    );
    return { items: items as T[], resourceVersion: String(this.#revision) };
  }

  async create<T extends StoredObject = StoredObject>(object: ObjectInput): Promise<T> {
    return this.#write<T>({ op: 'create', object });
  }

  async update<T extends StoredObject = StoredObject>(object: ObjectInput): Promise<T> {
    return this.#write<T>({ op: 'update', object });
  }

  async updateStatus<T extends StoredObject = StoredObject>(object: ObjectInput): Promise<T> {
    return this.#write<T>({ op: 'updateStatus', object });
  }

  async patch<T extends StoredObject = StoredObject>(
    kind: string,
    name: string,
    patch: Record<string, unknown>,
  ): Promise<T> {
    return this.#write<T>({ op: 'patch', kind, name, patch });
  }

  async delete<T extends StoredObject = StoredObject>(
    kind: string,
    name: string,
    preconditions: Preconditions = {},
  ): Promise<T> {
    return this.#write<T>({ op: 'delete', kind, name, preconditions });
  }

  listAndWatch<T extends StoredObject = StoredObject>(
    kind: string,
    options: { from?: string; signal?: AbortSignal } = {},
  ): AsyncIterable<WatchEvent<T>> {
    const { from, signal } = options;
    const events = this.#hub.watch(kind, signal, (opening) => {
      this.#checkOpen();
      opening.join(this.#snapshot(kind, from), this.#revision);
    });
    return events as AsyncIterable<WatchEvent<T>>;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelAgeCheck?.();
    this.#hub.end(new StoreClosedError());
  }

  #write<T extends StoredObject>(unsafe: Write): T {
    this.#checkOpen();
    targetOf(unsafe);
    const write = JSON.parse(jsonOf(unsafe)) as Write;
    const { kind, name } = targetOf(write);
    const objects = this.#kinds.get(kind) ?? new Map<string, StoredObject>();
    const current = objects.get(name);
    const stamp = { revision: this.#revision + 1, now: timestamp(this.#clock), newUid: randomUUID };
    const change = applyWrite(write, current, stamp);
    if (!change) return current as T;
    const text = textOf(change.object);
    const object = parseFrozen<StoredObject>(text);
    this.#kinds.set(kind, objects);
    if (change.type === 'DELETED') objects.delete(name);
    else objects.set(name, object);
    this.#remember({ type: change.type, object }, Buffer.byteLength(text));
    return object as T;
  }

  #remember(change: Change, bytes: number): void {
    this.#revision += 1;
    this.#history.push({ revision: this.#revision, bytes, at: this.#clock.now(), change });
    this.#bytes += bytes;
    this.#hub.publish(change);
    if (isOverLimit(this.#size, this.#limits)) this.#forget();
  }

  get #size(): HistorySize {
    return { count: this.#history.length, bytes: this.#bytes };
  }

  #forget(): void {
    const through = forgetThrough(this.#history, this.#size, this.#limits, this.#clock.now());
    if (through === undefined) return;
    this.#history = this.#history.filter(({ revision }) => revision > through);
    this.#bytes = this.#history.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#forgotten = through;
  }

  #snapshot(kind: string, from: string | undefined): WatchEvent[] {
    if (from === undefined) return this.#sorted(kind).map((object) => ({ type: 'ADDED', object }));
    const after = knownRevision(from, this.#forgotten, this.#revision);
    return this.#history
      .filter(({ revision, change }) => revision > after && change.object.kind === kind)
      .map(({ change }) => change);
  }

  #sorted(kind: string): StoredObject[] {
    const objects = [...(this.#kinds.get(kind)?.values() ?? [])];
    return objects.sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1));
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreClosedError();
  }

  #scheduleAgeCheck(): void {
    this.#cancelAgeCheck = this.#clock.after(historyAgeCheckMs, () => {
      this.#forget();
      this.#scheduleAgeCheck();
    });
  }
}

// The one interface to desired state. Nothing above it knows what is below: SQLite here, etcd or a Kubernetes API
// server elsewhere (docs/store.md maps each method). test/conformance/store.ts is its definition in tests.
import type { ObjectInput, StoredObject } from '../resources/object.ts';

export interface ListOptions {
  /** All must be equal. Everything richer is an informer's index. */
  labels?: Record<string, string>;
  name?: string;
}

export interface ObjectList<T extends StoredObject = StoredObject> {
  /** Ordered by name. */
  items: T[];
  /** The revision the list is true at: a watch from here misses nothing. */
  resourceVersion: string;
}

export type WatchEvent<T extends StoredObject = StoredObject> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  /** Everything up to this revision has been delivered. The first one ends the snapshot, if there was one. */
  | { type: 'BOOKMARK'; resourceVersion: string };

export interface Preconditions {
  uid?: string;
  resourceVersion?: string;
}

/**
 * Guarantees, each with a test in the conformance suite:
 * - A promise resolves after the change is durable: it survives a power cut.
 * - `uid`, `resourceVersion`, `generation`, `creationTimestamp` and `deletionTimestamp` are the store's; what a writer
 *   sends for them is ignored, except that a `metadata.resourceVersion` sent to an update must be the current one.
 * - `generation` rises only when something outside `metadata` and `status` changed.
 * - A write that changes nothing keeps the resourceVersion and wakes no watcher.
 * - Objects are plain data and frozen: what a reader does to one can harm nobody else.
 * - No transaction spans two objects.
 */
export interface Store {
  get<T extends StoredObject = StoredObject>(kind: string, name: string): Promise<T | undefined>;
  list<T extends StoredObject = StoredObject>(kind: string, options?: ListOptions): Promise<ObjectList<T>>;

  /** `status` is ignored. @throws AlreadyExistsError */
  create<T extends StoredObject = StoredObject>(object: ObjectInput): Promise<T>;

  /**
   * Replaces everything but `status` and the store's own metadata. An object that is being deleted goes away when its
   * last finalizer does. Without `metadata.resourceVersion` the last writer wins.
   * @throws NotFoundError, ConflictError (resourceVersion or uid is not the current one)
   */
  update<T extends StoredObject = StoredObject>(object: ObjectInput): Promise<T>;

  /** Replaces `status` alone. @throws NotFoundError, ConflictError */
  updateStatus<T extends StoredObject = StoredObject>(object: ObjectInput): Promise<T>;

  /**
   * JSON merge patch (RFC 7396) applied atomically to the current object; `status` is ignored.
   * A `metadata.resourceVersion` in the patch is a precondition.
   * @throws NotFoundError, ConflictError
   */
  patch<T extends StoredObject = StoredObject>(
    kind: string,
    name: string,
    mergePatch: Record<string, unknown>,
  ): Promise<T>;

  /**
   * With finalizers: sets `deletionTimestamp` and answers the object, still there. Without: removes it and answers its last state.
   * @throws NotFoundError, ConflictError
   */
  delete<T extends StoredObject = StoredObject>(kind: string, name: string, preconditions?: Preconditions): Promise<T>;

  /**
   * Without `from`: the snapshot as ADDED events, a BOOKMARK, then every change in commit order, nothing lost or doubled in between.
   * With `from`: only what came after that revision.
   * Ends by throwing ExpiredError when `from` is forgotten or the reader fell too far behind: list again.
   * Aborting the signal ends the iteration without an error. Closing the store ends it with StoreClosedError.
   */
  listAndWatch<T extends StoredObject = StoredObject>(
    kind: string,
    options?: { from?: string; signal?: AbortSignal },
  ): AsyncIterable<WatchEvent<T>>;

  /** Waits for what was accepted, then closes; later calls throw StoreClosedError. */
  close(): Promise<void>;
}

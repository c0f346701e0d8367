// Deletes what belongs to something that is gone, by ownerReferences, as a Kubernetes garbage collector does. An object
// goes only when the store itself says that none of its owners is there any more: same kind, name and uid. An owner of a
// kind the collector does not know counts as there, and what is locked stays, for nothing in the world is destroyed by
// mistake.
//
// A key is `<kind>/<name>`. Wakes up on:
// - a change of an object that has owners, or that is being deleted in the foreground or as an orphan maker: its key
// - an object that is gone or is being deleted: the keys of its dependents
// - a dependent that changed or is gone: the keys of its owners, which may wait for it
import type { Clock } from '../../src/clock/clock.ts';
import type { OwnerReference, StoredObject } from '../../src/resources/object.ts';
import { changesMoreThanStatus } from '../../src/runtime/changes.ts';
import { Controller } from '../../src/runtime/controller.ts';
import { type Change, Informer } from '../../src/runtime/informer.ts';
import type { RuntimeMetrics } from '../../src/runtime/metrics.ts';
import type { Reconcile, ReconcileContext } from '../../src/runtime/reconciler.ts';
import { NotFoundError } from '../../src/store/errors.ts';
import type { Store } from '../../src/store/store.ts';
import type { Logger } from '../../src/telemetry/log.ts';
import {
  blocksDeletionOf,
  concernsGarbage,
  foregroundFinalizer,
  garbageIndexes,
  hasFinalizer,
  isBeingDeleted,
  isDependentOf,
  isLocked,
  orphanFinalizer,
  ownersOf,
  ownerUidIndex,
  ownerUids,
  waitsForDependents,
} from './owners.ts';

export interface GarbageDeps {
  store: Store;
  clock: Clock;
  log: Logger;
  metrics: RuntimeMetrics;
  /** Kinds that may own or be owned. */
  kinds?: readonly string[];
}

const defaultKinds = ['Server', 'Backup', 'Restore', 'Installation', 'Schedule', 'Node'];
const resyncMs = 600_000;

/** The parts for the manager. */
export function createGarbageCollector(deps: GarbageDeps): { informers: Informer[]; controllers: Controller[] } {
  const { store, clock, log, metrics, kinds = defaultKinds } = deps;
  // Without metrics: other controllers have informers of these kinds too, which tell the same numbers.
  const informers = kinds.map((kind) => new Informer({ store, kind, clock, log, indexes: garbageIndexes }));
  const controller = new Controller({
    name: 'garbage',
    reconcile: collectGarbage({ store, kinds }),
    workers: 2,
    clock,
    log,
    metrics,
    resyncMs,
    listKeys: () => informers.flatMap((informer) => informer.list().filter(concernsGarbage).map(keyOf)),
  });
  const dependentsOf = (uid: string) => informers.flatMap((informer) => informer.byIndex(ownerUidIndex, uid));
  for (const informer of informers) {
    informer.onChange((change) => {
      for (const key of keysAfter(change, dependentsOf)) controller.enqueue(key);
    });
  }
  return { informers, controllers: [controller] };
}

/** Which keys a change concerns. */
function keysAfter(change: Change<StoredObject>, dependentsOf: (uid: string) => StoredObject[]): Set<string> {
  const keys = new Set<string>();
  if (!changesMoreThanStatus(change)) return keys;
  const { type, object, old } = change;
  if (type !== 'DELETED' && concernsGarbage(object)) keys.add(keyOf(object));
  if (type === 'DELETED' || isBeingDeleted(object)) {
    for (const dependent of dependentsOf(object.metadata.uid)) keys.add(keyOf(dependent));
  }
  for (const owner of [...ownersOf(object), ...(old ? ownersOf(old) : [])]) keys.add(`${owner.kind}/${owner.name}`);
  return keys;
}

export function collectGarbage(deps: { store: Store; kinds: readonly string[] }): Reconcile {
  return async (key, { log }) => {
    const { kind, name } = parseKey(key);
    if (!deps.kinds.includes(kind)) return undefined;
    const object = await deps.store.get(kind, name);
    if (!object) return undefined;
    if (isBeingDeleted(object)) await releaseWhenDependentsAllow(deps, object, log);
    else if (ownersOf(object).length > 0) await deleteWhenOwnerless(deps, object, log);
    return undefined;
  };
}

type Deps = Parameters<typeof collectGarbage>[0];
type Log = ReconcileContext['log'];

/** Ensures that an object that is being deleted keeps our finalizers no longer than its dependents need. */
async function releaseWhenDependentsAllow(deps: Deps, object: StoredObject, log: Log): Promise<void> {
  const orphans = hasFinalizer(object, orphanFinalizer);
  const foreground = hasFinalizer(object, foregroundFinalizer);
  if (!orphans && !foreground) return;
  const dependents = await listDependents(deps, object.metadata.uid);
  if (orphans) {
    for (const dependent of dependents) await forgetOwners(deps.store, dependent, [object.metadata.uid]);
    await dropFinalizer(deps.store, object, orphanFinalizer);
    log.info({ dependents: dependents.length }, 'dependents orphaned');
    return; // If the other finalizer is there too, the change just made brings the key back.
  }
  // Each dependent is deleted under its own key, which its owner's deletion has woken; here we only wait.
  if (dependents.some((dependent) => blocksDeletionOf(dependent, object.metadata.uid))) return;
  await dropFinalizer(deps.store, object, foregroundFinalizer);
  log.info({}, 'no dependent blocks the deletion any more');
}

/** Ensures that an object none of whose owners lasts is deleted, and that it forgets owners that are gone otherwise. */
async function deleteWhenOwnerless(deps: Deps, object: StoredObject, log: Log): Promise<void> {
  const states = await Promise.all(ownersOf(object).map((owner) => stateOfOwner(deps, owner)));
  if (states.includes('lasting')) {
    const leaving = ownerUids(object).filter((_, at) => states[at] !== 'lasting');
    if (leaving.length > 0) await forgetOwners(deps.store, object, leaving);
    return;
  }
  // Its unlocking brings the key back.
  if (isLocked(object)) return log.info({}, 'object kept though its owners are gone, because it is locked');
  // An owner that waits for its dependents waits for the dependents of those as well.
  const inForeground = states.includes('waiting') && (await listDependents(deps, object.metadata.uid)).length > 0;
  const current = inForeground ? await addFinalizer(deps.store, object, foregroundFinalizer) : object;
  await deleteAsSeen(deps.store, current);
  log.info({ foreground: inForeground }, 'object deleted because its owners are gone');
}

/** `lasting`: keeps its dependents. `waiting`: is being deleted and wants them gone first. `gone`: not there. */
async function stateOfOwner(deps: Deps, owner: OwnerReference): Promise<'lasting' | 'waiting' | 'gone'> {
  if (!deps.kinds.includes(owner.kind)) return 'lasting';
  const object = await deps.store.get(owner.kind, owner.name);
  if (object?.metadata.uid !== owner.uid) return 'gone';
  return waitsForDependents(object) ? 'waiting' : 'lasting';
}

/** From the store, not from a cache: one that is behind would release an owner too early. */
async function listDependents({ store, kinds }: Deps, uid: string): Promise<StoredObject[]> {
  const lists = await Promise.all(kinds.map((kind) => store.list(kind)));
  return lists.flatMap(({ items }) => items).filter((object) => isDependentOf(object, uid));
}

async function forgetOwners(store: Store, object: StoredObject, uids: readonly string[]): Promise<void> {
  const ownerReferences = ownersOf(object).filter(({ uid }) => !uids.includes(uid));
  await patchMetadata(store, object, { ownerReferences });
}

async function dropFinalizer(store: Store, object: StoredObject, finalizer: string): Promise<void> {
  const finalizers = object.metadata.finalizers?.filter((present) => present !== finalizer) ?? [];
  await patchMetadata(store, object, { finalizers });
}

async function addFinalizer(store: Store, object: StoredObject, finalizer: string): Promise<StoredObject> {
  if (hasFinalizer(object, finalizer)) return object;
  const finalizers = [...(object.metadata.finalizers ?? []), finalizer];
  return (await patchMetadata(store, object, { finalizers })) ?? object;
}

/** Writes only if the object is still as it was read; a conflict is thrown and the key comes again. */
async function patchMetadata(
  store: Store,
  { kind, metadata: { name, uid, resourceVersion } }: StoredObject,
  change: Partial<Pick<StoredObject['metadata'], 'finalizers' | 'ownerReferences'>>,
): Promise<StoredObject | undefined> {
  return unlessGone(store.patch(kind, name, { metadata: { uid, resourceVersion, ...change } }));
}

async function deleteAsSeen(store: Store, { kind, metadata }: StoredObject): Promise<void> {
  const { name, uid, resourceVersion } = metadata;
  await unlessGone(store.delete(kind, name, { uid, resourceVersion }));
}

async function unlessGone<T>(write: Promise<T>): Promise<T | undefined> {
  try {
    return await write;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** Neither a kind nor a name holds a slash. */
function keyOf({ kind, metadata }: StoredObject): string {
  return `${kind}/${metadata.name}`;
}

function parseKey(key: string): { kind: string; name: string } {
  const slash = key.indexOf('/');
  return { kind: key.slice(0, slash), name: key.slice(slash + 1) };
}

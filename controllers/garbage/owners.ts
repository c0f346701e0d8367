// What ownerReferences say, as questions about one object. Pure.
import type { OwnerReference, StoredObject } from '../../src/resources/object.ts';

/** `kubectl delete --cascade=foreground`: the object stays until every dependent that blocks its deletion is gone. */
export const foregroundFinalizer = 'foregroundDeletion';

/** `kubectl delete --cascade=orphan`: dependents stay and forget this owner. */
export const orphanFinalizer = 'orphan';

/** Index of an informer by which the dependents of an owner are found. */
export const ownerUidIndex = 'owner-uid';
export const garbageIndexes = { [ownerUidIndex]: ownerUids };

export function ownersOf(object: StoredObject): OwnerReference[] {
  return object.metadata.ownerReferences ?? [];
}

export function ownerUids(object: StoredObject): string[] {
  return ownersOf(object).map(({ uid }) => uid);
}

export function isDependentOf(object: StoredObject, ownerUid: string): boolean {
  return ownersOf(object).some(({ uid }) => uid === ownerUid);
}

export function blocksDeletionOf(object: StoredObject, ownerUid: string): boolean {
  return ownersOf(object).some(({ uid, blockOwnerDeletion }) => uid === ownerUid && blockOwnerDeletion === true);
}

export function isBeingDeleted(object: StoredObject): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}

export function hasFinalizer(object: StoredObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) ?? false;
}

/** Whoever locked it wants it kept, whatever becomes of its owners. */
export function isLocked({ spec }: StoredObject): boolean {
  return (spec as { locked?: unknown } | undefined)?.locked === true;
}

/** It waits for its dependents to go first. */
export function waitsForDependents(object: StoredObject): boolean {
  return isBeingDeleted(object) && hasFinalizer(object, foregroundFinalizer);
}

/** Whether the collector has anything to do with the object at all. */
export function concernsGarbage(object: StoredObject): boolean {
  if (ownersOf(object).length > 0) return true;
  return isBeingDeleted(object) && (hasFinalizer(object, foregroundFinalizer) || hasFinalizer(object, orphanFinalizer));
}

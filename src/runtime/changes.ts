// Which changes are worth a reconcile.
import { isDeepStrictEqual } from 'node:util';
import type { ObjectMeta, StoredObject } from '../resources/object.ts';
import type { Change } from './informer.ts';

const wishes = ['generation', 'deletionTimestamp', 'labels', 'annotations', 'finalizers', 'ownerReferences'] as const;

/**
 * False for a change of nothing but status: a controller that writes its own status must not wake itself by it.
 * True for objects that are new or gone.
 */
export function changesMoreThanStatus<T extends StoredObject>({ object, old, type }: Change<T>): boolean {
  if (type !== 'MODIFIED' || !old) return true;
  const pick = (meta: ObjectMeta) => wishes.map((field) => meta[field]);
  return !isDeepStrictEqual(pick(object.metadata), pick(old.metadata));
}

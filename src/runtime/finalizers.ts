// Adds and removes one finalizer of an object. Others may change the list meanwhile, so each write is bound to the version
// that was read: one that lost throws ConflictError and is tried again with the object as it is then.
import type { StoredObject } from '../resources/object.ts';
import type { Store } from '../store/store.ts';

/** Nothing is written when it is there already, or when the object is gone. @throws ConflictError */
export async function addFinalizer(store: Store, object: StoredObject, finalizer: string): Promise<void> {
  await change(store, object, (present) => (present.includes(finalizer) ? undefined : [...present, finalizer]));
}

/** The last one of an object that is being deleted takes the object along. @throws ConflictError */
export async function removeFinalizer(store: Store, object: StoredObject, finalizer: string): Promise<void> {
  await change(store, object, (present) =>
    present.includes(finalizer) ? present.filter((one) => one !== finalizer) : undefined,
  );
}

async function change(
  store: Store,
  { kind, metadata: { name, uid } }: StoredObject,
  next: (finalizers: readonly string[]) => string[] | undefined,
): Promise<void> {
  const present = await store.get(kind, name);
  // Another object may bear the name by now: its finalizers are its own.
  if (present?.metadata.uid !== uid) return;
  const finalizers = next(present.metadata.finalizers ?? []);
  if (!finalizers) return;
  const { resourceVersion } = present.metadata;
  await store.patch(kind, name, { metadata: { resourceVersion, finalizers } });
}

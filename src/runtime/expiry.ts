// The end of an object that has outlived its use.
import type { StoredObject } from '../resources/object.ts';
import { ConflictError, NotFoundError } from '../store/errors.ts';
import type { Store } from '../store/store.ts';

/** Deletes the object as it was looked at. One that changed meanwhile stays, and is looked at again; gone is fine. */
export async function expire({ store }: { store: Store }, { kind, metadata }: StoredObject): Promise<void> {
  const { name, uid, resourceVersion } = metadata;
  try {
    await store.delete(kind, name, { uid, resourceVersion });
  } catch (error) {
    if (!(error instanceof NotFoundError) && !(error instanceof ConflictError)) throw error;
  }
}

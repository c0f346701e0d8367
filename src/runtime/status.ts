// Writes the status of an object by changing a copy of the newest one. Other fields of status have other writers, so
// nobody may write a status it read earlier.
import { isDeepStrictEqual } from 'node:util';
import type { StoredObject } from '../resources/object.ts';
import { ConflictError, NotFoundError } from '../store/errors.ts';
import type { Store } from '../store/store.ts';

/** A conflict means that another writer came first and is done: only a defect can lose so often in a row. */
const maxAttempts = 16;

/**
 * Reads the object, lets `mutate` change a copy of its status, and writes that if it differs. `mutate` runs again on the
 * newer object when another writer came first, so it must depend on its arguments alone. It may throw to give up.
 * Answers the object as it is then; `undefined` when it is gone or another one took its name meanwhile.
 * @throws ConflictError after 16 lost races, and whatever else the store throws
 */
export async function mutateStatus<T extends StoredObject>(
  store: Store,
  kind: string,
  name: string,
  mutate: (status: NonNullable<T['status']>, object: T) => void,
): Promise<T | undefined> {
  let uid: string | undefined;
  for (let attempt = 1; ; attempt += 1) {
    const object = await store.get<T>(kind, name);
    if (!object || (uid !== undefined && object.metadata.uid !== uid)) return undefined;
    uid = object.metadata.uid;

    const before = object.status ?? {};
    const draft = structuredClone(before) as NonNullable<T['status']>;
    mutate(draft, object);
    const status: unknown = JSON.parse(JSON.stringify(draft)); // A field set to undefined is a field removed.
    if (isDeepStrictEqual(status, before)) return object;

    try {
      return await store.updateStatus<T>({ ...object, status });
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      if (!(error instanceof ConflictError) || attempt >= maxAttempts) throw error;
    }
  }
}

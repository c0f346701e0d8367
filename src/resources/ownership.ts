// Who may change what of an object that belongs to somebody.
import { isDeepStrictEqual } from 'node:util';
import { ForbiddenError } from './errors.ts';
import type { ObjectInput, StoredObject } from './object.ts';
import type { ServerSpec } from './server.ts';

export type Owner = NonNullable<ServerSpec['owner']>;

interface Owned {
  spec: { owner?: Owner };
}

/**
 * Of a Panel's object, others may change labels, annotations and the fields of spec that are `open` to all.
 * @throws ForbiddenError
 */
export function checkOwner(
  current: StoredObject & Owned,
  next: ObjectInput & Owned,
  writer: Owner,
  open: readonly string[] = [],
): void {
  if (!belongsToAnother(current, writer)) return;
  const closed = (spec: Owned['spec']) => Object.entries(spec).filter(([field]) => !open.includes(field));
  const metadata = ({ finalizers = [], ownerReferences = [] }: ObjectInput['metadata']) => [
    finalizers,
    ownerReferences,
  ];
  const unchanged =
    isDeepStrictEqual(Object.fromEntries(closed(current.spec)), Object.fromEntries(closed(next.spec))) &&
    isDeepStrictEqual(metadata(current.metadata), metadata(next.metadata));
  if (unchanged) return;
  const changeable = [...open.map((field) => `spec.${field}`), 'labels'].join(', ');
  throw new ForbiddenError(`${its(current)}: only ${changeable} and annotations can be changed here`);
}

/** @throws ForbiddenError */
export function checkStatusWriter(current: StoredObject, writer: Owner): void {
  if (belongsToAnother(current as StoredObject & Owned, writer)) {
    throw new ForbiddenError(`${its(current)}: its status is written by this node alone`);
  }
}

/** @throws ForbiddenError */
export function checkOwnerOfDeletion(current: StoredObject & Owned, writer: Owner): void {
  if (belongsToAnother(current, writer)) throw new ForbiddenError(`${its(current)}: delete it there`);
}

function its({ kind }: StoredObject): string {
  return `this ${kind.toLowerCase()} belongs to the Panel`;
}

/** Whose it is; undefined for kinds that belong to nobody. */
export function ownerOf(object: StoredObject | undefined): Owner | undefined {
  return (object?.spec as Owned['spec'] | undefined)?.owner;
}

/** Also asked of kinds without a spec, which belong to nobody. */
function belongsToAnother({ spec }: { spec?: Owned['spec'] }, writer: Owner): boolean {
  return spec?.owner?.kind === 'Panel' && writer.kind !== 'Panel';
}

/** A user's write leaves an object with its owner; a Panel and a manifest take it. */
export function ownerAfter(current: Owned | undefined, writer: Owner): Owner {
  const kept = writer.kind === 'User' ? current?.spec.owner : undefined;
  return kept ?? writer;
}

// Who may change what of an object that belongs to somebody.
import { isDeepStrictEqual } from 'node:util';
import { ForbiddenError } from './errors.ts';
import type { ObjectInput } from './object.ts';
import type { Server, ServerSpec } from './server.ts';

export type Owner = NonNullable<ServerSpec['owner']>;

/** Of a Panel's server, others may change power, labels and annotations. @throws ForbiddenError */
export function checkOwner(current: Server, next: ObjectInput & { spec: ServerSpec }, writer: Owner): void {
  if (!belongsToAnother(current, writer)) return;
  const others = (spec: ServerSpec) => ({ ...spec, power: undefined });
  const metadata = ({ finalizers = [], ownerReferences = [] }: ObjectInput['metadata']) => [
    finalizers,
    ownerReferences,
  ];
  const unchanged =
    isDeepStrictEqual(others(current.spec), others(next.spec)) &&
    isDeepStrictEqual(metadata(current.metadata), metadata(next.metadata));
  if (unchanged) return;
  throw new ForbiddenError(
    'this server belongs to the Panel: only spec.power, labels and annotations can be changed here',
  );
}

/** @throws ForbiddenError */
export function checkStatusWriter(current: Server, writer: Owner): void {
  if (belongsToAnother(current, writer)) {
    throw new ForbiddenError('this server belongs to the Panel: its status is written by this node alone');
  }
}

/** @throws ForbiddenError */
export function checkDeletion(current: Server, writer: Owner): void {
  if (belongsToAnother(current, writer)) {
    throw new ForbiddenError('this server belongs to the Panel: delete it there');
  }
}

function belongsToAnother({ spec }: Server, writer: Owner): boolean {
  return spec.owner?.kind === 'Panel' && writer.kind !== 'Panel';
}

/** A user's write leaves an object with its owner; a Panel and a manifest take it. */
export function ownerAfter(current: Server | undefined, writer: Owner): Owner {
  const kept = writer.kind === 'User' ? current?.spec.owner : undefined;
  return kept ?? writer;
}

// Who an object is and whose: uuid, node and owner, stamped once and kept, and the finalizer by which its controller sees
// it off. The same for every kind that stands for something in the world.
import type { FieldCause } from './errors.ts';
import { duplicate, invalidValue, notSupported } from './field-causes.ts';
import type { Admittance } from './kind-rules.ts';
import type { ObjectInput, ObjectMeta, StoredObject } from './object.ts';
import { type Owner, ownerAfter } from './ownership.ts';

interface Identified extends StoredObject {
  metadata: ObjectMeta;
  spec: { uuid?: string; nodeName?: string; owner?: Owner };
}

export interface Place {
  nodeName: string;
  owner: Owner;
}

export interface Identity extends Place {
  uuid: string;
}

/** Whether it is this node's to act on. Another node's object is not touched, whatever it says. */
export function isOfNode({ spec }: { spec?: { nodeName?: string } | undefined }, nodeName: string): boolean {
  return (spec?.nodeName ?? nodeName) === nodeName;
}

export function placeOf({ object, current, nodeName, context }: Admittance<Identified>): Place {
  const spec = object.spec as Identified['spec'];
  return {
    nodeName: spec.nodeName ?? current?.spec.nodeName ?? nodeName,
    owner: ownerAfter(current, context.owner),
  };
}

export function identityOf(admittance: Admittance<Identified>): Identity {
  const { object, current, stamp } = admittance;
  const spec = object.spec as Identified['spec'];
  return { uuid: spec.uuid ?? current?.spec.uuid ?? stamp.newId(), ...placeOf(admittance) };
}

export function placeCauses(
  { nodeName }: Place,
  { current, nodeName: thisNode }: Admittance<Identified>,
): FieldCause[] {
  if (current?.spec.nodeName && current.spec.nodeName !== nodeName) {
    return [invalidValue('spec.nodeName', nodeName, 'field is immutable')];
  }
  return nodeName === thisNode ? [] : [notSupported('spec.nodeName', nodeName, [thisNode])];
}

export function identityCauses(identity: Identity, admittance: Admittance<Identified>): FieldCause[] {
  const { uuid } = identity;
  const before = admittance.current?.spec.uuid;
  const changed = before && before !== uuid ? [invalidValue('spec.uuid', uuid, 'field is immutable')] : [];
  return [...changed, ...placeCauses(identity, admittance)];
}

/** For `keysOf`. */
export function uuidKey(uuid: string): string {
  return `uuid ${uuid}`;
}

/** A uuid names something outside: no two objects of a kind may have the same. `objects`: those that hold it. */
export function sameUuidCauses(
  own: ObjectInput & { spec: { uuid?: string } },
  objects: readonly Identified[],
): FieldCause[] {
  const { uuid } = own.spec;
  const twin = objects.find(({ metadata, spec }) => metadata.name !== own.metadata.name && spec.uuid === uuid);
  return twin ? [duplicate('spec.uuid', uuid, `${own.kind.toLowerCase()} "${twin.metadata.name}" has it`)] : [];
}

/**
 * From its first moment a deletion has to go through the controller, also after a writer who replaced the object and
 * said nothing of finalizers. Only once it is being deleted can somebody give it up, by saying so.
 */
export function withFinalizer(
  { object, current, statesFinalizers }: Admittance<Identified>,
  finalizer: string,
): ObjectInput['metadata'] {
  const { metadata } = object;
  const finalizers = metadata.finalizers ?? [];
  const givenUp = current?.metadata.deletionTimestamp !== undefined && statesFinalizers;
  if (givenUp || finalizers.includes(finalizer)) return metadata;
  return { ...metadata, finalizers: [...finalizers, finalizer] };
}

// What admission adds for a Server: its identity, who owns it, its power request, and what no two servers may share.
import { type FieldCause, InvalidError } from './errors.ts';
import { duplicate, invalidValue, notSupported } from './field-causes.ts';
import type { ObjectInput } from './object.ts';
import { checkOwner, type Owner, ownerAfter } from './ownership.ts';
import { actionOfObject, actionOfPatch, admitPower, type PowerStamp } from './power.ts';
import { type Server, type ServerSpec, serverFinalizer } from './server.ts';
import { allocationsOf, collide, validateServer } from './server-validation.ts';

export interface ServerAdmission {
  /** Checked against the schema, defaults filled in. */
  object: ObjectInput;
  /** `spec` as the writer sent it. */
  stated: unknown;
  patch?: Record<string, unknown>;
  current: Server | undefined;
  /** All servers of the store. */
  others: () => Promise<Server[]>;
  nodeName: string;
  stamp: PowerStamp;
  context: { owner: Owner; warn(message: string): void };
}

/** @throws InvalidError, ForbiddenError, PowerConflictError */
export async function admitServer(admission: ServerAdmission): Promise<ObjectInput> {
  const { object, current, nodeName, stamp, context } = admission;
  const { name } = object.metadata;
  const spec = object.spec as ServerSpec;
  const { causes, warnings } = validateServer(spec);
  const identity = {
    uuid: spec.uuid ?? current?.spec.uuid ?? stamp.newId(),
    nodeName: spec.nodeName ?? current?.spec.nodeName ?? nodeName,
    owner: ownerAfter(current, context.owner),
  };
  causes.push(...identityCauses(identity, current, nodeName));
  const complete: ServerSpec = { ...spec, ...identity };
  // The ones already stored are compared only with what could be stored.
  if (causes.length === 0) causes.push(...sharedCauses(name, complete, await admission.others()));
  if (causes.length > 0) throw new InvalidError('Server', name, causes);

  complete.power = admitPower(current, complete, wantedAction(admission, spec), stamp);
  const metadata = current ? object.metadata : withFinalizer(object.metadata);
  const admitted = { ...object, metadata, spec: complete };
  if (current) checkOwner(current, admitted, context.owner);
  for (const warning of warnings) context.warn(warning);
  return admitted;
}

function wantedAction({ current, stated, patch }: ServerAdmission, spec: ServerSpec) {
  if (current && patch) return actionOfPatch(current, spec, patch);
  return actionOfObject(current, (stated as Partial<ServerSpec> | undefined)?.power);
}

function identityCauses(
  { uuid, nodeName }: { uuid: string; nodeName: string },
  current: Server | undefined,
  thisNode: string,
): FieldCause[] {
  const causes: FieldCause[] = [];
  if (current?.spec.uuid && current.spec.uuid !== uuid)
    causes.push(invalidValue('spec.uuid', uuid, 'field is immutable'));
  if (current?.spec.nodeName && current.spec.nodeName !== nodeName) {
    causes.push(invalidValue('spec.nodeName', nodeName, 'field is immutable'));
  } else if (nodeName !== thisNode) {
    causes.push(notSupported('spec.nodeName', nodeName, [thisNode]));
  }
  return causes;
}

/** A uuid names container and volume, an address can be bound once: neither may be another server's. */
function sharedCauses(name: string, spec: ServerSpec, servers: readonly Server[]): FieldCause[] {
  const others = servers.filter((server) => server.metadata.name !== name);
  const causes: FieldCause[] = [];
  const twin = others.find((server) => server.spec.uuid === spec.uuid);
  if (twin) causes.push(duplicate('spec.uuid', spec.uuid, `server "${twin.metadata.name}" has it`));
  for (const allocation of allocationsOf(spec.allocations)) {
    const holder = others.find((server) =>
      allocationsOf(server.spec.allocations).some((theirs) => collide(theirs, allocation)),
    );
    if (holder)
      causes.push(duplicate(`${allocation.field}.port`, allocation.port, `server "${holder.metadata.name}" has it`));
  }
  return causes;
}

/** From its first moment a deletion has to go through the controller. */
function withFinalizer(metadata: ObjectInput['metadata']): ObjectInput['metadata'] {
  const finalizers = metadata.finalizers ?? [];
  return finalizers.includes(serverFinalizer)
    ? metadata
    : { ...metadata, finalizers: [...finalizers, serverFinalizer] };
}

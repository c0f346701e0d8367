// What admission adds for a Server: its identity, who owns it, its power request, and what no two servers may share.
import { isDeepStrictEqual } from 'node:util';
import { allocationsOf, collide } from './allocations.ts';
import { type FieldCause, InvalidError } from './errors.ts';
import { duplicate, invalidValue, notSupported } from './field-causes.ts';
import type { ObjectInput } from './object.ts';
import { checkOwner, type Owner, ownerAfter } from './ownership.ts';
import { actionOfObject, actionOfPatch, admitPower, agrees, type PowerStamp, suspendedText } from './power.ts';
import { type Server, type ServerSpec, serverFinalizer } from './server.ts';
import { validateServer } from './server-validation.ts';

export interface ServerAdmission {
  /** Checked against the schema, defaults filled in. */
  object: ObjectInput;
  /** `spec` as the writer sent it. */
  stated: unknown;
  patch?: Record<string, unknown>;
  /** The writer said which finalizers there shall be. */
  statesFinalizers: boolean;
  current: Server | undefined;
  nodeName: string;
  stamp: PowerStamp;
  context: { owner: Owner; warn(message: string): void };
}

export type AdmittedServer = ObjectInput & { spec: ServerSpec };

/** Everything but the comparison with other servers. @throws InvalidError, ForbiddenError, PowerConflictError */
export function admitServer(admission: ServerAdmission): AdmittedServer {
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
  const action = wantedAction(admission, spec);
  const statedDesired = powerOf(admission.patch?.['spec'] ?? admission.stated)?.desired ?? undefined;
  if (action && !agrees(current, statedDesired, action)) {
    causes.push(invalidValue('spec.power.desired', statedDesired, `contradicts spec.power.request.action ${action}`));
  }
  if (causes.length > 0) throw new InvalidError('Server', name, causes);

  const complete: ServerSpec = { ...spec, ...identity };
  complete.power = admitPower(current, complete, action, stamp);
  if (complete.power.desired === 'Running' && complete.suspended && !current) {
    warnings.push(`spec.power.desired: ${suspendedText}, so it is not started`);
  }
  const admitted = { ...object, metadata: withFinalizer(admission), spec: complete };
  if (current) checkOwner(current, admitted, context.owner);
  for (const warning of warnings) context.warn(warning);
  return admitted;
}

function wantedAction({ current, stated, patch }: ServerAdmission, spec: ServerSpec) {
  if (current && patch) return actionOfPatch(current, spec, patch);
  return actionOfObject(current, powerOf(stated));
}

/** `power` of a spec that may still be anything. */
function powerOf(spec: unknown): Partial<ServerSpec['power']> | undefined {
  return (spec as Partial<ServerSpec> | null | undefined)?.power ?? undefined;
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

/** Whether a write could take something that is another server's. */
export function takesAnew(current: Server | undefined, { spec }: AdmittedServer): boolean {
  return current?.spec.uuid !== spec.uuid || !isDeepStrictEqual(current?.spec.allocations, spec.allocations);
}

/** @throws InvalidError */
export function checkShared({ metadata, spec }: AdmittedServer, servers: readonly Server[]): void {
  const causes = sharedCauses(metadata.name, spec, servers);
  if (causes.length > 0) throw new InvalidError('Server', metadata.name, causes);
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

/**
 * From its first moment a deletion has to go through the controller, also after a writer who replaced the object and
 * said nothing of finalizers. Only once it is being deleted can somebody give it up, by saying so.
 */
function withFinalizer({ object, current, statesFinalizers }: ServerAdmission): ObjectInput['metadata'] {
  const { metadata } = object;
  const finalizers = metadata.finalizers ?? [];
  const givenUp = current?.metadata.deletionTimestamp !== undefined && statesFinalizers;
  if (givenUp || finalizers.includes(serverFinalizer)) return metadata;
  return { ...metadata, finalizers: [...finalizers, serverFinalizer] };
}

// The rules of a Server: its identity, who owns it, its power request, and what no two servers may share.
import { isDeepStrictEqual } from 'node:util';
import { allocationsOf, collide } from './allocations.ts';
import { type FieldCause, refuse } from './errors.ts';
import { duplicate, invalidValue } from './field-causes.ts';
import { identityCauses, identityOf, sameUuidCauses, uuidKey, withFinalizer } from './identity.ts';
import type { Admittance, Admitted, KindRules, ObjectReader } from './kind-rules.ts';
import { isUnlisted } from './listed.ts';
import { checkOwner, checkOwnerOfDeletion } from './ownership.ts';
import { actionOfObject, actionOfPatch, admitPower, agrees, suspendedText } from './power.ts';
import { type Server, type ServerSpec, serverFinalizer } from './server.ts';
import { validateServer } from './server-validation.ts';

export type AdmittedServer = Admitted<Server>;
type ServerAdmittance = Admittance<Server>;

export const serverRules: KindRules<Server> = {
  admit: admitServer,
  // One for each thing that is unique, so that servers which share nothing do not wait for each other's flush of the disk.
  turnsOf: ({ spec }, current) => (takesAnew(current, spec) ? keysOf(spec).sort() : []),
  keysOf,
  async compare(admitted, _current, reader) {
    const { metadata, spec } = admitted;
    const twins = await reader.holders<Server>('Server', uuidKey(spec.uuid ?? ''));
    // A Panel gives out the ports of its node, and moves one before each of its servers was told: Docker has the last word.
    const taken = spec.owner?.kind === 'Panel' ? [] : await takenPorts(metadata.name, spec, reader);
    refuse('Server', metadata.name, [...sameUuidCauses(admitted, twins), ...taken]);
    return admitted;
  },
  async checkDeletion(current, writer) {
    if (!isUnlisted(current)) checkOwnerOfDeletion(current, writer);
  },
};

/** Everything but the comparison with other servers. @throws InvalidError, ForbiddenError, PowerConflictError */
function admitServer(admission: ServerAdmittance): AdmittedServer {
  const { object, current, stamp, context } = admission;
  const { name } = object.metadata;
  const spec = object.spec as ServerSpec;
  const { causes, warnings } = validateServer(spec);
  const identity = identityOf(admission);
  causes.push(...identityCauses(identity, admission));
  const action = wantedAction(admission, spec);
  const statedDesired = powerOf(admission.patch?.['spec'] ?? admission.stated)?.desired ?? undefined;
  if (action && !agrees(current, statedDesired, action)) {
    causes.push(invalidValue('spec.power.desired', statedDesired, `contradicts spec.power.request.action ${action}`));
  }
  refuse('Server', name, causes);

  const complete: ServerSpec = { ...spec, ...identity };
  complete.power = admitPower(current, complete, action, stamp);
  if (complete.power.desired === 'Running' && complete.suspended && !current) {
    warnings.push(`spec.power.desired: ${suspendedText}, so it is not started`);
  }
  const admitted = { ...object, metadata: withFinalizer(admission, serverFinalizer), spec: complete };
  if (current) checkOwner(current, admitted, context.owner, ['power']);
  for (const warning of warnings) context.warn(warning);
  return admitted;
}

function wantedAction({ current, stated, patch }: ServerAdmittance, spec: ServerSpec) {
  if (current && patch) return actionOfPatch(current, spec, patch);
  return actionOfObject(current, powerOf(stated));
}

/** `power` of a spec that may still be anything. */
function powerOf(spec: unknown): Partial<ServerSpec['power']> | undefined {
  return (spec as Partial<ServerSpec> | null | undefined)?.power ?? undefined;
}

/** Whether a write could take something that is another server's. */
function takesAnew(current: Server | undefined, spec: ServerSpec): boolean {
  return current?.spec.uuid !== spec.uuid || !isDeepStrictEqual(current?.spec.allocations, spec.allocations);
}

function keysOf({ uuid, allocations }: ServerSpec): string[] {
  return [...(uuid ? [uuidKey(uuid)] : []), ...portsOf(allocations).map(portKey)];
}

/** Each once. */
function portsOf(allocations: ServerSpec['allocations']): number[] {
  return [...new Set(allocationsOf(allocations).map(({ port }) => port))].filter((port) => port !== 0);
}

/** Of all addresses: which of them collide is for the comparison. */
function portKey(port: number): string {
  return `port ${port}`;
}

/** An address can be bound once. */
async function takenPorts(name: string, spec: ServerSpec, reader: ObjectReader): Promise<FieldCause[]> {
  const holders = await Promise.all(
    portsOf(spec.allocations).map((port) => reader.holders<Server>('Server', portKey(port))),
  );
  const others = holders.flat().filter((server) => server.metadata.name !== name);
  const causes: FieldCause[] = [];
  for (const allocation of allocationsOf(spec.allocations)) {
    const holder = others.find((server) =>
      allocationsOf(server.spec.allocations).some((theirs) => collide(theirs, allocation)),
    );
    if (holder)
      causes.push(duplicate(`${allocation.field}.port`, allocation.port, `server "${holder.metadata.name}" has it`));
  }
  return causes;
}

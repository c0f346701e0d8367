// What admitting and starting is alike for backups, restores and installations. Each kind adds its own rules.
import type { Backup } from './backup.ts';
import { type FieldCause, OperationConflictError, refuse } from './errors.ts';
import { identityCauses, identityOf, sameUuidCauses, uuidKey, withFinalizer } from './identity.ts';
import type { Installation } from './installation.ts';
import type { Admittance, Admitted, ObjectReader } from './kind-rules.ts';
import type { ObjectInput } from './object.ts';
import {
  cancelAfter,
  cancelCauses,
  immutableCauses,
  keptRef,
  type Operations,
  operationsOf,
  serverLeavingText,
  serverOf,
} from './operation-admission.ts';
import { checkOwner } from './ownership.ts';
import type { Restore } from './restore.ts';
import type { Server } from './server.ts';

type Operation = Backup | Restore | Installation;

export interface OperationAdmission<O extends Operation> {
  finalizer: string;
  /** Paths below spec. */
  immutable: readonly string[];
  /** What else of the spec stays when a writer leaves it out. */
  kept?: (given: O['spec'], before: O['spec'] | undefined) => Partial<O['spec']>;
  causes: (spec: O['spec']) => readonly FieldCause[];
}

/** @throws InvalidError, ForbiddenError */
export function admitOperation<O extends Operation>(
  admittance: Admittance<O>,
  { finalizer, immutable, kept, causes }: OperationAdmission<O>,
): Admitted<O> {
  const { object, stated, current, context } = admittance;
  const given = object.spec as O['spec'];
  const identity = identityOf(admittance);
  const spec: O['spec'] = {
    ...given,
    ...identity,
    serverRef: keptRef(given.serverRef, current?.spec.serverRef),
    ...kept?.(given, current?.spec),
    cancel: cancelAfter(stated, given.cancel, current?.spec),
  };
  refuse(object.kind, object.metadata.name, [
    ...identityCauses(identity, admittance),
    ...immutableCauses(spec, current?.spec, immutable),
    ...cancelCauses(spec.cancel, current?.spec),
    ...causes(spec),
  ]);
  const admitted = { ...object, metadata: withFinalizer(admittance, finalizer), spec };
  if (current) checkOwner(current, admitted, context.owner);
  return admitted;
}

/**
 * Binds a new operation to its server. `check` looks at the server and at everything else that is done to it, and answers
 * what more of the spec is stamped. In the turn of operations.
 * @throws InvalidError, OperationConflictError and what `check` throws
 */
export async function startOperation<O extends Operation>(
  admitted: Admitted<O>,
  reader: ObjectReader,
  check: (server: Server, operations: Operations) => Promise<Partial<O['spec']>>,
): Promise<ObjectInput> {
  const { kind, metadata, spec } = admitted;
  const { name } = metadata;
  // The store says that there is one of this name already; whoever asks twice is not to hear of anything else.
  if (await reader.get(kind, name)) return admitted;
  const { server, causes } = await serverOf(spec.serverRef, reader);
  const twins = await reader.holders<O>(kind, uuidKey(spec.uuid ?? ''));
  refuse(kind, name, [...causes, ...sameUuidCauses(admitted, twins)]);
  if (!server) return admitted;
  const stamped = await check(server, await operationsOf(server, reader));
  return { ...admitted, spec: { ...spec, ...stamped, serverRef: { ...spec.serverRef, uuid: server.spec.uuid } } };
}

/** @throws OperationConflictError */
export function refuseLeaving({ metadata }: Server): void {
  if (metadata.deletionTimestamp) throw new OperationConflictError(serverLeavingText);
}

/** With the text of the first that runs. @throws OperationConflictError */
export function refuseBeside(...running: [operation: Operation | undefined, text: string][]): void {
  const found = running.find(([operation]) => operation);
  if (found) throw new OperationConflictError(found[1]);
}

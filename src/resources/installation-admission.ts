// The rules of an Installation: one at a time of a server, none beside a backup or a restore, and where its script is from.
import { OperationConflictError, refuse } from './errors.ts';
import { forbiddenField, required } from './field-causes.ts';
import { identityCauses, identityOf, sameUuidCauses, uuidKey, withFinalizer } from './identity.ts';
import { type Installation, type InstallationSpec, installationFinalizer } from './installation.ts';
import type { Admittance, Admitted, KindRules, ObjectReader } from './kind-rules.ts';
import type { ObjectInput } from './object.ts';
import {
  backupRunningText,
  cancelAfter,
  cancelCauses,
  immutableCauses,
  installationRunningText,
  keptRef,
  operationKeys,
  operationsOf,
  restoreRunningText,
  runningBackup,
  runningInstallation,
  runningRestore,
  serverLeavingText,
  serverOf,
  turnsOfStart,
} from './operation-admission.ts';
import { checkOwner, checkOwnerOfDeletion } from './ownership.ts';
import type { Server } from './server.ts';

const immutable = [
  'serverRef.name',
  'serverRef.uuid',
  'reinstall',
  'startOnCompletion',
  'script',
  'skip',
  'adoptContainerId',
];

export const installationRules: KindRules<Installation> = {
  admit: admitInstallation,
  turnsOf: ({ spec }, current) => (current ? [] : turnsOfStart(spec)),
  keysOf: operationKeys,
  compare: startInstallation,
  async checkDeletion(current, writer) {
    checkOwnerOfDeletion(current, writer);
  },
};

function admitInstallation(admittance: Admittance<Installation>): Admitted<Installation> {
  const { object, stated, current, context } = admittance;
  const given = object.spec as InstallationSpec;
  const identity = identityOf(admittance);
  const spec: InstallationSpec = {
    ...given,
    ...identity,
    serverRef: keptRef(given.serverRef, current?.spec.serverRef),
    cancel: cancelAfter(stated, given.cancel, current?.spec),
  };
  const adoptsAndRuns = spec.adoptContainerId !== undefined && (spec.script !== undefined || spec.skip === true);
  refuse('Installation', object.metadata.name, [
    ...identityCauses(identity, admittance),
    ...immutableCauses(spec, current?.spec, immutable),
    ...cancelCauses(spec.cancel, current?.spec),
    ...(adoptsAndRuns ? [forbiddenField('spec.adoptContainerId', 'what is taken over runs already')] : []),
  ]);
  const admitted = { ...object, metadata: withFinalizer(admittance, installationFinalizer), spec };
  if (current) checkOwner(current, admitted, context.owner);
  return admitted;
}

async function startInstallation(
  admitted: Admitted<Installation>,
  _current: Installation | undefined,
  reader: ObjectReader,
): Promise<ObjectInput> {
  const { name } = admitted.metadata;
  const { spec } = admitted;
  // The store says that there is one of this name already.
  if (await reader.get('Installation', name)) return admitted;
  const { server, causes } = await serverOf(spec.serverRef, reader);
  const twins = await reader.holders<Installation>('Installation', uuidKey(spec.uuid ?? ''));
  refuse('Installation', name, [...causes, ...sameUuidCauses(admitted, twins)]);
  if (!server) return admitted;
  const operations = await operationsOf(server, reader);
  if (!hasScript(spec, server)) {
    refuse('Installation', name, [required('spec.script', 'the server has no Panel that could be asked for one')]);
  }
  if (server.metadata.deletionTimestamp) throw new OperationConflictError(serverLeavingText);
  if (runningInstallation(operations)) throw new OperationConflictError(installationRunningText);
  if (runningBackup(operations)) throw new OperationConflictError(backupRunningText);
  if (runningRestore(operations)) throw new OperationConflictError(restoreRunningText);
  return { ...admitted, spec: { ...spec, serverRef: { ...spec.serverRef, uuid: server.spec.uuid } } };
}

function hasScript({ script, skip, adoptContainerId }: InstallationSpec, { spec }: Server): boolean {
  if (script || adoptContainerId || (skip ?? spec.skipEggScripts)) return true;
  return spec.owner?.kind === 'Panel';
}

// The rules of a Restore: which backup it may bring back, what has to be over before it begins, and until when it can be
// called off.
import type { Backup } from './backup.ts';
import { type FieldCause, OperationConflictError, refuse } from './errors.ts';
import { atKey, forbiddenField, invalidValue, notFound } from './field-causes.ts';
import { identityCauses, identityOf, sameUuidCauses, uuidKey, withFinalizer } from './identity.ts';
import type { Admittance, Admitted, KindRules, ObjectReader } from './kind-rules.ts';
import type { ObjectInput } from './object.ts';
import {
  backupRunningText,
  cancelAfter,
  cancelCauses,
  immutableCauses,
  installationRunningText,
  isAbout,
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
import { suspendedText } from './power.ts';
import { irrevocableStep, isFinishedRestore, type Restore, type RestoreSpec, restoreFinalizer } from './restore.ts';
import type { Server } from './server.ts';

const immutable = ['serverRef.name', 'serverRef.uuid', 'backupRef.name', 'backupRef.uuid', 'mode', 'strategy', 'paths'];

export const pastCancelText =
  'the files of the server are being replaced: this restore cannot be cancelled any more and goes on to its end';

export const restoreRules: KindRules<Restore> = {
  admit: admitRestore,
  turnsOf: ({ spec }, current) => (current ? [] : turnsOfStart(spec)),
  keysOf: (spec) => [...operationKeys(spec), ...(spec.backupRef.uuid ? [backupKey(spec.backupRef.uuid)] : [])],
  compare: startRestore,
  async checkDeletion(current, writer) {
    checkOwnerOfDeletion(current, writer);
    if (isPastCancel(current)) throw new OperationConflictError(pastCancelText);
  },
};

/** Who reads this backup. */
export function backupKey(uuid: string): string {
  return `backup ${uuid}`;
}

function admitRestore(admittance: Admittance<Restore>): Admitted<Restore> {
  const { object, stated, current, context } = admittance;
  const given = object.spec as RestoreSpec;
  const identity = identityOf(admittance);
  const spec: RestoreSpec = {
    ...given,
    ...identity,
    serverRef: keptRef(given.serverRef, current?.spec.serverRef),
    backupRef: keptRef(given.backupRef, current?.spec.backupRef),
    cancel: cancelAfter(stated, given.cancel, current?.spec),
  };
  refuse('Restore', object.metadata.name, [
    ...identityCauses(identity, admittance),
    ...immutableCauses(spec, current?.spec, immutable),
    ...cancelCauses(spec.cancel, current?.spec),
    ...pathCauses(spec),
  ]);
  const admitted = { ...object, metadata: withFinalizer(admittance, restoreFinalizer), spec };
  if (current) checkOwner(current, admitted, context.owner);
  if (current && spec.cancel && !current.spec.cancel && isPastCancel(current)) {
    throw new OperationConflictError(pastCancelText);
  }
  return admitted;
}

function isPastCancel(restore: Restore): boolean {
  return !isFinishedRestore(restore) && irrevocableStep(restore) !== undefined;
}

function pathCauses({ mode, paths }: RestoreSpec): FieldCause[] {
  const together = mode === 'Truncate' && paths.length > 0;
  return [
    ...(together
      ? [forbiddenField('spec.paths', 'mode Truncate removes what the backup does not have: all or nothing')]
      : []),
    ...paths.flatMap((path, index) => {
      const unclean = path.includes('\0') || path.split('/').some((part) => ['', '.', '..'].includes(part));
      const detail = 'must be a relative path without empty parts, "." and ".."';
      return unclean ? [invalidValue(atKey('spec.paths', index), path, detail)] : [];
    }),
  ];
}

async function startRestore(
  admitted: Admitted<Restore>,
  _current: Restore | undefined,
  reader: ObjectReader,
): Promise<ObjectInput> {
  const { name } = admitted.metadata;
  const { spec } = admitted;
  // The store says that there is one of this name already.
  if (await reader.get('Restore', name)) return admitted;
  const { server, causes } = await serverOf(spec.serverRef, reader);
  const twins = await reader.holders<Restore>('Restore', uuidKey(spec.uuid ?? ''));
  refuse('Restore', name, [...causes, ...sameUuidCauses(admitted, twins)]);
  if (!server) return admitted;
  const operations = await operationsOf(server, reader);
  const backup = await reader.get<Backup>('Backup', spec.backupRef.name);
  refuse('Restore', name, backupCauses(spec.backupRef, backup, server));
  if (server.metadata.deletionTimestamp) throw new OperationConflictError(serverLeavingText);
  if (server.spec.suspended) throw new OperationConflictError(suspendedText);
  if (runningBackup(operations)) throw new OperationConflictError(backupRunningText);
  if (runningRestore(operations)) throw new OperationConflictError(restoreRunningText);
  if (runningInstallation(operations)) throw new OperationConflictError(installationRunningText);
  return {
    ...admitted,
    spec: {
      ...spec,
      serverRef: { ...spec.serverRef, uuid: server.spec.uuid },
      backupRef: { ...spec.backupRef, uuid: backup?.spec.uuid },
    },
  };
}

/** A backup of another server is answered as if there were none, so that names of others cannot be found out. */
function backupCauses(ref: RestoreSpec['backupRef'], backup: Backup | undefined, server: Server): FieldCause[] {
  const field = 'spec.backupRef.name';
  if (!backup || !isAbout(backup, server)) return [notFound(field, ref.name)];
  if (ref.uuid !== undefined && ref.uuid !== backup.spec.uuid) return [notFound('spec.backupRef.uuid', ref.uuid)];
  if (backup.metadata.deletionTimestamp) return [invalidValue(field, ref.name, 'this backup is being deleted')];
  if (backup.status?.phase === 'Completed') return [];
  const phase = backup.status?.phase ?? 'Pending';
  return [invalidValue(field, ref.name, `only a completed backup can be restored, this one is ${phase}`)];
}

// The rules of a Restore: which backup it may bring back, what has to be over before it begins, and until when it can be
// called off.
import type { Backup } from './backup.ts';
import { type FieldCause, OperationConflictError, refuse } from './errors.ts';
import { atKey, forbiddenField, invalidValue, notFound } from './field-causes.ts';
import type { Admittance, Admitted, KindRules, ObjectReader } from './kind-rules.ts';
import type { ObjectInput } from './object.ts';
import {
  backupRunningText,
  installationRunningText,
  isAbout,
  keptRef,
  operationKeys,
  restoreRunningText,
  runningBackup,
  runningInstallation,
  runningRestore,
  turnsOfStart,
} from './operation-admission.ts';
import { admitOperation, refuseBeside, refuseLeaving, startOperation } from './operation-rules.ts';
import { checkOwnerOfDeletion } from './ownership.ts';
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
  const { current } = admittance;
  const kept = (given: RestoreSpec, before: RestoreSpec | undefined) => ({
    backupRef: keptRef(given.backupRef, before?.backupRef),
  });
  const admitted = admitOperation(admittance, { finalizer: restoreFinalizer, immutable, kept, causes: pathCauses });
  if (current && admitted.spec.cancel && !current.spec.cancel && isPastCancel(current)) {
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

function startRestore(
  admitted: Admitted<Restore>,
  _current: Restore | undefined,
  reader: ObjectReader,
): Promise<ObjectInput> {
  const { metadata, spec } = admitted;
  return startOperation(admitted, reader, async (server, operations) => {
    const backup = await reader.get<Backup>('Backup', spec.backupRef.name);
    refuse('Restore', metadata.name, backupCauses(spec.backupRef, backup, server));
    refuseLeaving(server);
    if (server.spec.suspended) throw new OperationConflictError(suspendedText);
    refuseBeside(
      [runningBackup(operations), backupRunningText],
      [runningRestore(operations), restoreRunningText],
      [runningInstallation(operations), installationRunningText],
    );
    return { backupRef: { ...spec.backupRef, ...(backup?.spec.uuid && { uuid: backup.spec.uuid }) } };
  });
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

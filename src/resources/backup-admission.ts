// The rules of a Backup: what of it never changes, how many a server may have, that none begins beside a restore, and
// that what is locked or being read stays.
import { type Backup, type BackupSpec, backupFinalizer, isFinishedBackup, maxIgnoreBytes } from './backup.ts';
import { BackupLimitError, type FieldCause, ForbiddenError, OperationConflictError, refuse } from './errors.ts';
import { tooLong } from './field-causes.ts';
import { identityCauses, identityOf, sameUuidCauses, uuidKey, withFinalizer } from './identity.ts';
import type { Admittance, Admitted, KindRules, ObjectReader } from './kind-rules.ts';
import { isOrphan } from './listed.ts';
import type { ObjectInput } from './object.ts';
import {
  cancelAfter,
  cancelCauses,
  immutableCauses,
  installationRunningText,
  keptRef,
  operationKeys,
  operationsOf,
  operationsTurn,
  restoreRunningText,
  runningInstallation,
  runningRestore,
  serverLeavingText,
  serverOf,
  turnsOfStart,
} from './operation-admission.ts';
import { checkOwner, checkOwnerOfDeletion } from './ownership.ts';
import { isFinishedRestore, type Restore } from './restore.ts';
import { backupKey } from './restore-admission.ts';
import type { Server } from './server.ts';

const immutable = ['serverRef.name', 'serverRef.uuid', 'adapter', 'ignore', 'format', 'adopt'];

export const backupRules: KindRules<Backup> = {
  admit: admitBackup,
  turnsOf: ({ spec }, current) => (current ? [] : turnsOfStart(spec)),
  keysOf: operationKeys,
  compare: startBackup,
  turnsOfDeletion: [operationsTurn],
  async checkDeletion(current, writer, reader) {
    if (!isOrphan(current)) checkOwnerOfDeletion(current, writer);
    if (current.spec.locked) throw new ForbiddenError(lockedText(current));
    const restores = await reader.holders<Restore>('Restore', backupKey(current.spec.uuid ?? ''));
    if (restores.some((restore) => !isFinishedRestore(restore))) {
      throw new OperationConflictError('a restore is reading this backup');
    }
  },
};

function admitBackup(admittance: Admittance<Backup>): Admitted<Backup> {
  const { object, stated, current, context } = admittance;
  const given = object.spec as BackupSpec;
  const identity = identityOf(admittance);
  const spec: BackupSpec = {
    ...given,
    ...identity,
    serverRef: keptRef(given.serverRef, current?.spec.serverRef),
    cancel: cancelAfter(stated, given.cancel, current?.spec),
  };
  refuse('Backup', object.metadata.name, [
    ...identityCauses(identity, admittance),
    ...immutableCauses(spec, current?.spec, immutable),
    ...cancelCauses(spec.cancel, current?.spec),
    ...ignoreCauses('spec.ignore', spec.ignore),
  ]);
  const admitted = { ...object, metadata: withFinalizer(admittance, backupFinalizer), spec };
  if (current) checkOwner(current, admitted, context.owner);
  return admitted;
}

/** The schema counts characters, a file bytes. */
export function ignoreCauses(field: string, ignore: string): FieldCause[] {
  return Buffer.byteLength(ignore) > maxIgnoreBytes ? [tooLong(field, maxIgnoreBytes, 'bytes')] : [];
}

async function startBackup(
  admitted: Admitted<Backup>,
  _current: Backup | undefined,
  reader: ObjectReader,
): Promise<ObjectInput> {
  const { name } = admitted.metadata;
  const { spec } = admitted;
  // The store says that there is one of this name already; whoever asks twice is not to hear of a limit.
  if (await reader.get('Backup', name)) return admitted;
  const { server, causes } = await serverOf(spec.serverRef, reader);
  const twins = await reader.holders<Backup>('Backup', uuidKey(spec.uuid ?? ''));
  refuse('Backup', name, [...causes, ...sameUuidCauses(admitted, twins)]);
  if (!server) return admitted;
  const operations = await operationsOf(server, reader);
  if (server.metadata.deletionTimestamp) throw new OperationConflictError(serverLeavingText);
  if (runningRestore(operations)) throw new OperationConflictError(restoreRunningText);
  if (runningInstallation(operations)) throw new OperationConflictError(installationRunningText);
  checkLimit(server, operations.backups);
  return { ...admitted, spec: { ...spec, serverRef: { ...spec.serverRef, uuid: server.spec.uuid } } };
}

/** `backups`: of this server. Failed ones have nothing, and what is being deleted gives its place away. @throws BackupLimitError */
function checkLimit(server: Server, backups: readonly Backup[]): void {
  const { backupLimit } = server.spec;
  if (backupLimit === undefined) return;
  const { length: count } = backups.filter(
    (backup) =>
      !backup.metadata.deletionTimestamp && (backup.status?.phase === 'Completed' || !isFinishedBackup(backup)),
  );
  if (count >= backupLimit) throw new BackupLimitError(server.metadata.name, { limit: backupLimit, count });
}

function lockedText({ metadata: { name } }: Backup): string {
  return `this backup is locked; to unlock it: kubectl patch backup ${name} --type=merge -p '{"spec":{"locked":false}}'`;
}

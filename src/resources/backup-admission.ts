// The rules of a Backup: what of it never changes, how many a server may have, that none begins beside a restore, and
// that what is locked or being read stays.
import { type Backup, type BackupSpec, backupFinalizer, isFinishedBackup, maxIgnoreBytes } from './backup.ts';
import { BackupLimitError, type FieldCause, ForbiddenError, OperationConflictError } from './errors.ts';
import { tooLong } from './field-causes.ts';
import type { Admittance, Admitted, KindRules, ObjectReader } from './kind-rules.ts';
import { isOrphan } from './listed.ts';
import type { ObjectInput } from './object.ts';
import {
  installationRunningText,
  operationKeys,
  operationsTurn,
  restoreRunningText,
  runningInstallation,
  runningRestore,
  turnsOfStart,
} from './operation-admission.ts';
import { admitOperation, refuseBeside, refuseLeaving, startOperation } from './operation-rules.ts';
import { checkOwnerOfDeletion } from './ownership.ts';
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
  const causes = ({ ignore }: BackupSpec) => ignoreCauses('spec.ignore', ignore);
  return admitOperation(admittance, { finalizer: backupFinalizer, immutable, causes });
}

/** The schema counts characters, a file bytes. */
export function ignoreCauses(field: string, ignore: string): FieldCause[] {
  return Buffer.byteLength(ignore) > maxIgnoreBytes ? [tooLong(field, maxIgnoreBytes, 'bytes')] : [];
}

function startBackup(
  admitted: Admitted<Backup>,
  _current: Backup | undefined,
  reader: ObjectReader,
): Promise<ObjectInput> {
  return startOperation(admitted, reader, async (server, operations) => {
    refuseLeaving(server);
    refuseBeside(
      [runningRestore(operations), restoreRunningText],
      [runningInstallation(operations), installationRunningText],
    );
    checkLimit(server, operations.backups);
    return {};
  });
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

// What a restore reads: the archive of the backup that it names, as long as that is one of the same server and whole. Asked
// when the work begins, and once more before files are touched that cannot be brought back without it.
import type { LocalObjectStore } from '../../src/objectstore/local-store.ts';
import { ObjectStoreError } from '../../src/objectstore/object-store.ts';
import type { Backup } from '../../src/resources/backup.ts';
import type { Restore } from '../../src/resources/restore.ts';
import type { OperationOutcome } from '../../src/runtime/operation-status.ts';
import type { Store } from '../../src/store/store.ts';
import { failed } from './decision.ts';
import { failureOf } from './failures.ts';

export type Archives = Pick<LocalObjectStore, 'stat' | 'pathOf' | 'sidecar'>;

export interface Source {
  path: string;
  /** Bytes. */
  size: number;
  /** SHA-1 in hex, when it is known. */
  checksum: string | undefined;
  /** Bytes of file content; an estimate when nothing tells. */
  contentBytes: number;
  /** Regular files, when that is known. */
  entries: number | undefined;
}

/** Content for each byte of an archive that does not say how much it holds. */
const guessedRatio = 4;

/** Answers how it ends when there is nothing to restore. @throws ObjectStoreError */
export async function findSource(
  { store, archives }: { store: Store; archives: Archives },
  { spec, metadata }: Restore,
): Promise<Source | OperationOutcome> {
  const { name } = spec.backupRef;
  const backup = await store.get<Backup>('Backup', name);
  const uuid = backup?.spec.uuid;
  const server = spec.serverRef.uuid;
  const isTheOne = backup?.spec.serverRef.uuid === server && (spec.backupRef.uuid ?? uuid) === uuid;
  // A backup of another server is answered as none.
  if (!backup || !uuid || !server || !isTheOne) return gone(`There is no backup "${name}" of this server.`);
  if (backup.metadata.deletionTimestamp) return gone(`The backup "${name}" is being deleted.`);
  if (backup.status?.phase !== 'Completed') {
    return failed('BackupNotCompleted', `The backup "${name}" is ${backup.status?.phase ?? 'Pending'}, not Completed.`);
  }
  const key = { server, backup: uuid };
  const [stored, path, sidecar] = await Promise.all([archives.stat(key), archives.pathOf(key), archives.sidecar(key)]);
  if (!stored || !path) {
    return failed('ArchiveMissing', `The archive of the backup "${name}" is not on this node any more.`);
  }
  const { archive } = backup.status;
  if (archive && archive.size !== stored.size) {
    const sizes = `it has ${stored.size} bytes and had ${archive.size}`;
    return failed('ArchiveDamaged', `The archive of the backup "${name}" was changed since it was made: ${sizes}.`);
  }
  return {
    path,
    size: stored.size,
    checksum: archive?.checksum ?? sidecar?.checksum.value,
    contentBytes: archive?.contentBytes ?? sidecar?.contentBytes ?? stored.size * guessedRatio,
    entries: archive?.entries ?? sidecar?.entries,
  };

  function gone(message: string): OperationOutcome {
    return failed('BackupGone', `${message} The restore "${metadata.name}" has nothing to bring back.`);
  }
}

/** The same with the process stopped for it: then nobody waits for a disk that does not answer. */
export async function findSourceNow(
  deps: { store: Store; archives: Archives },
  restore: Restore,
): Promise<Source | OperationOutcome> {
  try {
    return await findSource(deps, restore);
  } catch (error) {
    if (!(error instanceof ObjectStoreError)) throw error;
    const { reason, message } = failureOf(error);
    return failed(reason, `${message} The files of the server are untouched.`);
  }
}

export function isSource(found: object): found is Source {
  return 'path' in found;
}

// What the archive subresources of a Backup read from, and the look at the object before its archive is touched.
import type { FastifyRequest } from 'fastify';
import type { ArchiveRunner } from '../../../archive/runner.ts';
import type { ArchiveKey, ObjectStore } from '../../../objectstore/object-store.ts';
import type { Backup } from '../../../resources/backup.ts';
import type { KindDefinition } from '../../../resources/kinds.ts';
import { type KubeDeps, namedTarget } from '../context.ts';
import { conflict, missing, notFound, type Status, StatusError } from '../status.ts';

export interface ArchiveAccess {
  objects: Pick<ObjectStore, 'stat' | 'read'> & {
    /** The file of an archive; `undefined`: there is none. */
    pathOf(key: ArchiveKey): Promise<string | undefined>;
  };
  runner: Pick<ArchiveRunner, 'readPath'>;
}

export interface CompletedBackup {
  name: string;
  backup: Backup;
  key: ArchiveKey;
}

/** @throws StatusError 404 when there is no such Backup, 409 while it has no archive */
export async function completedBackup(
  { store }: Pick<KubeDeps, 'store'>,
  kind: KindDefinition,
  request: FastifyRequest,
): Promise<CompletedBackup> {
  const name = namedTarget(request, kind);
  const backup = await store.get<Backup>('Backup', name);
  if (!backup) throw new StatusError(notFound(kind, name));
  const { uuid, serverRef } = backup.spec;
  const phase = backup.status?.phase ?? 'Pending';
  if (phase !== 'Completed' || uuid === undefined || serverRef.uuid === undefined)
    throw new StatusError(conflict(kind, name, `it has no archive: it is ${phase}, not Completed`));
  return { name, backup, key: { server: serverRef.uuid, backup: uuid } };
}

/** The object says that there is an archive, the disk says otherwise. */
export function archiveMissing(kind: KindDefinition, name: string): Status {
  return missing(kind, name, 'its archive is not there any more');
}

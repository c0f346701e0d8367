// Backups as the Panel makes, restores and removes them. Everything that can be wrong is found out before the 202, because
// afterwards only a report can say it.
import type { FastifyInstance } from 'fastify';
import type { Backup } from '../../../resources/backup.ts';
import { ForbiddenError } from '../../../resources/errors.ts';
import type { Server } from '../../../resources/server.ts';
import { AlreadyExistsError, NotFoundError } from '../../../store/errors.ts';
import { type ArchiveOf, backupOf, untilFinished, untilGone } from '../backup-lookup.ts';
import { RequestRefused, refusals } from '../http-errors.ts';
import { readFields } from '../json-body.ts';
import { forServer, panelContext, type RouteDeps, type ServerParams } from '../route-deps.ts';

type BackupDeps = Pick<
  RouteDeps,
  'admission' | 'archives' | 'backups' | 'clock' | 'closing' | 'config' | 'log' | 'servers' | 'store'
>;

interface BackupParams {
  Params: { server: string; backup: string };
}

const adapters = ['wings', 's3'];
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function backupRoutes(app: FastifyInstance, deps: BackupDeps): void {
  const { clock } = deps;

  app.post<ServerParams>(
    '/api/servers/:server/backup',
    forServer<ServerParams>(deps, async (server, request, reply) => {
      const fields = await readFields(request.raw, clock);
      const [adapter, ignore] = [fields.text('adapter'), fields.text('ignore')];
      const uuid = backupId(fields.text('uuid'));
      if (!adapters.includes(adapter)) throw new RequestRefused(refusals.unknownAdapter);
      if (adapter === 's3') throw new RequestRefused(refusals.noS3);
      await makeBackup(deps, server, { uuid, ignore });
      return reply.code(202).send();
    }),
  );

  app.post<BackupParams>(
    '/api/servers/:server/backup/:backup/restore',
    forServer<BackupParams>(deps, async (server, request, reply) => {
      const fields = await readFields(request.raw, clock);
      const adapter = fields.text('adapter');
      const [truncate, url] = [fields.flag('truncate_directory'), fields.text('download_url')];
      if (!adapters.includes(adapter)) throw new RequestRefused(refusals.badRequest);
      const uuid = backupId(request.params.backup);
      if (adapter === 's3') throw new RequestRefused(url === '' ? refusals.noDownloadUrl : refusals.noS3);
      await restore(deps, server, { uuid, truncate });
      return reply.code(202).send();
    }),
  );

  app.delete<BackupParams>(
    '/api/servers/:server/backup/:backup',
    forServer<BackupParams>(deps, async (server, request, reply) => {
      const key = keyOf(server, backupId(request.params.backup));
      if (!(await removeBackup(deps, server, key))) throw new RequestRefused(refusals.noSuchBackup);
      return reply.code(204).send();
    }),
  );

  app.delete<ServerParams>(
    '/api/servers/:server/deleteAllBackups',
    forServer<ServerParams>(deps, async (server, _request, reply) => {
      await removeAll(deps, server);
      return reply.code(204).send();
    }),
  );
}

/** As it is kept. @throws RequestRefused */
function backupId(text: string): string {
  const uuid = text.toLowerCase();
  if (!uuidPattern.test(uuid)) throw new RequestRefused(refusals.badBackupId);
  return uuid;
}

function keyOf({ spec: { uuid = '' } }: Server, backup: string): ArchiveOf {
  return { server: uuid, backup };
}

/** Asked for twice it is one job. */
async function makeBackup(deps: BackupDeps, server: Server, wanted: { uuid: string; ignore: string }): Promise<void> {
  const { admission, store } = deps;
  const { uuid, ignore } = wanted;
  const spec = { uuid, serverRef: { name: server.metadata.name }, adapter: 'wings', ignore };
  try {
    await admission.create('Backup', { metadata: { name: uuid }, spec }, panelContext(deps, server));
  } catch (error) {
    if (!(error instanceof AlreadyExistsError)) throw error;
    const present = await store.get<Backup>('Backup', uuid);
    if (present && present.spec.serverRef.uuid !== server.spec.uuid)
      throw new RequestRefused(refusals.foreignBackup, { cause: error });
  }
}

async function restore(deps: BackupDeps, server: Server, wanted: { uuid: string; truncate: boolean }): Promise<void> {
  const { uuid, truncate } = wanted;
  const key = keyOf(server, uuid);
  if (!(await deps.archives.stat(key))) throw new RequestRefused(refusals.noSuchBackup);
  const { name } = server.metadata;
  const backup = (await backupOf(deps, key)) ?? (await adopt(deps, server, key));
  const object = {
    metadata: { generateName: `${uuid}-` },
    spec: {
      serverRef: { name },
      backupRef: { name: backup.metadata.name, uuid },
      mode: truncate ? 'Truncate' : 'Merge',
    },
  };
  await deps.admission.create('Restore', object, panelContext(deps, server));
}

/** An archive that Wings made gets an object, so that all that follows is the same. */
async function adopt(deps: BackupDeps, server: Server, key: ArchiveOf): Promise<Backup> {
  const spec = { uuid: key.backup, serverRef: { name: server.metadata.name }, adopt: true };
  const object = { metadata: { name: key.backup }, spec };
  const made = (await deps.admission.create('Backup', object, panelContext(deps, server))) as Backup;
  return untilFinished(deps, made);
}

/** Answers whether there was one. Its archive is gone afterwards, or will be when the work on it has ended. */
async function removeBackup(deps: BackupDeps, server: Server, key: ArchiveOf): Promise<boolean> {
  const { admission, archives } = deps;
  const backup = await backupOf(deps, key);
  // Made by Wings: nobody but the disk knows of it.
  if (!backup) return archives.delete(key);
  if (backup.metadata.deletionTimestamp) return (await archives.stat(key)) !== undefined;
  try {
    await admission.delete('Backup', backup.metadata.name, {}, panelContext(deps, server));
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    return false;
  }
  await untilGone(deps, backup, key);
  return true;
}

/** Of the server. What somebody locked stays. */
async function removeAll(deps: BackupDeps, server: Server): Promise<void> {
  const { uuid = '' } = server.spec;
  const keys = new Map<string, ArchiveOf>();
  for (const { spec } of deps.backups.list()) {
    if (spec.serverRef.uuid === uuid && spec.uuid) keys.set(spec.uuid, keyOf(server, spec.uuid));
  }
  for await (const { key } of deps.archives.list(uuid)) keys.set(key.backup, key);
  for (const key of keys.values()) {
    try {
      await removeBackup(deps, server, key);
    } catch (error) {
      if (!(error instanceof ForbiddenError)) throw error;
      deps.log.info({ server: server.metadata.name, backup: key.backup }, 'a locked backup was kept');
    }
  }
}

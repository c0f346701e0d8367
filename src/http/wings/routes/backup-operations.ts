// What a front end asks about backups and restores that run: which there are, how far each is, and to call one off.
import type { FastifyInstance } from 'fastify';
import { type Backup, isFinishedBackup } from '../../../resources/backup.ts';
import { isFinishedRestore, type Restore } from '../../../resources/restore.ts';
import { wirePhases } from '../../../resources/wire-phase.ts';
import { RequestRefused, refusals } from '../http-errors.ts';
import { forServer, panelContext, type RouteDeps, type ServerParams } from '../route-deps.ts';

type OperationDeps = Pick<
  RouteDeps,
  'admission' | 'backups' | 'clock' | 'config' | 'log' | 'restores' | 'servers' | 'store'
>;

interface CancelParams {
  Params: { server: string; backup: string };
}

export function backupOperationRoutes(app: FastifyInstance, deps: OperationDeps): void {
  app.get<ServerParams>(
    '/api/servers/:server/backup/operations',
    forServer<ServerParams>(deps, async ({ spec: { uuid } }) => {
      const operations = unfinished(deps)
        .filter(({ spec }) => spec.serverRef.uuid === uuid)
        .map(told);
      return { operations, count: operations.length };
    }),
  );

  app.delete<CancelParams>(
    '/api/servers/:server/backup/:backup/cancel',
    forServer<CancelParams>(deps, async (server, request) => {
      const wanted = request.params.backup.toLowerCase();
      const found = unfinished(deps).filter((one) => backupIdOf(one) === wanted);
      const operation = found.find(({ spec }) => spec.serverRef.uuid === server.spec.uuid);
      if (!operation) throw new RequestRefused(found.length > 0 ? refusals.foreignOperation : refusals.noSuchOperation);
      const { kind, metadata } = operation;
      await deps.admission.patch(kind, metadata.name, { spec: { cancel: true } }, panelContext(deps, server));
      return { success: true, message: 'Backup operation cancelled successfully' };
    }),
  );
}

function unfinished({ backups, restores }: OperationDeps): (Backup | Restore)[] {
  return [
    ...backups.list().filter((backup) => !isFinishedBackup(backup)),
    ...restores.list().filter((restore) => !isFinishedRestore(restore)),
  ];
}

function backupIdOf(operation: Backup | Restore): string | undefined {
  return operation.kind === 'Backup' ? operation.spec.uuid : operation.spec.backupRef.uuid;
}

function told(operation: Backup | Restore) {
  const { metadata, status } = operation;
  const phase = wirePhases[status?.phase ?? 'Pending'];
  return {
    id: metadata.uid,
    backup_id: backupIdOf(operation) ?? '',
    type: operation.kind === 'Backup' ? 'backup' : 'restore',
    start_time: Math.floor(Date.parse(status?.startedAt ?? metadata.creationTimestamp) / 1000),
    phase,
    percentage: status?.progress?.percentage ?? 0,
    queued: phase === 'queued',
  };
}

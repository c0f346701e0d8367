// Puts the backup controller together: its tables, and which event enqueues which key.
import { type Backup, isFinishedBackup } from '../../src/resources/backup.ts';
import type { Server } from '../../src/resources/server.ts';
import { changesMoreThanStatus } from '../../src/runtime/changes.ts';
import { Controller } from '../../src/runtime/controller.ts';
import type { Change, Informer } from '../../src/runtime/informer.ts';
import { Jobs } from '../../src/runtime/jobs.ts';
import type { Runner } from '../../src/runtime/manager.ts';
import type { RuntimeMetrics } from '../../src/runtime/metrics.ts';
import { traceparentAnnotation } from '../../src/runtime/tracing.ts';
import { NotFoundError } from '../../src/store/errors.ts';
import type { BackupCounts } from '../../src/telemetry/backup-metrics.ts';
import { backupReconciler } from './backup-controller.ts';
import { type BackupDeps, type JobResult, operationOf } from './deps.ts';
import { Janitor } from './janitor.ts';
import { verificationOf } from './verification.ts';

export type BackupControllerOptions = Pick<
  BackupDeps,
  | 'store'
  | 'runner'
  | 'archives'
  | 'volumes'
  | 'slots'
  | 'bus'
  | 'events'
  | 'config'
  | 'clock'
  | 'log'
  | 'checkpoint'
  | 'metrics'
> &
  Partial<Pick<BackupDeps, 'owedAtEnd'>> & {
    /** Indexed by `server`. */
    backups: Informer<Backup>;
    /** Indexed by `uuid`. */
    servers: Informer<Server>;
    runtimeMetrics: RuntimeMetrics;
  };

export interface BackupController {
  /** For the manager, in this order. */
  controllers: Runner[];
  /** Everything a server has in the backup directory goes, and its Backups, locked or not. May be repeated. */
  removeOf(serverUuid: string, signal: AbortSignal): Promise<void>;
  /** Ends jobs; what they were at begins once more at the next start. Call after the controllers stopped. */
  close(): Promise<void>;
}

/** Every archive is looked for this often. */
const resyncMs = 300_000;

/** Keys looked at side by side; long work is a job and holds none of them. */
const workers = 4;

/** Far above what the places of the node allow. */
const jobsAtATime = 1_000;

/** The indexes that the informer of backups needs. */
export const backupIndexes = { server: ({ spec }: Backup) => (spec.serverRef.uuid ? [spec.serverRef.uuid] : []) };

/** For the metrics. */
export function backupCounts(backups: Pick<Informer<Backup>, 'list'>): BackupCounts {
  const unfinished = backups.list().filter((backup) => !isFinishedBackup(backup));
  const running = unfinished.filter(({ status }) => status?.startedAt !== undefined).length;
  return { running, queued: unfinished.length - running };
}

export function createBackupController(options: BackupControllerOptions): BackupController {
  const { store, backups, servers, archives, clock, log, slots, runtimeMetrics, metrics } = options;
  const jobs = new Jobs<JobResult>({
    name: 'backup',
    limit: jobsAtATime,
    clock,
    log,
    metrics: runtimeMetrics,
    onEnd: (key) => controller.enqueue(key),
  });
  const deps: BackupDeps = {
    owedAtEnd: () => [],
    ...options,
    jobs,
    works: new Map(),
    wake: (name) => controller.enqueue(name),
  };
  const controller = new Controller({
    name: 'backup',
    reconcile: backupReconciler(deps),
    workers,
    clock,
    log,
    metrics: runtimeMetrics,
    resyncMs,
    listKeys: () => backups.list().map(({ metadata }) => metadata.name),
    linkOf: (name) => backups.get(name)?.metadata.annotations?.[traceparentAnnotation],
  });
  const enqueueUnfinishedOf = (serverUuid: string | undefined) => {
    for (const backup of backups.byIndex('server', serverUuid ?? '')) {
      if (!isFinishedBackup(backup)) controller.enqueue(backup.metadata.name);
    }
  };
  backups.onChange((change) => {
    const { type, object } = change;
    if (type === 'DELETED') {
      slots.release(object.metadata.uid);
      slots.release(verificationOf(object, object.status?.verification?.request));
    }
    if (asksForALook(change)) controller.enqueue(object.metadata.name);
    // The next one of the server may begin.
    if (type === 'DELETED' || (isFinishedBackup(object) && change.old && !isFinishedBackup(change.old))) {
      enqueueUnfinishedOf(object.spec.serverRef.uuid);
    }
  });
  servers.onChange(({ type, object, old }) => {
    const freed = old?.status?.claim && old.status.claim.uid !== object.status?.claim?.uid;
    const leaves = type === 'DELETED' || object.metadata.deletionTimestamp !== old?.metadata.deletionTimestamp;
    if (type !== 'MODIFIED' || freed || leaves) enqueueUnfinishedOf(object.spec.uuid);
  });
  const isWorking = (operation: string) =>
    [...deps.works.values()].some(
      ({ backup, attempt }) =>
        attempt !== undefined && jobs.current(backup.metadata.name) && operationOf(backup, attempt) === operation,
    );
  const janitor = new Janitor({ directory: archives.directory, backups, isWorking, metrics, clock, log });
  return {
    controllers: [janitor, controller],

    async removeOf(serverUuid, signal) {
      const { items } = await store.list<Backup>('Backup');
      for (const { metadata, spec } of items) {
        if (spec.serverRef.uuid !== serverUuid) continue;
        signal.throwIfAborted();
        await store.delete('Backup', metadata.name, { uid: metadata.uid }).catch(unlessGone);
      }
      await archives.deleteServer(serverUuid);
    },

    async close() {
      await jobs.stop();
      for (const { meter } of deps.works.values()) meter.close();
    },
  };
}

/** Our own status writes need no answer, save that a report was delivered: the end may wait for it. */
function asksForALook(change: Change<Backup>): boolean {
  const { object, old } = change;
  return changesMoreThanStatus(change) || (old?.status?.owed?.length ?? 0) > (object.status?.owed?.length ?? 0);
}

function unlessGone(error: unknown): void {
  if (!(error instanceof NotFoundError)) throw error;
}

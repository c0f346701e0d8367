// What the work on backups needs from the rest of the daemon, in one place because every step takes it.
import type { ArchiveFacts } from '../../src/archive/plan.ts';
import type { ArchiveRunner } from '../../src/archive/runner.ts';
import type { Bus } from '../../src/bus/bus.ts';
import type { ProgressMeter } from '../../src/bus/progress-meter.ts';
import type { Clock } from '../../src/clock/clock.ts';
import type { Config } from '../../src/config/config.ts';
import type { LocalObjectStore } from '../../src/objectstore/local-store.ts';
import type { ArchiveKey } from '../../src/objectstore/object-store.ts';
import type { Backup } from '../../src/resources/backup.ts';
import type { Event, EventRecorder } from '../../src/resources/event.ts';
import type { Informer } from '../../src/runtime/informer.ts';
import type { Jobs } from '../../src/runtime/jobs.ts';
import type { OperationOutcome } from '../../src/runtime/operation-status.ts';
import type { Owed } from '../../src/runtime/outbox.ts';
import type { Slots } from '../../src/runtime/slots.ts';
import type { Store } from '../../src/store/store.ts';
import type { BackupMetrics } from '../../src/telemetry/backup-metrics.ts';
import type { Logger } from '../../src/telemetry/log.ts';
import type { Volumes } from '../../src/volumes/volumes.ts';

export interface BackupDeps {
  store: Store;
  runner: ArchiveRunner;
  archives: LocalObjectStore;
  volumes: Pick<Volumes, 'path'>;
  /** Shared with restores. */
  slots: Slots;
  bus: Bus;
  events: EventRecorder;
  config: Config;
  clock: Clock;
  log: Logger;
  metrics: BackupMetrics;
  /** Indexed by `server`: the uuid of the server. */
  backups: Pick<Informer<Backup>, 'byIndex' | 'list'>;
  jobs: Jobs<JobResult>;
  /** Of each backup that has not ended, by name. */
  works: Map<string, Work>;
  /** Looks at the backup of this name again. */
  wake(name: string): void;
  /** Whom the end of this backup has to be reported to. */
  owedAtEnd(backup: Backup, outcome: OperationOutcome): Owed[];
  /** Passed between any two acts that a crash may part; a test stops the daemon there. */
  checkpoint(name: string): Promise<void>;
}

export type JobResult = { kind: 'create'; facts: ArchiveFacts } | { kind: 'verify' };

/** How the work ended, before it is recorded. */
export interface Verdict {
  outcome: OperationOutcome;
  /** Of an archive that is whole. */
  facts?: ArchiveFacts;
}

/** What this daemon knows of a backup beyond its object: gone with the daemon, and never needed to go on. */
export interface Work {
  uid: string;
  /** As it was at the first look. */
  backup: Backup;
  meter: ProgressMeter;
  /** The last attempt that this daemon recorded; another one in status is an earlier daemon's. */
  attempt?: number;
  /** Looks at the archives of the node that failed, one after the other. */
  failedLooks: number;
  /** Why its job was told to end. */
  stopping?: OperationOutcome;
  verdict?: Verdict;
}

/** `spec.uuid` and the server's are filled in by admission; an object without them is a defect of a door. */
export function keyOf({ metadata, spec }: Backup): ArchiveKey {
  const { uuid, serverRef } = spec;
  if (!uuid || !serverRef.uuid) throw new Error(`backup "${metadata.name}" has no uuid, or its server has none`);
  return { server: serverRef.uuid, backup: uuid };
}

/** Tells an attempt from others, in the sidecar and in the name of its partial file. */
export function operationOf({ metadata }: Backup, attempt: number): string {
  return `${metadata.uid}-${attempt}`;
}

export function isOperationOf({ metadata }: Backup, operation: string): boolean {
  return operation.startsWith(`${metadata.uid}-`);
}

export function tell(
  { events }: Pick<BackupDeps, 'events'>,
  backup: Backup,
  type: Event['type'],
  reason: string,
  message: string,
): void {
  const { apiVersion, kind, metadata } = backup;
  events.event({ apiVersion, kind, name: metadata.name, uid: metadata.uid }, type, reason, message);
}

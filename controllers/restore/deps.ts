// What the work on restores needs from the rest of the daemon, in one place because every step takes it.
import type { ArchiveRunner } from '../../src/archive/runner.ts';
import type { Bus } from '../../src/bus/bus.ts';
import type { ProgressMeter } from '../../src/bus/progress-meter.ts';
import type { Clock } from '../../src/clock/clock.ts';
import type { Config } from '../../src/config/config.ts';
import type { Event, EventRecorder } from '../../src/resources/event.ts';
import type { Restore } from '../../src/resources/restore.ts';
import type { Server } from '../../src/resources/server.ts';
import type { Jobs } from '../../src/runtime/jobs.ts';
import type { OperationOutcome } from '../../src/runtime/operation-status.ts';
import type { Owed } from '../../src/runtime/outbox.ts';
import type { Slots } from '../../src/runtime/slots.ts';
import type { Store } from '../../src/store/store.ts';
import type { Logger } from '../../src/telemetry/log.ts';
import type { RestoreMetrics } from '../../src/telemetry/restore-metrics.ts';
import type { Volumes } from '../../src/volumes/volumes.ts';
import type { Act, Restored } from './decision.ts';
import type { Failure } from './failures.ts';
import type { Archives, Source } from './source.ts';

export interface RestoreDeps {
  store: Store;
  runner: ArchiveRunner;
  archives: Archives;
  volumes: Pick<Volumes, 'path' | 'ensure' | 'staging' | 'freeSpace'>;
  /** Shared with backups. */
  slots: Slots;
  bus: Bus;
  events: EventRecorder;
  config: Config;
  clock: Clock;
  log: Logger;
  metrics: RestoreMetrics;
  jobs: Jobs<Restored | undefined>;
  /** By uid, of each restore that this daemon has looked at and that is not wholly over. */
  works: Map<string, Work>;
  /** Looks at the restore of this name again. */
  wake(name: string): void;
  /** Whom the end of this restore has to be reported to. */
  owedAtEnd(restore: Restore, outcome: OperationOutcome): Owed[];
  /** Passed between any two acts that a crash may part; a test stops the daemon there. */
  checkpoint(name: string): Promise<void>;
  /** The daemon is about to end. */
  stopping: boolean;
}

/** What this daemon knows of a restore beyond its object: gone with the daemon, and never needed to go on. */
export interface Work {
  /** As it was at the last look. */
  restore: Restore;
  meter: ProgressMeter;
  /** When this daemon began the work or took it up; monotonic, ms. */
  begunAt?: number;
  /** When the server was asked to stop; monotonic, ms. */
  stoppingSince?: number;
  job?: Act;
  ended?: { act: Act; failure: Failure | undefined; restored: Restored | undefined };
  failures: number;
  /** What was staged: it counts once the files are being replaced. */
  restored?: Restored;
  /** Tries to find what is to be restored that failed, one after another. */
  failedLooks: number;
  /** Its end was told. */
  told?: boolean;
  /** The job that failed is not started again before; monotonic, ms. */
  retryAt?: number;
  source?: Source;
}

/** `spec.serverRef.uuid` is filled in by admission; an object without it is a defect of a door. */
export function serverUuidOf({ metadata, spec }: Restore): string {
  if (!spec.serverRef.uuid) throw new Error(`restore "${metadata.name}" has no uuid of its server`);
  return spec.serverRef.uuid;
}

export function stagingOf({ volumes }: Pick<RestoreDeps, 'volumes'>, restore: Restore): string {
  return volumes.staging(serverUuidOf(restore), restore.metadata.uid);
}

/** The server that the restore is about; another one may bear its name by now. */
export async function serverOf({ store }: Pick<RestoreDeps, 'store'>, { spec }: Restore): Promise<Server | undefined> {
  const server = await store.get<Server>('Server', spec.serverRef.name);
  return server?.spec.uuid === spec.serverRef.uuid ? server : undefined;
}

export function tell(
  { events }: Pick<RestoreDeps, 'events'>,
  restore: Restore,
  type: Event['type'],
  reason: string,
  message: string,
): void {
  const { apiVersion, kind, metadata } = restore;
  events.event({ apiVersion, kind, name: metadata.name, uid: metadata.uid }, type, reason, message);
}

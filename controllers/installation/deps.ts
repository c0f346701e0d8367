// What the work on installations needs from the rest of the daemon, in one place because every step takes it.
import type { Bus } from '../../src/bus/bus.ts';
import type { Clock } from '../../src/clock/clock.ts';
import type { Config } from '../../src/config/config.ts';
import type { HostFacts } from '../../src/config/host-facts.ts';
import type { ImagePuller } from '../../src/containers/images.ts';
import type { Networks } from '../../src/containers/node-networks.ts';
import type { DockerEngine } from '../../src/docker/engine.ts';
import type { InstallScript } from '../../src/panel/panel-api.ts';
import type { Admission } from '../../src/resources/admission.ts';
import type { Event, EventRecorder } from '../../src/resources/event.ts';
import type { Installation } from '../../src/resources/installation.ts';
import type { Server } from '../../src/resources/server.ts';
import type { Jobs } from '../../src/runtime/jobs.ts';
import type { OperationOutcome } from '../../src/runtime/operation-status.ts';
import type { Owed } from '../../src/runtime/outbox.ts';
import type { Store } from '../../src/store/store.ts';
import type { InstallationMetrics } from '../../src/telemetry/installation-metrics.ts';
import type { Logger } from '../../src/telemetry/log.ts';
import type { Volumes } from '../../src/volumes/volumes.ts';

/** What a Panel knows of an installation. Both throw an error whose message is for people. */
export interface InstallScripts {
  /** The object of the server is as the Panel wants it now; when that does not answer, as it last said. */
  refresh(serverUuid: string, signal: AbortSignal): Promise<unknown>;
  fetch(serverUuid: string, signal: AbortSignal): Promise<InstallScript>;
}

export interface InstallationDeps {
  store: Store;
  docker: DockerEngine;
  volumes: Pick<Volumes, 'ensure' | 'path'>;
  images: Pick<ImagePuller, 'ensureImage'>;
  networks: Pick<Networks, 'ensureNode' | 'effectiveConfig'>;
  admission: Pick<Admission, 'patch'>;
  /** Absent: the node has no Panel. */
  scripts?: InstallScripts | undefined;
  bus: Bus;
  events: EventRecorder;
  config: Config;
  host: HostFacts;
  clock: Clock;
  log: Logger;
  metrics: InstallationMetrics;
  jobs: Jobs<Installed>;
  /** Of each installation that has not ended, by name. */
  works: Map<string, Work>;
  /** Whom the end of this installation has to be reported to. */
  owedAtEnd(installation: Installation, outcome: OperationOutcome): Owed[];
  /** Passed between any two acts that a crash may part; a test stops the daemon there. */
  checkpoint(name: string): Promise<void>;
}

/** How a job came to its end without an error. */
export type Installed =
  | { end: 'exited'; exitCode: number }
  /** There is no script to run. */
  | { end: 'skipped' }
  /** There is one after all, and the process of the server has to be stopped first. */
  | { end: 'not-stopped' };

/** How the work ended, before it is recorded. */
export interface Verdict {
  outcome: OperationOutcome;
  exitCode?: number;
}

/** What this daemon knows of an installation beyond its object: gone with the daemon, and never needed to go on. */
export interface Work {
  uid: string;
  /** Why its job was told to end. */
  stopping?: OperationOutcome;
  verdict?: Verdict;
  /** Jobs in a row that ended for want of Docker or the store. */
  failures: number;
  /** The job is not started again before; monotonic, ms. */
  retryAt?: number;
}

/** `spec.serverRef.uuid` is filled in by admission; an object without it is a defect of a door. */
export function serverUuidOf({ metadata, spec }: Installation): string {
  if (!spec.serverRef.uuid) throw new Error(`installation "${metadata.name}" has no uuid of its server`);
  return spec.serverRef.uuid;
}

/** The server that the installation is about; another one may bear its name by now. */
export async function serverOf(
  { store }: Pick<InstallationDeps, 'store'>,
  { spec: { serverRef } }: Installation,
): Promise<Server | undefined> {
  const server = await store.get<Server>('Server', serverRef.name);
  return server?.spec.uuid === serverRef.uuid ? server : undefined;
}

export function tell(
  { events }: Pick<InstallationDeps, 'events'>,
  { apiVersion, kind, metadata }: Installation,
  type: Event['type'],
  reason: string,
  message: string,
): void {
  events.event({ apiVersion, kind, name: metadata.name, uid: metadata.uid }, type, reason, message);
}

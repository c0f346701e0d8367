// What the work on servers needs from the rest of the daemon, in one place because every step takes it.
import type { ActivityRecorder } from '../../src/activity/activity.ts';
import type { Bus } from '../../src/bus/bus.ts';
import type { Clock } from '../../src/clock/clock.ts';
import type { Config } from '../../src/config/config.ts';
import type { HostFacts } from '../../src/config/host-facts.ts';
import type { ConsoleHistory } from '../../src/console/history.ts';
import type { ImagePuller } from '../../src/containers/images.ts';
import type { Networks } from '../../src/containers/node-networks.ts';
import type { DockerEngine } from '../../src/docker/engine.ts';
import type { EggConfiguration } from '../../src/egg/egg-configuration.ts';
import type { PanelSync } from '../../src/panel/sync.ts';
import type { Event, EventRecorder } from '../../src/resources/event.ts';
import type { ProcessState, Server } from '../../src/resources/server.ts';
import type { Store } from '../../src/store/store.ts';
import type { Logger } from '../../src/telemetry/log.ts';
import type { Volumes } from '../../src/volumes/volumes.ts';
import type { DiskUsage } from './disk-usage.ts';
import type { Sessions } from './sessions.ts';
import type { StartPlaces } from './start-places.ts';
import type { States } from './states.ts';

/** What another daemon, such as a Wings that was swapped out, wrote down of its servers. */
export interface Handover {
  /** What a server that this daemon sees for the first time is to do. */
  firstPower(uuid: string): 'Running' | 'Stopped';
  /** Its state after another daemon had the node; undefined when this one had it last. */
  leftBehind(uuid: string): ProcessState | undefined;
}

export interface ServerDeps {
  store: Store;
  docker: DockerEngine;
  volumes: Volumes;
  images: ImagePuller;
  networks: Networks;
  disk: DiskUsage;
  sessions: Sessions;
  states: States;
  history: ConsoleHistory;
  bus: Bus;
  events: EventRecorder;
  config: Config;
  host: HostFacts;
  clock: Clock;
  log: Logger;
  /** The last live update of each server, by uuid: the same one is not sent again. */
  sentUpdates: Map<string, string>;
  eggs: Pick<EggConfiguration, 'apply'>;
  activity: Pick<ActivityRecorder, 'record'>;
  /** Undefined on a node without a Panel. */
  panel: PanelSync | undefined;
  handover: Handover;
  /** Where a start after an outage waits for its turn. */
  places: Pick<StartPlaces, 'take'>;
  /** What a deleted server has in the backup directory, and its Backups. May be repeated. */
  removeBackups(uuid: string, signal: AbortSignal): Promise<void>;
  /** Passed between any two acts that a crash may part; a test stops the daemon there. */
  checkpoint(name: string): Promise<void>;
}

/** `spec.uuid` is filled in by admission; an object without one is a defect of a door. */
export function uuidOf(server: Server): string {
  if (!server.spec.uuid) throw new Error(`server "${server.metadata.name}" has no spec.uuid`);
  return server.spec.uuid;
}

/** A line that the console shows as ours. */
export function say({ bus }: Pick<ServerDeps, 'bus'>, server: Server, text: string): void {
  bus.publish(uuidOf(server), 'console', { source: 'daemon', text });
}

export function tell(
  { events }: Pick<ServerDeps, 'events'>,
  server: Server,
  type: Event['type'],
  reason: string,
  message: string,
): void {
  const { apiVersion, kind, metadata } = server;
  events.event({ apiVersion, kind, name: metadata.name, uid: metadata.uid }, type, reason, message);
}

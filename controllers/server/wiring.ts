// Puts the server controller together: its tables, and which event enqueues which key.
import type { HostFacts } from '../../src/config/host-facts.ts';
import type { ConsoleInput } from '../../src/console/console-input.ts';
import { ImagePuller } from '../../src/containers/images.ts';
import { outgoingIp } from '../../src/containers/networks.ts';
import { Networks } from '../../src/containers/node-networks.ts';
import type { DockerFeed } from '../../src/docker/feed.ts';
import { EggConfiguration } from '../../src/egg/egg-configuration.ts';
import type { Server } from '../../src/resources/server.ts';
import { Controller } from '../../src/runtime/controller.ts';
import type { Informer } from '../../src/runtime/informer.ts';
import { Jobs } from '../../src/runtime/jobs.ts';
import type { RuntimeMetrics } from '../../src/runtime/metrics.ts';
import type { ServerMetrics } from '../../src/telemetry/server-metrics.ts';
import type { ServerDeps } from './deps.ts';
import { DiskUsage } from './disk-usage.ts';
import { type ServerControllerDeps, serverReconciler } from './server-controller.ts';
import { Sessions } from './sessions.ts';
import { StartPlaces } from './start-places.ts';
import { serverStates } from './states.ts';
import { typeLine } from './typed-line.ts';

export type ServerControllerOptions = Pick<
  ServerDeps,
  'store' | 'docker' | 'volumes' | 'history' | 'bus' | 'events' | 'config' | 'clock' | 'log' | 'checkpoint'
> & {
  /** Default: there are none. */
  removeBackups?: ServerDeps['removeBackups'];
  /** Default: one that takes its time from `clock`. */
  eggs?: ServerDeps['eggs'];
  /** Default: nobody keeps it. */
  activity?: ServerDeps['activity'];
  /** Default: the node has none. */
  panel?: ServerDeps['panel'];
  /** Default: this daemon alone ever had the node. */
  handover?: ServerDeps['handover'];
  host: HostFacts;
  feed: DockerFeed;
  /** Indexed by `uuid`. */
  servers: Informer<Server>;
  metrics: RuntimeMetrics;
  serverMetrics: ServerMetrics;
  input: ConsoleInput;
};

/** A full look at every container this often catches an event that Docker did not tell. */
const resyncMs = 30_000;

/** Keys looked at side by side; long work is a job and holds none of them. */
const workers = 8;

/** Far above what a node has: starts after an outage have a limit of their own. */
const jobsAtATime = 1_000;

/** Events that may mean something new; health checks and the like tell nothing about the process. */
const telling: ReadonlySet<string> = new Set([
  'create',
  'start',
  'restart',
  'oom',
  'die',
  'destroy',
  'pause',
  'unpause',
  'update',
  'rename',
]);

export interface ServerController {
  controller: Controller;
  /** Shared with whoever else makes containers. */
  networks: Networks;
  images: ImagePuller;
  /** Ends jobs and sessions; processes go on. Call after the controller stopped. */
  close(): Promise<void>;
}

export function createServerController(options: ServerControllerOptions): ServerController {
  const { docker, bus, history, clock, log, servers, feed, config, volumes, metrics, serverMetrics } = options;
  const enqueueUuid = (uuid: string) => {
    for (const server of servers.byIndex('uuid', uuid)) controller.enqueue(server.metadata.name);
  };
  const sessions = new Sessions({ docker, bus, history, clock, log }, enqueueUuid, (session) =>
    options.input.register(session.target.uuid, (line) => typeLine({ states: deps.states, servers }, session, line)),
  );
  const disk = new DiskUsage({
    volumes,
    intervalMs: config.system.diskCheckInterval * 1000,
    clock,
    log,
    onCounted: enqueueUuid,
  });
  const networks = new Networks({
    docker,
    config,
    log,
    usesOutgoing: (ip, except) =>
      servers
        .list()
        .some(
          (server) => server.metadata.uid !== except.metadata.uid && outgoingIp(config, server.spec.allocations) === ip,
        ),
  });
  const images = new ImagePuller({
    docker,
    clock,
    log,
    timeoutMs: config.aileron.imagePullTimeoutSeconds * 1000,
    sendPlatform: config.flavour === 'pelican',
  });
  const places = new StartPlaces(config.aileron.startsAtATime, (name) => controller.enqueue(name));
  const jobs = new Jobs<void>({
    name: 'server',
    limit: jobsAtATime,
    clock,
    log,
    metrics,
    onEnd(key) {
      places.leave(key);
      controller.enqueue(key);
    },
  });
  const deps: ServerControllerDeps = {
    removeBackups: async () => {},
    eggs: new EggConfiguration({ clock }),
    activity: { record: () => {} },
    handover: { firstPower: () => 'Stopped', leftBehind: () => undefined },
    panel: undefined,
    ...options,
    images,
    networks,
    disk,
    sessions,
    states: serverStates(options),
    jobs,
    working: new Map(),
    places,
    failures: new Map(),
    sentUpdates: new Map(),
    met: new Set(),
  };
  const controller = new Controller({
    name: 'server',
    reconcile: serverReconciler(deps),
    workers,
    clock,
    log,
    metrics,
    resyncMs,
    listKeys: () => servers.list().map((server) => server.metadata.name),
    linkOf: (name) => servers.get(name)?.metadata.annotations?.['aileron.dev/traceparent'],
  });

  servers.onChange(({ type, object, old }) => {
    const { uuid } = object.spec;
    if (type === 'DELETED' && uuid) serverMetrics.forget(uuid);
    else if (uuid)
      serverMetrics.show(uuid, object.status?.state ?? 'offline', (object.status?.needsRestart?.length ?? 0) > 0);
    if (uuid && type === 'MODIFIED' && filesReplaced(old, object)) disk.recount(uuid);
    // Our own status writes need no answer.
    if (
      type !== 'MODIFIED' ||
      !old ||
      old.metadata.generation !== object.metadata.generation ||
      metadataChanged(old, object) ||
      claimChanged(old, object)
    ) {
      controller.enqueue(object.metadata.name);
    }
  });
  feed.onEvent(({ action, name }) => {
    if (telling.has(action)) enqueueUuid(name);
  });
  feed.onUnreachable(() => sessions.interruptAll());
  feed.onReachable(() => {
    sessions.hurryAll();
    for (const server of servers.list()) controller.enqueue(server.metadata.name);
  });
  return {
    controller,
    networks,
    images,
    async close() {
      await jobs.stop();
      disk.stop();
      sessions.closeAll();
    },
  };
}

function metadataChanged(old: Server, now: Server): boolean {
  return old.metadata.deletionTimestamp !== now.metadata.deletionTimestamp;
}

/** By those who claim, not by what this controller adds to a claim. */
function claimChanged({ status: before }: Server, { status: now }: Server): boolean {
  return before?.claim?.uid !== now?.claim?.uid || before?.claim?.stopServer !== now?.claim?.stopServer;
}

/** By a restore or an installation that has ended. */
function filesReplaced(old: Server | undefined, { status }: Server): boolean {
  const claim = old?.status?.claim;
  return (claim?.kind === 'Restore' || claim?.kind === 'Installation') && claim.uid !== status?.claim?.uid;
}

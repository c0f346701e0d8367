// The composition root: builds the daemon from its parts, top to bottom, and ties it to the process. Nothing else
// constructs across the layers, looks at signals or decides about the exit code.
import { flushCompileCache } from 'node:module';
import { dirname, join } from 'node:path';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { backupCounts, backupIndexes, createBackupController } from '../controllers/backup/wiring.ts';
import { createEventTtl } from '../controllers/events/event-ttl.ts';
import { createGarbageCollector } from '../controllers/garbage/garbage.ts';
import {
  createInstallationController,
  installationIndexes,
  runningInstallations,
} from '../controllers/installation/wiring.ts';
import { createNodeController } from '../controllers/node/node-controller.ts';
import { createRestoreController, restoreCounts, restoreIndexes } from '../controllers/restore/wiring.ts';
import { createScheduleController, scheduleIndexes } from '../controllers/schedule/schedule-controller.ts';
import { createServerController } from '../controllers/server/wiring.ts';
import { createActivity } from './activity/create-activity.ts';
import { panelSender } from './activity/panel-send.ts';
import { ProcessRunner } from './archive/process-runner.ts';
import type { ArchiveRunner } from './archive/runner.ts';
import { Bus } from './bus/bus.ts';
import { type Clock, systemClock } from './clock/clock.ts';
import type { Config } from './config/config.ts';
import { ConfigHolder, onlyAtStart } from './config/config-holder.ts';
import { processEnvironment } from './config/environment.ts';
import { hostFacts } from './config/host-facts.ts';
import { loadConfig } from './config/load.ts';
import { PanelUpdateRefused } from './config/panel-update.ts';
import { prepareHost } from './config/prepare-host.ts';
import { writeBack } from './config/write-back.ts';
import { ConsoleInput } from './console/console-input.ts';
import { ConsoleHistory } from './console/history.ts';
import { collectDiagnostics } from './diagnostics/collect.ts';
import type { DiagnosticsOptions } from './diagnostics/report.ts';
import { createDockerEngine } from './docker/dockerode-engine.ts';
import type { DockerEngine } from './docker/engine.ts';
import { DockerFeed } from './docker/feed.ts';
import { ServerStatesKeeper } from './handover/server-states.ts';
import { ensurePki } from './http/kube/pki/pki.ts';
import { createKubeServer } from './http/kube/server.ts';
import type { HealthCheck } from './http/ops/health.ts';
import { createOpsServer } from './http/ops/server.ts';
import { RequestRefused, refusals } from './http/wings/http-errors.ts';
import { Revocations } from './http/wings/revocations.ts';
import type { ApplyPanelUpdate } from './http/wings/route-deps.ts';
import { createWingsServer } from './http/wings/server.ts';
import type { ServerLookup } from './http/wings/server-lookup.ts';
import { UsedTokens } from './http/wings/used-tokens.ts';
import { thisMachine } from './machine/machine.ts';
import { createManifestSource, type ManifestSource } from './manifests/manifest-source.ts';
import { LocalObjectStore } from './objectstore/local-store.ts';
import { owedToPanel } from './panel/owed.ts';
import { createPanel, type Panel } from './panel/wiring.ts';
import { Admission } from './resources/admission.ts';
import type { Backup } from './resources/backup.ts';
import { type Installation, isFinishedInstallation } from './resources/installation.ts';
import { ensureNamespace } from './resources/namespace.ts';
import { isFinishedRestore, type Restore } from './resources/restore.ts';
import type { Schedule } from './resources/schedule.ts';
import type { Server } from './resources/server.ts';
import { StoreEventRecorder } from './runtime/event-recorder.ts';
import { Informer } from './runtime/informer.ts';
import { Manager } from './runtime/manager.ts';
import { createRuntimeMetrics } from './runtime/metrics.ts';
import { Outbox } from './runtime/outbox.ts';
import { Slots } from './runtime/slots.ts';
import { listenOrExplain, startupSentence } from './startup-errors.ts';
import { openSqliteStore } from './store/sqlite/sqlite-store.ts';
import type { Store } from './store/store.ts';
import { createBackupMetrics } from './telemetry/backup-metrics.ts';
import { createConfigMetrics } from './telemetry/config-metrics.ts';
import { createInstallationMetrics } from './telemetry/installation-metrics.ts';
import type { Logger } from './telemetry/log.ts';
import { LogFile } from './telemetry/log-file.ts';
import { createLogger } from './telemetry/pino-log.ts';
import { Redactor } from './telemetry/redact.ts';
import { createRestoreMetrics } from './telemetry/restore-metrics.ts';
import { createServerMetrics } from './telemetry/server-metrics.ts';
import { aileronVersion } from './telemetry/version.ts';
import { createVolumes } from './volumes/volumes.ts';

/** What a test may put in place of the real thing. */
export interface Overrides {
  clock?: Clock;
  docker?: DockerEngine;
  /** To hear what happens. */
  bus?: Bus;
  /** To type into consoles. */
  input?: ConsoleInput;
  runner?: ArchiveRunner;
  /** Called with each secret that must not stand in the log, when it comes up. */
  redact?: (secret: string) => void;
  /** Awaited between any two acts that a crash may part. */
  checkpoint?: (name: string) => Promise<void>;
}

export interface Daemon {
  api: { port: number };
  kube: { port: number };
  ops: { port: number };
  /** Resolves when the daemon cannot go on. */
  failed: Promise<Error>;
  /** Doors first, then workers, the store last. Games run on. */
  stop(): Promise<void>;
}

/** Builds in this order and, on the way out, takes down in the other: doors first, then workers, the store last. */
export async function startDaemon(settings: Config, log: Logger, overrides: Overrides = {}): Promise<Daemon> {
  const {
    clock = systemClock,
    docker = createDockerEngine(processEnvironment),
    checkpoint = async () => {},
    input = new ConsoleInput(),
  } = overrides;
  const holder = new ConfigHolder({ config: settings, log });
  const config = holder.live;
  holder.onChange(({ token }) => overrides.redact?.(token.secret));
  const { nodeName } = config.aileron;
  await using parts = new AsyncDisposableStack();

  const store = parts.adopt(await openSqliteStore({ path: config.aileron.store.path, clock, log }), (open) =>
    open.close(),
  );
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = createRuntimeMetrics(registry);
  const { ignoreCertificateErrors } = config;
  const pendingRestart = () => holder.pendingRestart();
  createConfigMetrics(registry, { keys: onlyAtStart, pendingRestart, ignoreCertificateErrors });
  const events = new StoreEventRecorder({ store, component: 'aileron', host: nodeName, clock, log, metrics });
  parts.defer(() => events.flush());

  const { bus = new Bus((error) => log.error({ err: error }, 'a subscriber of the bus failed')) } = overrides;
  const history = parts.adopt(new ConsoleHistory({ bus, clock, maxLines: config.system.websocketLogCount }), (open) =>
    open.close(),
  );
  const { data: dataDirectory, machineId, user } = config.system;
  const { uid, gid } = user;
  const volumes = createVolumes({ dataDirectory, machineIdDirectory: machineId.directory, uid, gid });
  parts.defer(() => volumes.close());
  const feed = parts.adopt(new DockerFeed({ docker, clock, log, registry }), (open) => open.stop());

  const servers = new Informer<Server>({ store, kind: 'Server', clock, log, metrics, indexes: { uuid: uuidIndex } });
  const statesPath = join(config.system.rootDirectory, 'states.json');
  const states = parts.adopt(await ServerStatesKeeper.open({ path: statesPath, clock, log }), (open) => open.close());
  states.follow(servers);
  const backupIndex = { ...backupIndexes, ...scheduleIndexes };
  const backups = new Informer<Backup>({ store, kind: 'Backup', clock, log, metrics, indexes: backupIndex });
  const restores = new Informer<Restore>({ store, kind: 'Restore', clock, log, metrics, indexes: restoreIndexes });
  const installationIndex = { kind: 'Installation', indexes: installationIndexes };
  const installations = new Informer<Installation>({ ...installationIndex, store, clock, log, metrics });
  const schedules = new Informer<Schedule>({ store, kind: 'Schedule', clock, log, metrics });
  const runner = parts.adopt(overrides.runner ?? new ProcessRunner({ clock, log }), (open) => open.close());
  const { backupDirectory, backups: backupSettings } = config.system;
  const archives = new LocalObjectStore({ directory: backupDirectory, layout: backupSettings.layout });
  const sources = [backups, restores, installations];
  const outbox = new Outbox({ store, sources, events, clock, log, metrics, registry });
  const admission = new Admission({ store, nodeName, clock });
  const bootedAt = clock.now();
  const unsettled = () =>
    [...restores.list(), ...installations.list()].filter((one) => isUnsettled(one, bootedAt)).length +
    (installation.leftoversPending ? 1 : 0);
  const reading = { environment: processEnvironment, version: aileronVersion, unsettled };
  const panel = config.remote
    ? createPanel({ ...reading, config, store, admission, servers, bus, events, clock, log, registry })
    : undefined;
  if (panel) {
    parts.defer(() => panel.close());
    outbox.register('Panel', panel.deliver);
  }
  const { activity: activityLimits, rootDirectory } = config.system;
  const activity = parts.adopt(
    createActivity({
      ...{ ...activityLimits, flavour: config.flavour, bus, clock, log, registry },
      path: join(stateDirectory(config), 'activity.db'),
      wingsPath: join(rootDirectory, 'wings.db'),
      send: panel && panelSender(panel.api),
    }),
    (open) => open.close(),
  );
  const owedAtEnd = (object: Backup | Restore | Installation) => (panel ? owedToPanel(object, clock.now()) : []);
  // What runs as an archive job, whichever, shares the places of the node.
  const slots = new Slots(backupSettings.maxConcurrent);
  const operations = { store, runner, archives, volumes, slots, bus, events, config, clock, log, checkpoint };
  const backup = createBackupController({
    ...{ ...operations, owedAtEnd, backups, servers, runtimeMetrics: metrics },
    metrics: createBackupMetrics(registry, () => backupCounts(backups)),
  });
  parts.defer(() => backup.close());
  const server = createServerController({
    ...{ store, docker, volumes, history, bus, events, config, clock, log, checkpoint, feed, servers, metrics },
    removeBackups: backup.removeOf,
    ...{ panel: panel?.sync, activity: activity.recorder, handover: states },
    serverMetrics: createServerMetrics(registry, bus),
    host: hostFacts(),
    input,
  });
  parts.defer(() => server.close());
  const restore = createRestoreController({
    ...{ ...operations, owedAtEnd, restores, servers, runtimeMetrics: metrics },
    metrics: createRestoreMetrics(registry, () => restoreCounts(restores)),
  });
  const installation = createInstallationController({
    ...{ store, docker, volumes, admission, bus, events, config, clock, log, checkpoint, owedAtEnd },
    ...{ installations, servers, feed, images: server.images, networks: server.networks, host: hostFacts() },
    scripts: panel && {
      refresh: (uuid, signal) => panel.sync.refresh(uuid, signal),
      fetch: (uuid, signal) => panel.api.installScript(uuid, signal),
    },
    runtimeMetrics: metrics,
    metrics: createInstallationMetrics(registry, () => runningInstallations(installations)),
  });
  parts.defer(() => installation.close());
  const manager = parts.adopt(new Manager({ log, clock }), (started) => started.stop());
  manager.add({ informers: [servers, backups, restores, installations], controllers: [server.controller] });
  // Ends in the other order: what is called off then may owe a report.
  manager.add({ controllers: [outbox.controller, ...backup.controllers, ...installation.controllers, restore] });
  manager.add(createNodeController({ store, docker, feed, events, config, clock, log, metrics }));
  manager.add(createEventTtl({ store, clock, log, metrics }));
  manager.add(createGarbageCollector({ store, clock, log, metrics }));
  const scheduling = { schedules, backups, admission, events };
  manager.add({ informers: [schedules] });
  manager.add(createScheduleController({ ...scheduling, store, clock, log, metrics, checkpoint }));

  if (panel) manager.add({ controllers: panel.runners });

  await ensureNamespace(store);
  const { manifests: directory } = config.aileron;
  const caches = [servers as Informer, backups as Informer, schedules as Informer];
  const manifests = directory
    ? parts.use(createManifestSource({ directory, nodeName, store, admission, caches, events, clock, log, registry }))
    : undefined;
  const checks = readinessChecks(store, feed, manager, { manifests, panel });
  const renewPki = () => ensurePki({ directory: pkiDirectory(config), host: config.aileron.kube.host, clock, log });
  const pki = await renewPki();
  // What others than this machine can reach asks for the token of the kube API.
  const token = isLoopback(config.aileron.ops.host) ? undefined : pki.token;
  const ops = parts.adopt(createOpsServer({ registry, checks, token, clock, log }), (door) => door.close());
  const opsAt = await listenOrExplain('ops', config.aileron.ops, (at) => ops.listen(at));
  const kubeOptions = { store, admission, clock, log, registry, renewPki, build: { version: aileronVersion } };
  const kube = parts.adopt(createKubeServer({ ...kubeOptions, pki, archives: { objects: archives, runner } }), (door) =>
    door.close(),
  );
  const kubeAt = await listenOrExplain('kube', config.aileron.kube, (at) => kube.listen(at));
  const revocations = await Revocations.open({ path: join(stateDirectory(config), 'revocations.json'), clock, log });
  const lookup = serverLookup(servers);
  const used = await UsedTokens.open({ path: join(stateDirectory(config), 'used-links.json'), clock, log });
  const wingsOptions = {
    ...{ config, log, clock, bus, history, input, docker, store, admission, archives, backups, restores, registry },
    ...{ servers: lookup, revocations, used, panel: panel?.sync, applyPanelUpdate: panelUpdates(holder, log) },
    machine: thisMachine({ clock, log, directories: ownDirectories(config) }),
    diagnostics: (how: DiagnosticsOptions) => collectDiagnostics({ config, docker, clock }, how),
  };
  const { recorder } = activity;
  const api = parts.adopt(createWingsServer({ ...wingsOptions, activity: recorder }), (door) => door.close());
  const apiAt = await listenOrExplain('api', config.api, (at) => api.listen(at));

  feed.start();
  await manager.start();
  await manifests?.start();
  activity.start();
  log.info({ node: nodeName, api: apiAt.port, kube: kubeAt.port, ops: opsAt.port }, 'the node is up');

  const running = parts.move();
  return { api: apiAt, kube: kubeAt, ops: opsAt, failed: store.failed, stop: () => running.disposeAsync() };
}

/** What `/readyz` asks: can this node do its work? A wrong manifest and a Panel that is away are told there, but keep no node from it. */
function readinessChecks(
  store: Store,
  feed: DockerFeed,
  manager: Manager,
  { manifests, panel }: { manifests: ManifestSource | undefined; panel: Panel | undefined },
): HealthCheck[] {
  return [
    { name: 'store', check: () => store.list('Node').then(() => undefined) },
    { name: 'controllers', check: async () => (manager.ready ? undefined : 'the controllers have not started yet') },
    { name: 'docker', check: async () => (feed.reachable ? undefined : (feed.failure?.message ?? 'not asked yet')) },
    ...(manifests ? [{ name: 'manifests', check: async () => undefined, note: () => manifests.summary() }] : []),
    ...(panel ? [{ name: 'panel', check: async () => undefined, note: () => panel.note() }] : []),
  ];
}

/** The Panel has to hear of its end before it is told that nothing is being restored or installed. */
function isUnsettled(operation: Restore | Installation, bootedAt: number): boolean {
  const { metadata, spec, status } = operation;
  const isOlder =
    Date.parse(metadata.creationTimestamp) <= bootedAt || ('adoptContainerId' in spec && spec.adoptContainerId);
  if (spec.owner?.kind !== 'Panel' || !isOlder) return false;
  const hasEnded = operation.kind === 'Restore' ? isFinishedRestore(operation) : isFinishedInstallation(operation);
  return !hasEnded || (status?.owed?.length ?? 0) > 0;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function uuidIndex(server: Server): string[] {
  return server.spec.uuid ? [server.spec.uuid] : [];
}

function serverLookup(servers: Informer<Server>): ServerLookup {
  return {
    synced: () => servers.synced(),
    byUuid: (uuid) => servers.byIndex('uuid', uuid)[0],
    list: () => servers.list(),
    onChange: (handler) => servers.onChange(handler),
  };
}

/** What cannot be taken is the sender's fault, what cannot be written is ours. */
function panelUpdates(holder: ConfigHolder, log: Logger): ApplyPanelUpdate {
  return async (body) => {
    try {
      return await holder.applyPanelUpdate(body);
    } catch (error) {
      if (!(error instanceof PanelUpdateRefused)) throw error;
      log.warn({ reason: error.message }, 'a configuration of the Panel was not taken');
      throw new RequestRefused(refusals.badRequest, { cause: error });
    }
  };
}

/** By the names under which a Panel shows them. */
function ownDirectories({ system }: Config): Record<string, string> {
  return {
    Root: system.rootDirectory,
    Logs: system.logDirectory,
    Data: system.data,
    Archive: system.archiveDirectory,
    Backup: system.backupDirectory,
    Temp: system.tmpDirectory,
  };
}

function stateDirectory(config: Config): string {
  return dirname(config.aileron.store.path);
}

function pkiDirectory(config: Config): string {
  return join(stateDirectory(config), 'pki');
}

export interface RunOptions {
  configPath?: string | undefined;
  /** As if `debug` stood in the configuration. */
  debug?: boolean | undefined;
  ignoreCertificateErrors?: boolean | undefined;
}

/** Runs the node until a signal or a failure ends it. Resolves with the exit code of the process. */
export async function run({ configPath, ...flags }: RunOptions): Promise<number> {
  return explained(async () => {
    const say = (message: string) => void process.stderr.write(`${message}\n`);
    const loaded = await loadConfig({ path: configPath, warn: say, remark: say, ...flags });
    const config = await prepareHost(loaded, { warn: say });
    await writeBack(config, { warn: say });
    const redactor = new Redactor();
    redactor.add(config.token.secret);
    const logPath = join(config.system.logDirectory, 'wings.log');
    const onFailure = ({ message }: Error) => say(`The log cannot be written to ${logPath} (${message}).`);
    await using logFile = new LogFile({ path: logPath, onFailure });
    process.on('SIGHUP', () => logFile.reopen());
    const log = createLogger({
      level: config.aileron.log.level,
      redactor,
      terminal: process.stderr.isTTY,
      write: (line) => process.stderr.write(line),
      alsoWrite: (line) => logFile.write(line),
    });
    if (config.ignoreCertificateErrors)
      log.warn({ remote: config.remote }, 'certificates of the Panel are not checked, as the command line says');
    const daemon = await startDaemon(config, log, { redact: (secret) => redactor.add(secret) });
    // Written at the end of the process otherwise, which a power cut takes away.
    flushCompileCache();
    const end = await endOf(daemon);
    if (end.code === 0) log.info({ signal: end.reason }, 'stopping; games run on');
    else log.error({ err: end.reason }, 'the daemon cannot go on; games run on');
    setTimeout(() => process.exit(1), shutdownLimitMs + config.system.shutdownGrace * 1000).unref();
    await daemon.stop();
    return end.code;
  });
}

/**
 * A shutdown that hangs is ended: by then everything that matters is in the store. Beyond the grace that restores have to
 * finish moving files.
 */
const shutdownLimitMs = 30_000;

/** The first of: a signal, a part that cannot go on, an error that nobody caught. A second signal ends the process. */
function endOf(daemon: Daemon): Promise<{ code: number; reason: unknown }> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        process.on(signal, () => process.exit(1));
        resolve({ code: 0, reason: signal });
      });
    }
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, (reason: unknown) => resolve({ code: 1, reason }));
    }
    void daemon.failed.then((reason) => resolve({ code: 1, reason }));
  });
}

/** One sentence for what a person can mend; the stack for everything else. */
async function explained(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    const sentence = startupSentence(error) ?? (error instanceof Error ? error.stack : String(error));
    process.stderr.write(`aileron: ${sentence}\n`);
    return 1;
  }
}

// What every other part of the daemon stands on: configuration, store, telemetry, and the adapters to Docker and to disk.
import { join } from 'node:path';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { ProcessRunner } from '../archive/process-runner.ts';
import type { ArchiveRunner } from '../archive/runner.ts';
import { Bus } from '../bus/bus.ts';
import { type Clock, systemClock } from '../clock/clock.ts';
import type { Config } from '../config/config.ts';
import { ConfigHolder, onlyAtStart } from '../config/config-holder.ts';
import { processEnvironment } from '../config/environment.ts';
import { secretsOf } from '../config/secrets.ts';
import { ConsoleInput } from '../console/console-input.ts';
import { ConsoleHistory } from '../console/history.ts';
import { createDockerEngine } from '../docker/dockerode-engine.ts';
import type { DockerEngine } from '../docker/engine.ts';
import { DockerFeed } from '../docker/feed.ts';
import { ServerStatesKeeper } from '../handover/server-states.ts';
import { LocalObjectStore } from '../objectstore/local-store.ts';
import { Admission } from '../resources/admission.ts';
import { StoreEventRecorder } from '../runtime/event-recorder.ts';
import { createRuntimeMetrics } from '../runtime/metrics.ts';
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { createConfigMetrics } from '../telemetry/config-metrics.ts';
import type { Logger } from '../telemetry/log.ts';
import { Redactor } from '../telemetry/redact.ts';
import { startTracing } from '../telemetry/tracing/start-tracing.ts';
import { aileronVersion } from '../telemetry/version.ts';
import { createVolumes } from '../volumes/volumes.ts';

/** What a test may put in place of the real thing. */
export interface Overrides {
  clock?: Clock;
  docker?: DockerEngine;
  /** To hear what happens. */
  bus?: Bus;
  /** To type into consoles. */
  input?: ConsoleInput;
  runner?: ArchiveRunner;
  /** Of the log: hears of each secret when it comes up. */
  redactor?: Redactor;
  /** Awaited between any two acts that a crash may part. */
  checkpoint?: (name: string) => Promise<void>;
}

export type Foundation = Awaited<ReturnType<typeof openFoundation>>;

/** Opened on `parts`, which closes them in the other order. */
export async function openFoundation(parts: AsyncDisposableStack, settings: Config, log: Logger, overrides: Overrides) {
  const {
    clock = systemClock,
    docker = createDockerEngine(processEnvironment),
    bus = new Bus((error) => log.error({ err: error }, 'a subscriber of the bus failed')),
    checkpoint = async () => {},
    input = new ConsoleInput(),
    redactor = new Redactor(),
  } = overrides;
  const holder = new ConfigHolder({ config: settings, log });
  const config = holder.live;
  redactor.addAll(secretsOf(settings));
  holder.onChange((now) => redactor.addAll(secretsOf(now)));
  const { nodeName, tracing } = config.aileron;

  const store = parts.adopt(await openSqliteStore({ path: config.aileron.store.path, clock, log }), (open) =>
    open.close(),
  );
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  if (tracing.endpoint) {
    const resource = { 'service.name': 'aileron', 'service.version': aileronVersion, 'service.instance.id': nodeName };
    parts.adopt(startTracing({ ...tracing, resource, redactor, clock, log, registry }), (started) => started.close());
  }
  const metrics = createRuntimeMetrics(registry);
  const { ignoreCertificateErrors } = config;
  const pendingRestart = () => holder.pendingRestart();
  createConfigMetrics(registry, { keys: onlyAtStart, pendingRestart, ignoreCertificateErrors });
  const events = new StoreEventRecorder({ store, component: 'aileron', host: nodeName, clock, log, metrics });
  parts.defer(() => events.flush());

  const history = parts.adopt(new ConsoleHistory({ bus, clock, maxLines: config.system.websocketLogCount }), (open) =>
    open.close(),
  );
  const { data: dataDirectory, machineId, user, rootDirectory, backupDirectory, backups } = config.system;
  const { uid, gid } = user;
  const volumes = createVolumes({ dataDirectory, machineIdDirectory: machineId.directory, uid, gid });
  parts.defer(() => volumes.close());
  const feed = parts.adopt(new DockerFeed({ docker, clock, log, registry }), (open) => open.stop());
  const statesPath = join(rootDirectory, 'states.json');
  const states = parts.adopt(await ServerStatesKeeper.open({ path: statesPath, clock, log }), (open) => open.close());
  const runner = parts.adopt(overrides.runner ?? new ProcessRunner({ clock, log }), (open) => open.close());
  const archives = new LocalObjectStore({ directory: backupDirectory, layout: backups.layout });
  const admission = new Admission({ store, nodeName, clock });
  return {
    ...{ config, holder, store, admission, registry, metrics, events, bus, clock, log, checkpoint },
    ...{ docker, feed, volumes, runner, archives, history, input, states, redactor },
  };
}

// The controllers and what they share, in the order in which they start. To add a kind: its cache in caches.ts, its
// controller here.
import { backupCounts, createBackupController } from '../../controllers/backup/wiring.ts';
import { createEventTtl } from '../../controllers/events/event-ttl.ts';
import { createGarbageCollector } from '../../controllers/garbage/garbage.ts';
import { createInstallationController, runningInstallations } from '../../controllers/installation/wiring.ts';
import { createNodeController } from '../../controllers/node/node-controller.ts';
import { createRestoreController, restoreCounts } from '../../controllers/restore/wiring.ts';
import { createScheduleController } from '../../controllers/schedule/schedule-controller.ts';
import { createServerController } from '../../controllers/server/wiring.ts';
import { hostFacts } from '../config/host-facts.ts';
import { Manager } from '../runtime/manager.ts';
import { Slots } from '../runtime/slots.ts';
import { createBackupMetrics } from '../telemetry/backup-metrics.ts';
import { createInstallationMetrics } from '../telemetry/installation-metrics.ts';
import { createRestoreMetrics } from '../telemetry/restore-metrics.ts';
import { createServerMetrics } from '../telemetry/server-metrics.ts';
import type { Caches } from './caches.ts';
import type { Foundation } from './foundation.ts';
import type { PanelSide } from './panel.ts';

export type Workers = ReturnType<typeof createWorkers>;

export function createWorkers(
  parts: AsyncDisposableStack,
  foundation: Foundation,
  { servers, backups, restores, installations, schedules }: Caches,
  { panel, outbox, activity, owedAtEnd }: PanelSide,
) {
  const { config, store, admission, registry, metrics, events, bus, clock, log, checkpoint } = foundation;
  const { docker, feed, volumes, runner, archives, history, input, states } = foundation;
  states.follow(servers);
  // What runs as an archive job, whichever, shares the places of the node.
  const slots = new Slots(config.system.backups.maxConcurrent);
  const operations = {
    store,
    runner,
    archives,
    volumes,
    slots,
    bus,
    events,
    config,
    clock,
    log,
    checkpoint,
    owedAtEnd,
  };
  const backup = createBackupController({
    ...{ ...operations, backups, servers, runtimeMetrics: metrics },
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
    ...{ ...operations, restores, servers, runtimeMetrics: metrics },
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
  manager.add({ informers: [schedules] });
  const scheduling = { schedules, backups, admission, events, nodeName: config.aileron.nodeName };
  manager.add(createScheduleController({ ...scheduling, store, clock, log, metrics, checkpoint }));
  if (panel) manager.add({ controllers: panel.runners });
  return { manager, installation };
}

// The Panel's side of the daemon: what comes from it, what is owed to it, and the activity that it is told.
import { join } from 'node:path';
import { createActivity } from '../activity/create-activity.ts';
import { panelSender } from '../activity/panel-send.ts';
import { processEnvironment } from '../config/environment.ts';
import { owedToPanel } from '../panel/owed.ts';
import { createPanel } from '../panel/wiring.ts';
import type { Backup } from '../resources/backup.ts';
import { type Installation, isFinishedInstallation } from '../resources/installation.ts';
import { isFinishedRestore, type Restore } from '../resources/restore.ts';
import type { OperationOutcome } from '../runtime/operation-status.ts';
import { Outbox } from '../runtime/outbox.ts';
import { aileronVersion } from '../telemetry/version.ts';
import type { Caches } from './caches.ts';
import type { Foundation } from './foundation.ts';
import { stateDirectory } from './places.ts';

export type PanelSide = ReturnType<typeof openPanelSide>;

/** Without a `remote` there is no Panel, and nobody is owed anything. `leftovers` may still come up as installations. */
export function openPanelSide(
  parts: AsyncDisposableStack,
  foundation: Foundation,
  { servers, backups, restores, installations }: Caches,
  leftovers: () => boolean,
) {
  const { config, store, admission, bus, events, clock, log, metrics, registry, checkpoint } = foundation;
  const outbox = new Outbox({
    store,
    sources: [backups, restores, installations],
    nodeName: config.aileron.nodeName,
    events,
    clock,
    log,
    metrics,
    registry,
    checkpoint,
  });
  const unsettled = () =>
    [...restores.list(), ...installations.list()].filter(isUnsettled).length + (leftovers() ? 1 : 0);
  const reading = { environment: processEnvironment, version: aileronVersion, unsettled };
  const panel = config.remote
    ? createPanel({ ...reading, config, store, admission, servers, bus, events, clock, log, registry })
    : undefined;
  if (panel) {
    parts.defer(() => panel.close());
    outbox.register('Panel', panel.deliver, panel.deliveryTimeoutMs);
    panel.onBack(() => outbox.hasten('Panel'));
  }
  const { activity: limits, rootDirectory } = config.system;
  const activity = parts.adopt(
    createActivity({
      ...{ ...limits, flavour: config.flavour, bus, clock, log, registry },
      path: join(stateDirectory(config), 'activity.db'),
      wingsPath: join(rootDirectory, 'wings.db'),
      send: panel && panelSender(panel.api),
    }),
    (open) => open.close(),
  );
  const owedAtEnd = (object: Backup | Restore | Installation, outcome: OperationOutcome) =>
    panel ? owedToPanel(object, clock.now(), outcome) : [];
  return { panel, outbox, activity, owedAtEnd };
}

/**
 * The Panel has to hear of its end before it is told that nothing is being restored or installed; also of what it has
 * asked of this daemon since the start.
 */
function isUnsettled(operation: Restore | Installation): boolean {
  const { spec, status } = operation;
  if (spec.owner?.kind !== 'Panel') return false;
  const hasEnded = operation.kind === 'Restore' ? isFinishedRestore(operation) : isFinishedInstallation(operation);
  return !hasEnded || (status?.owed?.length ?? 0) > 0;
}

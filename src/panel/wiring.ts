// Puts the Panel's parts together: client, the source of its servers, the reports that are owed to it, states, the reset.
import type { Registry } from 'prom-client';
import type { Bus } from '../bus/bus.ts';
import type { Clock } from '../clock/clock.ts';
import type { Config } from '../config/config.ts';
import type { Admission } from '../resources/admission.ts';
import type { EventRecorder } from '../resources/event.ts';
import type { Server } from '../resources/server.ts';
import type { Informer } from '../runtime/informer.ts';
import type { Runner } from '../runtime/manager.ts';
import type { Deliver } from '../runtime/outbox.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/log.ts';
import { BootReset } from './boot-reset.ts';
import type { PanelApi } from './panel-api.ts';
import { PanelClient } from './panel-client.ts';
import { createPanelMetrics } from './panel-metrics.ts';
import { PanelSource } from './panel-source.ts';
import { mostCallsOfADelivery, panelDeliverer } from './reports.ts';
import { ServerWriter } from './server-writer.ts';
import { StatePush } from './state-push.ts';
import type { PanelSync } from './sync.ts';

export interface PanelOptions {
  /** With a `remote`. */
  config: Config;
  /** Told to the Panel, without a leading v. */
  version: string;
  environment: Readonly<Record<string, string | undefined>>;
  store: Store;
  admission: Admission;
  /** Indexed by `uuid`. */
  servers: Informer<Server>;
  /** Operations that have not ended, or whose end the Panel has not heard. */
  unsettled: () => number;
  bus: Bus;
  events: EventRecorder;
  clock: Clock;
  log: Logger;
  registry: Registry;
}

export interface Panel {
  api: PanelApi;
  sync: PanelSync;
  /** For the manager, after the controllers: states are told once they are known. */
  runners: Runner[];
  /** For the outbox, with the time that it may take. */
  deliver: Deliver;
  deliveryTimeoutMs: number;
  /** Calls when the Panel answers for the first time, and when it does again. */
  onBack(handler: () => void): void;
  /** For `/readyz`. */
  note(): string | undefined;
  /** Connections end. Call after the runners were stopped, and the jobs that ask for servers. */
  close(): void;
}

/** Each call has its own time: it has to end by that, which says that the Panel does not answer. */
const deliveryMarginMs = 10_000;

export function createPanel(options: PanelOptions): Panel {
  const { config, bus, servers, unsettled, registry } = options;
  const { clock } = options;
  const log = options.log.child({ part: 'panel' });
  const { remote, flavour, remoteQuery, ignoreCertificateErrors, aileron } = config;
  const { nodeName } = aileron;
  const metrics = createPanelMetrics(registry);
  const client = new PanelClient({
    ...{ remote, flavour, ignoreCertificateErrors, metrics, clock, log },
    version: options.version,
    environment: options.environment,
    // Read with each call: the Panel may give the node another token.
    credentials: () => config.token,
    timeoutMs: remoteQuery.timeout * 1000,
    customHeaders: remoteQuery.customHeaders,
    onCall: (error) => source.heard(error),
  });
  const parts = { ...options, api: client, nodeName, remote, flavour, log };
  const writer = new ServerWriter(parts);
  const source: PanelSource = new PanelSource({
    ...{ ...parts, writer, perPage: remoteQuery.bootServersPerPage },
    listEveryMs: aileron.panelListMinutes * 60_000,
  });
  const { listed } = source;
  const reset = new BootReset({ api: client, listed, unsettled, clock, log });
  // Pterodactyl has no such route.
  const states =
    flavour === 'pelican'
      ? new StatePush({
          ...parts,
          bus,
          servers,
          onListed: (handler) => source.onListed(handler),
          doubt: () => source.doubt(),
        })
      : undefined;
  metrics.watch(() => ({ ...source.counts(), statesWaiting: states?.waiting ?? 0 }));
  return {
    api: client,
    sync: source,
    runners: [source, reset, ...(states ? [states] : [])],
    deliver: panelDeliverer(parts),
    deliveryTimeoutMs: mostCallsOfADelivery * remoteQuery.timeout * 1000 + deliveryMarginMs,
    onBack: (handler) => source.onBack(handler),
    note: () => source.summary(),
    close() {
      source.close();
      client.close();
    },
  };
}

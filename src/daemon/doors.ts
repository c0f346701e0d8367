// The doors, each listening before the next is built: health and metrics, the kube API, the API of Wings.
import { join } from 'node:path';
import type { ConfigHolder } from '../config/config-holder.ts';
import { PanelUpdateRefused } from '../config/panel-update.ts';
import { collectDiagnostics } from '../diagnostics/collect.ts';
import type { DiagnosticsOptions } from '../diagnostics/report.ts';
import { ensurePki } from '../http/kube/pki/pki.ts';
import { createKubeServer } from '../http/kube/server.ts';
import type { HealthCheck } from '../http/ops/health.ts';
import { createOpsServer } from '../http/ops/server.ts';
import { RequestRefused, refusals } from '../http/wings/http-errors.ts';
import { Revocations } from '../http/wings/revocations.ts';
import type { ApplyPanelUpdate } from '../http/wings/route-deps.ts';
import { createWingsServer } from '../http/wings/server.ts';
import type { ServerLookup } from '../http/wings/server-lookup.ts';
import { UsedTokens } from '../http/wings/used-tokens.ts';
import { thisMachine } from '../machine/machine.ts';
import type { Server } from '../resources/server.ts';
import type { Informer } from '../runtime/informer.ts';
import { listenOrExplain } from '../startup-errors.ts';
import type { Logger } from '../telemetry/log.ts';
import { aileronVersion } from '../telemetry/version.ts';
import type { Caches } from './caches.ts';
import type { Foundation } from './foundation.ts';
import type { PanelSide } from './panel.ts';
import { ownDirectories, pkiDirectory, stateDirectory } from './places.ts';

export async function openDoors(
  parts: AsyncDisposableStack,
  foundation: Foundation,
  { servers, backups, restores }: Caches,
  { panel, activity }: PanelSide,
  checks: HealthCheck[],
) {
  const { config, holder, store, admission, registry, bus, clock, log } = foundation;
  const { docker, runner, archives, history, input, redactor } = foundation;
  const renewPki = () => ensurePki({ directory: pkiDirectory(config), host: config.aileron.kube.host, clock, log });
  const pki = await renewPki();
  redactor.add(pki.token);
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
  // What the old token signed and is still in use ends with it.
  holder.onChange((now, before) => {
    if (now.token.secret !== before.token.secret) revocations.lookAgain();
  });
  const used = await UsedTokens.open({ path: join(stateDirectory(config), 'used-links.json'), clock, log });
  const wings = createWingsServer({
    ...{ config, log, clock, bus, history, input, docker, store, admission, archives, backups, restores, registry },
    ...{ revocations, used, servers: serverLookup(servers), panel: panel?.sync, activity: activity.recorder },
    applyPanelUpdate: panelUpdates(holder, log),
    machine: thisMachine({ clock, log, directories: ownDirectories(config) }),
    diagnostics: (how: DiagnosticsOptions) => collectDiagnostics({ config, docker, clock }, how),
  });
  const api = parts.adopt(wings, (door) => door.close());
  const apiAt = await listenOrExplain('api', config.api, (at) => api.listen(at));
  return { api: apiAt, kube: kubeAt, ops: opsAt };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
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

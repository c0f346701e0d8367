// The kube API as one thing to start and stop. Stopping ends the watches first, then waits a little for requests in
// flight.
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import type { Clock } from '../../clock/clock.ts';
import type { Admission } from '../../resources/admission.ts';
import { kindDefinitions } from '../../resources/kinds.ts';
import type { Store } from '../../store/store.ts';
import type { Logger } from '../../telemetry/log.ts';
import { createKubeApp } from './app.ts';
import type { ArchiveAccess } from './archives/access.ts';
import { authenticator } from './auth.ts';
import { createKubeMetrics } from './metrics.ts';
import { Snapshots } from './paging.ts';
import type { Pki } from './pki/pki.ts';
import { StreamLimit } from './stream-limit.ts';
import { archiveSubresources } from './subresources.ts';
import { createTlsListener, secureContext } from './tls-listener.ts';

export interface KubeServerOptions {
  store: Store;
  admission: Admission;
  clock: Clock;
  log: Logger;
  pki: Pki;
  /** The daemon's; part of what `kubectl version` shows. */
  build?: { version: string };
  /** Asked once a day; certificates that came close to their end are replaced without a restart. */
  renewPki?: () => Promise<Pki>;
  registry?: Registry;
  /** Watches open at one time; the next one is answered 429. */
  maxWatches?: number;
  /** Absent: backups have no subresources that read their archives. */
  archives?: ArchiveAccess;
}

export interface KubeServer {
  /** `port` 0 takes a free one; the one taken is the answer. @throws the listen error, such as EADDRINUSE */
  listen(address: { host: string; port: number }): Promise<{ port: number }>;
  close(): Promise<void>;
}

const renewEveryMs = 86_400_000;
/** ms for requests in flight after the doors are shut. */
const closeGraceMs = 5_000;
const defaultMaxWatches = 1_000;
const maxDownloads = 16;
/** Each unpacks from the start of an archive. */
const maxContents = 2;

export function createKubeServer(options: KubeServerOptions): KubeServer {
  const { clock, log, pki, registry, archives, maxWatches = defaultMaxWatches } = options;
  const watches = new StreamLimit(maxWatches);
  const downloads = new StreamLimit(maxDownloads);
  const contents = new StreamLimit(maxContents);
  let listener: Server | undefined;
  const app = createKubeApp({
    kinds: kindDefinitions,
    subresources: archives ? archiveSubresources(archives, { downloads, contents }) : [],
    store: options.store,
    admission: options.admission,
    clock,
    log,
    watches,
    snapshots: new Snapshots(clock),
    metrics: registry ? createKubeMetrics(registry) : undefined,
    authenticate: authenticator(pki.token),
    version: options.build?.version,
    createListener: (handler) => {
      listener = createTlsListener(pki, handler);
      return listener;
    },
  });

  let closed = false;
  let cancelRenewal = () => {};
  const scheduleRenewal = (renew: () => Promise<Pki>) => {
    if (closed) return;
    cancelRenewal = clock.after(renewEveryMs, () => {
      renew()
        .then((renewed) => listener?.setSecureContext(secureContext(renewed)))
        // The old pair stays in use, and there are thirty more days to try.
        .catch((error: unknown) => log.error({ err: error }, 'the kube API certificates could not be renewed'))
        .finally(() => scheduleRenewal(renew));
    });
  };

  return {
    async listen({ host, port }) {
      await app.listen({ host, port });
      if (options.renewPki) scheduleRenewal(options.renewPki);
      const taken = (app.server.address() as AddressInfo).port;
      log.info({ host, port: taken }, 'the kube API listens');
      return { port: taken };
    },
    async close() {
      closed = true;
      cancelRenewal();
      for (const streams of [watches, downloads, contents]) streams.stop();
      const cancel = clock.after(closeGraceMs, () => listener?.closeAllConnections());
      await app.close();
      cancel();
    },
  };
}

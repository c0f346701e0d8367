// Puts the installation controller together: its tables, and which event enqueues which key.
import type { DockerFeed } from '../../src/docker/feed.ts';
import type { Admission } from '../../src/resources/admission.ts';
import { type Installation, isFinishedInstallation } from '../../src/resources/installation.ts';
import type { Server } from '../../src/resources/server.ts';
import { changesMoreThanStatus } from '../../src/runtime/changes.ts';
import { Controller } from '../../src/runtime/controller.ts';
import type { Change, Informer } from '../../src/runtime/informer.ts';
import { Jobs } from '../../src/runtime/jobs.ts';
import type { Runner } from '../../src/runtime/manager.ts';
import type { RuntimeMetrics } from '../../src/runtime/metrics.ts';
import { traceparentAnnotation } from '../../src/runtime/tracing.ts';
import type { InstallationDeps, Installed } from './deps.ts';
import { installationReconciler } from './installation-controller.ts';
import { Leftovers } from './leftovers.ts';

export type InstallationControllerOptions = Omit<InstallationDeps, 'admission' | 'owedAtEnd' | 'jobs' | 'works'> &
  Partial<Pick<InstallationDeps, 'owedAtEnd'>> & {
    admission: Pick<Admission, 'create' | 'patch'>;
    /** Indexed by `server`. */
    installations: Informer<Installation>;
    /** Indexed by `uuid`. */
    servers: Informer<Server>;
    feed: Pick<DockerFeed, 'onReachable'>;
    runtimeMetrics: RuntimeMetrics;
  };

export interface InstallationController {
  /** For the manager, in this order. */
  controllers: Runner[];
  /** Installers may be there that no Installation speaks of yet. */
  readonly leftoversPending: boolean;
  /** Ends jobs; the installers run on and are taken over at the next start. Call after the controllers stopped. */
  close(): Promise<void>;
}

/** Nothing but the clock may tell that a wait is over. */
const resyncMs = 60_000;

/** Keys looked at side by side; long work is a job and holds none of them. */
const workers = 4;

/** Each is somebody's request, and one a server. */
const jobsAtATime = 1_000;

/** The index that the informer of installations needs: the uuid of the server. */
export const installationIndexes = {
  server: ({ spec }: Installation) => (spec.serverRef.uuid ? [spec.serverRef.uuid] : []),
};

/** For the metrics. */
export function runningInstallations(installations: Pick<Informer<Installation>, 'list'>): number {
  return installations.list().filter((installation) => !isFinishedInstallation(installation)).length;
}

export function createInstallationController(options: InstallationControllerOptions): InstallationController {
  const { installations, servers, feed, clock, log, config, runtimeMetrics: metrics } = options;
  const jobs = new Jobs<Installed>({
    ...{ name: 'installation', limit: jobsAtATime, clock, log, metrics },
    onEnd: (name) => controller.enqueue(name),
  });
  const deps: InstallationDeps = { owedAtEnd: () => [], ...options, jobs, works: new Map() };
  const reconcile = installationReconciler(deps);
  const linkOf = (name: string) => installations.get(name)?.metadata.annotations?.[traceparentAnnotation];
  const controller = new Controller({
    ...{ name: 'installation', reconcile, workers, clock, log, metrics, resyncMs, linkOf },
    listKeys: () => installations.list().map(({ metadata }) => metadata.name),
  });
  const enqueueUnfinished = (among: readonly Installation[]) => {
    for (const one of among) if (!isFinishedInstallation(one)) controller.enqueue(one.metadata.name);
  };
  installations.onChange((change) => {
    if (asksForALook(change)) controller.enqueue(change.object.metadata.name);
  });
  servers.onChange(({ type, object, old }) => {
    if (type === 'MODIFIED' && old && !matters(old, object)) return;
    enqueueUnfinished(installations.byIndex('server', object.spec.uuid ?? ''));
  });
  feed.onReachable(() => enqueueUnfinished(installations.list()));
  const leftovers = new Leftovers({ ...options, nodeName: config.aileron.nodeName });
  return {
    controllers: [controller, leftovers],
    get leftoversPending() {
      return leftovers.pending;
    },
    close: () => jobs.stop(),
  };
}

/** Our own status writes need no answer, save that a report was delivered: the end may wait for it. */
function asksForALook(change: Change<Installation>): boolean {
  const { object, old } = change;
  return changesMoreThanStatus(change) || (old?.status?.owed?.length ?? 0) > (object.status?.owed?.length ?? 0);
}

/** The claim tells whose turn it is and that the process is gone; deletion, that it is over. */
function matters(old: Server, now: Server): boolean {
  const facts = ({ metadata, status }: Server) =>
    [metadata.uid, metadata.deletionTimestamp, status?.claim?.uid, status?.claim?.stopped].join();
  return facts(old) !== facts(now);
}

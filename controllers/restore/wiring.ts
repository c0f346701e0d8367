// Puts the restore controller together: its tables, which event enqueues which key, and how it ends with the daemon.
import { sleep } from '../../src/clock/clock.ts';
import { isFinishedRestore, type Restore } from '../../src/resources/restore.ts';
import type { Server } from '../../src/resources/server.ts';
import { changesMoreThanStatus } from '../../src/runtime/changes.ts';
import { Controller } from '../../src/runtime/controller.ts';
import type { Informer } from '../../src/runtime/informer.ts';
import { Jobs } from '../../src/runtime/jobs.ts';
import type { Runner } from '../../src/runtime/manager.ts';
import type { RuntimeMetrics } from '../../src/runtime/metrics.ts';
import type { Reconcile } from '../../src/runtime/reconciler.ts';
import type { RestoreCounts } from '../../src/telemetry/restore-metrics.ts';
import type { Volumes } from '../../src/volumes/volumes.ts';
import type { Restored } from './decision.ts';
import type { RestoreDeps, Work } from './deps.ts';
import { sweepStaging } from './janitor.ts';
import { restoreReconciler } from './restore-controller.ts';

export type RestoreControllerOptions = Omit<
  RestoreDeps,
  'volumes' | 'owedAtEnd' | 'jobs' | 'works' | 'wake' | 'stopping'
> &
  Partial<Pick<RestoreDeps, 'owedAtEnd'>> & {
    volumes: RestoreDeps['volumes'] & Pick<Volumes, 'listStaging'>;
    /** Indexed by `server`. */
    restores: Informer<Restore>;
    servers: Pick<Informer<Server>, 'onChange'>;
    runtimeMetrics: RuntimeMetrics;
  };

/** Nothing but the clock may tell that a wait is over. */
const resyncMs = 60_000;

/** Keys looked at side by side; long work is a job and holds none of them. */
const workers = 4;

/** Places on the node are the limit; jobs that go on after a crash do not ask for one. */
const jobsAtATime = 1_000;

/** At the end of the daemon, between two looks at what is still to be brought to an end, ms. */
const drainPollMs = 50;
const drainRetryMs = 1_000;

/** The index that the informer of restores needs: the name of the server. */
export const restoreIndexes = { server: ({ spec }: Restore) => [spec.serverRef.name] };

/** For the metrics. */
export function restoreCounts(restores: Pick<Informer<Restore>, 'list'>): RestoreCounts {
  const unfinished = restores.list().filter((restore) => !isFinishedRestore(restore));
  const running = unfinished.filter(({ status }) => status?.startedAt !== undefined).length;
  return { running, queued: unfinished.length - running };
}

/**
 * For the manager, after the server controller: what is under way at the end of the daemon may need a server to stop, or
 * have it started again.
 */
export function createRestoreController(options: RestoreControllerOptions): Runner {
  const { clock, log, restores, servers, runtimeMetrics: metrics, config } = options;
  const jobs = new Jobs<Restored | undefined>({
    name: 'restore',
    limit: jobsAtATime,
    clock,
    log,
    metrics,
    onEnd: (name) => controller.enqueue(name),
  });
  const deps: RestoreDeps = {
    owedAtEnd: () => [],
    ...options,
    jobs,
    works: new Map(),
    wake: (name) => controller.enqueue(name),
    stopping: false,
  };
  const reconcile = restoreReconciler(deps);
  const controller = new Controller({
    name: 'restore',
    reconcile,
    workers,
    clock,
    log,
    metrics,
    resyncMs,
    listKeys: () => restores.list().map(({ metadata }) => metadata.name),
    linkOf: (name) => restores.get(name)?.metadata.annotations?.['aileron.dev/traceparent'],
  });
  restores.onChange((change) => {
    if (changesMoreThanStatus(change) || owedChanged(change.old, change.object)) {
      controller.enqueue(change.object.metadata.name);
    }
  });
  servers.onChange(({ type, object, old }) => {
    if (type === 'MODIFIED' && old && !mattersToRestores(old, object)) return;
    for (const restore of restores.byIndex('server', object.metadata.name)) {
      if (!isFinishedRestore(restore)) controller.enqueue(restore.metadata.name);
    }
  });

  const janitor = new AbortController();
  let sweep = Promise.resolve();
  return {
    name: controller.name,
    start() {
      sweep = sweepStaging(options, janitor.signal);
      controller.start();
    },
    async stop() {
      await controller.stop();
      janitor.abort(new Error('the daemon is stopping'));
      deps.stopping = true;
      await Promise.all([sweep, drain(deps, reconcile, config.system.shutdownGrace * 1000)]);
      await jobs.stop();
      for (const { meter } of deps.works.values()) meter.close();
    },
  };
}

/** The claim tells whose turn it is and that the process is gone; deletion, that it is over. */
function mattersToRestores(old: Server, now: Server): boolean {
  const facts = ({ metadata, status }: Server) => {
    const { uid, stopped } = status?.claim ?? {};
    return [metadata.uid, metadata.deletionTimestamp, uid, stopped, status?.operation?.cause].join();
  };
  return facts(old) !== facts(now);
}

/** Somebody else writes it: the outbox, when it has delivered. */
function owedChanged(old: Restore | undefined, { status }: Restore): boolean {
  return (old?.status?.owed?.length ?? 0) !== (status?.owed?.length ?? 0);
}

/**
 * What is under way comes to its end: called off when the server's files are untouched, finished when they are being
 * moved, left to the next daemon when they are unpacked in place. What takes longer than the grace is left as well.
 */
async function drain(deps: RestoreDeps, reconcile: Reconcile, graceMs: number): Promise<void> {
  const { clock, log, works } = deps;
  const deadline = clock.monotonic() + graceMs;
  const signal = new AbortController().signal;
  for (let open = [...works.values()]; open.length > 0; ) {
    let pauseMs = drainPollMs;
    for (const { restore } of open) {
      const { name } = restore.metadata;
      try {
        await reconcile(name, { signal, log, reconcileId: 'shutdown' });
      } catch (error) {
        pauseMs = drainRetryMs;
        log.warn({ err: error, restore: name }, 'a restore could not be brought to its end yet');
      }
    }
    open = await stillToEnd(deps);
    if (open.length === 0 || clock.monotonic() >= deadline) break;
    await sleep(clock, pauseMs, signal);
  }
}

/** What waits for its turn, and what is left to the next daemon, does not hold up the end of this one. */
async function stillToEnd({ store, works, jobs }: RestoreDeps): Promise<Work[]> {
  const open: Work[] = [];
  for (const work of works.values()) {
    const restore = await store.get<Restore>('Restore', work.restore.metadata.name);
    if (!restore) continue;
    const { phase = 'Pending', journal } = restore.status ?? {};
    const over = isFinishedRestore(restore) && !journal;
    const isLeft = phase === 'Pending' || journal?.step === 'Extracting';
    if (!over && (!isLeft || jobs.current(restore.metadata.name))) open.push(work);
  }
  return open;
}

// Clears away staging directories that no restore speaks of: those of objects that were removed by force, or of a store
// that was set aside. Once at start. What it cannot remove is logged and stays for the next start; where a server's files
// may have been moved to, nothing is removed at all, because these may be all that is left of them.
import type { ArchiveRunner } from '../../src/archive/runner.ts';
import type { Restore } from '../../src/resources/restore.ts';
import type { Store } from '../../src/store/store.ts';
import type { Logger } from '../../src/telemetry/log.ts';
import type { RestoreMetrics } from '../../src/telemetry/restore-metrics.ts';
import type { Volumes } from '../../src/volumes/volumes.ts';

export interface JanitorDeps {
  store: Store;
  runner: Pick<ArchiveRunner, 'run'>;
  volumes: Pick<Volumes, 'listStaging' | 'staging'>;
  metrics: Pick<RestoreMetrics, 'strangers'>;
  log: Logger;
}

/** Never rejects. */
export async function sweepStaging(deps: JanitorDeps, signal: AbortSignal): Promise<void> {
  const { store, volumes, metrics, log } = deps;
  try {
    // In this order: a directory that is listed belongs to a restore that is in the store by then.
    const found = await volumes.listStaging();
    if (found.length === 0) return;
    const { items } = await store.list<Restore>('Restore');
    const known = new Set(items.map(({ metadata }) => metadata.uid));
    let kept = 0;
    for (const one of found.filter(({ operation }) => !known.has(operation))) {
      if (await isKept(deps, one, signal)) kept += 1;
      metrics.strangers(kept);
    }
  } catch (error) {
    if (!signal.aborted) log.warn({ err: error }, 'files that restores left behind could not be looked at');
  }
}

async function isKept(
  { runner, volumes, log }: JanitorDeps,
  { uuid, operation }: { uuid: string; operation: string },
  signal: AbortSignal,
): Promise<boolean> {
  const facts = { server: uuid, operation };
  try {
    const plan = { kind: 'discard', staging: volumes.staging(uuid, operation), unlessTouched: true } as const;
    const { kept } = await runner.run(plan, { signal });
    if (kept)
      log.error(facts, 'a restore that no object speaks of was replacing the files of this server: they are kept');
    else log.info(facts, 'files that a restore left behind were removed');
    return kept;
  } catch (error) {
    if (signal.aborted) throw error;
    log.warn({ ...facts, err: error }, 'files that a restore left behind could not be removed');
    return false;
  }
}

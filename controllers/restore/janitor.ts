// Clears away staging directories that no restore speaks of: those of objects that were removed by force, or of a store
// that was set aside. Once at start; what it cannot remove is logged and stays for the next start.
import type { ArchiveRunner } from '../../src/archive/runner.ts';
import type { Restore } from '../../src/resources/restore.ts';
import type { Store } from '../../src/store/store.ts';
import type { Logger } from '../../src/telemetry/log.ts';
import type { Volumes } from '../../src/volumes/volumes.ts';

export interface JanitorDeps {
  store: Store;
  runner: Pick<ArchiveRunner, 'run'>;
  volumes: Pick<Volumes, 'listStaging' | 'staging'>;
  log: Logger;
}

/** Never rejects. */
export async function sweepStaging({ store, runner, volumes, log }: JanitorDeps, signal: AbortSignal): Promise<void> {
  try {
    // In this order: a directory that is listed belongs to a restore that is in the store by then.
    const found = await volumes.listStaging();
    if (found.length === 0) return;
    const { items } = await store.list<Restore>('Restore');
    const known = new Set(items.map(({ metadata }) => metadata.uid));
    for (const { uuid, operation } of found.filter((one) => !known.has(one.operation))) {
      await runner.run({ kind: 'discard', staging: volumes.staging(uuid, operation) }, { signal });
      log.info({ server: uuid, operation }, 'files that a restore left behind were removed');
    }
  } catch (error) {
    if (!signal.aborted) log.warn({ err: error }, 'files that restores left behind could not be removed');
  }
}

// Looks after the backup directory: before the first backup begins it removes what a crash left there, and from time to
// time it counts the archives that no Backup speaks of. It never removes one of those.
import type { Clock } from '../../src/clock/clock.ts';
import { sweepArchives } from '../../src/objectstore/local-janitor.ts';
import type { Backup } from '../../src/resources/backup.ts';
import type { Runner } from '../../src/runtime/manager.ts';
import type { BackupMetrics } from '../../src/telemetry/backup-metrics.ts';
import type { Logger } from '../../src/telemetry/log.ts';

export interface JanitorOptions {
  directory: string;
  /** In a store of this node, of whichever phase. */
  backups: { list(): Backup[] };
  /** Operations that may still write partial files. */
  isWorking: (operation: string) => boolean;
  metrics: Pick<BackupMetrics, 'strangers'>;
  clock: Clock;
  log: Logger;
}

const everyMs = 3_600_000;

export class Janitor implements Runner {
  readonly name = 'backup-janitor';
  readonly #options: JanitorOptions;
  readonly #abort = new AbortController();
  #cancelNext = () => {};
  #sweeping: Promise<void> = Promise.resolve();

  constructor(options: JanitorOptions) {
    this.#options = options;
  }

  /** Resolves after the first look; one that fails is logged and keeps no backup from being made. */
  async start(): Promise<void> {
    await this.#sweep();
  }

  async stop(): Promise<void> {
    this.#abort.abort(new Error('the daemon is stopping'));
    this.#cancelNext();
    await this.#sweeping;
  }

  async #sweep(): Promise<void> {
    this.#sweeping = this.#look();
    await this.#sweeping;
    if (this.#abort.signal.aborted) return;
    this.#cancelNext = this.#options.clock.after(everyMs, () => void this.#sweep());
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const { directory, backups, isWorking, metrics, log } = this.#options;
    try {
      const { partials, sidecars, archives } = await sweepArchives(directory, isWorking, this.#abort.signal);
      if (partials + sidecars > 0) log.info({ partials, sidecars }, 'leftovers of backups were removed');
      const known = new Set(backups.list().map(({ spec }) => spec.uuid));
      metrics.strangers(archives.filter((uuid) => !known.has(uuid)).length);
    } catch (error) {
      if (!this.#abort.signal.aborted) log.warn({ err: error }, 'the backup directory could not be looked through');
    }
  }
}

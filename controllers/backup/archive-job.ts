// The work itself: one archive made by the runner, while its counters reach those who watch. Runs as a job, outside the
// queue's workers; its last act is durable, so a crash after it only means that the archive is found.
import type { ArchiveFacts, ArchiveProgress, CreatePlan } from '../../src/archive/plan.ts';
import type { Flavour } from '../../src/config/config.ts';
import type { Backup } from '../../src/resources/backup.ts';
import type { Server } from '../../src/resources/server.ts';
import { mutateStatus } from '../../src/runtime/status.ts';
import { aileronVersion } from '../../src/telemetry/version.ts';
import { type BackupDeps, keyOf, operationOf, type Work } from './deps.ts';
import { TimedOut } from './outcomes.ts';

/** How often the store hears of progress, ms; consoles see it four times a second. */
const recordEveryMs = 2_000;

const levels = { none: 'none', best_speed: 'fast', best_compression: 'best' } as const;

/** @throws ArchiveError, ObjectStoreError, TimedOut, the signal's reason */
export async function archiveServer(
  deps: BackupDeps,
  backup: Backup,
  server: Server,
  work: Work,
  signal: AbortSignal,
): Promise<ArchiveFacts> {
  const { runner, archives, clock } = deps;
  using place = await archives.place(keyOf(backup));
  using deadline = timeLimit(deps, signal);
  const recorder = new ProgressRecorder(deps, backup, work);
  let recorded = clock.monotonic();
  const onProgress = ({ bytesDone, bytesTotal }: ArchiveProgress) => {
    work.meter.update({ bytesDone, bytesTotal });
    if (clock.monotonic() - recorded < recordEveryMs) return;
    recorded = clock.monotonic();
    recorder.record();
  };
  try {
    return await runner.run(planOf(deps, backup, server, place.path), { signal: deadline.signal, onProgress });
  } finally {
    await recorder.settled();
  }
}

function planOf({ config, volumes }: BackupDeps, backup: Backup, server: Server, archive: string): CreatePlan {
  const { backups } = config.system;
  const key = keyOf(backup);
  return {
    kind: 'create',
    root: volumes.path(key.server),
    archive,
    ...key,
    operation: operationOf(backup, backup.status?.attempt ?? 1),
    ignore: backup.spec.ignore,
    ignoreFiles: ignoreFiles(config.flavour),
    format: backup.spec.format ?? backups.format,
    level: levels[backups.compressionLevel],
    tarEntries: backups.tarEntries,
    writeLimit: backups.writeLimit,
    verify: backups.verifyAfterCreate,
    knownBytes: server.status?.diskBytes ?? 0,
    daemonVersion: aileronVersion,
  };
}

/** That of the flavour first: people who move from one Panel to the other keep theirs. */
export function ignoreFiles(flavour: Flavour): readonly string[] {
  const files = ['.pelicanignore', '.pteroignore'];
  return flavour === 'pelican' ? files : files.toReversed();
}

function timeLimit(
  { clock, config }: Pick<BackupDeps, 'clock' | 'config'>,
  signal: AbortSignal,
): { signal: AbortSignal } & Disposable {
  const { createTimeout } = config.system.backups;
  const late = new AbortController();
  const cancel = clock.after(createTimeout * 1000, () => late.abort(new TimedOut(createTimeout)));
  return { signal: AbortSignal.any([signal, late.signal]), [Symbol.dispose]: cancel };
}

/** Writes status.progress without holding anything up: one write at a time, and one that fails is the next one's matter. */
class ProgressRecorder {
  readonly #deps: BackupDeps;
  readonly #backup: Backup;
  readonly #work: Work;
  #writing: Promise<void> | undefined;

  constructor(deps: BackupDeps, backup: Backup, work: Work) {
    this.#deps = deps;
    this.#backup = backup;
    this.#work = work;
  }

  record(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { store, log } = this.#deps;
    const { name, uid } = this.#backup.metadata;
    const progress = { ...this.#work.meter.values };
    try {
      await mutateStatus<Backup>(store, 'Backup', name, (status, { metadata }) => {
        if (metadata.uid === uid && status.phase === 'Archiving') status.progress = progress;
      });
    } catch (error) {
      log.debug({ err: error, backup: name }, 'the progress of a backup could not be recorded');
    }
  }
}

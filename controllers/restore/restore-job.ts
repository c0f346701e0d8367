// One job of a restore: a plan given to the runner, its counters to those who watch, and the file it is at to the console.
// Runs outside the queue's workers. Every job may be repeated after a crash.
import type { ArchiveProgress } from '../../src/archive/plan.ts';
import { ArchiveError } from '../../src/archive/runner.ts';
import { overPasses } from '../../src/bus/progress-values.ts';
import type { Restore } from '../../src/resources/restore.ts';
import { mutateStatus } from '../../src/runtime/status.ts';
import type { Act, Restored } from './decision.ts';
import { type RestoreDeps, serverOf, serverUuidOf, stagingOf, type Work } from './deps.ts';
import { planOf, reserveBytes } from './plans.ts';
import { findSource, isSource } from './source.ts';

/** How often the store hears of progress, ms; consoles see it four times a second. */
const recordEveryMs = 2_000;

/** Two lines about files are at least so far apart, ms. */
const sayEveryMs = 250;

/** Jobs that read the archive, and which pass over it they are. */
const passes: Partial<Record<Act, { pass: number; of: number }>> = {
  stage: { pass: 1, of: 1 },
  verify: { pass: 1, of: 2 },
  'in-place': { pass: 2, of: 2 },
};

/** As many as the schema holds. */
const mostWarnings = 32;

/** @throws ArchiveError, ObjectStoreError, the signal's reason */
export async function runAct(
  deps: RestoreDeps,
  restore: Restore,
  act: Act,
  work: Work,
  signal: AbortSignal,
): Promise<Restored | undefined> {
  const { runner, config, volumes } = deps;
  const reads = passes[act];
  if (reads) work.source ??= await sourceOf(deps, restore);
  const server = await serverOf(deps, restore);
  // One that never ran has no directory yet.
  if (reads && server && !server.metadata.deletionTimestamp) await volumes.ensure(serverUuidOf(restore));
  const input = {
    restore,
    server,
    config,
    root: volumes.path(serverUuidOf(restore)),
    staging: stagingOf(deps, restore),
    space: await volumes.freeSpace(),
    source: work.source,
  };
  const watcher = new Watcher(deps, restore, work, reads);
  try {
    const facts = await runner.run(planOf(act, input), { signal, onProgress: (progress) => watcher.see(progress) });
    if (facts && 'growthBytes' in facts) await checkRoom(deps, facts.growthBytes ?? 0);
    if (!facts || !('files' in facts)) return undefined;
    return { ...facts, warnings: facts.warnings.slice(0, mostWarnings) };
  } catch (error) {
    // Whoever aborted says why, whatever the runner made of it.
    signal.throwIfAborted();
    throw error;
  } finally {
    await watcher.settled();
  }
}

/** Asked before the first file is touched, because what does not fit would be found out half-way. @throws ArchiveError NO_SPACE */
async function checkRoom({ volumes, config }: RestoreDeps, growthBytes: number): Promise<void> {
  const space = await volumes.freeSpace();
  if (growthBytes <= space.freeBytes - reserveBytes(config, space)) return;
  throw new ArchiveError('NO_SPACE', 'the files of the backup do not fit on the file system of the servers');
}

/** Of work that an earlier daemon began. @throws ArchiveError, ObjectStoreError */
async function sourceOf(deps: RestoreDeps, restore: Restore) {
  const found = await findSource(deps, restore);
  if (!isSource(found)) throw new ArchiveError('NOT_FOUND', found.message);
  return found;
}

class Watcher {
  readonly #deps: RestoreDeps;
  readonly #restore: Restore;
  readonly #work: Work;
  readonly #reads: { pass: number; of: number } | undefined;
  #recordedAt: number;
  #saidAt = Number.NEGATIVE_INFINITY;
  #said = '';
  #writing: Promise<void> | undefined;

  constructor(deps: RestoreDeps, restore: Restore, work: Work, reads: { pass: number; of: number } | undefined) {
    this.#deps = deps;
    this.#restore = restore;
    this.#work = work;
    this.#reads = reads;
    this.#recordedAt = deps.clock.monotonic();
  }

  see(progress: ArchiveProgress): void {
    // Moving files is quick and has nothing to count.
    if (!this.#reads) return;
    const now = this.#deps.clock.monotonic();
    this.#work.meter.update(overPasses(progress, this.#reads.pass, this.#reads.of));
    if (progress.current !== undefined && progress.current !== this.#said && now - this.#saidAt >= sayEveryMs) {
      this.#said = progress.current;
      this.#saidAt = now;
      this.#deps.bus.publish(serverUuidOf(this.#restore), 'restoring', { path: progress.current });
    }
    if (now - this.#recordedAt < recordEveryMs) return;
    this.#recordedAt = now;
    this.#writing ??= this.#record().finally(() => {
      this.#writing = undefined;
    });
  }

  async settled(): Promise<void> {
    await this.#writing;
  }

  async #record(): Promise<void> {
    const { store, log } = this.#deps;
    const { name, uid } = this.#restore.metadata;
    const progress = { ...this.#work.meter.values };
    try {
      await mutateStatus<Restore>(store, 'Restore', name, (status, { metadata }) => {
        if (metadata.uid === uid) status.progress = progress;
      });
    } catch (error) {
      log.debug({ err: error, restore: name }, 'the progress of a restore could not be recorded');
    }
  }
}

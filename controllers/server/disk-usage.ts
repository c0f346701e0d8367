// How much each server's directory holds. Counting walks a whole tree, so a count is kept for a while, renewed in the
// background while the server runs, and only few are made at a time.
import type { Clock } from '../../src/clock/clock.ts';
import type { Logger } from '../../src/telemetry/log.ts';
import type { Volumes } from '../../src/volumes/volumes.ts';

export interface DiskUsageOptions {
  volumes: Pick<Volumes, 'usage'>;
  /** Age in ms at which a count is renewed; 0 = never count. */
  intervalMs: number;
  clock: Clock;
  log: Logger;
  /** A background count ended with a new figure. */
  onCounted: (uuid: string) => void;
}

const countsAtATime = 2;

export class DiskUsage {
  readonly #options: DiskUsageOptions;
  readonly #counts = new Map<string, { bytes: number; at: number }>();
  readonly #counting = new Map<string, AbortController>();
  readonly #waiting = new Set<string>();

  constructor(options: DiskUsageOptions) {
    this.#options = options;
  }

  /** Bytes at the last count. */
  last(uuid: string): number | undefined {
    return this.#counts.get(uuid)?.bytes;
  }

  /** Counts now. */
  async count(uuid: string, signal: AbortSignal): Promise<number> {
    const { volumes, clock } = this.#options;
    const bytes = await volumes.usage(uuid, signal);
    this.#counts.set(uuid, { bytes, at: clock.monotonic() });
    return bytes;
  }

  /** Renews an old count in the background. Answers in how many ms the next one is due; undefined = never. */
  keepFresh(uuid: string): number | undefined {
    const { intervalMs, clock } = this.#options;
    if (intervalMs === 0) return undefined;
    const counted = this.#counts.get(uuid);
    const due = counted ? counted.at + intervalMs - clock.monotonic() : 0;
    if (due > 0) return due;
    if (!this.#counting.has(uuid)) this.#waiting.add(uuid);
    this.#countNext();
    return intervalMs;
  }

  /** The files were changed by the daemon itself: counts anew in the background, unless nothing is ever counted. */
  recount(uuid: string): void {
    if (this.#options.intervalMs === 0) return;
    // A count that is under way has seen half of it.
    this.#waiting.add(uuid);
    this.#countNext();
  }

  forget(uuid: string): void {
    this.#waiting.delete(uuid);
    this.#counting.get(uuid)?.abort();
    this.#counts.delete(uuid);
  }

  stop(): void {
    this.#waiting.clear();
    for (const counting of this.#counting.values()) counting.abort();
  }

  #countNext(): void {
    for (const uuid of this.#waiting) {
      if (this.#counting.size >= countsAtATime) return;
      if (this.#counting.has(uuid)) continue;
      this.#waiting.delete(uuid);
      void this.#countInBackground(uuid);
    }
  }

  async #countInBackground(uuid: string): Promise<void> {
    const { clock, log, onCounted } = this.#options;
    const aborter = new AbortController();
    this.#counting.set(uuid, aborter);
    try {
      await this.count(uuid, aborter.signal);
    } catch (error) {
      if (!aborter.signal.aborted) {
        log.warn(
          { err: error, server: uuid },
          'the disk usage of a server could not be counted; the last figure stays',
        );
        // The next try is an interval away, not at once.
        this.#counts.set(uuid, { bytes: this.last(uuid) ?? 0, at: clock.monotonic() });
      }
    } finally {
      this.#counting.delete(uuid);
      if (aborter.signal.aborted) this.#counts.delete(uuid);
      this.#countNext();
    }
    if (!aborter.signal.aborted) onCounted(uuid);
  }
}

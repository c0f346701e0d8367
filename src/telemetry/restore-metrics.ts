// What restores cost and how they end.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export const restoreResults = ['Completed', 'Failed', 'Cancelled'] as const;

export interface RestoreMetrics {
  /** `seconds`: of work, without the queue; absent for one that never began. `bytes`: of file content brought back. */
  ended(result: (typeof restoreResults)[number], facts: { seconds?: number; bytes: number }): void;
  /** Staging directories with files of servers that no Restore speaks of. */
  strangers(count: number): void;
}

export interface RestoreCounts {
  running: number;
  queued: number;
}

/** From a second to three hours. */
const durationBuckets = [1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 3600, 10_800];

/** `counts` is asked at each scrape. Call once a registry. */
export function createRestoreMetrics(registry: Registry, counts: () => RestoreCounts): RestoreMetrics {
  const registers = [registry];
  const durations = new Histogram({
    name: 'aileron_restore_duration_seconds',
    help: 'Time a restore took from its start to its end, without the queue.',
    labelNames: ['result'],
    buckets: durationBuckets,
    registers,
  });
  const ends = new Counter({
    name: 'aileron_restores_total',
    help: 'Restores that ended, by how.',
    labelNames: ['result'],
    registers,
  });
  const restored = new Counter({
    name: 'aileron_restore_bytes_total',
    help: 'Bytes of file content that were brought back.',
    registers,
  });
  const strangers = new Gauge({
    name: 'aileron_restore_files_without_object',
    help: 'Staging directories with files of a server that no Restore speaks of, at the last look.',
    registers,
  });
  gauge('aileron_restores_running', 'Restores at work.', () => counts().running);
  gauge('aileron_restores_queued', 'Restores that wait for their turn.', () => counts().queued);
  for (const result of restoreResults) ends.inc({ result }, 0);

  function gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  }
  return {
    ended(result, { seconds, bytes }) {
      ends.inc({ result });
      if (seconds !== undefined) durations.observe({ result }, seconds);
      if (result === 'Completed') restored.inc(bytes);
    },
    strangers: (count) => strangers.set(count),
  };
}

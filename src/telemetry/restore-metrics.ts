// What restores cost and how they end.
import { Counter, Gauge, type Registry } from 'prom-client';
import { gaugeOf, type OperationResult, operationEnds } from './operation-metrics.ts';

export interface RestoreMetrics {
  /** `seconds`: of work, without the queue; absent for one that never began. `bytes`: of file content brought back. */
  ended(result: OperationResult, facts: { seconds?: number; bytes: number }): void;
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
  const countEnd = operationEnds({
    registry,
    total: { name: 'aileron_restores_total', help: 'Restores that ended, by how.' },
    duration: {
      name: 'aileron_restore_duration_seconds',
      help: 'Time a restore took from its start to its end, without the queue.',
      buckets: durationBuckets,
    },
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
  gaugeOf(registry, 'aileron_restores_running', 'Restores at work.', () => counts().running);
  gaugeOf(registry, 'aileron_restores_queued', 'Restores that wait for their turn.', () => counts().queued);
  return {
    ended(result, { seconds, bytes }) {
      countEnd(result, seconds);
      if (result === 'Completed') restored.inc(bytes);
    },
    strangers: (count) => strangers.set(count),
  };
}

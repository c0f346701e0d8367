// What backups cost and how they end. Durations and sizes are histograms, so that a slow node or a growing world is seen.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { gaugeOf, type OperationResult, operationEnds } from './operation-metrics.ts';

export interface BackupMetrics {
  /** `seconds`: of work, without the queue; absent for one that never began. */
  ended(result: OperationResult, facts: { seconds?: number; size?: number; contentBytes?: number }): void;
  /** Archives on disk that no Backup speaks of. */
  strangers(count: number): void;
}

export interface BackupCounts {
  running: number;
  queued: number;
}

/** From a second to three hours, and from 1 MiB to 1 TiB. */
const durationBuckets = [1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 3600, 10_800];
const sizeBuckets = Array.from({ length: 11 }, (_, power) => 1_048_576 * 4 ** power);

/** `counts` is asked at each scrape. Call once a registry. */
export function createBackupMetrics(registry: Registry, counts: () => BackupCounts): BackupMetrics {
  const registers = [registry];
  const countEnd = operationEnds({
    registry,
    total: { name: 'aileron_backups_total', help: 'Backups that ended, by how.' },
    duration: {
      name: 'aileron_backup_duration_seconds',
      help: 'Time a backup took from its start to its end, without the queue.',
      buckets: durationBuckets,
    },
  });
  const sizes = new Histogram({
    name: 'aileron_backup_size_bytes',
    help: 'Size of the archives that were made.',
    buckets: sizeBuckets,
    registers,
  });
  const archived = new Counter({
    name: 'aileron_backup_archived_bytes_total',
    help: 'Bytes of file content that were archived.',
    registers,
  });
  const strangers = new Gauge({
    name: 'aileron_backup_archives_without_object',
    help: 'Archives in the backup directory that no Backup speaks of, at the last look.',
    registers,
  });
  gaugeOf(registry, 'aileron_backups_running', 'Backups at work.', () => counts().running);
  gaugeOf(registry, 'aileron_backups_queued', 'Backups that wait for their turn.', () => counts().queued);
  return {
    ended(result, { seconds, size, contentBytes = 0 }) {
      countEnd(result, seconds);
      if (size !== undefined) sizes.observe(size);
      archived.inc(contentBytes);
    },
    strangers: (count) => strangers.set(count),
  };
}

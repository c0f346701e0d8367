// Figures of the activity that the Panel is told, for Prometheus.
import { Counter, Gauge, type Registry } from 'prom-client';
import { type Lane, lanes } from './journal.ts';

/** `refused`: by the Panel. `invalid`: it would have been. */
export const dropReasons = ['overflow', 'age', 'refused', 'invalid', 'not_stored'] as const;
export type DropReason = (typeof dropReasons)[number];

export const reportResults = ['accepted', 'refused', 'failed'] as const;
export type ReportResult = (typeof reportResults)[number];

export interface ActivityMetrics {
  waiting(rows: Readonly<Record<Lane, number>>): void;
  dropped(reason: DropReason, rows: number): void;
  reported(result: ReportResult, entries: number): void;
}

/** Call once a registry. */
export function createActivityMetrics(registry: Registry | undefined): ActivityMetrics {
  const registers = registry ? [registry] : [];
  const waiting = new Gauge({
    name: 'aileron_activity_waiting',
    help: 'Records of what users did that the Panel has not taken yet.',
    labelNames: ['lane'],
    registers,
  });
  const dropped = new Counter({
    name: 'aileron_activity_dropped_total',
    help: 'Records of what users did that the Panel will never get, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const reports = new Counter({
    name: 'aileron_activity_reports_total',
    help: 'Reports of activity to the Panel, by how they ended.',
    labelNames: ['result'],
    registers,
  });
  const entries = new Counter({
    name: 'aileron_activity_sent_entries_total',
    help: 'Entries of activity that the Panel took.',
    registers,
  });
  for (const lane of lanes) waiting.set({ lane }, 0);
  for (const reason of dropReasons) dropped.inc({ reason }, 0);
  for (const result of reportResults) reports.inc({ result }, 0);
  return {
    waiting: (rows) => {
      for (const lane of lanes) waiting.set({ lane }, rows[lane]);
    },
    dropped: (reason, rows) => dropped.inc({ reason }, rows),
    reported: (result, count) => {
      reports.inc({ result });
      if (result === 'accepted') entries.inc(count);
    },
  };
}

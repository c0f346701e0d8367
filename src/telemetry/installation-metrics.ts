// How installations end and how long they take.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export const installationResults = ['Completed', 'Failed', 'Cancelled'] as const;

export interface InstallationMetrics {
  /** `seconds`: of work; absent for one that never began. */
  ended(result: (typeof installationResults)[number], seconds: number | undefined): void;
}

/** From a second to four hours. */
const durationBuckets = [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14_400];

/** `running` is asked at each scrape. Call once a registry. */
export function createInstallationMetrics(registry: Registry, running: () => number): InstallationMetrics {
  const registers = [registry];
  const durations = new Histogram({
    name: 'aileron_installation_duration_seconds',
    help: 'Time an installation took from its start to its end.',
    labelNames: ['result'],
    buckets: durationBuckets,
    registers,
  });
  const ends = new Counter({
    name: 'aileron_installations_total',
    help: 'Installations that ended, by how.',
    labelNames: ['result'],
    registers,
  });
  new Gauge({
    name: 'aileron_installations_running',
    help: 'Installations that have not ended.',
    registers,
    collect() {
      this.set(running());
    },
  });
  for (const result of installationResults) ends.inc({ result }, 0);
  return {
    ended(result, seconds) {
      ends.inc({ result });
      if (seconds !== undefined) durations.observe({ result }, seconds);
    },
  };
}

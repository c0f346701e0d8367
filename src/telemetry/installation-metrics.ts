// How installations end and how long they take.
import type { Registry } from 'prom-client';
import { gaugeOf, type OperationResult, operationEnds } from './operation-metrics.ts';

export interface InstallationMetrics {
  /** `seconds`: of work; absent for one that never began. */
  ended(result: OperationResult, seconds: number | undefined): void;
}

/** From a second to four hours. */
const durationBuckets = [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14_400];

/** `running` is asked at each scrape. Call once a registry. */
export function createInstallationMetrics(registry: Registry, running: () => number): InstallationMetrics {
  gaugeOf(registry, 'aileron_installations_running', 'Installations that have not ended.', running);
  return {
    ended: operationEnds({
      registry,
      total: { name: 'aileron_installations_total', help: 'Installations that ended, by how.' },
      duration: {
        name: 'aileron_installation_duration_seconds',
        help: 'Time an installation took from its start to its end.',
        buckets: durationBuckets,
      },
    }),
  };
}

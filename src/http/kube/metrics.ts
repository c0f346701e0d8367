// Metrics of the kube API under the names of Kubernetes' API server, so that existing dashboards read them.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface RequestLabels {
  verb: string;
  group: string;
  version: string;
  resource: string;
}

export interface KubeMetrics {
  requests: Counter<'verb' | 'group' | 'version' | 'resource' | 'code'>;
  /** Seconds; watches are not in it. */
  duration: Histogram<'verb' | 'group' | 'version' | 'resource'>;
  longRunning: Gauge<'verb' | 'group' | 'version' | 'resource'>;
}

const requestLabels = ['verb', 'group', 'version', 'resource'] as const;

export function createKubeMetrics(registry: Registry): KubeMetrics {
  return {
    requests: new Counter({
      name: 'apiserver_request_total',
      help: 'Requests answered, by verb, resource and HTTP code.',
      labelNames: [...requestLabels, 'code'],
      registers: [registry],
    }),
    duration: new Histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'Time to answer a request other than a watch.',
      labelNames: requestLabels,
      buckets: [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 5, 10, 30],
      registers: [registry],
    }),
    longRunning: new Gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Watches open at this moment.',
      labelNames: requestLabels,
      registers: [registry],
    }),
  };
}

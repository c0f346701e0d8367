// The value of one sample of a registry, as a scrape would see it.
import type { Registry } from 'prom-client';

/** `undefined` when there is no such sample: not the same as 0. */
export async function metricValue(
  registry: Registry,
  name: string,
  labels: Record<string, string> = {},
): Promise<number | undefined> {
  for (const metric of await registry.getMetricsAsJSON()) {
    for (const value of metric.values) {
      const sampleName = 'metricName' in value && typeof value.metricName === 'string' ? value.metricName : metric.name;
      const sampleLabels: Record<string, string | number | undefined> = value.labels;
      if (sampleName === name && Object.entries(labels).every(([label, wanted]) => sampleLabels[label] === wanted))
        return value.value;
    }
  }
  return undefined;
}

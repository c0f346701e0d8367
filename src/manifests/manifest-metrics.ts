// What became of the documents in the manifest directory, for dashboards and alerts.
import { Gauge, type Registry } from 'prom-client';
import { type DocumentResult, documentResults } from './manifest-apply.ts';

export interface ManifestMetrics {
  documents(counts: Record<DocumentResult, number>): void;
}

export function createManifestMetrics(registry: Registry): ManifestMetrics {
  const gauge = new Gauge({
    name: 'aileron_manifest_documents',
    help: 'Documents in the manifest directory by what the last look at it did with them',
    labelNames: ['result'] as const,
    registers: [registry],
  });
  const show = (counts: Partial<Record<DocumentResult, number>>) => {
    for (const result of documentResults) gauge.set({ result }, counts[result] ?? 0);
  };
  show({});
  return { documents: show };
}

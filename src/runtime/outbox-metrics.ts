// How many reports wait for somebody, and how tries to deliver them ended.
import { Counter, Gauge, type Registry } from 'prom-client';

export const deliveryResults = ['delivered', 'failed', 'given_up'] as const;
export type DeliveryResult = (typeof deliveryResults)[number];

export interface OutboxMetrics {
  tried(result: DeliveryResult): void;
}

/** `owed` is asked at each scrape. Call once a registry. */
export function createOutboxMetrics(registry: Registry, owed: () => number): OutboxMetrics {
  const registers = [registry];
  new Gauge({
    name: 'aileron_owed_reports',
    help: 'Reports that somebody else has not taken yet.',
    registers,
    collect() {
      this.set(owed());
    },
  });
  const tries = new Counter({
    name: 'aileron_owed_report_tries_total',
    help: 'Tries to deliver a report, by how they ended.',
    labelNames: ['result'],
    registers,
  });
  for (const result of deliveryResults) tries.inc({ result }, 0);
  return { tried: (result) => tries.inc({ result }) };
}

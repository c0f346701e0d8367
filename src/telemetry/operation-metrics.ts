// What backups, restores and installations tell alike: how they end, how long they take, and how many there are now.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const results = ['Completed', 'Failed', 'Cancelled'] as const;
export type OperationResult = (typeof results)[number];

export interface OperationEnds {
  registry: Registry;
  /** Of the counter of ends and of the histogram of durations. */
  total: { name: string; help: string };
  duration: { name: string; help: string; buckets: number[] };
}

/** The returned function counts one end; `seconds` are of work, absent for one that never began. Every result counts from 0. */
export function operationEnds({
  registry,
  total,
  duration,
}: OperationEnds): (result: OperationResult, seconds: number | undefined) => void {
  const registers = [registry];
  const durations = new Histogram({ ...duration, labelNames: ['result'], registers });
  const ends = new Counter({ ...total, labelNames: ['result'], registers });
  for (const result of results) ends.inc({ result }, 0);
  return (result, seconds) => {
    ends.inc({ result });
    if (seconds !== undefined) durations.observe({ result }, seconds);
  };
}

/** `value` is asked at each scrape. */
export function gaugeOf(registry: Registry, name: string, help: string, value: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(value());
    },
  });
}

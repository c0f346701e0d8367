// What the calls to the Panel cost and how they end, and how many servers it lists. Endpoints are a fixed set of words.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export const callResults = ['ok', 'refused', 'failed', 'unreachable', 'unreadable', 'aborted'] as const;
export type CallResult = (typeof callResults)[number];

export interface PanelCounts {
  reachable: boolean;
  unlisted: number;
  /** Servers whose record of the Panel could not be taken. */
  refused: number;
  /** Unix seconds; 0 = never. */
  listedAt: number;
  /** Servers whose state the Panel does not have yet. */
  statesWaiting: number;
}

export interface PanelMetrics {
  called(endpoint: string, result: CallResult, seconds: number): void;
  /** Asked at each scrape from now on. */
  watch(counts: () => PanelCounts): void;
}

/** Call once a registry. */
export function createPanelMetrics(registry: Registry): PanelMetrics {
  const registers = [registry];
  const calls = new Counter({
    name: 'aileron_panel_requests_total',
    help: 'Requests to the Panel, each try counted, by endpoint and result.',
    labelNames: ['endpoint', 'result'],
    registers,
  });
  const durations = new Histogram({
    name: 'aileron_panel_request_duration_seconds',
    help: 'Time of one request to the Panel.',
    labelNames: ['endpoint'],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  return {
    called(endpoint, result, seconds) {
      calls.inc({ endpoint, result });
      durations.observe({ endpoint }, seconds);
    },
    watch(counts) {
      gauge('aileron_panel_reachable', 'Whether the Panel answered when it was asked last.', () =>
        counts().reachable ? 1 : 0,
      );
      gauge(
        'aileron_panel_unlisted_servers',
        'Servers that the Panel does not list any more.',
        () => counts().unlisted,
      );
      gauge('aileron_panel_refused_servers', 'Servers whose configuration could not be taken.', () => counts().refused);
      gauge('aileron_panel_last_list_timestamp_seconds', 'When all servers were listed last.', () => counts().listedAt);
      gauge(
        'aileron_panel_states_waiting',
        'Servers whose state the Panel has yet to hear.',
        () => counts().statesWaiting,
      );
    },
  };

  function gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  }
}

// Figures of the console sockets, for Prometheus.
import { Counter, Gauge, type Registry } from 'prom-client';
import { type Closing, closings } from './socket-errors.ts';
import type { SocketPlaces } from './socket-places.ts';

export interface SocketMetrics {
  /** Batches of lines, and figures that a newer one replaced. */
  dropped(frames: number): void;
  closed(closing: Closing): void;
}

export function createSocketMetrics(registry: Registry | undefined, places: SocketPlaces): SocketMetrics {
  const registers = registry ? [registry] : [];
  new Gauge({
    name: 'aileron_console_sockets',
    help: 'Open console sockets, by whether they have shown a valid token.',
    labelNames: ['authenticated'],
    registers,
    collect() {
      this.set({ authenticated: 'true' }, places.authenticatedCount);
      this.set({ authenticated: 'false' }, places.strangerCount);
    },
  });
  const dropped = new Counter({
    name: 'aileron_console_dropped_messages_total',
    help: 'Messages left out because a console socket did not take them in time.',
    registers,
  });
  const closed = new Counter({
    name: 'aileron_console_closed_total',
    help: 'Console sockets that this node closed, by reason.',
    labelNames: ['reason'],
    registers,
  });
  for (const { reason } of Object.values(closings)) closed.inc({ reason }, 0);
  return {
    dropped: (frames) => dropped.inc(frames),
    closed: ({ reason }) => closed.inc({ reason }),
  };
}

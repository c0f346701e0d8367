// Gauges of each server's process, fed from the bus. The server's uuid is a label here and nowhere else: the series are
// bounded by the servers of the node and go with them.
import { Gauge, type Registry } from 'prom-client';
import type { Bus, Usage } from '../bus/bus.ts';
import { processStates } from '../resources/server-status.ts';

const usageGauges: [name: string, help: string, value: (usage: Usage) => number][] = [
  ['aileron_server_cpu_percent', 'CPU use of a server in percent of one core.', (usage) => usage.cpuAbsolute],
  ['aileron_server_memory_bytes', 'Memory use of a server without reclaimable cache.', (usage) => usage.memoryBytes],
  [
    'aileron_server_memory_limit_bytes',
    'Memory limit of a server; that of the machine when it has none.',
    (usage) => usage.memoryLimitBytes,
  ],
  [
    'aileron_server_network_receive_bytes',
    'Bytes received since the process started.',
    (usage) => usage.networkRxBytes,
  ],
  ['aileron_server_network_transmit_bytes', 'Bytes sent since the process started.', (usage) => usage.networkTxBytes],
  [
    'aileron_server_disk_read_bytes',
    'Bytes read from disks since the process started.',
    (usage) => usage.blockReadBytes,
  ],
  [
    'aileron_server_disk_written_bytes',
    'Bytes written to disks since the process started.',
    (usage) => usage.blockWriteBytes,
  ],
  ['aileron_server_uptime_seconds', 'Time since the process started.', (usage) => usage.uptimeMs / 1000],
];

export interface ServerMetrics {
  /** Sets a server as it is, without a change: at start and when it is made. */
  show(uuid: string, state: string, needsRestart: boolean): void;
  /** Removes all series of a server that is gone. */
  forget(uuid: string): void;
}

export function createServerMetrics(registry: Registry, bus: Bus): ServerMetrics {
  const registers = [registry];
  const states = new Gauge({
    name: 'aileron_server_state',
    help: 'State of a server: 1 for the present one.',
    labelNames: ['server', 'state'],
    registers,
  });
  const gauges = usageGauges.map(([name, help, value]) => ({
    gauge: new Gauge({ name, help, labelNames: ['server'], registers }),
    value,
  }));
  const restarts = new Gauge({
    name: 'aileron_server_needs_restart',
    help: '1 for a server whose process does not have all that its spec says before it is started again.',
    labelNames: ['server'],
    registers,
  });
  const showState = (server: string, present: string) => {
    for (const state of processStates) states.set({ server, state }, state === present ? 1 : 0);
  };
  bus.subscribe(undefined, 'state', ({ state }, uuid) => showState(uuid, state));
  bus.subscribe(undefined, 'usage', (usage, server) => {
    for (const { gauge, value } of gauges) gauge.set({ server }, value(usage));
  });
  return {
    show(server, state, needsRestart) {
      showState(server, state);
      restarts.set({ server }, needsRestart ? 1 : 0);
    },
    forget(server) {
      restarts.remove({ server });
      for (const state of processStates) states.remove({ server, state });
      for (const { gauge } of gauges) gauge.remove({ server });
    },
  };
}

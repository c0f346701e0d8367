// What `aileron top` shows, as rows of text. Pure.
import type { Server } from '../resources/server.ts';
import { nothing, type ServerUsage } from './server-usage.ts';
import { textTable } from './text-table.ts';
import { bytesText, durationText } from './units.ts';

export const topOrders = ['cpu', 'memory', 'name'] as const;
export type TopOrder = (typeof topOrders)[number];

export interface TopRow {
  name: string;
  uuid: string;
  state: string;
  diskBytes: number | undefined;
  diskLimitBytes: number;
  usage: ServerUsage;
  /** Bytes a second since the sample before; absent in the first. */
  rates?: Pick<ServerUsage, 'receivedBytes' | 'sentBytes' | 'readBytes' | 'writtenBytes'>;
}

export interface Sample {
  /** ms, monotonic. */
  at: number;
  rows: TopRow[];
}

const counters = ['receivedBytes', 'sentBytes', 'readBytes', 'writtenBytes'] as const;

export function sampleOf(
  servers: readonly Server[],
  usages: ReadonlyMap<string, ServerUsage>,
  at: number,
  before?: Sample,
): Sample {
  const rows = servers.map(({ metadata, spec, status }): TopRow => {
    const uuid = spec.uuid ?? '';
    const usage = usages.get(uuid) ?? nothing();
    const earlier = before?.rows.find((row) => row.uuid === uuid);
    const row = {
      name: metadata.name,
      uuid,
      state: status?.state ?? 'unknown',
      diskBytes: status?.diskBytes,
      diskLimitBytes: spec.limits.disk * 1024 * 1024,
      usage,
    };
    return before && earlier ? { ...row, rates: ratesOf(earlier.usage, usage, at - before.at) } : row;
  });
  return { at, rows };
}

/** A counter that fell belongs to a new process: what it has counted so far is the increase. */
function ratesOf(before: ServerUsage, now: ServerUsage, ms: number): NonNullable<TopRow['rates']> {
  const rate = (counter: (typeof counters)[number]) => {
    const increase = now[counter] >= before[counter] ? now[counter] - before[counter] : now[counter];
    return ms > 0 ? (increase * 1_000) / ms : 0;
  };
  return Object.fromEntries(counters.map((counter) => [counter, rate(counter)])) as NonNullable<TopRow['rates']>;
}

export function ordered(rows: readonly TopRow[], order: TopOrder): TopRow[] {
  const weight = {
    cpu: ({ usage }: TopRow) => -usage.cpuPercent,
    memory: ({ usage }: TopRow) => -usage.memoryBytes,
    name: () => 0,
  };
  return rows.toSorted((a, b) => weight[order](a) - weight[order](b) || (a.name < b.name ? -1 : 1));
}

/** With `live` the traffic is a second's, else that since the start of the process. `paint` colours a state. */
export function topLines(
  rows: readonly TopRow[],
  { live, paint = (state) => state }: { live: boolean; paint?: (state: string) => string },
): string[] {
  const per = live ? '/S' : '';
  const head = [
    'NAME',
    'STATE',
    'CPU %',
    'MEMORY',
    'LIMIT',
    `RECEIVED${per}`,
    `SENT${per}`,
    `READ${per}`,
    `WRITTEN${per}`,
    'DISK',
    'UPTIME',
  ];
  const body = rows.map((row) => {
    const { name, state, usage, rates, diskBytes, diskLimitBytes } = row;
    const runs = state !== 'offline' && state !== 'unknown';
    const whenRunning = (text: string) => (runs ? text : '-');
    const traffic = counters.map((counter) => {
      const value = live ? rates?.[counter] : usage[counter];
      return whenRunning(value === undefined ? '…' : bytesText(value));
    });
    const disk = diskBytes === undefined ? '-' : bytesText(diskBytes);
    return [
      name,
      paint(state),
      whenRunning(usage.cpuPercent.toFixed(1)),
      whenRunning(bytesText(usage.memoryBytes)),
      whenRunning(usage.memoryLimitBytes > 0 ? bytesText(usage.memoryLimitBytes) : '-'),
      ...traffic,
      diskLimitBytes > 0 ? `${disk} of ${bytesText(diskLimitBytes)}` : disk,
      whenRunning(durationText(usage.uptimeSeconds * 1_000)),
    ];
  });
  return textTable([head, ...body], { right: [2, 3, 4, 5, 6, 7, 8, 9, 10] });
}

export function summary(rows: readonly TopRow[]): string {
  const counts = new Map<string, number>();
  for (const { state } of rows) counts.set(state, (counts.get(state) ?? 0) + 1);
  const parts = [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
  const cpu = rows.reduce((sum, { usage }) => sum + usage.cpuPercent, 0);
  const memory = rows.reduce((sum, { usage }) => sum + usage.memoryBytes, 0);
  const servers = rows.length === 1 ? '1 server' : `${rows.length} servers`;
  return `${servers}${parts ? ` (${parts})` : ''}, CPU ${cpu.toFixed(1)} %, memory ${bytesText(memory)}`;
}

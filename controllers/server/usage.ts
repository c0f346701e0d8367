// What a running container uses, from the counters Docker reads out. Pure arithmetic: containers contract §17.
import type { Usage } from '../../src/bus/bus.ts';
import type { StatsSample } from '../../src/docker/engine.ts';

/** Docker's "never", in `StartedAt` of what did not start and in `preread` of a first sample. */
const zeroTime = '0001-01-01T00:00:00Z';

/** `uptimeMs` comes from the two functions below. */
export function usageOf(sample: StatsSample, uptimeMs: number): Usage {
  return {
    cpuAbsolute: cpuPercent(sample),
    memoryBytes: memoryInUse(sample),
    memoryLimitBytes: sample.memoryLimit,
    networkRxBytes: sample.networkRx,
    networkTxBytes: sample.networkTx,
    blockReadBytes: sample.blockRead,
    blockWriteBytes: sample.blockWrite,
    uptimeMs,
  };
}

/** What the counters say once the process is gone: the limit stays. */
export function usageOffline(last: Pick<Usage, 'memoryLimitBytes'> | undefined): Usage {
  return {
    cpuAbsolute: 0,
    memoryBytes: 0,
    memoryLimitBytes: last?.memoryLimitBytes ?? 0,
    networkRxBytes: 0,
    networkTxBytes: 0,
    blockReadBytes: 0,
    blockWriteBytes: 0,
    uptimeMs: 0,
  };
}

/** In ms, when the stream of samples opens; 0 for what does not run yet. `startedAt` is Docker's, RFC 3339. */
export function uptimeAtOpen(startedAt: string, nowMs: number): number {
  const started = timeOf(startedAt);
  return started === undefined ? 0 : Math.max(0, nowMs - started);
}

/** In ms, after one more sample: Docker's clock counts on, so a jump of ours does not show. */
export function uptimeAfter(previousMs: number, { read, preread }: Pick<StatsSample, 'read' | 'preread'>): number {
  const from = timeOf(preread);
  const to = timeOf(read);
  return from === undefined || to === undefined ? previousMs : previousMs + Math.max(0, to - from);
}

/** 100 = one core, whatever the server may use; three decimals. A first sample has nothing to compare with: 0. */
function cpuPercent(sample: StatsSample): number {
  const process = sample.cpuTotal - sample.previousCpuTotal;
  const system = sample.systemCpu - sample.previousSystemCpu;
  if (!(process > 0 && system > 0)) return 0;
  return Math.round((process / system) * 100 * sample.onlineCpus * 1000) / 1000;
}

/** Without the page cache that the kernel may take back. */
function memoryInUse({ memoryUsage, totalInactiveFile, inactiveFile }: StatsSample): number {
  if (totalInactiveFile !== undefined && totalInactiveFile < memoryUsage) return memoryUsage - totalInactiveFile;
  return inactiveFile < memoryUsage ? memoryUsage - inactiveFile : memoryUsage;
}

function timeOf(text: string): number | undefined {
  if (text === '' || text.startsWith(zeroTime.slice(0, -1))) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

// Usage samples of a container, cut to the counters that are used.
import type { Connection } from './connection.ts';
import { pathOf } from './containers.ts';
import type { StatsSample } from './engine.ts';
import { type JsonObject, list, number, object, text } from './json.ts';
import { jsonLines } from './json-lines.ts';

/** A sample is some 2 KiB; one network or core adds 200 bytes. */
const maxSampleBytes = 1024 * 1024;
/** `read` of the empty samples that Docker sends while nothing runs. */
const zeroTime = '0001-01-01T00:00:00Z';

/** Ends when the process has ended or the signal aborts. @throws DockerError, DockerUnreachableError */
export async function* readStats(connection: Connection, id: string, signal: AbortSignal): AsyncGenerator<StatsSample> {
  let seen = false;
  try {
    const query = { stream: true };
    const stream = await connection.open({ method: 'GET', path: `${pathOf(id)}/stats`, query, signal });
    for await (const line of jsonLines(stream, maxSampleBytes)) {
      const sample = sampleOf(object(line));
      const empty = sample.read === '' || sample.read === zeroTime;
      if (empty && seen) return;
      if (empty) continue;
      seen = true;
      yield sample;
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
}

/** Exported for its test. */
export function sampleOf(sample: JsonObject): StatsSample {
  const cpu = object(sample.cpu_stats);
  const previous = object(sample.precpu_stats);
  const memory = object(sample.memory_stats);
  const memoryStats = object(memory.stats);
  const usage = object(cpu.cpu_usage);
  const networks = Object.values(object(sample.networks)).map(object);
  const total = (key: string) => networks.reduce((sum, network) => sum + number(network[key]), 0);
  const inactive = memoryStats.total_inactive_file;
  return {
    read: text(sample.read),
    preread: text(sample.preread),
    cpuTotal: number(usage.total_usage),
    previousCpuTotal: number(object(previous.cpu_usage).total_usage),
    systemCpu: number(cpu.system_cpu_usage),
    previousSystemCpu: number(previous.system_cpu_usage),
    onlineCpus: number(cpu.online_cpus) || list(usage.percpu_usage).length,
    memoryUsage: number(memory.usage),
    memoryLimit: number(memory.limit),
    ...(typeof inactive === 'number' ? { totalInactiveFile: inactive } : {}),
    inactiveFile: number(memoryStats.inactive_file),
    networkRx: total('rx_bytes'),
    networkTx: total('tx_bytes'),
    ...blockBytes(sample),
  };
}

function blockBytes(sample: JsonObject): { blockRead: number; blockWrite: number } {
  let blockRead = 0;
  let blockWrite = 0;
  for (const item of list(object(sample.blkio_stats).io_service_bytes_recursive)) {
    const { op, value } = object(item);
    const kind = text(op).toLowerCase(); // `Read` on cgroup v1, `read` on v2
    if (kind === 'read') blockRead += number(value);
    if (kind === 'write') blockWrite += number(value);
  }
  return { blockRead, blockWrite };
}

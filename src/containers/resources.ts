// Limits of the spec in Docker's units. Where Docker would refuse a value outright, the nearest one it takes.
import type { DockerConfig } from '../config/config.ts';
import type { HostFacts } from '../config/host-facts.ts';
import type { ContainerResources } from '../docker/engine.ts';
import type { ServerSpec } from '../resources/server.ts';
import { cpuListOf, cpusWithin } from './cpu-list.ts';
import { UnbuildableError } from './unbuildable.ts';

const bytesPerUnit = { MiB: 1024 * 1024, MB: 1_000_000 } as const;

/** Docker refuses a smaller memory limit or reservation. */
const leastMemory = 6 * 1024 * 1024;

const cpuPeriodUs = 100_000;

/** What the kernel takes as a weight of block I/O. */
const blkioWeights = { least: 10, most: 1_000 } as const;

/** @throws UnbuildableError when none of the wanted CPUs exists */
export function resourcesOf(
  limits: ServerSpec['limits'],
  docker: DockerConfig,
  host: HostFacts,
): { resources: ContainerResources; warnings: string[] } {
  const { cpuset, warning } = cpusetOf(limits.threads, host);
  const resources: ContainerResources = {
    ...memoryOf(limits, docker.overhead),
    ...cpuOf(limits.cpu),
    ...(cpuset === undefined ? {} : { CpusetCpus: cpuset }),
    PidsLimit: docker.containerPidLimit,
    ...blkioOf(limits.io, host),
  };
  return { resources, warnings: warning === undefined ? [] : [warning] };
}

/** How much of a container's memory limit is more than the server's. `limit` is in the unit of the spec. */
export function overheadMultiplier(limit: number, overhead: DockerConfig['overhead']): number {
  if (overhead.override) {
    const fitting = overhead.multipliers.filter(([upTo]) => upTo >= limit).sort(([a], [b]) => a - b);
    return fitting[0]?.[1] ?? overhead.defaultMultiplier;
  }
  if (limit <= 2048) return 1.15;
  return limit <= 4096 ? 1.1 : 1.05;
}

/** Every CPU that containers may use. */
export function hostCpus(host: HostFacts): Set<number> {
  const counted = Array.from({ length: host.cpus }, (_, cpu) => cpu);
  if (host.cpuList === undefined) return new Set(counted);
  // A CPU list has no more members than the kernel has CPUs: 8192 at most.
  const possible = new Set(Array.from({ length: 8192 }, (_, cpu) => cpu));
  return new Set(cpusWithin(host.cpuList, possible)?.cpus ?? counted);
}

function memoryOf(
  { memory, swap, memoryUnit }: ServerSpec['limits'],
  overhead: DockerConfig['overhead'],
): Required<Pick<ContainerResources, 'Memory' | 'MemoryReservation' | 'MemorySwap'>> {
  // Without a memory limit Docker refuses any limit of memory and swap together.
  if (memory === 0) return { Memory: 0, MemoryReservation: 0, MemorySwap: -1 };
  const unit = bytesPerUnit[memoryUnit];
  const bytes = Math.max(leastMemory, Math.round(memory * overheadMultiplier(memory, overhead) * unit));
  return {
    Memory: bytes,
    // Docker refuses a reservation above the limit, which a multiplier below 1 would make.
    MemoryReservation: Math.min(bytes, Math.max(leastMemory, memory * unit)),
    MemorySwap: swap === -1 ? -1 : swap * unit + bytes,
  };
}

/** Nothing at all without a limit: some JVMs misread the number of CPUs when the fields are there. */
function cpuOf(percent: number): Pick<ContainerResources, 'CpuQuota' | 'CpuPeriod' | 'CpuShares'> {
  if (percent <= 0) return {};
  return { CpuQuota: (percent * cpuPeriodUs) / 100, CpuPeriod: cpuPeriodUs, CpuShares: 1024 };
}

function cpusetOf(threads: string | undefined, host: HostFacts): { cpuset?: string; warning?: string } {
  if (threads === undefined || threads === '') return {};
  const available = hostCpus(host);
  const within = cpusWithin(threads, available);
  const have = cpuListOf([...available].sort((a, b) => a - b));
  if (!within) throw new UnbuildableError(`The CPU list "${threads}" is not valid`);
  if (within.complete) return { cpuset: threads };
  const text = `Requested CPUs are not available - requested ${threads}, available: ${have}`;
  if (within.cpus.length === 0) throw new UnbuildableError(text);
  const cpuset = cpuListOf(within.cpus);
  return { cpuset, warning: `${text}; ${cpuset} is used.` };
}

function blkioOf(io: number, host: HostFacts): Pick<ContainerResources, 'BlkioWeight'> {
  if (io === 0 || !host.blkioWeight) return {};
  return { BlkioWeight: Math.min(blkioWeights.most, Math.max(blkioWeights.least, io)) };
}

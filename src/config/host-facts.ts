// What this machine can do, as far as the shape of a container depends on it. Read once at start.
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { isTimezone } from './timezone.ts';

export interface HostFacts {
  /** How many CPUs containers may use. */
  cpus: number;
  /** Which ones, such as `0-3,8`; absent = 0 to `cpus` - 1. */
  cpuList?: string;
  /** The kernel can weigh block I/O of containers against each other. */
  blkioWeight: boolean;
  /** The kernel can limit swap of a container; some boot without that. */
  swapLimit: boolean;
  cgroupVersion: 1 | 2;
  isTimezone(name: string): boolean;
}

/** `root` stands in for `/` in tests. */
export function hostFacts(root = '/'): HostFacts {
  const cgroup = join(root, 'sys/fs/cgroup');
  const cgroupVersion = existsSync(join(cgroup, 'cgroup.controllers')) ? 2 : 1;
  // The very files that Docker and runc look at: where they are missing the weight is dropped (v1) or the start fails (v2).
  const weightFiles = cgroupVersion === 2 ? ['system.slice/io.weight', 'io.weight'] : ['blkio/blkio.weight'];
  const blkioWeight = weightFiles.some((file) => existsSync(join(cgroup, file)));
  // The root group of v2 has no limits of its own, so a child tells.
  const swapFiles =
    cgroupVersion === 2 ? ['system.slice/memory.swap.max', 'memory.swap.max'] : ['memory/memory.memsw.limit_in_bytes'];
  const swapLimit = swapFiles.some((file) => existsSync(join(cgroup, file)));
  return { ...onlineCpus(root), blkioWeight, swapLimit, cgroupVersion, isTimezone };
}

function onlineCpus(root: string): { cpus: number; cpuList?: string } {
  const file = join(root, 'sys/devices/system/cpu/online');
  if (!existsSync(file)) return { cpus: availableParallelism() };
  const cpuList = readFileSync(file, 'utf8').trim();
  let cpus = 0;
  for (const range of cpuList.split(',')) {
    const [first, last = first] = range.split('-').map(Number);
    if (first === undefined || last === undefined || Number.isNaN(last - first))
      return { cpus: availableParallelism() };
    cpus += last - first + 1;
  }
  return { cpus, cpuList };
}

// What of a change of limits a running container gets at once, and what has to wait for the next start. Pure: a
// difference is an update or a name in a list, never a reason to touch the process.
import type { Config } from '../../src/config/config.ts';
import type { HostFacts } from '../../src/config/host-facts.ts';
import { changedFields, localName, specHashLabel } from '../../src/containers/container-labels.ts';
import { cpuListOf, cpusWithin } from '../../src/containers/cpu-list.ts';
import { environmentOf } from '../../src/containers/environment.ts';
import { hostCpus, resourcesOf } from '../../src/containers/resources.ts';
import { UnbuildableError } from '../../src/containers/unbuildable.ts';
import type { ContainerInfo, ContainerResources } from '../../src/docker/engine.ts';
import type { Server } from '../../src/resources/server.ts';

export interface LiveUpdateInput {
  server: Server;
  config: Config;
  host: HostFacts;
  container: ContainerInfo;
}

export interface LiveUpdate {
  /** Body of the update; absent when the container has everything it can get. */
  update?: ContainerResources;
  /** Fields of spec, such as `image` or `limits.memory`, that the process does not have yet. */
  needsRestart: string[];
  warnings: string[];
}

/**
 * Stands for "no limit" of memory and swap in an update: Docker refuses -1 together with a new memory limit. 1 PiB is
 * more than any machine has and exact as a double.
 */
export const unlimitedSwap = 2 ** 50;

/** What an update of memory cannot express: 0 means "unchanged" to Docker. */
const liftedMemory = 'limits.memory';
const unsetWeight = 'limits.io';
const missingCpus = 'limits.threads';

export function liveUpdate(input: LiveUpdateInput): LiveUpdate {
  const { server, container, host } = input;
  const { wanted, warnings, unbuildable } = wantedResources(input);
  const present = container.resources;
  const needsRestart = staleFields(input);
  const update: ContainerResources = {
    ...memoryUpdate(wanted, present, host),
    ...cpuUpdate(wanted, present),
    ...(unbuildable ? {} : cpusetUpdate(wanted, present, host)),
    ...pidsUpdate(wanted, present),
    ...blkioUpdate(wanted, present),
  };
  if (server.spec.limits.memory === 0 && (present.Memory ?? 0) > 0) needsRestart.push(liftedMemory);
  if (server.spec.limits.io === 0 && (present.BlkioWeight ?? 0) > 0) needsRestart.push(unsetWeight);
  if (unbuildable) needsRestart.push(missingCpus);
  return { ...(Object.keys(update).length === 0 ? {} : { update }), needsRestart, warnings };
}

/** CPUs that do not exist hold up a start, but not the rest of an update. */
function wantedResources({ server, config, host }: LiveUpdateInput): {
  wanted: ContainerResources;
  warnings: string[];
  /** None of the CPUs that are asked for exists. */
  unbuildable: boolean;
} {
  const { limits } = server.spec;
  try {
    const { resources, warnings } = resourcesOf(limits, config.docker, host);
    return { wanted: resources, warnings, unbuildable: false };
  } catch (error) {
    if (!(error instanceof UnbuildableError)) throw error;
    const { threads: _, ...others } = limits;
    const { resources } = resourcesOf(others, config.docker, host);
    return { wanted: resources, warnings: [`${error.message}.`], unbuildable: true };
  }
}

/** The three fields go together: Docker compares a new one with the two it has. */
function memoryUpdate(wanted: ContainerResources, present: ContainerResources, host: HostFacts): ContainerResources {
  const { Memory = 0, MemoryReservation = 0 } = wanted;
  if (Memory === 0) return {};
  const MemorySwap = wanted.MemorySwap === -1 ? unlimitedSwap : (wanted.MemorySwap ?? 0);
  const same =
    Memory === present.Memory &&
    MemoryReservation === present.MemoryReservation &&
    // Where the kernel cannot limit swap Docker records -1, whatever it was told.
    (!host.swapLimit || MemorySwap === (present.MemorySwap === -1 ? unlimitedSwap : present.MemorySwap));
  return same ? {} : { Memory, MemoryReservation, MemorySwap };
}

function cpuUpdate(wanted: ContainerResources, present: ContainerResources): ContainerResources {
  const quota = wanted.CpuQuota ?? -1;
  const had = present.CpuQuota || -1;
  if (quota === -1) return had === -1 ? {} : { CpuQuota: -1 };
  const { CpuPeriod, CpuShares } = wanted;
  const same = quota === had && CpuPeriod === present.CpuPeriod && CpuShares === present.CpuShares;
  return same ? {} : { CpuQuota: quota, ...definedOf({ CpuPeriod, CpuShares }) };
}

/** Emptied threads mean every CPU, by name: an empty list is "unchanged" to Docker. */
function cpusetUpdate(wanted: ContainerResources, present: ContainerResources, host: HostFacts): ContainerResources {
  const all = hostCpus(host);
  const normal = (list: string | undefined): string => {
    const cpus = list ? cpusWithin(list, all)?.cpus : undefined;
    return cpuListOf(cpus ?? [...all].sort((a, b) => a - b));
  };
  const CpusetCpus = normal(wanted.CpusetCpus);
  return CpusetCpus === normal(present.CpusetCpus) ? {} : { CpusetCpus };
}

function pidsUpdate(wanted: ContainerResources, present: ContainerResources): ContainerResources {
  const bound = (limit: number | undefined) => (limit === undefined || limit <= 0 ? 0 : limit);
  const PidsLimit = bound(wanted.PidsLimit);
  return PidsLimit === bound(present.PidsLimit) ? {} : { PidsLimit };
}

function blkioUpdate({ BlkioWeight = 0 }: ContainerResources, present: ContainerResources): ContainerResources {
  return BlkioWeight === 0 || BlkioWeight === (present.BlkioWeight ?? 0) ? {} : { BlkioWeight };
}

/** From the hashes on a container of ours; of one that Wings made only image and environment can be told. */
function staleFields({ server, config, host, container }: LiveUpdateInput): string[] {
  const changed = changedFields(container.labels[specHashLabel], server.spec);
  if (changed) return changed;
  const stale: string[] = [];
  if (localName(server.spec.image) !== container.image) stale.push('image');
  return [...stale, ...staleVariables({ server, config, host, container })];
}

function staleVariables({ server, config, host, container }: LiveUpdateInput): string[] {
  const has = new Set(container.env.map(withPlainNumber));
  try {
    const { env } = environmentOf({ server, config, isTimezone: host.isTimezone });
    const fields = env.filter((text) => !has.has(withPlainNumber(text))).map(fieldOf);
    return [...new Set(fields)].filter((field) => field !== undefined);
  } catch (error) {
    if (error instanceof UnbuildableError) return ['environment'];
    throw error;
  }
}

/** Which field of spec a variable tells of. Memory is applied while the process runs, and TZ is a setting of the node. */
function fieldOf(entry: string): string | undefined {
  const name = entry.slice(0, entry.indexOf('='));
  if (name === 'SERVER_MEMORY' || name === 'TZ') return undefined;
  if (name === 'STARTUP') return 'invocation';
  return name === 'SERVER_IP' || name === 'SERVER_PORT' ? 'allocations' : 'environment';
}

/** Wings writes every number with six decimals. */
function withPlainNumber(entry: string): string {
  return entry.replace(/=(-?\d+)\.000000$/, '=$1');
}

function definedOf(fields: { CpuPeriod: number | undefined; CpuShares: number | undefined }): ContainerResources {
  const { CpuPeriod, CpuShares } = fields;
  return { ...(CpuPeriod === undefined ? {} : { CpuPeriod }), ...(CpuShares === undefined ? {} : { CpuShares }) };
}

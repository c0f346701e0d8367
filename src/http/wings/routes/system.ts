// What a Panel asks about the node itself: versions, load, addresses, Docker's disk, and a report for people.
import type { FastifyInstance } from 'fastify';
import type { PrunedImages } from '../../../docker/engine.ts';
import type { Utilization } from '../../../machine/machine.ts';
import { queryText } from '../query-text.ts';
import { recent } from '../recent.ts';
import type { RouteDeps } from '../route-deps.ts';

type SystemDeps = Pick<RouteDeps, 'clock' | 'config' | 'docker' | 'machine' | 'version' | 'diagnostics'>;

const defaultLogLines = 200;
const mostLogLines = 500;
/** Of what Docker tells of itself: a Panel asks it for every page that shows a node. */
const maxAgeMs = 1_000;

export function systemRoutes(app: FastifyInstance, deps: SystemDeps): void {
  const { clock, config, docker, machine, diagnostics } = deps;
  const first = recent(() => systemV1(deps), { clock, maxAgeMs });
  const second = recent(() => systemV2(deps), { clock, maxAgeMs });
  app.get('/api/system', (request) => (queryText(request, 'v') === '2' ? second() : first()));
  app.get('/api/system/utilization', async () => utilizationAnswer(await machine.utilization()));
  app.get('/api/system/ips', async () => ({
    ip_addresses: [...new Set([...machine.addresses(), ...config.docker.systemIps])],
  }));
  app.get('/api/system/docker/disk', async () => {
    const usage = await docker.diskUsage();
    return {
      containers_size: usage.containersBytes,
      images_total: usage.images,
      images_active: usage.activeImages,
      images_size: usage.imagesBytes,
      build_cache_size: usage.buildCacheBytes,
    };
  });
  app.delete('/api/system/docker/image/prune', async () => pruneAnswer(await docker.pruneImages()));
  app.get('/api/diagnostics', async (request, reply) => {
    const text = await diagnostics({
      endpoints: flag(queryText(request, 'include_endpoints'), false),
      logs: flag(queryText(request, 'include_logs'), true),
      logLines: logLines(queryText(request, 'log_lines')),
    });
    return reply.type('text/plain; charset=utf-8').send(text);
  });
}

async function systemV1({ docker, machine, version }: SystemDeps) {
  const { cpus, kernel, osType } = await docker.info();
  return { architecture: machine.architecture, cpu_count: cpus, kernel_version: kernel, os: osType, version };
}

async function systemV2({ docker, machine, version }: SystemDeps) {
  const info = await docker.info();
  return {
    version,
    docker: {
      version: info.version,
      cgroups: { driver: info.cgroupDriver, version: info.cgroupVersion },
      containers: info.containers,
      storage: { driver: info.storageDriver, filesystem: info.backingFilesystem },
      runc: { version: info.runcCommit },
    },
    system: {
      architecture: machine.architecture,
      cpu_threads: info.cpus,
      memory_bytes: info.memoryBytes,
      kernel_version: info.kernel,
      os: (await machine.systemName()) ?? info.os,
      os_type: info.osType,
    },
  };
}

function utilizationAnswer({ load, disks, ...now }: Utilization) {
  const sum = (of: 'total' | 'used') => disks.reduce((total, disk) => total + disk[of], 0);
  return {
    memory_total: now.memoryTotal,
    memory_used: now.memoryUsed,
    swap_total: now.swapTotal,
    swap_used: now.swapUsed,
    load_average1: load[0],
    load_average5: load[1],
    load_average15: load[2],
    cpu_percent: now.cpuPercent,
    disk_total: sum('total'),
    disk_used: sum('used'),
    disk_details: disks.map(({ device, mountPoint, total, used, tags }) => ({
      ...{ device, mountpoint: mountPoint, total_space: total, used_space: used, tags },
    })),
  };
}

/** Capitals and null as Docker writes them: the Panel looks for both. */
function pruneAnswer({ removed, reclaimedBytes }: PrunedImages) {
  const deleted = removed.map((one) => ('untagged' in one ? { Untagged: one.untagged } : { Deleted: one.deleted }));
  return { ImagesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimedBytes };
}

function flag(text: string | undefined, otherwise: boolean): boolean {
  const lower = text?.toLowerCase();
  return lower === 'true' || (lower !== 'false' && otherwise);
}

function logLines(text = ''): number {
  const lines = /^\+?\d{1,15}$/.test(text) ? Number(text) : 0;
  return lines > 0 ? Math.min(lines, mostLogLines) : defaultLogLines;
}

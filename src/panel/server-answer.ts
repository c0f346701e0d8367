// A Server object in the words of the Panel: what `GET /api/servers/:server` answers. Pure; both flavours' forms of what
// they name differently are sent, and each reads its own.
import type { Usage } from '../bus/bus.ts';
import type { ProcessState, Server, ServerSpec } from '../resources/server.ts';

export interface ServerAnswer {
  state: ProcessState;
  is_suspended: boolean;
  utilization: {
    memory_bytes: number;
    memory_limit_bytes: number;
    /** Percent of one core. */
    cpu_absolute: number;
    network: { rx_bytes: number; tx_bytes: number };
    disk_io: { read_bytes: number; write_bytes: number };
    /** ms */
    uptime: number;
    state: ProcessState;
    disk_bytes: number;
  };
  configuration: ServerConfiguration;
}

export interface ServerConfiguration {
  id: number;
  uuid: string;
  meta: { name: string; description: string };
  suspended: boolean;
  invocation: string;
  skip_egg_scripts: boolean;
  environment: ServerSpec['environment'];
  labels: Record<string, string>;
  allocations: {
    force_outgoing_ip: boolean;
    default: { ip: string; port: number };
    mappings: Record<string, number[]>;
  };
  build: {
    memory_limit: number;
    swap: number;
    io_weight: number;
    cpu_limit: number;
    disk_space: number;
    threads: string;
    oom_killer: boolean;
    oom_disabled: boolean;
  };
  crash_detection_enabled: boolean;
  mounts: { source: string; target: string; read_only: boolean }[];
  egg: { id: string; file_denylist: string[]; features: Record<string, string[]> | null };
  container: { image: string };
}

export interface LiveFacts {
  /** The last one of the process that runs. */
  usage?: Usage | undefined;
  /** Newer than that of status, where somebody has it. */
  diskBytes?: number | undefined;
  /** `system.crash_detection.enabled` */
  crashDetection: boolean;
}

/** What Pelican says of a server without an allocation. */
const noAllocation = { ip: '127.0.0.1', port: 0 };

export function serverAnswer(server: Server, { usage, diskBytes, crashDetection }: LiveFacts): ServerAnswer {
  const { spec, status } = server;
  const state = status?.state ?? 'offline';
  const live = state === 'offline' ? undefined : usage;
  return {
    state,
    is_suspended: spec.suspended,
    utilization: {
      memory_bytes: live?.memoryBytes ?? 0,
      memory_limit_bytes: live?.memoryLimitBytes ?? 0,
      cpu_absolute: live?.cpuAbsolute ?? 0,
      network: { rx_bytes: live?.networkRxBytes ?? 0, tx_bytes: live?.networkTxBytes ?? 0 },
      disk_io: { read_bytes: live?.blockReadBytes ?? 0, write_bytes: live?.blockWriteBytes ?? 0 },
      uptime: live?.uptimeMs ?? 0,
      state,
      disk_bytes: diskBytes ?? status?.diskBytes ?? 0,
    },
    configuration: serverConfiguration(server, crashDetection),
  };
}

export function serverConfiguration({ metadata, spec }: Server, crashDetection: boolean): ServerConfiguration {
  const { limits, egg } = spec;
  return {
    id: spec.panelId ?? 0,
    uuid: spec.uuid ?? '',
    meta: { name: spec.displayName ?? metadata.name, description: spec.description ?? '' },
    suspended: spec.suspended,
    invocation: spec.invocation,
    skip_egg_scripts: spec.skipEggScripts ?? false,
    environment: spec.environment,
    labels: spec.containerLabels,
    allocations: {
      force_outgoing_ip: spec.allocations.forceOutgoingIp,
      default: spec.allocations.default ?? noAllocation,
      mappings: mappingsOf(spec.allocations),
    },
    build: {
      memory_limit: limits.memory,
      swap: limits.swap,
      io_weight: limits.io,
      cpu_limit: limits.cpu,
      disk_space: limits.disk,
      threads: limits.threads ?? '',
      oom_killer: limits.oomKiller,
      oom_disabled: !limits.oomKiller,
    },
    crash_detection_enabled: spec.crashDetectionEnabled ?? crashDetection,
    mounts: spec.mounts.map(({ source, target, readOnly }) => ({ source, target, read_only: readOnly })),
    egg: {
      id: egg.id ?? '',
      file_denylist: egg.fileDenylist ?? [],
      features: egg.features && Object.keys(egg.features).length > 0 ? egg.features : null,
    },
    container: { image: spec.image },
  };
}

/** By address, the default one first. */
function mappingsOf({ default: first, additional }: ServerSpec['allocations']): Record<string, number[]> {
  const all = first && first.port !== 0 ? [first, ...additional] : additional;
  const mappings = new Map<string, number[]>();
  for (const { ip, port } of all) mappings.set(ip, [...(mappings.get(ip) ?? []), port]);
  return Object.fromEntries(mappings);
}

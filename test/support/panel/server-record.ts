// A server as either Panel sends it, PHP's empty maps included: an empty map is [] on the wire.
import type { Flavour } from '../../../src/config/config.ts';

export interface RecordParts {
  name?: string;
  description?: string | null;
  suspended?: boolean;
  image?: string;
  invocation?: string;
  environment?: Record<string, string | number | boolean | null>;
  skipEggScripts?: boolean;
  memory?: number;
  swap?: number;
  io?: number;
  disk?: number;
  cpu?: number;
  threads?: string | null;
  oomDisabled?: boolean;
  /** Default first; none: as Pelican sends a server without one. */
  allocations?: { ip: string; port: number }[];
  mounts?: { source: string; target: string; read_only: boolean }[];
  labels?: Record<string, string>;
  features?: Record<string, string[]>;
  done?: string[] | null;
  stop?: { type: string; value: string };
  configs?: unknown[];
}

export function serverRecord(flavour: Flavour, parts: RecordParts & { id: number; uuid: string }): unknown {
  const { id, uuid, name = 'Survival', description = null, suspended = false } = parts;
  const { invocation = 'run {{WORLD}}', allocations = [], mounts = [], labels = {}, oomDisabled = true } = parts;
  const pelican = flavour === 'pelican';
  const [main = { ip: '127.0.0.1', port: 0 }] = allocations;
  const environment = {
    ...parts.environment,
    STARTUP: invocation,
    ...(pelican ? {} : { P_SERVER_LOCATION: 'home' }),
    P_SERVER_UUID: uuid,
    ...(pelican ? {} : { P_SERVER_ALLOCATION_LIMIT: null }),
  };
  const settings = {
    ...(pelican ? { id } : {}),
    uuid,
    meta: { name, description },
    suspended,
    environment,
    invocation,
    skip_egg_scripts: parts.skipEggScripts ?? false,
    build: {
      memory_limit: parts.memory ?? 1024,
      swap: parts.swap ?? 0,
      io_weight: parts.io ?? 500,
      cpu_limit: parts.cpu ?? 0,
      threads: parts.threads ?? null,
      disk_space: parts.disk ?? 0,
      ...(pelican ? { oom_killer: !oomDisabled } : { oom_disabled: oomDisabled }),
    },
    container: {
      image: parts.image ?? 'example.org/game:1',
      ...(pelican ? {} : { oom_disabled: oomDisabled }),
      requires_rebuild: false,
    },
    allocations: { force_outgoing_ip: false, default: main, mappings: mappingsOf(allocations) },
    ...(pelican && mounts.length === 0 ? {} : { mounts }),
    ...(pelican && Object.keys(labels).length > 0 ? { labels } : {}),
    egg: {
      id: '5da37ef6-58da-4169-90a6-e683e1721247',
      file_denylist: [],
      ...(pelican ? { features: phpMap(parts.features ?? {}) } : {}),
    },
  };
  const process = {
    startup: { done: parts.done === undefined ? ['Done'] : parts.done, user_interaction: [], strip_ansi: false },
    stop: parts.stop ?? { type: 'command', value: 'stop' },
    configs: parts.configs ?? [],
  };
  return { settings, process_configuration: process };
}

function mappingsOf(allocations: readonly { ip: string; port: number }[]): Record<string, number[]> {
  if (allocations.length === 0) return { '': [] };
  const mappings: Record<string, number[]> = {};
  for (const { ip, port } of allocations) mappings[ip] = [...(mappings[ip] ?? []), port];
  return mappings;
}

/** What PHP makes of an array without keys. */
export function phpMap<T>(map: Record<string, T>): Record<string, T> | [] {
  return Object.keys(map).length === 0 ? [] : map;
}

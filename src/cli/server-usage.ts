// What the node's metrics tell of each server's process. Read from the ops listener, which is for this machine alone.
import type { Config } from '../config/config.ts';
import { CliError, exitCodes } from './exit-codes.ts';
import { addressOf } from './node-access.ts';
import { type WebAnswer, webRequest } from './web-request.ts';

/** Counters are since the start of the process. */
export interface ServerUsage {
  /** Percent of one core. */
  cpuPercent: number;
  memoryBytes: number;
  memoryLimitBytes: number;
  receivedBytes: number;
  sentBytes: number;
  readBytes: number;
  writtenBytes: number;
  uptimeSeconds: number;
}

const fieldOf: Record<string, keyof ServerUsage> = {
  aileron_server_cpu_percent: 'cpuPercent',
  aileron_server_memory_bytes: 'memoryBytes',
  aileron_server_memory_limit_bytes: 'memoryLimitBytes',
  aileron_server_network_receive_bytes: 'receivedBytes',
  aileron_server_network_transmit_bytes: 'sentBytes',
  aileron_server_disk_read_bytes: 'readBytes',
  aileron_server_disk_written_bytes: 'writtenBytes',
  aileron_server_uptime_seconds: 'uptimeSeconds',
};

const timeoutMs = 5_000;
const maxBytes = 64 * 1024 * 1024;

/** A GET of the ops listener, whose metrics are long on a node with many servers. @throws as webRequest */
export function askOps(url: string): Promise<WebAnswer> {
  return webRequest(url, { timeoutMs, maxBytes });
}

/** By uuid; only of servers that have run since the daemon started. @throws CliError (unreachable) */
export async function readUsage(config: Config): Promise<Map<string, ServerUsage>> {
  const at = `http://${addressOf(config.aileron.ops)}`;
  try {
    const { status, text } = await askOps(`${at}/metrics`);
    if (status !== 200) throw new Error(`the answer is ${status}`);
    return parseUsage(text);
  } catch (error) {
    const why =
      (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'nobody listens there' : (error as Error).message;
    throw new CliError(
      `The metrics of the node at ${at} do not answer: ${why}; is the daemon running? aileron doctor says more.`,
      { exitCode: exitCodes.unreachable, cause: error },
    );
  }
}

/** The text format of Prometheus, as far as servers are in it. */
export function parseUsage(text: string): Map<string, ServerUsage> {
  const usages = new Map<string, ServerUsage>();
  for (const [, metric = '', server = '', value] of text.matchAll(
    /^(aileron_server_\w+)\{server="([^"]+)"\} (\S+)/gm,
  )) {
    const field = fieldOf[metric];
    if (!field) continue;
    const usage = usages.get(server) ?? nothing();
    usage[field] = Number(value) || 0;
    usages.set(server, usage);
  }
  return usages;
}

export function nothing(): ServerUsage {
  return {
    cpuPercent: 0,
    memoryBytes: 0,
    memoryLimitBytes: 0,
    receivedBytes: 0,
    sentBytes: 0,
    readBytes: 0,
    writtenBytes: 0,
    uptimeSeconds: 0,
  };
}

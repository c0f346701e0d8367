// Containers: create, look at, start, stop, kill, change, remove, and wait for the exit.
import type { Connection } from './connection.ts';
import {
  type ContainerBody,
  type ContainerInfo,
  type ContainerResources,
  type ContainerSummary,
  DockerError,
} from './engine.ts';
import { flag, list, number, object, text, textMap, texts } from './json.ts';
import { jsonLines } from './json-lines.ts';
import { pathSegment } from './path-segment.ts';

/** What Docker writes for "never". */
const zeroTime = '0001-01-01T00:00:00Z';
const maxExitBytes = 64 * 1024;

export class Containers {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async inspect(nameOrId: string, signal?: AbortSignal): Promise<ContainerInfo | undefined> {
    const found = await this.#connection.find({ method: 'GET', path: `${pathOf(nameOrId)}/json`, signal });
    return found === undefined ? undefined : containerInfo(found);
  }

  async list(labels: Record<string, string>): Promise<ContainerSummary[]> {
    const label = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
    const query = { all: true, filters: JSON.stringify({ label }) };
    const found = await this.#connection.json({ method: 'GET', path: '/containers/json', query });
    return list(found).map((item) => {
      const entry = object(item);
      return {
        id: text(entry.Id),
        name: withoutSlash(text(list(entry.Names)[0])),
        labels: textMap(entry.Labels),
        running: text(entry.State) === 'running' || text(entry.State) === 'paused',
      };
    });
  }

  async create(name: string, body: ContainerBody): Promise<{ id: string; warnings: string[] }> {
    const query = { name };
    const made = object(await this.#connection.json({ method: 'POST', path: '/containers/create', query, body }));
    return { id: text(made.Id), warnings: texts(made.Warnings) };
  }

  async start(id: string, signal?: AbortSignal): Promise<void> {
    await this.#connection.json({ method: 'POST', path: `${pathOf(id)}/start`, signal });
  }

  async stop(id: string, signal?: AbortSignal): Promise<void> {
    // -1 = Docker sends the stop signal and waits without end; who wants a limit aborts and kills.
    const query = { t: -1 };
    await this.#connection.find({ method: 'POST', path: `${pathOf(id)}/stop`, query, signal, unlimited: true });
  }

  async kill(id: string, signal: string): Promise<boolean> {
    try {
      await this.#connection.json({ method: 'POST', path: `${pathOf(id)}/kill`, query: { signal } });
      return true;
    } catch (error) {
      if (error instanceof DockerError && (error.status === 404 || error.status === 409)) return false;
      throw error;
    }
  }

  async remove(id: string, { force }: { force: boolean }): Promise<void> {
    await this.#connection.find({ method: 'DELETE', path: pathOf(id), query: { v: true, force } });
  }

  async update(id: string, resources: ContainerResources): Promise<{ warnings: string[] }> {
    const answer = await this.#connection.find({ method: 'POST', path: `${pathOf(id)}/update`, body: resources });
    return { warnings: texts(object(answer).Warnings) };
  }

  /** Docker sends the head of its answer after it has registered the wait, which is what makes this sure. */
  async openExitWait(id: string, signal: AbortSignal): Promise<{ exit: Promise<{ exitCode: number }> }> {
    const query = { condition: 'next-exit' };
    const stream = await this.#connection.open({ method: 'POST', path: `${pathOf(id)}/wait`, query, signal });
    const exit = this.#readExit(stream, signal);
    exit.catch(() => {}); // a caller that has given up is not a failure of the process
    return { exit };
  }

  async #readExit(stream: AsyncIterable<Buffer>, signal: AbortSignal): Promise<{ exitCode: number }> {
    for await (const line of jsonLines(stream, maxExitBytes)) {
      const { StatusCode: exitCode, Error: failure } = object(line);
      const message = text(object(failure).Message);
      if (message) throw new DockerError(500, message);
      if (typeof exitCode === 'number') return { exitCode };
    }
    throw this.#connection.explain(new Error('the wait for an exit ended without one'), signal);
  }
}

export function pathOf(container: string): string {
  return `/containers/${pathSegment(container)}`;
}

function containerInfo(found: unknown): ContainerInfo {
  const all = object(found);
  const state = object(all.State);
  const config = object(all.Config);
  const host = object(all.HostConfig);
  return {
    id: text(all.Id),
    name: withoutSlash(text(all.Name)),
    labels: textMap(config.Labels),
    status: text(state.Status),
    running: flag(state.Running),
    exitCode: number(state.ExitCode),
    oomKilled: flag(state.OOMKilled),
    error: text(state.Error),
    startedAt: time(state.StartedAt),
    finishedAt: time(state.FinishedAt),
    image: text(config.Image),
    command: texts(config.Cmd),
    tty: flag(config.Tty),
    openStdin: flag(config.OpenStdin),
    stdinOnce: flag(config.StdinOnce),
    env: texts(config.Env),
    mounts: list(all.Mounts).map((item) => {
      const mount = object(item);
      return { source: text(mount.Source), target: text(mount.Destination), readOnly: mount.RW === false };
    }),
    resources: resourcesOf(host),
    networkMode: text(host.NetworkMode),
  };
}

const numericResources = [
  'Memory',
  'MemoryReservation',
  'MemorySwap',
  'CpuQuota',
  'CpuPeriod',
  'CpuShares',
  'PidsLimit',
  'BlkioWeight',
] as const;

function resourcesOf(host: Record<string, unknown>): ContainerResources {
  const resources: ContainerResources = {};
  for (const key of numericResources) {
    const value = host[key];
    if (typeof value === 'number') resources[key] = value;
  }
  if (typeof host.CpusetCpus === 'string') resources.CpusetCpus = host.CpusetCpus;
  return resources;
}

function time(value: unknown): string {
  return text(value) === zeroTime ? '' : text(value);
}

function withoutSlash(name: string): string {
  return name.startsWith('/') ? name.slice(1) : name;
}

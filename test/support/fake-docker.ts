// Docker in memory, for unit tests: the same conformance suite as the real engine, and strings to pull. Deterministic:
// nothing happens between two calls but what a program, the clock or the test does.
import { type Clock, sleep, systemClock } from '../../src/clock/clock.ts';
import {
  type AttachedConsole,
  type ContainerBody,
  type ContainerEvent,
  type ContainerInfo,
  type ContainerResources,
  type ContainerSummary,
  type DiskUsage,
  type DockerEngine,
  DockerError,
  DockerUnreachableError,
  type EngineInfo,
  type NetworkBody,
  type NetworkInfo,
  type PrunedImages,
  type PullOptions,
  type StatsSample,
} from '../../src/docker/engine.ts';
import { Channel } from './channel.ts';
import { FakeContainer, type Program } from './fake-container.ts';

const rememberedEvents = 256; // as many as Docker keeps
const smallestMemory = 6 * 1024 * 1024;

export class FakeDocker implements DockerEngine {
  /** Decides what a pull does. By default no registry answers. Use `addImage` in it to let a pull succeed. */
  pullBehaviour: (reference: string, options: PullOptions) => Promise<void> = async (reference) => {
    throw new DockerError(500, `Get "https://registry.invalid/v2/": no such host (${reference})`);
  };
  /** Awaited before every call, with the method's name and what it is about; throw to make the call fail. */
  before: (method: keyof DockerEngine, about: string) => Promise<void> | void = () => {};
  /** How many calls there were. */
  calls = 0;
  engineInfo: EngineInfo = {
    version: '28.0.0',
    apiVersion: '1.48',
    os: 'Debian GNU/Linux 12 (bookworm)',
    arch: 'amd64',
    kernel: '6.1.0',
    cpus: 2,
    memoryBytes: 8 * 1024 ** 3,
    rootDir: '/var/lib/docker',
    cgroupVersion: '2',
    containerdVersion: '2.0.0',
    runcVersion: '1.3.3',
    runcCommit: 'v1.3.3-0-gd842d771',
    osType: 'linux',
    cgroupDriver: 'systemd',
    storageDriver: 'overlay2',
    backingFilesystem: 'extfs',
    containers: { total: 0, running: 0, paused: 0, stopped: 0 },
  };
  /** What the next removal of images without a name takes away. */
  dangling: PrunedImages = { removed: [], reclaimedBytes: 0 };
  disk: DiskUsage = { containersBytes: 0, images: 0, activeImages: 0, imagesBytes: 0, buildCacheBytes: 0 };
  readonly #clock: Clock;
  readonly #containers = new Map<string, FakeContainer>();
  readonly #images = new Map<string, Program>();
  readonly #networks = new Map<string, NetworkInfo>();
  readonly #startFailures = new Map<string, string>();
  readonly #listeners = new Set<Channel<ContainerEvent>>();
  #events: ContainerEvent[] = [];
  #reachable = true;
  #ids = 0;

  constructor({ clock = systemClock }: { clock?: Clock } = {}) {
    this.#clock = clock;
    for (const name of ['bridge', 'host', 'none']) this.addNetwork(name);
  }

  // What a test does to the machine.

  /** `program` plays each container of the image; without one its processes only wait. */
  addImage(reference: string, program: Program = () => {}): void {
    this.#images.set(withTag(reference), program);
  }

  removeImage(reference: string): void {
    this.#images.delete(withTag(reference));
  }

  addNetwork(name: string): void {
    const id = this.#id();
    this.#networks.set(id, { id, name, driver: 'bridge', internal: false, labels: {}, subnets: [], containers: 0 });
  }

  print(name: string, text: string): void {
    this.#get(name).print(text);
  }

  exit(name: string, code: number, options: { oomKilled?: boolean } = {}): void {
    if (options.oomKilled) this.#emit('oom', this.#get(name));
    this.#get(name).exit(code, options);
  }

  /** All that was written to this container's console. */
  stdin(name: string): string {
    return this.#get(name).stdin;
  }

  setUsage(name: string, usage: Partial<StatsSample>): void {
    this.#get(name).usage = usage;
  }

  /** `undefined` lets the next start succeed again. */
  failStart(name: string, message: string | undefined): void {
    if (message === undefined) this.#startFailures.delete(name);
    else this.#startFailures.set(name, message);
  }

  pause(name: string): void {
    const container = this.#get(name);
    container.paused = true;
    this.#emit('pause', container);
  }

  unpause(name: string): void {
    const container = this.#get(name);
    container.paused = false;
    this.#emit('unpause', container);
  }

  /** Breaks the attached consoles of a container that goes on. */
  dropConsoles(name: string): void {
    this.#get(name).dropConsoles();
  }

  /** Unreachable: every call fails and every open stream breaks, but the containers go on. */
  setReachable(reachable: boolean): void {
    this.#reachable = reachable;
    if (reachable) return;
    const error = unreachable();
    for (const container of this.#containers.values()) {
      container.dropConsoles(error);
      container.dropFollowers(error);
      container.dropExitWaits(error);
    }
    for (const listener of this.#listeners) listener.end(error);
    this.#listeners.clear();
  }

  /** As after a restart of Docker: `since` finds nothing. */
  forgetEvents(): void {
    this.#events = [];
  }

  // DockerEngine.

  async ping(): Promise<void> {
    await this.#enter('ping', '');
  }

  async info(): Promise<EngineInfo> {
    await this.#enter('info', '');
    return { ...this.engineInfo };
  }

  async inspectContainer(nameOrId: string, signal?: AbortSignal): Promise<ContainerInfo | undefined> {
    await this.#enter('inspectContainer', nameOrId, signal);
    return this.#find(nameOrId)?.info();
  }

  async listContainers(labels: Record<string, string>): Promise<ContainerSummary[]> {
    await this.#enter('listContainers', '');
    return [...this.#containers.values()]
      .filter(({ body }) => Object.entries(labels).every(([key, value]) => body.Labels[key] === value))
      .map(({ id, name, body, running }) => ({ id, name, labels: { ...body.Labels }, running }));
  }

  async createContainer(name: string, body: ContainerBody): Promise<{ id: string; warnings: string[] }> {
    await this.#enter('createContainer', name);
    const program = this.#images.get(withTag(body.Image));
    if (!program) throw new DockerError(404, `No such image: ${withTag(body.Image)}`);
    const other = this.#find(name);
    if (other)
      throw new DockerError(409, `Conflict. The container name "/${name}" is already in use by "${other.id}".`);
    const memory = body.HostConfig.Memory ?? 0;
    if (memory !== 0 && memory < smallestMemory) throw new DockerError(400, 'Minimum memory limit allowed is 6MB');
    const container = new FakeContainer({
      id: this.#id(),
      name,
      body: structuredClone(body),
      program,
      clock: this.#clock,
    });
    this.#containers.set(container.id, container);
    this.#emit('create', container);
    return { id: container.id, warnings: [] };
  }

  async startContainer(id: string, signal?: AbortSignal): Promise<void> {
    await this.#enter('startContainer', id, signal);
    const container = this.#existing(id);
    if (container.running) return;
    const network = container.body.HostConfig.NetworkMode;
    const failure =
      this.#startFailures.get(container.name) ??
      (network === '' || this.#findNetwork(network) ? undefined : `network ${network} not found`);
    if (failure !== undefined) {
      container.failStart(failure);
      throw new DockerError(500, failure);
    }
    this.#emit('start', container);
    container.start((exitCode) => this.#emit('die', container, exitCode));
  }

  async stopContainer(id: string, signal?: AbortSignal): Promise<void> {
    await this.#enter('stopContainer', id, signal);
    const container = this.#find(id);
    if (!container?.running) return;
    const aborting = new AbortController();
    const onAbort = () => aborting.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const exit = container.nextExit(aborting.signal);
    container.signal('SIGTERM');
    await exit.finally(() => signal?.removeEventListener('abort', onAbort));
  }

  async killContainer(id: string, signal: string): Promise<boolean> {
    await this.#enter('killContainer', id);
    const container = this.#find(id);
    if (!container?.running) return false;
    container.signal(signal);
    return true;
  }

  async removeContainer(id: string, { force }: { force: boolean }): Promise<void> {
    await this.#enter('removeContainer', id);
    const container = this.#find(id);
    if (!container) return;
    if (container.running && !force) {
      throw new DockerError(409, `You cannot remove a running container ${container.id}. Stop the container before`);
    }
    container.exit(137);
    this.#containers.delete(container.id);
    container.removed();
    this.#emit('destroy', container);
  }

  async updateContainer(id: string, resources: ContainerResources): Promise<{ warnings: string[] }> {
    await this.#enter('updateContainer', id);
    const container = this.#find(id);
    if (!container) return { warnings: [] };
    if (resources.Memory && resources.Memory < smallestMemory) {
      throw new DockerError(400, 'Minimum memory limit allowed is 6MB');
    }
    // 0 and absent mean "unchanged" to Docker.
    const changed = Object.entries(resources).filter(([, value]) => value !== undefined && value !== 0 && value !== '');
    container.resources = { ...container.resources, ...Object.fromEntries(changed) };
    this.#emit('update', container);
    return { warnings: [] };
  }

  async attachContainer(id: string, { stdin }: { tty: boolean; stdin: boolean }): Promise<AttachedConsole> {
    await this.#enter('attachContainer', id);
    const container = this.#existing(id);
    if (container.paused) throw new DockerError(409, `container ${id} is paused, unpause the container before attach`);
    return container.attach(stdin);
  }

  async containerLogs(id: string, which: { tty: boolean; tail?: number; since?: number }): Promise<Buffer> {
    await this.#enter('containerLogs', id);
    return this.#existing(id).logs(which);
  }

  async followLogs(
    id: string,
    { since, signal }: { tty: boolean; since?: number; signal: AbortSignal },
  ): Promise<AsyncIterable<Buffer>> {
    await this.#enter('followLogs', id, signal);
    return this.#existing(id).followLogs(since, signal);
  }

  async *containerStats(id: string, signal: AbortSignal): AsyncGenerator<StatsSample> {
    await this.#enter('containerStats', id);
    const container = this.#existing(id);
    for (let second = 0, seen = false; !signal.aborted; second++) {
      if (!this.#reachable) throw unreachable();
      if (seen && !container.running) return;
      if (container.running) {
        seen = true;
        yield container.sample(second);
      }
      await sleep(this.#clock, 1_000, signal).catch(() => undefined);
    }
  }

  async openExitWait(id: string, signal: AbortSignal): Promise<{ exit: Promise<{ exitCode: number }> }> {
    await this.#enter('openExitWait', id, signal);
    return { exit: this.#existing(id).nextExit(signal) };
  }

  async inspectImage(reference: string): Promise<{ id: string } | undefined> {
    await this.#enter('inspectImage', reference);
    return this.#images.has(withTag(reference)) ? { id: `sha256:${withTag(reference)}` } : undefined;
  }

  async pullImage(reference: string, options: PullOptions): Promise<void> {
    await this.#enter('pullImage', reference, options.signal);
    await this.pullBehaviour(reference, options);
  }

  async pruneImages(): Promise<PrunedImages> {
    await this.#enter('pruneImages', '');
    const pruned = this.dangling;
    this.dangling = { removed: [], reclaimedBytes: 0 };
    return pruned;
  }

  async diskUsage(): Promise<DiskUsage> {
    await this.#enter('diskUsage', '');
    return this.disk;
  }

  async inspectNetwork(nameOrId: string): Promise<NetworkInfo | undefined> {
    await this.#enter('inspectNetwork', nameOrId);
    return this.#findNetwork(nameOrId);
  }

  async createNetwork(body: NetworkBody): Promise<{ id: string }> {
    await this.#enter('createNetwork', body.Name);
    if (body.CheckDuplicate && this.#findNetwork(body.Name)) {
      throw new DockerError(409, `network with name ${body.Name} already exists`);
    }
    const id = this.#id();
    const subnets = (body.IPAM?.Config ?? []).map(({ Subnet, Gateway }) => ({ subnet: Subnet, gateway: Gateway }));
    this.#networks.set(id, {
      id,
      name: body.Name,
      driver: body.Driver,
      internal: body.Internal,
      labels: { ...body.Labels },
      subnets,
      containers: 0,
    });
    return { id };
  }

  async removeNetwork(id: string): Promise<void> {
    await this.#enter('removeNetwork', id);
    const network = this.#findNetwork(id);
    if (network) this.#networks.delete(network.id);
  }

  async openEvents({ since, signal }: { since?: number; signal: AbortSignal }): Promise<AsyncIterable<ContainerEvent>> {
    await this.#enter('openEvents', '', signal);
    const listener = new Channel<ContainerEvent>();
    if (since !== undefined) for (const event of this.#events) if (event.time >= since) listener.push(event);
    this.#listeners.add(listener);
    signal.addEventListener(
      'abort',
      () => {
        this.#listeners.delete(listener);
        listener.end();
      },
      { once: true },
    );
    return listener;
  }

  async #enter(method: keyof DockerEngine, about: string, signal?: AbortSignal): Promise<void> {
    this.calls += 1;
    await this.before(method, about);
    signal?.throwIfAborted();
    if (!this.#reachable) throw unreachable();
  }

  #emit(action: string, { id, name, body }: FakeContainer, exitCode?: number): void {
    const time = Math.floor(this.#clock.now()) / 1000;
    const event = {
      action,
      id,
      name,
      labels: { ...body.Labels },
      time,
      ...(exitCode === undefined ? {} : { exitCode }),
    };
    this.#events = [...this.#events, event].slice(-rememberedEvents);
    for (const listener of this.#listeners) listener.push(event);
  }

  #find(nameOrId: string): FakeContainer | undefined {
    return (
      this.#containers.get(nameOrId) ?? [...this.#containers.values()].find((container) => container.name === nameOrId)
    );
  }

  #existing(nameOrId: string): FakeContainer {
    const container = this.#find(nameOrId);
    if (!container) throw new DockerError(404, `No such container: ${nameOrId}`);
    return container;
  }

  /** For the test's own calls: a wrong name is a mistake in the test. */
  #get(name: string): FakeContainer {
    const container = this.#find(name);
    if (!container) throw new Error(`the fake has no container "${name}"`);
    return container;
  }

  #findNetwork(nameOrId: string): NetworkInfo | undefined {
    return this.#networks.get(nameOrId) ?? [...this.#networks.values()].find(({ name }) => name === nameOrId);
  }

  #id(): string {
    this.#ids += 1;
    return this.#ids.toString(16).padStart(64, '0');
  }
}

function unreachable(): DockerUnreachableError {
  return new DockerUnreachableError('Docker does not answer: the fake is switched off');
}

function withTag(reference: string): string {
  return reference.includes('@') || reference.lastIndexOf(':') > reference.lastIndexOf('/')
    ? reference
    : `${reference}:latest`;
}

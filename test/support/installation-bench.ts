// The installation controller between a store in memory, a pretended Docker and a clock that a test turns. The server's side
// is played here: a process that is to stop is gone at once. `restart` is what a crash of the daemon is: everything in the
// process is gone, the store, Docker and the files stay.
import type { TestContext } from 'node:test';
import { setTimeout as realTime, setImmediate as turn } from 'node:timers/promises';
import { Registry } from 'prom-client';
import type { InstallationDeps, InstallScripts } from '../../controllers/installation/deps.ts';
import {
  createInstallationController,
  installationIndexes,
  runningInstallations,
} from '../../controllers/installation/wiring.ts';
import { Bus, type InstallMessage } from '../../src/bus/bus.ts';
import type { Config } from '../../src/config/config.ts';
import { ImagePuller } from '../../src/containers/images.ts';
import { Networks } from '../../src/containers/node-networks.ts';
import { DockerFeed } from '../../src/docker/feed.ts';
import { Admission } from '../../src/resources/admission.ts';
import type { Installation, InstallationSpec } from '../../src/resources/installation.ts';
import type { Owner } from '../../src/resources/ownership.ts';
import type { Server, ServerStatus } from '../../src/resources/server.ts';
import { Informer } from '../../src/runtime/informer.ts';
import { Manager } from '../../src/runtime/manager.ts';
import { createRuntimeMetrics } from '../../src/runtime/metrics.ts';
import { mutateStatus } from '../../src/runtime/status.ts';
import { createInstallationMetrics } from '../../src/telemetry/installation-metrics.ts';
import { createVolumes } from '../../src/volumes/volumes.ts';
import { aHost } from './a-config.ts';
import { writeContext } from './an-admission.ts';
import { aServer, type ServerParts } from './builders.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeDocker } from './fake-docker.ts';
import { told } from './installations.ts';
import { MemoryStore } from './memory-store.ts';
import { nodeConfig, temporaryDirectory } from './node-config.ts';
import { recordedLog } from './recorded-log.ts';

export const installerImage = 'test/installer:1';

const patienceMs = 20_000;

export interface InstallationBenchOptions {
  scripts?: InstallScripts;
  owedAtEnd?: InstallationDeps['owedAtEnd'];
  yaml?: string;
  change?: (config: Config) => Config;
}

export class InstallationBench {
  readonly clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
  readonly store = new MemoryStore({ clock: this.clock });
  readonly docker = new FakeDocker({ clock: this.clock });
  readonly admission = new Admission({ store: this.store, nodeName: 'node-1', clock: this.clock });
  readonly config: Config;
  readonly log = recordedLog();
  /** Of all lives, by uuid of the server. */
  readonly messages = new Map<string, InstallMessage[]>();
  /** `reason: message` of Events. */
  events: string[] = [];
  /** Processes end as soon as they are asked to. */
  stopsAtOnce = true;
  readonly #options: InstallationBenchOptions;
  #stop: () => Promise<void> = async () => {};

  constructor(t: TestContext, options: InstallationBenchOptions = {}) {
    this.#options = options;
    const { change = (config: Config) => config, yaml = '' } = options;
    this.config = change(nodeConfig(temporaryDirectory(t), { yaml }));
    this.docker.addImage(installerImage);
    t.after(() => this.stop());
  }

  async start(): Promise<void> {
    const { clock, store, docker, config, log } = this;
    const registry = new Registry();
    const metrics = createRuntimeMetrics(registry);
    const bus = new Bus((error) => {
      throw error;
    });
    bus.subscribe(undefined, 'install', (message, uuid) => {
      this.messages.set(uuid, [...(this.messages.get(uuid) ?? []), message]);
    });
    const feed = new DockerFeed({ docker, clock, log });
    const servers = new Informer<Server>({
      ...{ store, kind: 'Server', clock, log },
      indexes: { uuid: ({ spec }) => [spec.uuid ?? ''] },
    });
    const indexes = installationIndexes;
    const installations = new Informer<Installation>({ store, kind: 'Installation', clock, log, indexes });
    servers.onChange(({ object }) => {
      if (this.stopsAtOnce && object.status?.claim?.stopServer && !object.status.claim.stopped) {
        void this.stopProcess(object.metadata.name);
      }
    });
    const { data, machineId, user } = config.system;
    const { uid, gid } = user;
    const volumes = createVolumes({ dataDirectory: data, machineIdDirectory: machineId.directory, uid, gid });
    const { scripts, owedAtEnd } = this.#options;
    const controller = createInstallationController({
      ...{ store, docker, volumes, admission: this.admission, bus, config, clock, log, installations, servers, feed },
      ...(owedAtEnd ? { owedAtEnd } : {}),
      images: new ImagePuller({ docker, clock, log, timeoutMs: 900_000, sendPlatform: false }),
      networks: new Networks({ docker, config, log, usesOutgoing: () => false }),
      host: aHost,
      scripts,
      events: { event: (_about, _type, reason, message) => void this.events.push(`${reason}: ${message}`) },
      runtimeMetrics: metrics,
      metrics: createInstallationMetrics(registry, () => runningInstallations(installations)),
      checkpoint: async () => {},
    });
    const manager = new Manager({ log, clock });
    manager.add({ informers: [servers, installations], controllers: controller.controllers });
    this.#stop = async () => {
      this.#stop = async () => {};
      for (const part of [() => manager.stop(), () => controller.close(), () => feed.stop()]) await this.pump(part());
      await volumes.close();
    };
    feed.start();
    await this.pump(manager.start());
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** As the server controller would. */
  async stopProcess(name: string): Promise<void> {
    await mutateStatus<Server>(this.store, 'Server', name, (draft) => {
      const status = draft as ServerStatus;
      status.state = 'offline';
      if (status.claim) status.claim.stopped = true;
    });
  }

  async add(parts: ServerParts = {}): Promise<Server> {
    const { apiVersion, kind, metadata, spec, status } = aServer(parts);
    const { name, finalizers = [] } = metadata;
    await this.store.create({ apiVersion, kind, metadata: { name, finalizers }, spec });
    const server = await this.store.get<Server>('Server', name);
    return this.store.updateStatus<Server>({ ...server!, status: status ?? { state: 'offline' } });
  }

  async install(name: string, spec: Partial<InstallationSpec> = {}, owner?: Owner): Promise<Installation> {
    const context = owner ? { ...writeContext(), owner } : writeContext();
    const object = { metadata: { name }, spec: { serverRef: { name: 'demo' }, ...spec } };
    return (await this.admission.create('Installation', object, context)) as Installation;
  }

  get(name: string): Promise<Installation | undefined> {
    return this.store.get<Installation>('Installation', name);
  }

  server(name = 'demo'): Promise<Server | undefined> {
    return this.store.get<Server>('Server', name);
  }

  told(uuid: string): string[] {
    return told(this.messages.get(uuid) ?? []);
  }

  async untilPhase(name: string, phase: string): Promise<Installation> {
    let last: Installation | undefined;
    await this.until(`${name} is ${phase}`, async () => {
      last = await this.get(name);
      return last?.status?.phase === phase;
    }).catch((error: unknown) => {
      throw new Error(`${name} is ${JSON.stringify(last?.status)}`, { cause: error });
    });
    return last!;
  }

  /** Turns the clock, by 10 ms a time, until it is so. */
  async until(what: string, wanted: () => Promise<boolean> | boolean): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while (!(await wanted())) {
      if (performance.now() > deadline) throw new Error(`never so: ${what}`);
      await this.#tick();
    }
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
    for (let turns = 0; turns < 30; turns += 1) await this.#tick();
  }

  async pump<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const finished = work.finally(() => {
      done = true;
    });
    while (!done) await this.#tick();
    return finished;
  }

  async #tick(): Promise<void> {
    for (let turns = 0; turns < 5; turns += 1) await turn();
    await this.clock.advance(10);
    // Threads and files need real time.
    await realTime(1);
  }
}

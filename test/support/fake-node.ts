// A node in memory: the real server controller between a store in memory and a pretended Docker. `restart` is what a
// crash of the daemon is: everything in the process is gone, the store and Docker stay.

import type { TestContext } from 'node:test';
import { setTimeout as realTime, setImmediate as turn } from 'node:timers/promises';
import { Registry } from 'prom-client';
import type { Handover } from '../../controllers/server/deps.ts';
import { createServerController } from '../../controllers/server/wiring.ts';
import type { NewActivity } from '../../src/activity/activity.ts';
import { Bus } from '../../src/bus/bus.ts';
import type { Config } from '../../src/config/config.ts';
import { ConsoleInput } from '../../src/console/console-input.ts';
import { ConsoleHistory } from '../../src/console/history.ts';
import { DockerFeed } from '../../src/docker/feed.ts';
import { EggConfiguration } from '../../src/egg/egg-configuration.ts';
import type { PanelSync } from '../../src/panel/sync.ts';
import type { PowerAction, Server, ServerSpec } from '../../src/resources/server.ts';
import { Informer } from '../../src/runtime/informer.ts';
import { Manager } from '../../src/runtime/manager.ts';
import { createRuntimeMetrics } from '../../src/runtime/metrics.ts';
import { createServerMetrics } from '../../src/telemetry/server-metrics.ts';
import { createVolumes } from '../../src/volumes/volumes.ts';
import { aHost } from './a-config.ts';
import { anyUuid, aServer, type ServerParts } from './builders.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeDocker } from './fake-docker.ts';
import { MemoryStore } from './memory-store.ts';
import { nodeConfig, temporaryDirectory } from './node-config.ts';
import { recordedLog } from './recorded-log.ts';

export const gameImage = 'test/game:1';

const patienceMs = 1_200_000;
const realPatienceMs = 20_000;

/** So many looks in a row see nothing new when nothing is under way. */
const quietRounds = 20;

export interface FakeNodeOptions {
  yaml?: string;
  checkpoint?: (name: string) => Promise<void>;
  panel?: PanelSync;
  handover?: Handover;
}

export class FakeNode {
  readonly clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
  readonly store = new MemoryStore({ clock: this.clock });
  readonly docker = new FakeDocker({ clock: this.clock });
  readonly input = new ConsoleInput();
  readonly config: Config;
  /** `starting`, `running`, … in the order they were published. */
  states: string[] = [];
  /** Console lines, ours marked with a `>`. */
  lines: string[] = [];
  /** Both, in the order in which they happened. */
  happened: string[] = [];
  readonly log = recordedLog();
  /** uuids of servers whose backups were removed. */
  backupsRemoved: string[] = [];
  activities: NewActivity[] = [];
  /** Reasons of Events, in order. */
  reasons: string[] = [];
  #options: FakeNodeOptions;
  #stop: () => Promise<void> = async () => {};
  #requests = 0;

  constructor(t: TestContext, options: FakeNodeOptions = {}) {
    this.config = nodeConfig(temporaryDirectory(t), options);
    this.#options = options;
    t.after(() => this.#stop());
  }

  async start(): Promise<void> {
    const { clock, store, docker, config } = this;
    const { log } = this;
    const registry = new Registry();
    const metrics = createRuntimeMetrics(registry);
    const bus = new Bus((error) => {
      throw error;
    });
    bus.subscribe(undefined, 'state', ({ state }) => {
      this.states.push(state);
      this.happened.push(state);
    });
    bus.subscribe(undefined, 'console', ({ text }) => void this.happened.push(text));
    bus.subscribe(undefined, 'console', ({ source, text }) =>
      this.lines.push(source === 'daemon' ? `> ${text}` : text),
    );
    const history = new ConsoleHistory({ bus, maxLines: 150 });
    const feed = new DockerFeed({ docker, clock, log });
    const servers = new Informer<Server>({
      store,
      kind: 'Server',
      clock,
      log,
      indexes: { uuid: ({ spec }) => [spec.uuid ?? ''] },
    });
    const { data, machineId, user } = config.system;
    const volumes = createVolumes({
      dataDirectory: data,
      machineIdDirectory: machineId.directory,
      uid: user.uid,
      gid: user.gid,
    });
    const server = createServerController({
      ...{ store, docker, volumes, history, bus, config, clock, log, feed, servers, metrics },
      host: aHost,
      input: this.input,
      serverMetrics: createServerMetrics(registry, bus),
      events: { event: (_about, _type, reason) => void this.reasons.push(reason) },
      removeBackups: async (uuid) => void this.backupsRemoved.push(uuid),
      checkpoint: this.#options.checkpoint ?? (async () => {}),
      // Its threads need real time.
      eggs: new EggConfiguration(),
      activity: { record: (activity) => void this.activities.push(activity) },
      panel: this.#options.panel,
      ...(this.#options.handover ? { handover: this.#options.handover } : {}),
    });
    const manager = new Manager({ log, clock });
    manager.add({ informers: [servers], controllers: [server.controller] });
    this.#stop = async () => {
      this.#stop = async () => {};
      for (const part of [() => manager.stop(), () => server.close(), () => feed.stop()]) await this.#pump(part());
      history.close();
      await volumes.close();
    };
    feed.start();
    await this.#pump(manager.start());
  }

  async restart(): Promise<void> {
    await this.#stop();
    this.states = [];
    this.lines = [];
    this.reasons = [];
    await this.start();
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  async add(parts: ServerParts = {}): Promise<void> {
    const { status: _, ...server } = aServer(parts);
    await this.store.create(server);
  }

  /** Starts the node with a server of the game image, and that server. The image is the caller's. */
  async startRunning(spec: Partial<ServerSpec> = {}): Promise<void> {
    await this.start();
    await this.add({ spec: { image: `~${gameImage}`, ...spec } });
    await this.untilState('offline');
    await this.requestAndFinish('start');
    await this.untilState('running');
  }

  async server(name = 'demo'): Promise<Server | undefined> {
    return this.store.get<Server>('Server', name);
  }

  /** What a door does with a wish. */
  async request(action: PowerAction, name = 'demo'): Promise<string> {
    const id = `request-${++this.#requests}`;
    const desired = action === 'start' || action === 'restart' ? 'Running' : 'Stopped';
    await this.store.patch('Server', name, { spec: { power: { desired, request: { id, action } } } });
    return id;
  }

  async requestAndFinish(action: PowerAction, name = 'demo'): Promise<Server> {
    const id = await this.request(action, name);
    return this.until(
      `${action} is finished`,
      (server) => server?.status?.power?.finishedRequest === id && server,
      name,
    );
  }

  untilState(state: string, name = 'demo'): Promise<Server> {
    return this.until(`the state is ${state}`, (server) => server?.status?.state === state && server, name);
  }

  /** Lets time go on until the server is as wanted. @throws Error after twenty minutes of pretended time, and of real seconds */
  async until<T>(
    what: string,
    wanted: (server: Server | undefined) => T | undefined | false,
    name = 'demo',
  ): Promise<T> {
    const end = this.clock.monotonic() + patienceMs;
    const givenUp = AbortSignal.timeout(realPatienceMs);
    for (let turns = 0; !givenUp.aborted; turns++) {
      const found = wanted(await this.server(name));
      if (found) return found;
      await turn();
      // Threads and files need real time: pretended time must not run away from them.
      if (turns > 2_000) await realTime(1);
      if (turns % 4 === 3 && this.clock.monotonic() < end) await this.clock.advance(turns < 2_000 ? 10 : 1_000);
    }
    const server = await this.server(name);
    throw new Error(
      `never so: ${what}; it is ${JSON.stringify(server?.status)} and said ${JSON.stringify(this.lines)}`,
    );
  }

  /** Until nothing more happens by itself, short of waiting. */
  async settle(): Promise<void> {
    let before = '';
    let quiet = 0;
    for (let rounds = 0; rounds < 20 || (quiet < quietRounds && rounds < 1_000); rounds++) {
      for (let turns = 0; turns < 10; turns++) await turn();
      await this.clock.advance(10);
      // Threads and files need real time.
      await realTime(1);
      const { resourceVersion } = await this.store.list('Server');
      const now = `${resourceVersion} ${this.docker.calls}`;
      quiet = now === before ? quiet + 1 : 0;
      before = now;
    }
  }

  async #pump<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const finished = work.finally(() => {
      done = true;
    });
    while (!done) {
      await turn();
      await this.clock.advance(10);
    }
    return finished;
  }
}

export { anyUuid };

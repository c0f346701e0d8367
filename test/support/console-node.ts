// The node API over a store in memory and a bus that a test speaks into: everything of a console but Docker. Time is the
// test's own, so that a minute of silence takes no minute.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Activity } from '../../src/activity/activity.ts';
import { createActivityMetrics } from '../../src/activity/activity-metrics.ts';
import { Recorder } from '../../src/activity/recorder.ts';
import { Bus } from '../../src/bus/bus.ts';
import { systemClock } from '../../src/clock/clock.ts';
import type { Config, Flavour } from '../../src/config/config.ts';
import { ConsoleInput } from '../../src/console/console-input.ts';
import { ConsoleHistory } from '../../src/console/history.ts';
import type { ConnectionCap } from '../../src/http/wings/connection-cap.ts';
import { Revocations } from '../../src/http/wings/revocations.ts';
import { createWingsServer, type WingsServer } from '../../src/http/wings/server.ts';
import type { PlaceLimits } from '../../src/http/wings/socket-places.ts';
import { mintToken } from '../../src/http/wings/token.ts';
import { UsedTokens } from '../../src/http/wings/used-tokens.ts';
import { thisMachine } from '../../src/machine/machine.ts';
import { LocalObjectStore } from '../../src/objectstore/local-store.ts';
import { Admission, type WriteContext } from '../../src/resources/admission.ts';
import type { Backup } from '../../src/resources/backup.ts';
import type { Restore } from '../../src/resources/restore.ts';
import type { ProcessState, Server, ServerStatus } from '../../src/resources/server.ts';
import { Informer } from '../../src/runtime/informer.ts';
import { aConfig } from './a-config.ts';
import { anyUuid, aServer } from './builders.ts';
import { ConsoleClient } from './console-client.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { FakeDocker } from './fake-docker.ts';
import { MemoryStore } from './memory-store.ts';
import { recordedLog } from './recorded-log.ts';
import { nodeSecret } from './signed-token.ts';

export const panelOrigin = 'https://panel.example.com';
export const aUser = '0b9a1f6e-2d7c-4c52-9b8e-5c3a7d1e4f60';
export const otherUser = '1c0b2e7f-3e8d-4d63-8c9f-6d4b8e2f5a71';
export const asAdministrator = ['*', 'admin.websocket.errors', 'admin.websocket.install', 'admin.websocket.transfer'];

export interface ConsoleNodeOptions {
  flavour?: Flavour;
  /** URL of the Panel; empty = there is none. */
  remote?: string;
  /** Files of a certificate, for TLS. */
  ssl?: { cert: string; key: string };
  yaml?: string;
  /** State directory, to start again over the same one. */
  directory?: string;
  places?: PlaceLimits;
  connections?: ConnectionCap;
  clock?: FakeClock;
}

/** What a state directory holds. */
interface Kept {
  clock: FakeClock;
  directory: string;
  revocations: Revocations;
  used: UsedTokens;
}

export interface TokenOptions {
  server?: string;
  user?: string;
  permissions?: readonly string[];
  ttlSeconds?: number;
  /** ms before now. */
  age?: number;
}

export class ConsoleNode {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly bus: Bus;
  readonly input = new ConsoleInput();
  readonly log = recordedLog();
  readonly history: ConsoleHistory;
  readonly revocations: Revocations;
  readonly servers: Informer<Server>;
  readonly admission: Admission;
  readonly config: Config;
  readonly api: WingsServer;
  readonly docker: FakeDocker;
  readonly archives: LocalObjectStore;
  readonly backups: Informer<Backup>;
  readonly restores: Informer<Restore>;
  /** What the Panel does when it is asked for a server. */
  refresh: (uuid: string) => Promise<'fresh' | 'stale'> = async () => 'fresh';
  /** What becomes of a configuration that the Panel sends. */
  applyUpdate: (body: unknown) => Promise<{ applied: boolean }> = async () => ({ applied: true });
  /** What was typed, in order. */
  readonly typed: string[] = [];
  /** What a Panel would be told. */
  readonly activities: Activity[] = [];
  readonly activity: Recorder;
  port = 0;
  readonly #clients: ConsoleClient[] = [];

  private constructor(
    { clock, revocations, used, directory }: Kept,
    { flavour = 'pterodactyl', yaml = '', places, connections, remote = panelOrigin, ssl }: ConsoleNodeOptions,
  ) {
    this.clock = clock;
    this.revocations = revocations;
    this.store = new MemoryStore({ clock });
    this.bus = new Bus((error) => {
      throw error;
    });
    const config = aConfig(flavour, `${remote === '' ? '' : `remote: ${remote}\n`}${yaml}`);
    this.config = {
      ...config,
      api: { ...config.api, ...(ssl ? { ssl: { enabled: true, ...ssl } } : {}) },
      system: {
        ...config.system,
        logDirectory: join(directory, 'log'),
        backupDirectory: join(directory, 'backups'),
      },
      token: { id: 'id', secret: nodeSecret },
    };
    this.archives = new LocalObjectStore({ directory: this.config.system.backupDirectory, layout: 'per_server' });
    this.docker = new FakeDocker({ clock });
    this.activity = new Recorder({
      ...{ bus: this.bus, clock, flavour: this.config.flavour },
      metrics: createActivityMetrics(undefined),
      keep: (activity) => void this.activities.push(activity),
    });
    this.history = new ConsoleHistory({ bus: this.bus, clock, maxLines: this.config.system.websocketLogCount });
    this.admission = new Admission({ store: this.store, nodeName: 'node-1', clock });
    const { log, store } = this;
    this.servers = new Informer<Server>({
      ...{ store, clock, log },
      kind: 'Server',
      indexes: { uuid: ({ spec }) => [spec.uuid ?? ''] },
    });
    this.backups = new Informer<Backup>({ store, clock, log, kind: 'Backup' });
    this.restores = new Informer<Restore>({ store, clock, log, kind: 'Restore' });
    this.api = createWingsServer({
      config: this.config,
      ...{
        log,
        clock,
        bus: this.bus,
        history: this.history,
        input: this.input,
        activity: this.activity,
        admission: this.admission,
        archives: this.archives,
        backups: this.backups,
        restores: this.restores,
        docker: this.docker,
        store,
        revocations,
        used,
      },
      machine: thisMachine({ clock: systemClock, log, directories: {} }),
      panel: remote === '' ? undefined : { refresh: (uuid) => this.refresh(uuid) },
      diagnostics: async (how) => JSON.stringify(how),
      applyPanelUpdate: (body) => this.applyUpdate(body),
      servers: {
        synced: () => this.servers.synced(),
        byUuid: (uuid) => this.servers.byIndex('uuid', uuid)[0],
        list: () => this.servers.list(),
        onChange: (handler) => this.servers.onChange(handler),
      },
      ...(places ? { places } : {}),
      ...(connections ? { connections } : {}),
    });
  }

  static async start(t: Pick<TestContext, 'after'>, options: ConsoleNodeOptions = {}): Promise<ConsoleNode> {
    const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'aileron-console-'));
    const clock = options.clock ?? new FakeClock(Date.parse('2026-01-01T00:00:00.500Z'));
    const log = recordedLog();
    const kept = {
      ...{ clock, directory },
      revocations: await Revocations.open({ path: join(directory, 'revocations.json'), clock, log }),
      used: await UsedTokens.open({ path: join(directory, 'used-links.json'), clock, log }),
    };
    const node = new ConsoleNode(kept, options);
    for (const informer of [node.servers, node.backups, node.restores]) {
      informer.start();
      await informer.synced();
    }
    node.port = (await node.api.listen({ host: '127.0.0.1', port: 0 })).port;
    t.after(async () => {
      for (const client of node.#clients) client.close();
      await node.stop();
      if (!options.directory) rmSync(directory, { recursive: true, force: true });
    });
    return node;
  }

  async stop(): Promise<void> {
    const closed = this.api.close();
    // For clients that do not answer the goodbye.
    await this.clock.advance(10_000);
    await closed;
    for (const informer of [this.servers, this.backups, this.restores]) await informer.stop();
    this.history.close();
    await this.store.close();
  }

  /** A server, by default the one of `anyUuid`. */
  async add({ name = 'demo', uuid = anyUuid, status = {} as ServerStatus } = {}): Promise<void> {
    const { status: _, ...server } = aServer({ name, spec: { uuid } });
    const created = await this.store.create(server);
    await this.store.updateStatus({ ...created, status });
    await settle();
  }

  async change(patch: Record<string, unknown>, name = 'demo'): Promise<void> {
    await this.store.patch('Server', name, patch);
    await settle();
  }

  async setStatus(status: ServerStatus, name = 'demo'): Promise<void> {
    const server = await this.server(name);
    await this.store.updateStatus({ ...server, status: { ...server.status, ...status } });
    await settle();
  }

  async server(name = 'demo'): Promise<Server> {
    const server = await this.store.get<Server>('Server', name);
    if (!server) throw new Error(`there is no server ${name}`);
    return server;
  }

  /** As the controller does it: stored, then published. */
  async moveTo(state: ProcessState, name = 'demo'): Promise<void> {
    const { spec, status } = await this.server(name);
    await this.setStatus({ state }, name);
    const previous = status?.state ?? 'offline';
    this.bus.publish(spec.uuid ?? '', 'state', { previous, state, cause: 'Test' });
    await settle();
  }

  print(text: string, uuid = anyUuid): void {
    this.bus.publish(uuid, 'console', { source: 'output', text });
  }

  say(text: string, uuid = anyUuid): void {
    this.bus.publish(uuid, 'console', { source: 'daemon', text });
  }

  /** The power request came to its end. */
  async finishPower(outcome: 'Succeeded' | 'Failed' = 'Succeeded', message?: string): Promise<void> {
    const { spec } = await this.server();
    const finishedRequest = spec.power.request?.id ?? '';
    await this.setStatus({ power: { finishedRequest, outcome, ...(message ? { message } : {}) } });
  }

  attachInput(uuid = anyUuid): () => void {
    return this.input.register(uuid, async (line) => void this.typed.push(line));
  }

  token(options: TokenOptions = {}): Promise<string> {
    const { server = anyUuid, user = aUser, permissions = ['*'], ttlSeconds = 600, age = 0 } = options;
    const now = this.clock.now() - age;
    return mintToken({ secret: nodeSecret, serverUuid: server, userUuid: user, permissions, ttlSeconds, now });
  }

  /** What a Panel that states no scope would sign. */
  claims(): Record<string, unknown> {
    const iat = Math.floor(this.clock.now() / 1000);
    return {
      ...{ iss: panelOrigin, jti: 'ae12', iat, nbf: iat - 300, exp: iat + 600, server_uuid: anyUuid, user_uuid: aUser },
      permissions: ['*'],
    };
  }

  get writer(): WriteContext {
    return {
      by: 'test',
      owner: { kind: 'User', ref: 'test' },
      dryRun: false,
      fieldValidation: 'Strict',
      warn: () => {},
    };
  }

  get bearer(): { authorization: string } {
    return { authorization: `Bearer ${nodeSecret}` };
  }

  /** Lets time pass in steps that pings and their answers can follow. */
  async pass(ms: number, client: ConsoleClient): Promise<void> {
    for (let left = ms; left > 0; left -= 10_000) {
      await this.clock.advance(Math.min(left, 10_000));
      await client.settled();
    }
  }

  /** Without what every front end does. */
  async open(origin: string | undefined): Promise<ConsoleClient> {
    const client = await ConsoleClient.open({ port: this.port, uuid: anyUuid, origin });
    this.#clients.push(client);
    return client;
  }

  async connect({
    uuid = anyUuid,
    origin = panelOrigin,
    perMessageDeflate = true,
    headers = {},
  } = {}): Promise<ConsoleClient> {
    const client = await ConsoleClient.open({ port: this.port, uuid, origin, perMessageDeflate, headers });
    this.#clients.push(client);
    return client;
  }

  /** A client that is authenticated and has seen what comes first. */
  async login(options: TokenOptions = {}): Promise<ConsoleClient> {
    const client = await this.connect(options.server ? { uuid: options.server } : {});
    await client.authenticate(await this.token(options));
    await client.until('it knows the state', () => client.count('server_status') > 0);
    return client;
  }
}

// The restore controller between a store in memory, a clock that a test turns, an archive on disk and a runner whose jobs
// do as they are told. The server's side is played here: a process that is to stop is gone at once, or when the test says
// so. `crash` is what SIGKILL is: the daemon says and writes nothing more. `stop` is SIGTERM.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as realTime, setImmediate as turn } from 'node:timers/promises';
import { Registry } from 'prom-client';
import type { RestoreDeps } from '../../controllers/restore/deps.ts';
import { createRestoreController, restoreCounts, restoreIndexes } from '../../controllers/restore/wiring.ts';
import { Bus, type OperationCompletion, type OperationProgress } from '../../src/bus/bus.ts';
import { LocalObjectStore } from '../../src/objectstore/local-store.ts';
import type { Backup, BackupStatus } from '../../src/resources/backup.ts';
import { type Restore, type RestoreSpec, restoreFinalizer } from '../../src/resources/restore.ts';
import type { Server, ServerStatus } from '../../src/resources/server.ts';
import { Informer } from '../../src/runtime/informer.ts';
import { Manager } from '../../src/runtime/manager.ts';
import { createRuntimeMetrics } from '../../src/runtime/metrics.ts';
import { Slots } from '../../src/runtime/slots.ts';
import { mutateStatus } from '../../src/runtime/status.ts';
import type { Store } from '../../src/store/store.ts';
import { createRestoreMetrics } from '../../src/telemetry/restore-metrics.ts';
import { createVolumes } from '../../src/volumes/volumes.ts';
import { anyUuid, aServer, type ServerParts } from './builders.ts';
import { FakeClock } from './fake-clock.ts';
import { MemoryStore } from './memory-store.ts';
import { nodeConfig, temporaryDirectory } from './node-config.ts';
import { recordedLog } from './recorded-log.ts';
import { type ScriptedJob, ScriptedRunner } from './scripted-runner.ts';

export const backupUuid = '47363ce7-d70a-430e-8e75-6dc87c8d016d';
const archiveText = 'archive';

const patienceMs = 5_000;

export interface RestoreBenchOptions {
  /** Whoever comes to this checkpoint finds the daemon dead. */
  crashAt?: string;
  owedAtEnd?: RestoreDeps['owedAtEnd'];
  /** Bytes the file system has; default plenty. */
  freeBytes?: number;
}

type Message = OperationProgress | (OperationCompletion & { completed: true });

export class RestoreBench {
  readonly clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
  readonly store = new MemoryStore({ clock: this.clock });
  readonly runner = new ScriptedRunner();
  readonly archives: LocalObjectStore;
  readonly config;
  readonly log = recordedLog();
  registry = new Registry();
  /** Progress and completions of all lives, in order; and the phase the store had at each completion. */
  messages: Message[] = [];
  phasesAtCompletion: (string | undefined)[] = [];
  /** Paths told to the console. */
  paths: string[] = [];
  /** `reason: message` of Events. */
  events: string[] = [];
  slots!: Slots;
  /** Processes end as soon as they are asked to. */
  stopsAtOnce = true;
  /** Jobs succeed by themselves but for those of these kinds. */
  held = new Set<string>();
  readonly #volumes;
  readonly #options: RestoreBenchOptions;
  #stop: () => Promise<void> = async () => {};
  #crash: () => void = () => {};
  #dead: () => boolean = () => false;
  #watched = 0;

  constructor(t: TestContext, options: RestoreBenchOptions = {}) {
    this.#options = options;
    this.config = nodeConfig(temporaryDirectory(t));
    const { backupDirectory: directory, backups, data, machineId, user } = this.config.system;
    this.archives = new LocalObjectStore({ directory, layout: backups.layout });
    const machineIdDirectory = machineId.directory;
    this.#volumes = createVolumes({ dataDirectory: data, machineIdDirectory, uid: user.uid, gid: user.gid });
    t.after(async () => {
      await this.stop();
      await this.#volumes.close();
    });
  }

  async start(options: RestoreBenchOptions = this.#options): Promise<void> {
    const { clock, log, config, runner, archives } = this;
    let dead = false;
    const store = mortal(this.store, () => dead);
    const registry = new Registry();
    this.registry = registry;
    const runtimeMetrics = createRuntimeMetrics(registry);
    const bus = new Bus((error) => {
      throw error;
    });
    bus.subscribe(undefined, 'progress', (message) => void (dead || this.messages.push(message)));
    bus.subscribe(undefined, 'completion', (message) => {
      if (dead) return;
      this.messages.push({ ...message, completed: true });
      void this.store.list<Restore>('Restore').then(({ items }) => {
        const restore = items.find(({ metadata }) => metadata.uid === message.operation);
        this.phasesAtCompletion.push(restore?.status?.phase);
      });
    });
    bus.subscribe(undefined, 'restoring', ({ path }) => this.paths.push(path));
    const restores = new Informer<Restore>({ store, kind: 'Restore', clock, log, indexes: restoreIndexes });
    const servers = new Informer<Server>({ store, kind: 'Server', clock, log });
    this.slots = new Slots(config.system.backups.maxConcurrent);
    const { freeBytes = 1e12, owedAtEnd, crashAt } = options;
    const controller = createRestoreController({
      ...{ store, runner, archives, bus, config, clock, log, restores, servers, runtimeMetrics },
      ...(owedAtEnd ? { owedAtEnd } : {}),
      slots: this.slots,
      volumes: { ...this.#volumes, freeSpace: async () => ({ freeBytes, totalBytes: 1e12 }) },
      events: { event: (_about, _type, reason, message) => void this.events.push(`${reason}: ${message}`) },
      metrics: createRestoreMetrics(registry, () => restoreCounts(restores)),
      checkpoint: async (name) => {
        if (name !== crashAt || dead) return;
        dead = true;
        await new Promise(() => {});
      },
    });
    const manager = new Manager({ log, clock });
    manager.add({ informers: [restores, servers], controllers: [controller] });
    this.#dead = () => dead;
    this.#crash = () => {
      dead = true;
      for (const job of runner.running) job.fail(new Error('it died with the daemon'));
    };
    this.#stop = async () => {
      this.#stop = async () => {};
      if (!dead) await this.#pump(manager.stop());
    };
    await this.#pump(manager.start());
  }

  /** In order, as by SIGTERM. */
  stop(): Promise<void> {
    return this.#stop();
  }

  get isDead(): boolean {
    return this.#dead();
  }

  /** Everything in the process is gone; the next daemon begins with what is in the store. */
  async crashAndStart(options: RestoreBenchOptions = {}): Promise<void> {
    this.#crash();
    this.#watched = this.runner.jobs.length;
    await this.start(options);
  }

  async stopAndStart(options: RestoreBenchOptions = {}): Promise<void> {
    await this.stop();
    await this.start(options);
  }

  /** A server with this status, and a completed backup of it with its archive. */
  async prepare(
    server: ServerParts = { status: { state: 'running' } },
    archive: Partial<BackupStatus['archive']> = {},
  ): Promise<void> {
    const { status, ...object } = aServer(server);
    const made = await this.store.create<Server>(object);
    if (status) await this.store.updateStatus({ ...made, status });
    await this.addBackup('b1', { archive });
  }

  async addBackup(
    name: string,
    { archive = {}, server = anyUuid, phase = 'Completed' }: { archive?: object; server?: string; phase?: string } = {},
  ): Promise<void> {
    mkdirSync(dirname(this.archivePath), { recursive: true });
    writeFileSync(this.archivePath, archiveText);
    const checksum = createHash('sha1').update(archiveText).digest('hex');
    const backup = await this.store.create<Backup>({
      apiVersion: 'aileron.dev/v1',
      kind: 'Backup',
      metadata: { name },
      spec: {
        uuid: backupUuid,
        serverRef: { name: 'demo', uuid: server },
        ...{ adapter: 'wings', ignore: '', locked: false, cancel: false },
      },
    });
    const facts = { size: archiveText.length, checksum, contentBytes: 1000, entries: 3 };
    const status = { phase, archive: { ...facts, checksumType: 'sha1', format: 'gzip', ...archive } };
    await this.store.updateStatus({ ...backup, status });
  }

  get archivePath(): string {
    return join(this.config.system.backupDirectory, anyUuid, `${backupUuid}.tar.gz`);
  }

  /** As admission leaves it. */
  async add(spec: Partial<RestoreSpec> = {}, name = 'r1'): Promise<Restore> {
    return this.store.create<Restore>({
      apiVersion: 'aileron.dev/v1',
      kind: 'Restore',
      metadata: { name, finalizers: [restoreFinalizer] },
      spec: {
        uuid: '1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed',
        nodeName: 'node-1',
        owner: { kind: 'User', ref: 'test' },
        serverRef: { name: 'demo', uuid: anyUuid },
        backupRef: { name: 'b1', uuid: backupUuid },
        ...{ mode: 'Truncate', paths: [], cancel: false, ttlSecondsAfterFinished: 86_400 },
        ...spec,
      },
    });
  }

  restore(name = 'r1'): Promise<Restore | undefined> {
    return this.store.get<Restore>('Restore', name);
  }

  async server(): Promise<Server | undefined> {
    return this.store.get<Server>('Server', 'demo');
  }

  async changeServer(mutate: (status: ServerStatus) => void): Promise<void> {
    await mutateStatus<Server>(this.store, 'Server', 'demo', mutate);
  }

  /** What the server controller does for a claim. */
  async stopProcess(): Promise<void> {
    await this.changeServer((status) => {
      if (!status.claim?.stopServer || status.claim.stopped) return;
      if (status.state === 'running') status.claim.wasOnline = true;
      status.state = 'offline';
      status.claim.stopped = true;
    });
  }

  cancel(name = 'r1'): Promise<unknown> {
    return this.store.patch('Restore', name, { spec: { cancel: true } });
  }

  /** The job of this kind that runs, once there is one. */
  job(kind: string): Promise<ScriptedJob> {
    return this.until(`a job "${kind}" runs`, async () => this.runner.running.find(({ plan }) => plan.kind === kind));
  }

  /** Kinds of all jobs, in order. */
  get kinds(): string[] {
    return this.runner.jobs.map(({ plan }) => plan.kind);
  }

  untilPhase(phase: string, name = 'r1'): Promise<Restore> {
    return this.until(`${name} is ${phase}`, async () => {
      const restore = await this.restore(name);
      return restore?.status?.phase === phase && restore;
    });
  }

  /** Wholly over: nothing of it is left to be cleared away. */
  untilOver(result: string, name = 'r1'): Promise<Restore> {
    return this.until(`${name} has ended as ${result}`, async () => {
      const restore = await this.restore(name);
      return restore?.status?.phase === result && !restore.status.journal && restore;
    });
  }

  /** Time stands still meanwhile, but for the few ms in which workers take turns. */
  async until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
    const givenUp = AbortSignal.timeout(patienceMs);
    while (!givenUp.aborted) {
      const found = await look();
      if (found) return found;
      await this.#turn();
    }
    const { items } = await this.store.list<Restore>('Restore');
    const statuses = items.map(({ status }) => JSON.stringify(status)).join('\n');
    const errors = this.log.find({ level: 'warn' }).map(({ message, fields }) => `${message} ${fields['err']}`);
    throw new Error(`never so: ${what}; jobs: ${this.kinds}; restores:\n${statuses}\n${errors.join('\n')}`);
  }

  /** Until nothing more happens by itself, short of waiting. */
  async quiet(): Promise<void> {
    for (let quiet = 0, before = ''; quiet < 12; ) {
      await this.#turn();
      const { resourceVersion } = await this.store.list('Restore');
      const now = `${resourceVersion} ${this.messages.length} ${this.runner.jobs.length} ${this.runner.running.length}`;
      quiet = now === before ? quiet + 1 : 0;
      before = now;
    }
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.quiet();
  }

  completions(): OperationCompletion[] {
    return this.messages.filter((message) => 'completed' in message);
  }

  /** `extract 0`, …, `completion true`, repetitions left out. */
  story(): string[] {
    const told = this.messages.map((one) =>
      'completed' in one ? `completion ${one.successful}` : `${one.phase} ${one.percentage}`,
    );
    return told.filter((one, at) => one !== told[at - 1]);
  }

  async #turn(): Promise<void> {
    for (let turns = 0; turns < 5; turns += 1) await turn();
    await realTime(1);
    for (; this.#watched < this.runner.jobs.length; this.#watched += 1) {
      const job = this.runner.jobs[this.#watched];
      if (job && !this.held.has(job.plan.kind)) job.succeed(factsOf(job.plan.kind));
    }
    if (this.stopsAtOnce) await this.stopProcess();
  }

  async #pump<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const finished = work.finally(() => {
      done = true;
    });
    while (!done) {
      await this.#turn();
      if (!done) await this.clock.advance(10);
    }
    return finished;
  }
}

export const restored = { files: 3, bytes: 1000, skipped: 0, warnings: [] };

function factsOf(kind: string): unknown {
  return kind === 'stage' || kind === 'in-place' ? restored : undefined;
}

/** Once dead it answers nobody and tells nothing. */
function mortal(store: Store, isDead: () => boolean): Store {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (name === 'listAndWatch') {
        return async function* (...parts: Parameters<Store['listAndWatch']>) {
          for await (const event of target.listAndWatch(...parts)) {
            if (isDead()) await new Promise(() => {});
            yield event;
          }
        };
      }
      return async (...parts: unknown[]) => {
        if (isDead()) return new Promise(() => {});
        const answer: unknown = await (value as (...all: unknown[]) => unknown).apply(target, parts);
        return isDead() ? new Promise(() => {}) : answer;
      };
    },
  });
}

// The backup controller between a store in memory, a clock that a test turns, a directory of archives and a runner whose
// jobs do as they are told. `restart` is what a crash of the daemon is: what is in the process is gone, the rest stays.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as realTime, setImmediate as turn } from 'node:timers/promises';
import { Registry } from 'prom-client';
import type { BackupDeps } from '../../controllers/backup/deps.ts';
import {
  type BackupController,
  backupCounts,
  backupIndexes,
  createBackupController,
} from '../../controllers/backup/wiring.ts';
import { Bus, type OperationCompletion, type OperationProgress } from '../../src/bus/bus.ts';
import { LocalObjectStore } from '../../src/objectstore/local-store.ts';
import { type Backup, type BackupSpec, backupFinalizer } from '../../src/resources/backup.ts';
import type { Server } from '../../src/resources/server.ts';
import { Informer } from '../../src/runtime/informer.ts';
import { Manager } from '../../src/runtime/manager.ts';
import { createRuntimeMetrics } from '../../src/runtime/metrics.ts';
import { Slots } from '../../src/runtime/slots.ts';
import { createBackupMetrics } from '../../src/telemetry/backup-metrics.ts';
import { anyUuid, aServer, type ServerParts } from './builders.ts';
import { FakeClock } from './fake-clock.ts';
import { MemoryStore } from './memory-store.ts';
import { nodeConfig, temporaryDirectory } from './node-config.ts';
import { recordedLog } from './recorded-log.ts';
import { ScriptedRunner } from './scripted-runner.ts';

export const backupUuids = [
  '47363ce7-d70a-430e-8e75-6dc87c8d016d',
  '1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed',
  '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d',
  '6ec0bd7f-11c0-43da-975e-2a8ad9ebae0b',
  'c2d29867-3d0b-4497-9191-18a9d8ee7830',
] as const;

export const otherServer = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee';

const patienceMs = 5_000;

export interface BackupBenchOptions {
  yaml?: string;
  checkpoint?: (name: string) => Promise<void>;
  owedAtEnd?: BackupDeps['owedAtEnd'];
}

type Message = OperationProgress | (OperationCompletion & { completed: true });

export class BackupBench {
  readonly clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
  readonly store = new MemoryStore({ clock: this.clock });
  readonly runner = new ScriptedRunner();
  readonly archives: LocalObjectStore;
  readonly config;
  readonly log = recordedLog();
  registry = new Registry();
  /** Progress and completions of all lives, in order. */
  messages: Message[] = [];
  /** `reason: message` of Events. */
  events: string[] = [];
  controller!: BackupController;
  slots!: Slots;
  readonly #options: BackupBenchOptions;
  #stop: () => Promise<void> = async () => {};

  constructor(t: TestContext, options: BackupBenchOptions = {}) {
    this.#options = options;
    this.config = nodeConfig(temporaryDirectory(t), options);
    const { backupDirectory: directory, backups } = this.config.system;
    this.archives = new LocalObjectStore({ directory, layout: backups.layout });
    t.after(() => this.stop());
  }

  async start(options: Partial<BackupBenchOptions> = {}): Promise<void> {
    const { store, clock, log, config, runner, archives } = this;
    const registry = new Registry();
    this.registry = registry;
    const runtimeMetrics = createRuntimeMetrics(registry);
    const bus = new Bus((error) => {
      throw error;
    });
    bus.subscribe(undefined, 'progress', (message) => this.messages.push(message));
    bus.subscribe(undefined, 'completion', (message) => this.messages.push({ ...message, completed: true }));
    const backups = new Informer<Backup>({ store, kind: 'Backup', clock, log, indexes: backupIndexes });
    const indexes = { uuid: ({ spec }: Server) => [spec.uuid ?? ''] };
    const servers = new Informer<Server>({ store, kind: 'Server', clock, log, indexes });
    this.slots = new Slots(config.system.backups.maxConcurrent);
    const { checkpoint = async () => {}, owedAtEnd } = { ...this.#options, ...options };
    this.controller = createBackupController({
      ...{ store, runner, archives, bus, config, clock, log, backups, servers, runtimeMetrics, checkpoint },
      ...(owedAtEnd ? { owedAtEnd } : {}),
      slots: this.slots,
      volumes: { path: (uuid) => join(config.system.data, uuid) },
      events: { event: (_about, _type, reason, message) => void this.events.push(`${reason}: ${message}`) },
      metrics: createBackupMetrics(registry, () => backupCounts(backups)),
    });
    const manager = new Manager({ log, clock });
    manager.add({ informers: [backups, servers], controllers: this.controller.controllers });
    this.#stop = async () => {
      this.#stop = async () => {};
      await this.#pump(manager.stop());
      await this.#pump(this.controller.close());
    };
    await this.#pump(manager.start());
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  /** The next daemon over the same store and disk. */
  async restart(options: Partial<BackupBenchOptions> = { checkpoint: async () => {} }): Promise<void> {
    await this.#stop();
    await this.start(options);
  }

  async addServer(parts: ServerParts = {}): Promise<void> {
    const { status, ...server } = aServer(parts);
    const made = await this.store.create<Server>(server);
    if (status) await this.store.updateStatus({ ...made, status });
  }

  /** As admission leaves it: the n-th of the uuids above. */
  async add(name: string, n = 0, spec: Partial<BackupSpec> = {}): Promise<Backup> {
    return this.store.create<Backup>({
      apiVersion: 'aileron.dev/v1',
      kind: 'Backup',
      metadata: { name, finalizers: [backupFinalizer] },
      spec: {
        uuid: backupUuids[n],
        nodeName: 'node-1',
        owner: { kind: 'User', ref: 'test' },
        serverRef: { name: 'demo', uuid: anyUuid },
        adapter: 'wings',
        ignore: '',
        locked: false,
        cancel: false,
        ...spec,
      },
    });
  }

  /** A server, a daemon, and a backup at work. */
  async archiving(name = 'b1'): Promise<void> {
    await this.addServer();
    await this.start();
    await this.add(name);
    await this.job();
  }

  async completed(name = 'b1'): Promise<void> {
    await this.archiving(name);
    (await this.job()).finish();
    await this.untilPhase(name, 'Completed');
  }

  backup(name = 'b1'): Promise<Backup | undefined> {
    return this.store.get<Backup>('Backup', name);
  }

  server(name = 'demo'): Promise<Server | undefined> {
    return this.store.get<Server>('Server', name);
  }

  /** The n-th job of all lives, once it has started. */
  async job(n = 0) {
    return this.until(`job ${n} starts`, async () => this.runner.jobs[n]);
  }

  untilPhase(name: string, phase: string): Promise<Backup> {
    return this.until(`${name} is ${phase}`, async () => {
      const backup = await this.backup(name);
      return backup?.status?.phase === phase && backup;
    });
  }

  untilGone(name: string): Promise<true> {
    return this.until(`${name} is gone`, async () => (await this.backup(name)) === undefined);
  }

  /** Time stands still meanwhile. */
  async until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
    const givenUp = AbortSignal.timeout(patienceMs);
    while (!givenUp.aborted) {
      const found = await look();
      if (found) return found;
      await realTime(1);
    }
    const { items } = await this.store.list('Backup');
    throw new Error(`never so: ${what}; backups: ${JSON.stringify(items.map(({ status }) => status))}`);
  }

  /** Until nothing more happens by itself, short of waiting. */
  async quiet(): Promise<void> {
    for (let quiet = 0, before = ''; quiet < 15; ) {
      for (let turns = 0; turns < 10; turns += 1) await turn();
      await realTime(1);
      const { resourceVersion } = await this.store.list('Backup');
      const now = `${resourceVersion} ${this.messages.length} ${this.runner.jobs.length} ${this.runner.running.length}`;
      quiet = now === before ? quiet + 1 : 0;
      before = now;
    }
  }

  /** Lets pretended time pass, with real time for files at each step. */
  async pass(ms: number, stepMs = ms): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      await this.clock.advance(stepMs);
      await realTime(2);
    }
    await this.quiet();
  }

  completions(): (OperationCompletion & { completed: true })[] {
    return this.messages.filter(
      (message): message is OperationCompletion & { completed: true } => 'completed' in message,
    );
  }

  /** `archive 0`, …, `completion true` of one backup, repetitions left out. */
  story(n = 0): string[] {
    const told = this.messages
      .filter(({ backupId }) => backupId === backupUuids[n])
      .map((one) => ('completed' in one ? `completion ${one.successful}` : `${one.phase} ${one.percentage}`));
    return told.filter((one, at) => one !== told[at - 1]);
  }

  /** Everything in the backup directory, directories left out. */
  files(): string[] {
    const directory = this.config.system.backupDirectory;
    if (!existsSync(directory)) return [];
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
      .sort();
  }

  async #pump<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const finished = work.finally(() => {
      done = true;
    });
    while (!done) {
      await realTime(1);
      if (!done) await this.clock.advance(100);
    }
    return finished;
  }
}

// The schedule controller over a store in memory and a clock that tests turn. A test plays the backup controller: nothing
// becomes Completed, and nothing that is deleted goes, unless it says so.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Registry } from 'prom-client';
import { createScheduleController, scheduleIndexes } from '../../controllers/schedule/schedule-controller.ts';
import { Admission } from '../../src/resources/admission.ts';
import type { Backup } from '../../src/resources/backup.ts';
import { findCondition } from '../../src/resources/conditions.ts';
import type { EventRecorder } from '../../src/resources/event.ts';
import type { Schedule } from '../../src/resources/schedule.ts';
import { Informer } from '../../src/runtime/informer.ts';
import { Manager } from '../../src/runtime/manager.ts';
import { createRuntimeMetrics } from '../../src/runtime/metrics.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { thisNode, writeContext } from './an-admission.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { MemoryStore } from './memory-store.ts';

type Fields = Record<string, unknown>;

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

export class ScheduleBench {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly admission: Admission;
  readonly told: string[] = [];
  #manager: Manager | undefined;

  constructor(start = '2026-01-01T00:00:00Z') {
    this.clock = new FakeClock(Date.parse(start));
    this.store = new MemoryStore({ clock: this.clock });
    this.admission = new Admission({ store: this.store, nodeName: thisNode, clock: this.clock });
  }

  /** `checkpoint`: what happens between two acts; one that throws is a crash. */
  async start(
    t: Pick<TestContext, 'after'>,
    checkpoint: (name: string) => Promise<void> = async () => {},
  ): Promise<void> {
    const { store, admission, clock } = this;
    const event: EventRecorder['event'] = (_about, type, reason, message) => {
      this.told.push(`${type} ${reason}: ${message}`);
    };
    const metrics = createRuntimeMetrics(new Registry());
    const manager = new Manager({ clock, log: silentLogger });
    const options = { store, clock, log: silentLogger };
    const schedules = new Informer<Schedule>({ ...options, kind: 'Schedule' });
    const backups = new Informer<Backup>({ ...options, kind: 'Backup', indexes: scheduleIndexes });
    manager.add({ informers: [schedules, backups] });
    const deps = {
      schedules,
      backups,
      store,
      admission,
      events: { event },
      nodeName: thisNode,
      clock,
      log: silentLogger,
      metrics,
      checkpoint,
    };
    manager.add(createScheduleController(deps));
    this.#manager = manager;
    t.after(() => manager.stop());
    await manager.start();
    await settle();
  }

  /** The daemon is down until `start`. */
  async stop(): Promise<void> {
    const stopped = this.#manager?.stop();
    await this.clock.advance(0);
    await stopped;
  }

  async server(
    name: string,
    { labels = {}, ...spec }: Fields & { labels?: Record<string, string> } = {},
  ): Promise<void> {
    await this.admission.create(
      'Server',
      { metadata: { name, labels }, spec: { image: 'game', ...spec } },
      writeContext(),
    );
  }

  async schedule(spec: Fields = {}, name = 'nightly'): Promise<void> {
    const whole = { cron: '0 4 * * *', template: { serverRef: { name: 'lobby' } }, ...spec };
    await this.admission.create('Schedule', { metadata: { name }, spec: whole }, writeContext());
    await settle();
  }

  async change(spec: Fields, name = 'nightly'): Promise<void> {
    await this.admission.patch('Schedule', name, { spec }, writeContext());
    await settle();
  }

  /** Wall and monotonic time alike, until the wall clock shows this. */
  async until(time: string): Promise<void> {
    await this.clock.advance(Date.parse(time) - this.clock.now());
    await settle();
  }

  /** By name. */
  async backups(): Promise<Backup[]> {
    return (await this.store.list<Backup>('Backup')).items;
  }

  /** Of those that are not being deleted. */
  async names(): Promise<string[]> {
    return (await this.backups())
      .filter(({ metadata }) => !metadata.deletionTimestamp)
      .map(({ metadata }) => metadata.name);
  }

  async finish(name: string, phase = 'Completed'): Promise<void> {
    const backup = await this.store.get<Backup>('Backup', name);
    assert.ok(backup, `there is no backup ${name}`);
    const completedAt = `${new Date(this.clock.now()).toISOString().slice(0, 19)}Z`;
    await this.store.updateStatus({ ...backup, status: { ...backup.status, phase, completedAt } });
    await settle();
  }

  /** All that have not ended end well, and what is being deleted goes. */
  async work(): Promise<void> {
    for (const { metadata, status } of await this.backups()) {
      if (metadata.deletionTimestamp)
        await this.store.patch('Backup', metadata.name, { metadata: { finalizers: null } });
      else if (status?.phase === undefined) await this.finish(metadata.name);
    }
    await settle();
  }

  async status(name = 'nightly'): Promise<NonNullable<Schedule['status']>> {
    const schedule = await this.store.get<Schedule>('Schedule', name);
    assert.ok(schedule, `there is no schedule ${name}`);
    return schedule.status ?? {};
  }

  /** `True Started`. */
  async condition(type: string, name = 'nightly'): Promise<string | undefined> {
    const found = findCondition((await this.status(name)).conditions, type);
    return found && `${found.status} ${found.reason}`;
  }
}

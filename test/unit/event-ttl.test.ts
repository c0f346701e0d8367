import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import { createEventTtl, type EventTtlDeps, expireEvents, sortOut } from '../../controllers/events/event-ttl.ts';
import { timestamp } from '../../src/clock/clock.ts';
import type { Event } from '../../src/resources/event.ts';
import { Manager } from '../../src/runtime/manager.ts';
import { createRuntimeMetrics } from '../../src/runtime/metrics.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryStore } from '../support/memory-store.ts';

const hour = 3_600_000;

function anEvent(name: string, lastTimestamp: string) {
  return {
    apiVersion: 'v1' as const,
    kind: 'Event' as const,
    metadata: { name, namespace: 'default' },
    involvedObject: { apiVersion: 'aileron.dev/v1', kind: 'Server', name: 'a', uid: 'uid' },
    reason: 'Started',
    message: 'x',
    type: 'Normal' as const,
    count: 1,
    firstTimestamp: lastTimestamp,
    lastTimestamp,
    source: { component: 'aileron', host: 'node-1' },
    reportingComponent: 'aileron',
    reportingInstance: 'node-1',
  };
}

async function aWorld(t: TestContext, options: Partial<EventTtlDeps> = {}) {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const manager = new Manager({ clock, log: silentLogger });
  const metrics = createRuntimeMetrics(new Registry());
  manager.add(createEventTtl({ store, clock, log: silentLogger, metrics, ...options }));
  t.after(async () => {
    await manager.stop();
    await store.close();
  });
  await manager.start();
  return {
    clock,
    store,
    create: (name: string) => store.create<Event>(anEvent(name, timestamp(clock))),
    names: async () => (await store.list('Event')).items.map(({ metadata }) => metadata.name),
  };
}

test('an Event goes an hour after it last happened', async (t) => {
  const { clock, store, create, names } = await aWorld(t);
  await create('old');
  await clock.advance(hour / 2);
  await create('young');
  await create('repeated');
  await clock.advance(hour / 4);
  await store.patch('Event', 'repeated', { count: 2, lastTimestamp: timestamp(clock) });
  await clock.advance(hour / 4 + 60_000);
  assert.deepEqual(await names(), ['repeated', 'young']);
  await clock.advance(hour / 2);
  assert.deepEqual(await names(), ['repeated']);
  await clock.advance(hour);
  assert.deepEqual(await names(), []);
});

test('the hour can be another time', async (t) => {
  const { clock, create, names } = await aWorld(t, { ttlMs: 10_000 });
  await create('a');
  await clock.advance(70_000);
  assert.deepEqual(await names(), []);
});

test('a wall clock that jumps ahead is noticed within a minute', async (t) => {
  const { clock, create, names } = await aWorld(t);
  await create('a');
  clock.jumpWall(2 * hour);
  await clock.advance(60_000);
  assert.deepEqual(await names(), []);
});

test('of too many the oldest go at once, more than one run takes', async (t) => {
  const { clock, create, names } = await aWorld(t, { maxEvents: 10 });
  for (let n = 0; n < 390; n += 1) await create(`old-${n}`);
  clock.jumpWall(1_000);
  for (let n = 0; n < 10; n += 1) await create(`young-${n}`);
  await clock.advance(5_000);
  const left = await names();
  assert.equal(left.length, 10);
  assert.ok(left.every((name) => name.startsWith('young')));
});

test('an Event that happens again between the look and the deletion stays', async () => {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const seen = await store.create<Event>(anEvent('a', timestamp(clock)));
  await clock.advance(2 * hour);
  await store.patch('Event', 'a', { count: 2, lastTimestamp: timestamp(clock) });
  const reconcile = expireEvents({ store, events: { list: () => [seen] }, clock, ttlMs: hour, maxEvents: 10 });
  await reconcile('events', { signal: new AbortController().signal, log: silentLogger, reconcileId: 'run' });
  assert.ok(await store.get('Event', 'a'));
  await store.close();
});

test('run twice in a row it writes nothing the second time, even from a cache that is behind', async () => {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const seen = await Promise.all(['a', 'b'].map((name) => store.create<Event>(anEvent(name, timestamp(clock)))));
  await clock.advance(2 * hour);
  const reconcile = expireEvents({ store, events: { list: () => seen }, clock, ttlMs: hour, maxEvents: 10 });
  const context = { signal: new AbortController().signal, log: silentLogger, reconcileId: 'run' };
  await reconcile('events', context);
  const { items, resourceVersion } = await store.list('Event');
  assert.deepEqual(items, []);
  await reconcile('events', context);
  assert.equal((await store.list('Event')).resourceVersion, resourceVersion);
  await store.close();
});

const at = (seconds: number) => new Date(seconds * 1_000).toISOString();
const seen = (name: string, seconds: number, metadata: object = {}) =>
  ({
    ...anEvent(name, at(seconds)),
    metadata: { name, creationTimestamp: at(seconds), ...metadata },
  }) as unknown as Event;
const rows: { name: string; events: Event[]; surplus: string[]; nextExpiry: number }[] = [
  { name: 'nothing', events: [], surplus: [], nextExpiry: 110 },
  { name: 'all young', events: [seen('b', 95), seen('a', 93)], surplus: [], nextExpiry: 103 },
  { name: 'one at the very end of its time', events: [seen('a', 90), seen('b', 91)], surplus: ['a'], nextExpiry: 101 },
  { name: 'all old', events: [seen('b', 2), seen('a', 1)], surplus: ['a', 'b'], nextExpiry: 110 },
  {
    name: 'too many',
    events: [seen('c', 97), seen('a', 95), seen('d', 98), seen('b', 96)],
    surplus: ['a'],
    nextExpiry: 106,
  },
  {
    name: 'one that is being deleted already',
    events: [seen('a', 1, { deletionTimestamp: at(2) }), seen('b', 99)],
    surplus: [],
    nextExpiry: 109,
  },
  {
    name: 'one whose time cannot be read: its creation counts',
    events: [{ ...seen('a', 92), lastTimestamp: 'yesterday' } as unknown as Event],
    surplus: [],
    nextExpiry: 102,
  },
];
for (const { name, events, surplus, nextExpiry } of rows) {
  test(`sorts out Events: ${name}`, () => {
    const answer = sortOut(events, { now: 100_000, ttlMs: 10_000, maxEvents: 3 });
    assert.deepEqual(
      answer.surplus.map(({ metadata }) => metadata.name),
      surplus,
    );
    assert.equal(answer.nextExpiry, nextExpiry * 1_000);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import type { Event, ObjectReference } from '../../src/resources/event.ts';
import type { ObjectInput, StoredObject } from '../../src/resources/object.ts';
import { StoreEventRecorder } from '../../src/runtime/event-recorder.ts';
import { createRuntimeMetrics } from '../../src/runtime/metrics.ts';
import { StoreUnavailableError } from '../../src/store/errors.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { metricValue } from '../support/metric-value.ts';
import { recordedLog } from '../support/recorded-log.ts';

/** A store on a disk that is full for a while. */
class FullStore extends MemoryStore {
  failures = 0;
  tries = 0;
  override async create<T extends StoredObject>(object: ObjectInput): Promise<T> {
    this.tries += 1;
    if (this.failures > 0) {
      this.failures -= 1;
      throw new StoreUnavailableError('database or disk is full');
    }
    return super.create<T>(object);
  }
}

function aRecorder(newHex?: () => string) {
  const clock = new FakeClock();
  const store = new FullStore({ clock });
  const log = recordedLog();
  const registry = new Registry();
  const recorder = new StoreEventRecorder({
    store,
    clock,
    log,
    metrics: createRuntimeMetrics(registry),
    component: 'aileron',
    host: 'node-1',
    random: () => 1,
    ...(newHex ? { newHex } : {}),
  });
  const stored = async () => (await store.list<Event>('Event')).items;
  const dropped = (reason: string) => metricValue(registry, 'aileron_events_dropped_total', { reason });
  return { clock, store, log, registry, recorder, stored, dropped };
}

function about(name: string): ObjectReference {
  return { apiVersion: 'aileron.dev/v1', kind: 'Server', name, uid: `uid-of-${name}` };
}

test('stores a complete core/v1 Event', async () => {
  const { recorder, stored } = aRecorder(() => '17a5c0ffee000001');
  recorder.event(about('minecraft'), 'Normal', 'Started', 'The server was started.');
  await recorder.flush();
  const [event, ...others] = await stored();
  assert.equal(others.length, 0);
  const { metadata, ...rest } = event ?? assert.fail('no event');
  assert.equal(metadata.name, 'minecraft.17a5c0ffee000001');
  assert.equal(metadata.namespace, 'default');
  assert.deepEqual(rest, {
    apiVersion: 'v1',
    kind: 'Event',
    involvedObject: about('minecraft'),
    reason: 'Started',
    message: 'The server was started.',
    type: 'Normal',
    count: 1,
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:00Z',
    source: { component: 'aileron', host: 'node-1' },
    reportingComponent: 'aileron',
    reportingInstance: 'node-1',
  });
});

test('an equal Event raises the count, at one moment or later', async () => {
  const { recorder, clock, stored, store, registry } = aRecorder();
  for (let n = 0; n < 3; n += 1) recorder.event(about('a'), 'Warning', 'Crashed', 'It crashed.');
  await settle();
  assert.equal(store.tries, 1, 'three reports of one moment are one write');
  await clock.advance(60_000);
  recorder.event(about('a'), 'Warning', 'Crashed', 'It crashed.');
  await recorder.flush();
  const [event, ...others] = await stored();
  assert.equal(others.length, 0);
  assert.equal(event?.count, 4);
  assert.equal(event?.firstTimestamp, '2026-01-01T00:00:00Z');
  assert.equal(event?.lastTimestamp, '2026-01-01T00:01:00Z');
  assert.equal(await metricValue(registry, 'aileron_events_written_total'), 2);
});

test('equal reports that wait together are one Event with its first and last time', async () => {
  const { recorder, clock, stored, store } = aRecorder();
  store.failures = 8;
  recorder.event(about('blocks the queue'), 'Normal', 'Started', 'x');
  await settle();
  recorder.event(about('a'), 'Normal', 'Started', 'x');
  await clock.advance(5_000);
  recorder.event(about('a'), 'Normal', 'Started', 'x');
  await clock.advance(60_000);
  const event = (await stored()).find(({ involvedObject }) => involvedObject.name === 'a');
  assert.equal(event?.count, 2);
  assert.equal(event?.firstTimestamp, '2026-01-01T00:00:00Z');
  assert.equal(event?.lastTimestamp, '2026-01-01T00:00:05Z');
});

test('what differs in anything is another Event', async () => {
  const { recorder, stored } = aRecorder();
  recorder.event(about('a'), 'Normal', 'Started', 'x');
  recorder.event(about('b'), 'Normal', 'Started', 'x');
  recorder.event(about('a'), 'Warning', 'Started', 'x');
  recorder.event(about('a'), 'Normal', 'Stopped', 'x');
  recorder.event(about('a'), 'Normal', 'Started', 'y');
  recorder.event({ ...about('a'), uid: 'a-later-life' }, 'Normal', 'Started', 'x');
  await recorder.flush();
  assert.equal((await stored()).length, 6);
});

test('an Event that expired meanwhile is made anew, with a count of its own', async () => {
  const { recorder, stored, store } = aRecorder();
  const report = async () => {
    recorder.event(about('a'), 'Normal', 'Started', 'x');
    await recorder.flush();
  };
  await report();
  await report();
  const [first] = await stored();
  await store.delete('Event', first?.metadata.name ?? '');
  await report();
  await report();
  const [second] = await stored();
  assert.notEqual(second?.metadata.name, first?.metadata.name);
  assert.equal(second?.count, 2);
});

test('one object may say 25 things at once and then one in 5 minutes; others are not hurt', async () => {
  const { recorder, clock, stored, dropped } = aRecorder();
  for (let n = 0; n < 30; n += 1) recorder.event(about('loud'), 'Normal', 'Noise', `line ${n}`);
  recorder.event(about('quiet'), 'Normal', 'Started', 'x');
  await settle();
  assert.equal((await stored()).length, 26);
  assert.equal(await dropped('spam'), 5);
  await clock.advance(299_999);
  recorder.event(about('loud'), 'Normal', 'Noise', 'too soon');
  await clock.advance(1);
  recorder.event(about('loud'), 'Normal', 'Noise', 'in time');
  recorder.event(about('loud'), 'Normal', 'Noise', 'too much');
  await settle();
  assert.equal((await stored()).length, 27);
  assert.equal(await dropped('spam'), 7);
});

test('tries again while the store refuses, and loses nothing', async () => {
  const { recorder, clock, stored, store, dropped } = aRecorder();
  store.failures = 5;
  recorder.event(about('a'), 'Normal', 'Started', 'x');
  recorder.event(about('b'), 'Normal', 'Started', 'x');
  await clock.advance(60_000);
  assert.equal((await stored()).length, 2);
  assert.equal(await dropped('store'), 0);
});

test('gives up on one Event after twelve tries, says so, and goes on with the next', async () => {
  const { recorder, clock, stored, store, dropped, log } = aRecorder();
  store.failures = 12;
  recorder.event(about('a'), 'Normal', 'Started', 'x');
  recorder.event(about('b'), 'Normal', 'Started', 'x');
  await clock.advance(600_000);
  assert.deepEqual(
    (await stored()).map(({ involvedObject }) => involvedObject.name),
    ['b'],
  );
  assert.equal(await dropped('store'), 1);
  assert.equal(log.find({ level: 'warn' }).length, 1);
});

test('flush does not wait for a store that refuses', async () => {
  const { recorder, clock, store, dropped } = aRecorder();
  store.failures = Number.POSITIVE_INFINITY;
  recorder.event(about('a'), 'Normal', 'Started', 'x');
  await settle();
  recorder.event(about('b'), 'Normal', 'Started', 'x');
  await recorder.flush();
  assert.equal(clock.monotonic(), 0);
  assert.equal(await dropped('store'), 2);
  assert.equal(store.tries, 3, 'one more try for the one under way, one for the other');
  await store.close();
  assert.equal(clock.pendingTimers, 0);
});

test('a closed store costs the Event and nothing else', async () => {
  const { recorder, clock, store, dropped } = aRecorder();
  await store.close();
  recorder.event(about('a'), 'Normal', 'Started', 'x');
  await settle();
  assert.equal(await dropped('store'), 1);
  assert.equal(clock.pendingTimers, 0);
});

test('the queue is bounded and counts what it drops', async () => {
  const { recorder, store, dropped, stored } = aRecorder();
  store.failures = 1;
  recorder.event(about('first'), 'Normal', 'Started', 'x');
  await settle();
  for (let n = 0; n < 1_003; n += 1) recorder.event(about(`object-${n}`), 'Normal', 'Started', 'x');
  assert.equal(await dropped('queue_full'), 3);
  await recorder.flush();
  assert.equal((await stored()).length, 1_001);
});

test('names stay names, messages stay within the limit, a taken name is no obstacle', async () => {
  const hexes = ['00000000000000aa', '00000000000000aa', '00000000000000bb'];
  const { recorder, stored } = aRecorder(() => hexes.shift() ?? assert.fail('asked too often'));
  const long = `${'a'.repeat(235)}.${'b'.repeat(17)}`;
  recorder.event(about(long), 'Normal', 'Started', 'x'.repeat(5_000));
  recorder.event(about(long), 'Normal', 'Stopped', 'x');
  await recorder.flush();
  const [first, second] = await stored();
  assert.equal(first?.metadata.name, `${'a'.repeat(235)}.00000000000000aa`);
  assert.equal(second?.metadata.name, `${'a'.repeat(235)}.00000000000000bb`);
  assert.equal(first?.message.length, 1_024);
});

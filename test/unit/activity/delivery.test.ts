// How activity reaches the Panel: in time, in bounded reports, each row once, whatever a row or the Panel is like.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import type { Activity } from '../../../src/activity/activity.ts';
import { createActivityMetrics } from '../../../src/activity/activity-metrics.ts';
import { Delivery, type SendActivity } from '../../../src/activity/delivery.ts';
import { anActivity, anotherActor, aTransfer, SameThreadJournal } from '../../support/activity.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { metricValue } from '../../support/metric-value.ts';
import { recordedLog } from '../../support/recorded-log.ts';

const minute = 60_000;

interface BenchOptions {
  count?: number;
  intervalMs?: number;
  /** Of a day in 2026; the wall clock at the start. */
  time?: string;
  journal?: SameThreadJournal;
}

/** A Panel that takes everything, unless told otherwise. */
function bench(t: TestContext, { count = 100, intervalMs = minute, time = '12:00:00', journal }: BenchOptions = {}) {
  const clock = new FakeClock(Date.parse(`2026-01-01T${time}Z`));
  const log = recordedLog();
  const registry = new Registry();
  const made = {
    ...{ clock, log, registry },
    journal: journal ?? new SameThreadJournal(t),
    /** Every report that came, taken or not. */
    reports: [] as (readonly Activity[])[],
    taken: [] as Activity[],
    answer: (async () => 'accepted') as SendActivity,
  };
  const delivery = new Delivery({
    ...{ clock, log, intervalMs, count, journal: made.journal },
    metrics: createActivityMetrics(registry),
    send: async (entries, signal) => {
      made.reports.push(entries);
      const result = await made.answer(entries, signal);
      if (result === 'accepted') made.taken.push(...entries);
      return result;
    },
  });
  delivery.start();
  const add = (...activities: Activity[]) => {
    made.journal.add(...activities);
    delivery.added();
  };
  return Object.assign(made, { delivery, add });
}

const starts = (count: number, parts: (index: number) => Partial<Activity> = () => ({})) =>
  Array.from({ length: count }, (_, index) => anActivity({ metadata: { index }, ...parts(index) }));
const indexOf = ({ metadata }: Activity) => metadata['index'];
const panelDown: SendActivity = async () => {
  throw new Error('the Panel answers 503');
};

test('what waits is sent once an interval, oldest first, and is gone then', async (t) => {
  const { add, clock, reports, journal } = bench(t);
  add(...starts(3));
  await clock.advance(minute - 1);
  assert.equal(reports.length, 0);
  await clock.advance(1);
  assert.deepEqual(reports, [starts(3)]);
  assert.deepEqual(journal.waiting, { plain: 0, sftp: 0 });
  await clock.advance(10 * minute);
  assert.equal(reports.length, 1);
});

test('a hundred that wait are sent at once', async (t) => {
  const { add, reports } = bench(t);
  add(...starts(99));
  await settle();
  assert.equal(reports.length, 0);
  add(anActivity());
  await settle();
  assert.deepEqual(
    reports.map(({ length }) => length),
    [100],
  );
});

test('a Panel that is down for an hour gets everything later, once, with its own times (activity 8.4)', async (t) => {
  const made = bench(t);
  made.answer = panelDown;
  const expected: Activity[] = [];
  for (let passed = 0; passed < 60; passed += 1) {
    const some = starts(7, (index) => ({
      timestamp: new Date(made.clock.now()).toISOString(),
      metadata: { index: passed * 7 + index },
    }));
    expected.push(...some);
    made.add(...some);
    await made.clock.advance(minute);
  }
  const tries = made.reports.length;
  assert.ok(tries >= 60 && tries <= 80, `${tries} tries in an hour`);
  assert.equal(made.taken.length, 0);
  assert.equal(made.log.find({ level: 'warn' }).length, 1);
  made.answer = async () => 'accepted';
  await made.clock.advance(3 * minute);
  assert.deepEqual(
    made.taken.toSorted((one, other) => Number(indexOf(one)) - Number(indexOf(other))),
    expected,
  );
  assert.equal(await metricValue(made.registry, 'aileron_activity_sent_entries_total'), 420);
});

test('one row among a hundred that the Panel refuses costs nobody else (activity 8.5) (covers: SEC-109)', async (t) => {
  const made = bench(t);
  const broken = 37;
  made.answer = async (entries) => (entries.some((entry) => indexOf(entry) === broken) ? 'refused' : 'accepted');
  made.add(...starts(100));
  await settle(40);
  assert.equal(made.taken.length, 99);
  assert.ok(made.reports.length < 20, `${made.reports.length} reports`);
  assert.deepEqual(made.journal.waiting, { plain: 0, sftp: 0 });
  assert.equal(await metricValue(made.registry, 'aileron_activity_dropped_total', { reason: 'refused' }), 1);
  assert.equal(made.log.find({ message: 'the Panel refuses an entry of activity: it is dropped' }).length, 1);
  const before = made.reports.length;
  await made.clock.advance(10 * minute);
  assert.equal(made.reports.length, before);
});

test('a Panel that refuses everything is asked a bounded number of times a run (covers: SEC-109)', async (t) => {
  const made = bench(t);
  made.answer = async () => 'refused';
  made.add(...starts(2_000));
  await settle(400);
  assert.ok(made.reports.length <= 201, `${made.reports.length} reports`);
});

test('5000 rows are delivered within a few ticks (activity 8.7) (covers: SEC-109)', async (t) => {
  const made = bench(t);
  made.journal.add(...starts(5_000));
  await made.clock.advance(3 * minute);
  assert.equal(made.taken.length, 5_000);
  assert.ok(made.reports.every(({ length }) => length <= 100));
});

test('a row at which the Panel breaks does not keep the others back (covers: SEC-109)', async (t) => {
  const made = bench(t);
  const poison = 3;
  made.answer = async (entries, signal) =>
    entries.some((entry) => indexOf(entry) === poison) ? panelDown(entries, signal) : 'accepted';
  made.journal.add(...starts(500));
  await made.clock.advance(20 * minute);
  assert.equal(made.taken.length, 499);
  assert.equal(new Set(made.taken.map(indexOf)).size, 499);
  assert.deepEqual(made.journal.waiting, { plain: 1, sftp: 0 });
  made.answer = async () => 'accepted';
  await made.clock.advance(minute);
  assert.equal(made.taken.length, 500);
});

test('plain rows that cannot be sent do not hold up transfers, nor these them', async (t) => {
  const made = bench(t);
  made.answer = async (entries, signal) =>
    entries[0]?.event.startsWith('server:sftp.') ? 'accepted' : panelDown(entries, signal);
  made.add(anActivity(), aTransfer('/a', { timestamp: '2026-01-01T11:59:00Z' }));
  await made.clock.advance(minute);
  assert.deepEqual(
    made.taken.map(({ event }) => event),
    ['server:sftp.delete'],
  );
});

test('transfers of one minute are one entry even when a tick falls into it (activity 8.2)', async (t) => {
  const made = bench(t, { time: '12:00:30', intervalMs: 10_000 });
  const deletes = (count: number) => {
    const timestamp = new Date(made.clock.now()).toISOString();
    return Array.from({ length: count }, (_, index) => aTransfer(`/${timestamp}/${index}`, { timestamp }));
  };
  made.add(...deletes(125));
  await made.clock.advance(20_000);
  made.add(...deletes(125));
  await made.clock.advance(9_999);
  assert.equal(made.taken.length, 0);
  made.add(aTransfer('/x', { user: anotherActor, timestamp: new Date(made.clock.now()).toISOString() }));
  await made.clock.advance(1_000);
  assert.deepEqual(
    made.taken.map(({ metadata }) => (metadata['files'] as string[]).length),
    [250, 1],
  );
  assert.equal(made.taken[0]?.timestamp, '2026-01-01T12:00:30.000Z');
});

test('what was accepted is not sent again while it cannot be removed (activity 8.4)', async (t) => {
  const made = bench(t);
  made.journal.removalError = new Error('disk full');
  made.add(...starts(5));
  await made.clock.advance(10 * minute);
  assert.equal(made.reports.length, 1);
  made.journal.removalError = undefined;
  made.add(anActivity({ metadata: { index: 5 } }));
  await made.clock.advance(minute);
  assert.deepEqual(made.taken.map(indexOf), [0, 1, 2, 3, 4, 5]);
});

test('what was accepted and not removed before the daemon was killed is sent once more, and no more (covers: SEC-109)', async (t) => {
  const journal = new SameThreadJournal(t);
  const first = bench(t, { journal });
  journal.removalError = new Error('killed');
  first.add(...starts(50));
  await first.clock.advance(minute);
  assert.equal(first.taken.length, 50);
  journal.removalError = undefined;
  const second = bench(t, { journal });
  await second.clock.advance(10 * minute);
  assert.deepEqual(second.taken.map(indexOf), first.taken.map(indexOf));
  assert.deepEqual(journal.waiting, { plain: 0, sftp: 0 });
});

test('rows that wait from before a restart are sent (activity 8.8)', async (t) => {
  const journal = new SameThreadJournal(t);
  const first = bench(t, { journal });
  first.answer = panelDown;
  first.add(...starts(3));
  await first.clock.advance(minute);
  await first.delivery.close();
  const second = bench(t, { journal });
  await second.clock.advance(minute);
  assert.deepEqual(second.taken, starts(3));
});

test('at the end everything is sent that waits, the minute that goes on included', async (t) => {
  const made = bench(t, { time: '12:00:30' });
  made.add(anActivity(), aTransfer('/a', { timestamp: '2026-01-01T12:00:31Z' }));
  await made.delivery.close();
  assert.equal(made.taken.length, 2);
  assert.equal(made.clock.pendingTimers, 0);
});

test('a Panel that does not answer holds up the end for five seconds', async (t) => {
  const made = bench(t);
  made.answer = () => new Promise(() => {});
  made.add(anActivity());
  let closed = false;
  const closing = made.delivery.close().then(() => {
    closed = true;
  });
  await made.clock.advance(4_999);
  assert.equal(closed, false);
  await made.clock.advance(1);
  await closing;
  assert.deepEqual(made.journal.waiting, { plain: 1, sftp: 0 });
});

test('after a failure it is tried again soon, then once an interval', async (t) => {
  const made = bench(t);
  made.answer = panelDown;
  made.add(anActivity());
  await made.clock.advance(minute);
  const times: number[] = [];
  for (let second = 0; second < 200; second += 1) {
    const before = made.reports.length;
    await made.clock.advance(1_000);
    if (made.reports.length > before) times.push(second + 1);
  }
  assert.deepEqual(times, [1, 3, 7, 15, 31, 63, 123, 183]);
});

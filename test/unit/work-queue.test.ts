import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { createRuntimeMetrics } from '../../src/runtime/metrics.ts';
import { WorkQueue } from '../../src/runtime/work-queue.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { metricValue } from '../support/metric-value.ts';

type Setup = { queue: WorkQueue; clock: FakeClock; taken: string[] };

/** A queue without jitter and one worker that takes whatever comes and is done with it at once. */
function withWorker(): Setup {
  const clock = new FakeClock();
  const queue = new WorkQueue({ name: 'test', clock, random: () => 1 });
  const taken: string[] = [];
  void (async () => {
    for (;;) {
      const key = await queue.take();
      if (key === undefined) return;
      taken.push(`${key}@${clock.monotonic()}`);
      queue.done(key);
    }
  })();
  return { queue, clock, taken };
}

const table: { name: string; act: (setup: Setup) => Promise<void> | void; expected: string[] }[] = [
  {
    name: 'adds of a waiting key merge, and keys come in the order of their first add',
    act: ({ queue }) => {
      for (const key of ['x', 'a', 'b', 'a', 'b', 'a']) queue.add(key);
    },
    expected: ['x@0', 'a@0', 'b@0'],
  },
  {
    name: 'a delayed add comes when it is due',
    act: async ({ queue, clock }) => {
      queue.addAfter('a', 100);
      await clock.advance(99);
      queue.add('b');
      await clock.advance(1);
    },
    expected: ['b@99', 'a@100'],
  },
  {
    name: 'the earliest of several delayed adds wins, whichever came first',
    act: async ({ queue, clock }) => {
      queue.addAfter('a', 100);
      queue.addAfter('a', 50);
      queue.addAfter('a', 70);
      await clock.advance(200);
    },
    expected: ['a@50'],
  },
  {
    name: 'a delay of nothing is an add',
    act: ({ queue }) => {
      queue.addAfter('a', 0);
      queue.schedule('b', -5);
    },
    expected: ['a@0', 'b@0'],
  },
  {
    name: 'what a run asked for is void once the key runs for another reason',
    act: async ({ queue, clock }) => {
      queue.schedule('a', 100);
      await clock.advance(10);
      queue.add('a');
      await clock.advance(200);
    },
    expected: ['a@10'],
  },
  {
    name: 'what somebody else asked for stands, whatever runs before',
    act: async ({ queue, clock }) => {
      queue.addAfter('a', 100);
      queue.add('a');
      await clock.advance(200);
    },
    expected: ['a@0', 'a@100'],
  },
  {
    name: 'a delay beyond what a timer can count is cut, not taken for zero',
    act: async ({ queue, clock }) => {
      queue.addAfter('a', 2 ** 40);
      await clock.advance(24 * 3_600_000 - 1);
      queue.add('b');
      await clock.advance(1);
    },
    expected: ['b@86399999', 'a@86400000'],
  },
  {
    name: 'shutdown drops what waits and what is delayed, and takes nothing more',
    act: async ({ queue, clock }) => {
      queue.addAfter('a', 10);
      queue.schedule('b', 10);
      queue.shutdown();
      queue.add('c');
      queue.addAfter('d', 5);
      queue.retry('e');
      assert.equal(clock.pendingTimers, 0);
      await clock.advance(1_000);
      assert.equal(await queue.take(), undefined);
    },
    expected: [],
  },
];

for (const { name, act, expected } of table) {
  test(name, async () => {
    const setup = withWorker();
    await act(setup);
    await settle();
    assert.deepEqual(setup.taken, expected);
  });
}

test('a key in hand is given to nobody else and comes again when it was added meanwhile', async () => {
  const queue = new WorkQueue({ name: 'test', clock: new FakeClock() });
  queue.add('a');
  assert.equal(await queue.take(), 'a');
  queue.add('a');
  queue.add('a');
  assert.equal(queue.length, 0);
  let second: string | undefined;
  void queue.take().then((key) => {
    second = key;
  });
  await settle();
  assert.equal(second, undefined);
  queue.done('a');
  await settle();
  assert.equal(second, 'a');
  queue.done('a');
  assert.equal(queue.inHand, 0);
  assert.equal(queue.length, 0);
});

test('the back-off doubles from 5 ms to 5 min and starts again after forget', async () => {
  const clock = new FakeClock();
  const queue = new WorkQueue({ name: 'test', clock, random: () => 1 });
  const delays = Array.from({ length: 19 }, () => queue.retry('a'));
  assert.deepEqual(delays.slice(0, 5), [5, 10, 20, 40, 80]);
  assert.deepEqual(delays.slice(-4), [163_840, 300_000, 300_000, 300_000]);
  assert.equal(queue.failures('a'), 19);
  assert.equal(queue.failures('b'), 0);
  queue.forget('a');
  assert.equal(queue.retry('a'), 5);
});

test('jitter takes off up to half', () => {
  const delayWith = (random: number) =>
    new WorkQueue({ name: 'test', clock: new FakeClock(), random: () => random }).retry('a');
  assert.equal(delayWith(0), 2.5);
  assert.equal(delayWith(0.5), 3.75);
});

test('shutdown waits for keys in hand when asked to', async () => {
  const queue = new WorkQueue({ name: 'test', clock: new FakeClock() });
  queue.add('a');
  await queue.take();
  queue.add('a');
  queue.shutdown();
  let idle = false;
  void queue.idle().then(() => {
    idle = true;
  });
  await settle();
  assert.equal(idle, false);
  queue.done('a');
  await settle();
  assert.equal(idle, true);
  assert.equal(queue.length, 0, 'what was added to a key in hand is dropped too');
});

test('tells its metrics by the names of client-go', async () => {
  const clock = new FakeClock();
  const registry = new Registry();
  const queue = new WorkQueue({ name: 'server', clock, metrics: createRuntimeMetrics(registry), random: () => 1 });
  const labels = { name: 'server', controller: 'server' };
  const value = (name: string) => metricValue(registry, name, labels);
  for (const name of ['depth', 'adds_total', 'retries_total', 'queue_duration_seconds_count'])
    assert.equal(await value(`workqueue_${name}`), 0, `${name} starts at 0`);

  queue.add('a');
  queue.add('b');
  queue.add('b');
  assert.equal(await value('workqueue_depth'), 2);
  assert.equal(await value('workqueue_adds_total'), 2);
  await clock.advance(2_000);
  await queue.take();
  await queue.take();
  assert.equal(await value('workqueue_depth'), 0);
  assert.equal(await value('workqueue_queue_duration_seconds_sum'), 4);
  await clock.advance(3_000);
  queue.retry('a');
  queue.done('a');
  await clock.advance(1_000);
  assert.equal(await value('workqueue_retries_total'), 1);
  assert.equal(await value('workqueue_work_duration_seconds_sum'), 3);
  assert.equal(await value('workqueue_unfinished_work_seconds'), 4);
  assert.equal(await value('workqueue_longest_running_processor_seconds'), 4);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { sleep } from '../../src/clock/clock.ts';
import { Controller, type ControllerOptions } from '../../src/runtime/controller.ts';
import { createRuntimeMetrics, type ReconcileResult, reconcileResults } from '../../src/runtime/metrics.ts';
import { after, type Reconcile, TerminalError } from '../../src/runtime/reconciler.ts';
import { ConflictError } from '../../src/store/errors.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { metricValue } from '../support/metric-value.ts';
import { recordedLog } from '../support/recorded-log.ts';

function aController(reconcile: Reconcile, options: Partial<ControllerOptions> = {}) {
  const clock = new FakeClock();
  const log = recordedLog();
  const registry = new Registry();
  const runs: string[] = [];
  const controller = new Controller({
    name: 'test',
    workers: 2,
    clock,
    log,
    metrics: createRuntimeMetrics(registry),
    random: () => 1,
    ...options,
    reconcile: (key, context) => {
      runs.push(`${key}@${clock.monotonic()}`);
      return reconcile(key, context);
    },
  });
  const metric = (name: string, labels: Record<string, string> = {}) =>
    metricValue(registry, `controller_runtime_${name}`, { controller: 'test', ...labels });
  const results = async () => {
    const counted: Partial<Record<ReconcileResult, number>> = {};
    for (const result of reconcileResults)
      counted[result] = (await metric('reconcile_total', { result })) ?? Number.NaN;
    return counted;
  };
  return { controller, clock, log, runs, metric, results };
}

const none = { success: 0, requeue_after: 0, requeue: 0, error: 0 };

test('every counter is 0 before anything happened', async (t) => {
  const { controller, metric, results } = aController(async () => undefined);
  t.after(() => controller.stop());
  assert.deepEqual(await results(), none);
  for (const name of ['reconcile_errors_total', 'terminal_reconcile_errors_total', 'reconcile_panics_total'])
    assert.equal(await metric(name), 0, name);
  assert.equal(await metric('reconcile_time_seconds_count'), 0);
  assert.equal(await metric('max_concurrent_reconciles'), 2);
  assert.equal(await metric('active_workers'), 0);
});

test('done: not looked at again until it is enqueued', async (t) => {
  const { controller, clock, runs, results } = aController(async () => undefined);
  t.after(() => controller.stop());
  controller.enqueue('a');
  controller.start();
  await clock.advance(3_600_000);
  assert.deepEqual(runs, ['a@0']);
  assert.deepEqual(await results(), { ...none, success: 1 });
});

test('again after: looked at once that time has passed', async (t) => {
  const { controller, clock, runs, results } = aController(async () => (runs.length < 3 ? after(1_000) : undefined));
  t.after(() => controller.stop());
  controller.start();
  controller.enqueue('a');
  await clock.advance(10_000);
  assert.deepEqual(runs, ['a@0', 'a@1000', 'a@2000']);
  assert.deepEqual(await results(), { ...none, success: 1, requeue_after: 2 });
});

test('a moment that has passed already means at once', async (t) => {
  const { controller, clock, runs } = aController(async () => (runs.length < 2 ? after(-5) : undefined));
  t.after(() => controller.stop());
  controller.start();
  controller.enqueue('a');
  await clock.advance(0);
  assert.deepEqual(runs, ['a@0', 'a@0']);
});

test('retry: comes back with growing delay, and a success starts the delay from the beginning', async (t) => {
  let healthy = false;
  const { controller, clock, runs, results, metric } = aController(async () => {
    if (!healthy) throw new Error('Docker is away');
    return undefined;
  });
  t.after(() => controller.stop());
  controller.start();
  controller.enqueue('a');
  await clock.advance(35);
  assert.deepEqual(runs, ['a@0', 'a@5', 'a@15', 'a@35']);
  healthy = true;
  await clock.advance(40);
  healthy = false;
  runs.length = 0;
  controller.enqueue('a');
  await clock.advance(5);
  assert.deepEqual(runs, ['a@75', 'a@80']);
  assert.deepEqual(await results(), { ...none, success: 1, error: 6 });
  assert.equal(await metric('reconcile_errors_total'), 6);
  assert.equal(await metric('reconcile_panics_total'), 0);
});

test('stalled: no retry and no resync helps, a change does', async (t) => {
  let terminal = true;
  const { controller, clock, runs, log, metric, results } = aController(
    async () => {
      if (terminal) throw new TerminalError('ImageInvalid', 'the image has no such name');
      return undefined;
    },
    { resyncMs: 60_000, listKeys: () => ['a', 'b'] },
  );
  t.after(() => controller.stop());
  controller.start();
  controller.enqueue('a');
  await clock.advance(59_999);
  assert.deepEqual(runs, ['a@0']);
  assert.equal(await metric('terminal_reconcile_errors_total'), 1);
  assert.deepEqual(await results(), { ...none, error: 1 });
  assert.equal(log.find({ level: 'warn' })[0]?.fields['reason'], 'ImageInvalid');
  terminal = false;
  await clock.advance(1);
  assert.deepEqual(runs, ['a@0', 'b@60000'], 'the resync passes the stalled key by');
  controller.enqueue('a');
  await clock.advance(60_000);
  assert.deepEqual(runs, ['a@0', 'b@60000', 'a@60000', 'a@120000', 'b@120000'], 'the change made it well again');
});

test('stalled: a retry or look-again that was pending from an earlier run is void', async (t) => {
  const { controller, clock, runs } = aController(async () => {
    if (runs.length === 1) throw new Error('for now');
    throw new TerminalError('No', 'never');
  });
  t.after(() => controller.stop());
  controller.start();
  controller.enqueue('a');
  await settle();
  controller.enqueue('a');
  await clock.advance(600_000);
  assert.deepEqual(runs, ['a@0', 'a@0']);
});

test('the resync looks at every key, and goes on when the keys cannot be listed for once', async (t) => {
  let listings = 0;
  const { controller, clock, runs, log } = aController(async () => undefined, {
    resyncMs: 1_000,
    listKeys: async () => {
      listings += 1;
      if (listings === 1) throw new Error('store is busy');
      return ['a', 'b'];
    },
  });
  t.after(() => controller.stop());
  controller.start();
  await clock.advance(2_000);
  assert.deepEqual(runs, ['a@2000', 'b@2000']);
  assert.equal(log.find({ level: 'warn' }).length, 1);
});

const mistakes: { name: string; reconcile: Reconcile; panics: number }[] = [
  {
    name: 'a throw before the first await',
    reconcile: () => {
      throw new Error('early');
    },
    panics: 0,
  },
  { name: 'a thrown string', reconcile: () => Promise.reject('text'), panics: 1 },
  { name: 'a thrown nothing', reconcile: () => Promise.reject(undefined), panics: 1 },
  {
    name: 'a property of undefined',
    reconcile: async () => {
      const missing: { field: { field: string } } = JSON.parse('{}');
      return after(missing.field.field.length);
    },
    panics: 1,
  },
  {
    name: 'an endless recursion',
    reconcile: async () => {
      const dig = (): number => dig() + 1;
      return after(dig());
    },
    panics: 1,
  },
  { name: 'a delay that is no number', reconcile: async () => after(Number.NaN), panics: 1 },
  { name: 'a delay without end', reconcile: async () => after(Number.POSITIVE_INFINITY), panics: 1 },
  {
    name: 'a network failure as fetch throws it',
    reconcile: () => Promise.reject(new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') })),
    panics: 0,
  },
];
for (const { name, reconcile, panics } of mistakes) {
  test(`no form of error ends the loop: ${name}`, async (t) => {
    const { controller, clock, runs, metric } = aController(
      (key, context) => (key === 'bad' ? reconcile(key, context) : Promise.resolve(undefined)),
      { workers: 1 },
    );
    t.after(() => controller.stop());
    controller.start();
    controller.enqueue('bad');
    await settle();
    controller.enqueue('good');
    await clock.advance(5);
    assert.deepEqual(runs, ['bad@0', 'good@0', 'bad@5']);
    assert.equal(await metric('reconcile_panics_total'), 2 * panics);
    assert.equal(await metric('reconcile_errors_total'), 2);
    assert.equal(await metric('active_workers'), 0);
  });
}

test('a failure is logged once a step of its back-off, however many changes wake the key', async (t) => {
  const { controller, clock, log, runs } = aController(async () => {
    throw new Error('the registry is away');
  });
  t.after(() => controller.stop());
  controller.start();
  controller.enqueue('a');
  await clock.advance(400_000);
  const climbed = log.find({ message: 'reconcile failed' }).length;
  assert.equal(climbed, runs.length, 'each step on the way up is logged');
  for (let change = 0; change < 50; change += 1) {
    controller.enqueue('a');
    await settle();
  }
  assert.ok(log.find({ message: 'reconcile failed' }).length <= climbed + 1, 'at the last step, changes add no lines');
  const [line] = log.find({ message: 'reconcile failed' });
  assert.equal(line?.fields['key'], 'a');
  assert.equal(line?.fields['controller'], 'test');
  assert.equal(line?.fields['failures'], 1);
  assert.equal(typeof line?.fields['reconcileId'], 'string');
});

test('a conflict is a retry without a word', async (t) => {
  const { controller, clock, log, runs } = aController(async () => {
    if (runs.length === 1) throw new ConflictError('somebody came first');
    return undefined;
  });
  t.after(() => controller.stop());
  controller.start();
  controller.enqueue('a');
  await clock.advance(5);
  assert.deepEqual(runs, ['a@0', 'a@5']);
  assert.equal(log.find({ level: 'warn' }).length, 0);
});

test('cancel aborts the run under way, which is no failure, and the key runs again at once', async (t) => {
  const reason = new Error('a kill came');
  const seen: unknown[] = [];
  const { controller, clock, log, runs, results } = aController(async (_, { signal }) => {
    if (runs.length > 1) return undefined;
    await sleep(clock, 60_000, signal).catch((error: unknown) => {
      seen.push(error);
      throw error;
    });
    return undefined;
  });
  t.after(() => controller.stop());
  controller.start();
  assert.equal(controller.cancel('a', reason), false, 'nothing to abort');
  controller.enqueue('a');
  await clock.advance(10);
  assert.equal(controller.cancel('a', reason), true);
  await settle();
  assert.deepEqual(seen, [reason]);
  assert.deepEqual(runs, ['a@0', 'a@10']);
  assert.equal(controller.cancel('a', reason), false, 'the run has ended');
  assert.deepEqual(await results(), { ...none, requeue: 1, success: 1 });
  assert.equal(log.find({ level: 'warn' }).length + log.find({ level: 'error' }).length, 0);
});

test('a cancelled run that ends well all the same counts as what it is', async (t) => {
  const { controller, clock, results } = aController(async (_, { signal }) => {
    await sleep(clock, 1_000, signal).catch(() => {});
    return undefined;
  });
  t.after(() => controller.stop());
  controller.start();
  controller.enqueue('a');
  await settle();
  controller.cancel('a', new Error('never mind'));
  await settle();
  assert.deepEqual(await results(), { ...none, success: 1 });
});

test('stop lets a run end by itself, and begins no other', async () => {
  const { controller, clock, runs, results, log } = aController(
    async (_, { signal }) => {
      await sleep(clock, 1_000, signal);
      return after(10);
    },
    { workers: 1, resyncMs: 60_000, listKeys: () => ['c'] },
  );
  controller.start();
  controller.enqueue('a');
  controller.enqueue('b');
  await settle();
  let stopped = false;
  const stop = controller.stop().then(() => {
    stopped = true;
  });
  await clock.advance(999);
  assert.equal(stopped, false);
  await clock.advance(1);
  await stop;
  assert.deepEqual(runs, ['a@0']);
  assert.deepEqual(await results(), { ...none, requeue_after: 1 });
  assert.equal(log.find({ level: 'error' }).length, 0);
  assert.equal(clock.pendingTimers, 0);
});

test('stop aborts a run that takes too long, which counts as no failure', async () => {
  const { controller, clock, results } = aController(
    async (_, { signal }) => {
      await sleep(clock, 3_600_000, signal);
      return undefined;
    },
    { drainMs: 3_000 },
  );
  controller.start();
  controller.enqueue('a');
  await settle();
  const stop = controller.stop();
  await clock.advance(3_000);
  await stop;
  assert.equal(clock.monotonic(), 3_000);
  assert.deepEqual(await results(), { ...none, requeue: 1 });
  assert.equal(clock.pendingTimers, 0);
});

test('stop leaves a deaf run behind after its deadline and says which', async () => {
  const { controller, clock, log } = aController(() => new Promise(() => {}), { drainMs: 10, abandonMs: 20 });
  controller.start();
  controller.enqueue('deaf');
  await settle();
  const stop = controller.stop();
  await clock.advance(30);
  await stop;
  assert.deepEqual(log.find({ level: 'error' })[0]?.fields['keys'], ['deaf']);
});

test('measures the time of a run and counts the workers that are busy', async (t) => {
  const { controller, clock, metric } = aController(async (_, { signal }) => {
    await sleep(clock, 2_000, signal);
    return undefined;
  });
  t.after(() => controller.stop());
  controller.start();
  for (const key of ['a', 'b', 'c']) controller.enqueue(key);
  await clock.advance(1_000);
  assert.equal(await metric('active_workers'), 2);
  await clock.advance(3_000);
  assert.equal(await metric('active_workers'), 0);
  assert.equal(await metric('reconcile_time_seconds_count'), 3);
  assert.equal(await metric('reconcile_time_seconds_sum'), 6);
});

test('one key is never in two hands and none is forgotten, under random load', async (t) => {
  let seed = 42;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed / 2 ** 31;
  };
  const keys = Array.from({ length: 12 }, (_, n) => `key-${n}`);
  const inHand = new Set<string>();
  const doubled: string[] = [];
  const wanted = new Map<string, number>();
  const seen = new Map<string, number>();
  const { controller, clock, runs } = aController(
    async (key, { signal }) => {
      if (inHand.has(key)) doubled.push(key);
      inHand.add(key);
      // What is read at the start of a run is what the run has dealt with.
      const read = wanted.get(key) ?? 0;
      try {
        await sleep(clock, random() * 40, signal);
        const dice = random();
        if (dice < 0.2) throw new Error('bad luck');
        seen.set(key, read);
        return dice < 0.4 ? after(random() * 100) : undefined;
      } finally {
        inHand.delete(key);
      }
    },
    { workers: 5, random },
  );
  t.after(() => controller.stop());
  controller.start();
  for (let change = 1; change <= 600; change += 1) {
    const key = keys[Math.floor(random() * keys.length)] ?? '';
    wanted.set(key, change);
    if (random() < 0.8) controller.enqueue(key);
    else controller.enqueueAfter(key, random() * 50);
    if (random() < 0.1) controller.cancel(key, new Error('newer wish'));
    if (random() < 0.5) await clock.advance(random() * 10);
  }
  await clock.advance(5_000);
  assert.deepEqual(seen, wanted, 'the newest wish of every key was dealt with');
  assert.ok(runs.length > 200);
  assert.deepEqual(doubled, [], 'no key was in two hands');
});

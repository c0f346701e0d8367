import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { Jobs } from '../../src/runtime/jobs.ts';
import { createRuntimeMetrics } from '../../src/runtime/metrics.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { metricValue } from '../support/metric-value.ts';
import { recordedLog } from '../support/recorded-log.ts';

function aTable(limit = 10) {
  const clock = new FakeClock(5_000);
  const log = recordedLog();
  const registry = new Registry();
  const ended: string[] = [];
  const jobs = new Jobs<string>({
    name: 'test',
    limit,
    clock,
    log,
    metrics: createRuntimeMetrics(registry),
    onEnd: (key) => ended.push(key),
  });
  return { jobs, clock, log, registry, ended };
}

/** Ends only when the signal says so, and then after one more step of its own. */
function untilAborted(signal: AbortSignal, cleanUp: Promise<unknown> = Promise.resolve()): Promise<string> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => void cleanUp.then(() => reject(signal.reason)));
  });
}

test('starts a job, tells its end, and keeps the outcome until it is taken', async () => {
  const { jobs, ended } = aTable();
  const work = Promise.withResolvers<string>();
  assert.equal(
    jobs.start('a', 1, () => work.promise),
    'started',
  );
  assert.deepEqual(jobs.current('a'), { attempt: 1, startedAt: 5_000 });
  assert.equal(jobs.takeOutcome('a'), undefined);
  work.resolve('fine');
  await settle();
  assert.deepEqual(ended, ['a']);
  assert.equal(jobs.current('a'), undefined);
  assert.deepEqual(jobs.takeOutcome('a'), { attempt: 1, result: 'fine' });
  assert.equal(jobs.takeOutcome('a'), undefined);
});

test('one job a key: a second start does nothing while the first is under way', async () => {
  const { jobs } = aTable();
  const work = Promise.withResolvers<string>();
  let starts = 0;
  const count = () => {
    starts += 1;
    return work.promise;
  };
  jobs.start('a', 1, count);
  assert.equal(jobs.start('a', 1, count), 'running');
  assert.equal(jobs.start('a', 2, count), 'running');
  await settle();
  assert.equal(starts, 1);
  work.resolve('');
});

test('an attempt that has ended is not started again before its outcome was taken, and its end is told again', async () => {
  const { jobs, ended } = aTable();
  jobs.start('a', 1, async () => 'once');
  await settle();
  assert.equal(
    jobs.start('a', 1, async () => 'twice'),
    'ended',
  );
  await settle();
  assert.deepEqual(ended, ['a', 'a']);
  assert.deepEqual(jobs.takeOutcome('a'), { attempt: 1, result: 'once' });
});

test('the outcome of a stale attempt is discarded by the next one', async () => {
  const { jobs } = aTable();
  jobs.start('a', 1, async () => 'stale');
  await settle();
  const work = Promise.withResolvers<string>();
  assert.equal(
    jobs.start('a', 2, () => work.promise),
    'started',
  );
  assert.equal(jobs.takeOutcome('a'), undefined);
  work.resolve('fresh');
  await settle();
  assert.deepEqual(jobs.takeOutcome('a'), { attempt: 2, result: 'fresh' });
});

test('an error is an outcome, thrown early or late', async () => {
  const { jobs } = aTable();
  const early = new Error('early');
  const late = new Error('late');
  jobs.start('a', 1, () => {
    throw early;
  });
  jobs.start('b', 1, () => Promise.reject(late));
  await settle();
  assert.deepEqual(jobs.takeOutcome('a'), { attempt: 1, error: early });
  assert.deepEqual(jobs.takeOutcome('b'), { attempt: 1, error: late });
});

test('says full beyond its limit and has room again after an end', async () => {
  const { jobs, registry } = aTable(1);
  const work = Promise.withResolvers<string>();
  jobs.start('a', 1, () => work.promise);
  assert.equal(
    jobs.start('b', 1, async () => ''),
    'full',
  );
  assert.equal(await metricValue(registry, 'aileron_jobs_refused_total', { name: 'test' }), 1);
  work.resolve('');
  await settle();
  assert.equal(
    jobs.start('b', 1, async () => ''),
    'started',
  );
});

test('cancel resolves only when the work has really ended', async () => {
  const { jobs, registry } = aTable();
  const cleanUp = Promise.withResolvers<void>();
  const reason = new Error('a kill came');
  jobs.start('a', 1, (signal) => untilAborted(signal, cleanUp.promise));
  await settle();
  let cancelled = false;
  const cancel = jobs.cancel('a', reason).then(() => {
    cancelled = true;
  });
  await settle();
  assert.equal(cancelled, false);
  assert.ok(jobs.current('a'), 'still under way while it cleans up');
  cleanUp.resolve();
  await cancel;
  assert.equal(jobs.current('a'), undefined);
  assert.deepEqual(jobs.takeOutcome('a'), { attempt: 1, error: reason });
  assert.equal(await metricValue(registry, 'aileron_jobs_total', { name: 'test', result: 'cancelled' }), 1);
  assert.equal(await metricValue(registry, 'aileron_jobs_running', { name: 'test' }), 0);
});

test('cancel of nothing resolves at once', async () => {
  await aTable().jobs.cancel('a', new Error('no matter'));
});

test('a listener that throws does not hurt the table', async () => {
  const log = recordedLog();
  const onEnd = () => {
    throw new Error('listener');
  };
  const jobs = new Jobs<string>({ name: 'test', limit: 1, clock: new FakeClock(), log, onEnd });
  jobs.start('a', 1, async () => 'fine');
  await settle();
  assert.equal(log.find({ level: 'error' }).length, 1);
  assert.equal(jobs.takeOutcome('a')?.result, 'fine');
});

test('stop tells all to end, waits for them, and starts no more', async () => {
  const { jobs, clock } = aTable();
  jobs.start('a', 1, (signal) => untilAborted(signal));
  await settle();
  await jobs.stop();
  assert.equal(jobs.current('a'), undefined);
  assert.equal(
    jobs.start('b', 1, async () => ''),
    'full',
  );
  assert.equal(clock.pendingTimers, 0);
});

test('stop leaves behind what does not end, and says which', async () => {
  const { jobs, clock, log } = aTable();
  jobs.start('deaf', 1, () => new Promise(() => {}));
  await settle();
  const stopped = jobs.stop();
  await clock.advance(10_000);
  await stopped;
  assert.deepEqual(log.find({ level: 'error' })[0]?.fields['keys'], ['deaf']);
});

test('outcomes nobody takes are bounded', async () => {
  const { jobs, log } = aTable(2_000);
  for (let n = 0; n < 1_025; n += 1) jobs.start(`key-${n}`, 1, async () => '');
  await settle();
  assert.equal(jobs.takeOutcome('key-0'), undefined);
  assert.equal(jobs.takeOutcome('key-1')?.attempt, 1);
  assert.equal(log.find({ level: 'warn' }).length, 1);
});

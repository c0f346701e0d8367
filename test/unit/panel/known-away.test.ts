// What waits for the Panel waits no longer than it has to once the Panel is known to be away.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { RefreshOptions } from '../../../src/panel/sync.ts';
import { PanelRefusedError } from '../../../src/panel/sync.ts';
import { uuidOf } from '../../support/an-admission.ts';
import { aRefusal, noAnswer, SourceBench } from '../../support/panel/source-bench.ts';

const always = new AbortController().signal;

async function aSource(t: TestContext) {
  const bench = await SourceBench.make(t);
  bench.patient = true;
  bench.records = [bench.record(1), bench.record(2)];
  await bench.start();
  const refresh = (whileAway: RefreshOptions['whileAway'] & {}) => {
    const begin = bench.admission.clock.monotonic();
    const ended = bench.source
      .refresh(uuidOf(1), always, { whileAway })
      .then((found) => `${found} after ${Math.ceil((bench.admission.clock.monotonic() - begin) / 1_000)} s`);
    ended.catch(() => {});
    return ended;
  };
  const fails = async (error: Error) => {
    bench.away = error;
    bench.source.relist();
    await bench.advance(6_000);
    bench.asked = 0;
  };
  return { bench, refresh, fails };
}

test('while the list comes everybody is as patient as ever', { timeout: 20_000 }, async (t) => {
  const { bench, refresh } = await aSource(t);
  bench.away = noAnswer;
  const ends = (['skip', 'hurry', 'ask'] as const).map(refresh);
  await bench.advance(60_000);
  for (const end of await Promise.all(ends)) assert.match(end, /^stale after (2\d|30) s$/);
  assert.ok(bench.asked >= 24, `${bench.asked} tries`);
});

test('a Panel that is known to be away is not asked by what starts by itself, and for a moment by a person', {
  timeout: 20_000,
}, async (t) => {
  const { bench, refresh, fails } = await aSource(t);
  for (const error of [noAnswer, aRefusal(502), aRefusal(503), aRefusal(401)]) {
    await fails(error);
    const [skip, hurry] = [refresh('skip'), refresh('hurry')];
    await bench.rest();
    assert.equal(await skip, 'stale after 0 s', error.message);
    await bench.advance(10_000);
    assert.match(await hurry, /^stale after [0-3] s$/);
    assert.ok(bench.asked >= 1, 'the person had it asked');
  }
  bench.away = undefined;
  await bench.advance(61_000);
  assert.equal(await refresh('skip'), 'fresh after 0 s');
});

test('a Panel that answers the person all the same is believed', { timeout: 20_000 }, async (t) => {
  const { bench, refresh, fails } = await aSource(t);
  await fails(noAnswer);
  const asked = refresh('hurry');
  await bench.advance(200);
  bench.away = undefined;
  bench.records = [bench.record(1, { memory: 7 })];
  await bench.advance(2_000);
  assert.match(await asked, /^fresh/);
  assert.equal((await bench.server(1))?.spec.limits.memory, 7);
});

test('who waits already, for a Panel that hangs too, is told when it becomes known', { timeout: 20_000 }, async (t) => {
  const { bench, refresh } = await aSource(t);
  const never = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  bench.single = (_uuid, signal) => never(signal);
  const ends = (['skip', 'hurry'] as const).map(refresh);
  await bench.advance(1_000);
  bench.page = () => Promise.reject(noAnswer);
  bench.source.relist();
  await bench.advance(5_000);
  for (const end of await Promise.all(ends)) assert.match(end, /^stale after [1-6] s$/);
});

test('a Panel that answers, but not with a list, is asked once: what it says of the one server counts', {
  timeout: 20_000,
}, async (t) => {
  const { bench, refresh, fails } = await aSource(t);
  await fails(aRefusal(500));
  const end = refresh('skip');
  await bench.rest();
  assert.equal(await end, 'stale after 0 s');
  assert.equal(bench.asked, 1);
  bench.away = undefined;
  bench.page = () => Promise.reject(aRefusal(500));
  assert.equal(await refresh('skip'), 'fresh after 0 s');
  await fails(aRefusal(403));
  await assert.rejects(refresh('skip'), PanelRefusedError);
});

// Answers of a Panel that come in another order than they were asked for, and servers that it speaks of too late or no more.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { asPanel, uuidOf } from '../../support/an-admission.ts';
import { settle } from '../../support/fake-clock.ts';
import { SourceBench } from '../../support/panel/source-bench.ts';

const always = new AbortController().signal;

/** A record that becomes no server. */
function bad(bench: SourceBench, number: number): Record<string, unknown> {
  return { ...bench.record(number), settings: { uuid: uuidOf(number), container: { image: '' } } };
}

async function relist(bench: SourceBench): Promise<void> {
  bench.source.relist();
  await bench.advance(6_000);
}

async function deleted(t: TestContext): Promise<SourceBench> {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1)];
  await bench.start();
  const { admission, store } = bench.admission;
  await admission.delete('Server', uuidOf(1), {}, asPanel);
  await store.patch('Server', uuidOf(1), { metadata: { finalizers: null } });
  await settle(10);
  assert.equal(await bench.server(1), undefined);
  return bench;
}

test('a list that still names a server which was just deleted does not make it again', async (t) => {
  const bench = await deleted(t);
  await relist(bench);
  assert.equal(await bench.server(1), undefined);
  await bench.source.refresh(uuidOf(1), always);
  assert.equal(await bench.server(1), undefined);
  // The Panel kept it after all.
  await bench.advance(300_000);
  await relist(bench);
  assert.ok(await bench.server(1));
});

test('a server that the Panel creates again is there at once, deleted or not', async (t) => {
  const bench = await deleted(t);
  await bench.source.refresh(uuidOf(1), always, { created: true });
  assert.ok(await bench.server(1));
  bench.records = [bench.record(1, { memory: 77 })];
  await relist(bench);
  assert.equal((await bench.server(1))?.spec.limits.memory, 77);
});

test('an older bad answer says nothing against a newer good one', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1)];
  await bench.start();
  const held = Promise.withResolvers<void>();
  for (const late of [bad(bench, 1), bench.record(1, { image: 'NOT AN IMAGE' })]) {
    bench.page = async () => {
      await held.promise;
      return { records: [late], currentPage: 1, lastPage: 1, total: 1 };
    };
    await relist(bench);
    await bench.source.refresh(uuidOf(1), always);
    held.resolve();
    await bench.rest();
    assert.equal(await bench.condition(1, 'ConfigurationAccepted'), undefined);
    assert.equal(bench.source.counts().refused, 0);
  }
});

test('an older good answer takes nothing back that was said of a newer bad one', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1)];
  await bench.start();
  const held = Promise.withResolvers<void>();
  bench.page = async () => {
    await held.promise;
    return { records: [bench.record(1, { memory: 77 })], currentPage: 1, lastPage: 1, total: 1 };
  };
  await relist(bench);
  bench.single = async () => bad(bench, 1);
  await assert.rejects(bench.source.refresh(uuidOf(1), always), /cannot be used/);
  held.resolve();
  await bench.rest();
  assert.match((await bench.condition(1, 'ConfigurationAccepted')) ?? '', /^False Refused/);
  assert.equal((await bench.server(1))?.spec.limits.memory, 1024);
});

test('a bad record of which the Panel does not speak any more is not counted', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bad(bench, 1), { settings: {} }, bench.record(2)];
  await bench.start();
  assert.deepEqual([bench.source.counts().refused, bench.source.summary()], [2, '2 refused']);
  await relist(bench);
  assert.equal(bench.source.counts().refused, 2);
  const told = bench.events.length;
  bench.records = [bench.record(2)];
  await relist(bench);
  assert.deepEqual([bench.source.counts().refused, bench.source.summary()], [0, undefined]);
  // Once it is there again it is told of again.
  bench.records = [bad(bench, 1), bench.record(2)];
  await relist(bench);
  assert.deepEqual([bench.source.counts().refused, bench.events.length - told], [1, 1]);
});

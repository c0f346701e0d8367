// Who holds a uuid or a port is found without a look at all objects, and never missed: not after writes that failed or of
// which nobody knows how they ended, not after a new start.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Admission } from '../../../src/resources/admission.ts';
import { KeyBook } from '../../../src/resources/key-book.ts';
import type { ObjectInput } from '../../../src/resources/object.ts';
import { StoreUnavailableError } from '../../../src/store/errors.ts';
import { AdmissionBench, asDryRun, causesOf, thisNode, uuidOf, writeContext } from '../../support/an-admission.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';

const uuid = uuidOf(900);

function at(port: number): Record<string, unknown> {
  return { allocations: { default: { ip: '192.0.2.1', port } } };
}

/** How often each was asked of the store. */
function counted(store: MemoryStore): { lists: number; gets: number } {
  const counts = { lists: 0, gets: 0 };
  const { list, get } = store;
  store.list = (...asked) => {
    counts.lists += 1;
    return list.apply(store, asked) as never;
  };
  store.get = (...asked) => {
    counts.gets += 1;
    return get.apply(store, asked) as never;
  };
  return counts;
}

test('servers are listed once, however many are made', async () => {
  const bench = new AdmissionBench();
  const counts = counted(bench.store);
  for (let n = 0; n < 50; n += 1) await bench.create(`s${n}`, { uuid: uuidOf(n + 100), ...at(25_000 + n) });
  assert.deepEqual(counts, { lists: 1, gets: 0 });
  await causesOf(bench.create('twin', at(25_007)));
  assert.deepEqual(counts, { lists: 1, gets: 1 });
});

test('a write that failed has taken nothing', async () => {
  const bench = new AdmissionBench();
  await bench.create('first');
  const { create } = bench.store;
  bench.store.create = () => Promise.reject(new StoreUnavailableError('the disk is full'));
  await assert.rejects(bench.create('a', { uuid, ...at(25_565) }), StoreUnavailableError);
  bench.store.create = create;
  await bench.create('b', { uuid, ...at(25_565) });
});

test('a write of which nobody heard how it ended has taken what it wanted', async () => {
  const bench = new AdmissionBench();
  await bench.create('first');
  const { create } = bench.store;
  bench.store.create = async (object: ObjectInput) => {
    await create.call(bench.store, object);
    throw new StoreUnavailableError('the answer was lost');
  };
  await assert.rejects(bench.create('a', { uuid }), StoreUnavailableError);
  bench.store.create = create;
  const [cause] = await causesOf(bench.create('b', { uuid }));
  assert.match(cause?.message ?? '', /server "a" has it/);
});

test('what is given up, or goes with its server, is free', async () => {
  const bench = new AdmissionBench();
  await bench.create('a', { uuid, ...at(25_565) });
  await bench.patch('a', { spec: at(25_566) });
  await bench.create('b', at(25_565));
  await bench.store.patch('Server', 'a', { metadata: { finalizers: null } });
  await bench.store.delete('Server', 'a');
  await bench.create('c', { uuid, ...at(25_566) });
  await causesOf(bench.create('d', at(25_566)));
});

test('a dry run takes nothing', async () => {
  const bench = new AdmissionBench();
  await bench.create('a');
  await bench.create('b', { uuid }, asDryRun);
  await bench.create('c', { uuid });
});

test('a new daemon finds what an earlier one gave away', async () => {
  const bench = new AdmissionBench();
  await bench.create('a', { uuid });
  const { store, clock } = bench;
  const next = new Admission({ store, clock, nodeName: thisNode });
  const twin = { metadata: { name: 'b' }, spec: { image: 'game', uuid } };
  await causesOf(next.create('Server', twin, writeContext()));
});

test('a list that fails is asked for again', async () => {
  const bench = new AdmissionBench();
  await bench.create('a', { uuid });
  const admission = new Admission({ store: bench.store, clock: bench.clock, nodeName: thisNode });
  const twin = { metadata: { name: 'b' }, spec: { image: 'game', uuid } };
  const { list } = bench.store;
  bench.store.list = () => Promise.reject(new StoreUnavailableError('not now'));
  await assert.rejects(admission.create('Server', twin, writeContext()), StoreUnavailableError);
  bench.store.list = list;
  await causesOf(admission.create('Server', twin, writeContext()));
});

test('names that stand for nothing are bounded, and nobody is missed when they are dropped', async () => {
  const store = new MemoryStore({ clock: new FakeClock() });
  const lasting = { apiVersion: 'v1', kind: 'Thing', metadata: { name: 'lasting' }, spec: ['kept'] };
  await store.create(lasting);
  const counts = counted(store);
  const book = new KeyBook({ kind: 'Thing', keysOf: (spec) => spec as string[], store });
  await book.holders('kept');
  const tries = 10_000;
  for (let n = 0; n < tries; n += 1) {
    await book.written({ metadata: { name: `passing-${n}` }, spec: [`key-${n}`] }, async () => {});
    if (n % 100 === 0) assert.deepEqual((await book.holders('kept')).length, 1);
  }
  assert.ok(counts.lists > 5 && counts.lists < 15, `${counts.lists} lists`);
});

test('servers that share nothing do not wait for each other, those that do take turns', async () => {
  const bench = new AdmissionBench();
  await bench.create('first');
  const { create } = bench.store;
  const begun: string[] = [];
  const disk = Promise.withResolvers<void>();
  bench.store.create = async (object: ObjectInput) => {
    begun.push(object.metadata.name);
    await disk.promise;
    return create.call(bench.store, object) as never;
  };
  const ports = [25_565, 25_566, 25_565];
  const writes = ports.map((port, n) => bench.create(`s${n}`, at(port)));
  const outcomes = Promise.allSettled(writes);
  await new Promise(setImmediate);
  assert.deepEqual(begun, ['s0', 's1']);
  disk.resolve();
  assert.deepEqual(
    (await outcomes).map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  );
});

test('a list misses no write that was under way while it was made, begun before or after it', async () => {
  const thing = (name: string) => ({ metadata: { name }, spec: [`key of ${name}`] });
  const disk = Promise.withResolvers<void>();
  const list = Promise.withResolvers<void>();
  const kept = new Map<string, object>();
  const store = {
    list: async () => {
      const items = [...kept.values()];
      await list.promise;
      return { items, resourceVersion: '1' } as never;
    },
    get: async (_kind: string, name: string) => kept.get(name) as never,
  };
  const book = new KeyBook({ kind: 'Thing', keysOf: (spec) => spec as string[], store });

  const write = async (object: ReturnType<typeof thing>) => {
    await disk.promise;
    kept.set(object.metadata.name, object);
  };
  const [before, after] = [thing('before'), thing('after')];
  const early = book.written(before, () => write(before));
  const asked = book.holders('key of nobody');
  const late = book.written(after, () => write(after));
  disk.resolve();
  await Promise.all([early, late]);
  list.resolve();
  await asked;
  assert.deepEqual(await book.holders('key of before'), [before]);
  assert.deepEqual(await book.holders('key of after'), [after]);
});

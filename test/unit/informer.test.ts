import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import type { StoredObject } from '../../src/resources/object.ts';
import { changesMoreThanStatus } from '../../src/runtime/changes.ts';
import { type Change, Informer } from '../../src/runtime/informer.ts';
import { createRuntimeMetrics } from '../../src/runtime/metrics.ts';
import { ExpiredError, StoreClosedError } from '../../src/store/errors.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { metricValue } from '../support/metric-value.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { added, anObject, bookmark, deleted, modified, ScriptedStore } from '../support/scripted-watch.ts';

/** `ADDED a/1` or `MODIFIED a/1→2`: type, name, version before and after. */
function told({ type, object, old }: Change<StoredObject>): string {
  const before = old && type === 'MODIFIED' ? `${old.metadata.resourceVersion}→` : '';
  return `${type} ${object.metadata.name}/${before}${object.metadata.resourceVersion}`;
}

function anInformer() {
  const store = new ScriptedStore();
  const clock = new FakeClock();
  const log = recordedLog();
  const registry = new Registry();
  const informer = new Informer({
    store: store.asStore(),
    kind: 'Thing',
    clock,
    log,
    metrics: createRuntimeMetrics(registry),
    indexes: { parity: ({ metadata }) => (Number(metadata.resourceVersion) % 2 === 0 ? ['even'] : ['odd']) },
    random: () => 1,
  });
  const changes: string[] = [];
  informer.onChange((change) => changes.push(told(change)));
  return { store, clock, log, registry, informer, changes };
}

test('fills its cache from the list and says when', async (t) => {
  const { store, informer, changes, registry } = anInformer();
  t.after(() => informer.stop());
  informer.start();
  await settle();
  let synced = false;
  void informer.synced().then(() => {
    synced = true;
  });
  store.last.send(added(anObject('a')), added(anObject('b', '2')));
  await settle();
  assert.equal(synced, false, 'before the bookmark the list is not whole');
  store.last.send(bookmark);
  await settle();
  assert.equal(synced, true);
  assert.equal(informer.hasSynced, true);
  assert.deepEqual(changes, ['ADDED a/1', 'ADDED b/2']);
  assert.equal(informer.get('a')?.metadata.name, 'a');
  assert.equal(informer.get('c'), undefined);
  assert.equal(informer.list().length, 2);
  assert.equal(await metricValue(registry, 'aileron_informer_objects', { kind: 'Thing' }), 2);
});

test('tells changes with the state before them, and each once', async (t) => {
  const { store, informer, changes } = anInformer();
  t.after(() => informer.stop());
  informer.start();
  await settle();
  store.last.send(bookmark, added(anObject('a', '1')), modified(anObject('a', '2')), modified(anObject('a', '2')));
  store.last.send(deleted(anObject('a', '3')), deleted(anObject('a', '3')), bookmark);
  await settle();
  assert.deepEqual(changes, ['ADDED a/1', 'MODIFIED a/1→2', 'DELETED a/3']);
  assert.equal(informer.size, 0);
});

test('finds objects by index, also after they changed or went', async (t) => {
  const { store, informer } = anInformer();
  t.after(() => informer.stop());
  const names = (value: string) => informer.byIndex('parity', value).map(({ metadata }) => metadata.name);
  informer.start();
  await settle();
  store.last.send(added(anObject('a', '1')), added(anObject('b', '3')), bookmark);
  await settle();
  assert.deepEqual(names('odd'), ['a', 'b']);
  store.last.send(modified(anObject('a', '4')));
  await settle();
  assert.deepEqual(names('odd'), ['b']);
  assert.deepEqual(names('even'), ['a']);
  store.last.send(deleted(anObject('a', '5')));
  await settle();
  assert.deepEqual(names('even'), []);
  assert.throws(() => informer.byIndex('colour', 'red'), TypeError);
});

test('a late handler is told what is there first', async (t) => {
  const { store, informer } = anInformer();
  t.after(() => informer.stop());
  informer.start();
  await settle();
  store.last.send(added(anObject('a')), bookmark);
  await settle();
  const late: string[] = [];
  const end = informer.onChange((change) => late.push(told(change)));
  assert.deepEqual(late, ['ADDED a/1']);
  end();
  store.last.send(modified(anObject('a', '2')));
  await settle();
  assert.deepEqual(late, ['ADDED a/1'], 'ended handlers hear nothing');
});

const breaks: { name: string; reason: 'expired' | 'error'; act: (store: ScriptedStore) => void }[] = [
  { name: 'it expired', reason: 'expired', act: (store) => store.last.fail(new ExpiredError('too old')) },
  { name: 'the store failed', reason: 'error', act: (store) => store.last.fail(new Error('disk I/O error')) },
  { name: 'it ended for no reason', reason: 'error', act: (store) => store.last.end() },
  { name: 'something that is no Error was thrown', reason: 'error', act: (store) => store.last.fail('text') },
];
for (const { name, reason, act } of breaks) {
  test(`lists again when ${name}, and tells what happened meanwhile, deletions included`, async (t) => {
    const { store, clock, informer, changes, registry } = anInformer();
    t.after(() => informer.stop());
    informer.start();
    await settle();
    store.last.send(...['gone', 'kept', 'changed', 'reborn'].map((each) => added(anObject(each))), bookmark);
    await settle();
    changes.length = 0;
    act(store);
    await settle();
    assert.equal(informer.size, 4, 'the cache stays while the watch is broken');
    assert.equal(store.watches.length, 1);
    await clock.advance(100);
    assert.equal(store.watches.length, 2);
    store.last.send(added(anObject('kept')), added(anObject('changed', '7')), added(anObject('new', '8')));
    store.last.send(added(anObject('reborn', '9', 'another-uid')));
    await settle();
    assert.ok(informer.get('gone'), 'a deletion is certain only at the end of the list');
    store.last.send(bookmark);
    await settle();
    assert.deepEqual(changes, [
      'MODIFIED changed/1→7',
      'ADDED new/8',
      'DELETED reborn/1',
      'ADDED reborn/9',
      'DELETED gone/1',
    ]);
    assert.equal(await metricValue(registry, 'aileron_informer_relists_total', { kind: 'Thing', reason }), 1);
  });
}

test('a list that breaks half-way deletes nothing', async (t) => {
  const { store, clock, informer, changes } = anInformer();
  t.after(() => informer.stop());
  informer.start();
  await settle();
  store.last.send(added(anObject('a')), added(anObject('b')), bookmark);
  await settle();
  store.last.fail(new Error('broken'));
  await clock.advance(100);
  store.last.send(added(anObject('a')));
  store.last.fail(new Error('broken again'));
  await clock.advance(200);
  assert.deepEqual(changes, ['ADDED a/1', 'ADDED b/1']);
  store.last.send(added(anObject('a')), bookmark);
  await settle();
  assert.deepEqual(changes, ['ADDED a/1', 'ADDED b/1', 'DELETED b/1']);
});

test('waits longer after each failure, and starts from the beginning after a watch that held', async (t) => {
  const { store, clock, informer } = anInformer();
  t.after(() => informer.stop());
  informer.start();
  const waits: number[] = [];
  const failOnce = async () => {
    const count = store.watches.length;
    const failedAt = clock.monotonic();
    store.last.fail(new Error('down'));
    while (store.watches.length === count) await clock.advance(50);
    waits.push(clock.monotonic() - failedAt);
  };
  await settle();
  for (let n = 0; n < 4; n += 1) await failOnce();
  store.last.send(bookmark);
  await settle();
  await failOnce();
  store.last.send(bookmark);
  await clock.advance(30_000);
  await failOnce();
  await failOnce();
  assert.deepEqual(waits, [100, 200, 400, 800, 1_600, 100, 200]);
});

test('a handler that throws is logged and harms nobody', async (t) => {
  const { store, informer, log } = anInformer();
  t.after(() => informer.stop());
  informer.onChange(() => {
    throw new Error('handler');
  });
  const after: string[] = [];
  informer.onChange((change) => after.push(told(change)));
  informer.start();
  await settle();
  store.last.send(added(anObject('a')), bookmark, added(anObject('b')));
  await settle();
  assert.deepEqual(after, ['ADDED a/1', 'ADDED b/1']);
  assert.equal(log.find({ level: 'error' }).length, 2);
  assert.equal(store.watches.length, 1);
});

test('stop ends the watch, and whoever waits for the first list', async () => {
  const { store, clock, informer, changes } = anInformer();
  informer.start();
  await settle();
  const synced = informer.synced();
  const watch = store.last;
  await informer.stop();
  await assert.rejects(synced, /stopped before its first list/);
  watch.send(added(anObject('a')));
  await clock.advance(60_000);
  assert.deepEqual(changes, []);
  assert.equal(store.watches.length, 1);
  assert.equal(clock.pendingTimers, 0);
});

test('stop in the middle of a back-off does not wait for it', async () => {
  const { store, clock, informer } = anInformer();
  informer.start();
  await settle();
  store.last.fail(new Error('down'));
  await settle();
  await informer.stop();
  assert.equal(clock.pendingTimers, 0);
});

test('ends with its store', async () => {
  const { store, clock, informer } = anInformer();
  informer.start();
  await settle();
  store.last.fail(new StoreClosedError());
  await assert.rejects(informer.synced(), StoreClosedError);
  await clock.advance(60_000);
  assert.equal(store.watches.length, 1);
  await informer.stop();
});

test('follows a real store: an empty one, a burst beyond the buffer of its watch, deletions', async (t) => {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock, watchBuffer: 3 });
  const informer = new Informer({ store, kind: 'Thing', clock, log: recordedLog() });
  t.after(async () => {
    await informer.stop();
    await store.close();
  });
  informer.start();
  await settle();
  assert.equal(informer.hasSynced, true, 'an empty store has a first list too');
  await store.create({ apiVersion: 'test/v1', kind: 'Thing', metadata: { name: 'early' } });
  await settle();
  await Promise.all(
    Array.from({ length: 50 }, (_, n) =>
      store.create({ apiVersion: 'test/v1', kind: 'Thing', metadata: { name: `thing-${n}` } }),
    ),
  );
  await store.delete('Thing', 'early');
  await clock.advance(1_000);
  const { items } = await store.list('Thing');
  const byName = (one: StoredObject, other: StoredObject) => (one.metadata.name < other.metadata.name ? -1 : 1);
  assert.deepEqual(informer.list().sort(byName), items);
});

test('tells a wish from a report', () => {
  const object = anObject('a', '2');
  const old = anObject('a', '1');
  const change = (metadata: Partial<StoredObject['metadata']>): Change<StoredObject> => ({
    type: 'MODIFIED',
    object: { ...object, metadata: { ...object.metadata, ...metadata } },
    old,
  });
  assert.equal(changesMoreThanStatus(change({})), false);
  assert.equal(changesMoreThanStatus(change({ generation: 2 })), true);
  assert.equal(changesMoreThanStatus(change({ deletionTimestamp: '2026-01-01T00:00:00Z' })), true);
  assert.equal(changesMoreThanStatus(change({ annotations: { note: 'x' } })), true);
  assert.equal(changesMoreThanStatus({ type: 'ADDED', object }), true);
  assert.equal(changesMoreThanStatus({ type: 'DELETED', object, old }), true);
});

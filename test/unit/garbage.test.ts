import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import { collectGarbage, createGarbageCollector } from '../../controllers/garbage/garbage.ts';
import type { ObjectMetaInput, OwnerReference, StoredObject } from '../../src/resources/object.ts';
import { Manager } from '../../src/runtime/manager.ts';
import { createRuntimeMetrics } from '../../src/runtime/metrics.ts';
import { ConflictError } from '../../src/store/errors.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryStore } from '../support/memory-store.ts';

const kinds = ['Box', 'Thing'];

/** A store with the collector at work on it. */
async function aWorld(t: TestContext, store: MemoryStore | undefined = undefined) {
  const clock = new FakeClock();
  const world = store ?? new MemoryStore({ clock });
  const manager = new Manager({ clock, log: silentLogger });
  const metrics = createRuntimeMetrics(new Registry());
  manager.add(createGarbageCollector({ store: world, clock, log: silentLogger, metrics, kinds }));
  t.after(async () => {
    await manager.stop();
    await world.close();
  });
  await manager.start();
  return { store: world, clock, ...writersOf(world) };
}

function writersOf(store: MemoryStore) {
  return {
    create: (kind: string, name: string, metadata: Partial<ObjectMetaInput> = {}) =>
      store.create({ apiVersion: 'test/v1', kind, metadata: { name, ...metadata } }),
    names: async () => {
      const lists = await Promise.all(kinds.map((kind) => store.list(kind)));
      return lists.flatMap(({ items }) => items.map(({ kind, metadata }) => `${kind}/${metadata.name}`));
    },
    /** What `kubectl delete --cascade=…` does at the door. */
    deleteWith: async ({ kind, metadata }: StoredObject, finalizer?: string) => {
      const finalizers = [...(metadata.finalizers ?? []), ...(finalizer ? [finalizer] : [])];
      if (finalizer) await store.patch(kind, metadata.name, { metadata: { finalizers } });
      await store.delete(kind, metadata.name);
    },
  };
}

function ownedBy(...owners: (StoredObject | OwnerReference)[]): { ownerReferences: OwnerReference[] } {
  return { ownerReferences: owners.map((owner) => ('metadata' in owner ? reference(owner) : owner)) };
}

function reference({ apiVersion, kind, metadata }: StoredObject): OwnerReference {
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid };
}

const blocking = (owner: StoredObject): OwnerReference => ({ ...reference(owner), blockOwnerDeletion: true });

test('background: what belonged to a vanished owner goes, through all generations, and nothing else does', async (t) => {
  const { store, clock, create, names } = await aWorld(t);
  const box = await create('Box', 'box');
  const other = await create('Box', 'other');
  const child = await create('Thing', 'child', ownedBy(box));
  await create('Thing', 'grandchild', ownedBy(child));
  await create('Thing', 'of-other', ownedBy(other));
  await create('Thing', 'free');
  await store.delete('Box', 'box');
  await clock.advance(1_000);
  assert.deepEqual(await names(), ['Box/other', 'Thing/free', 'Thing/of-other']);
});

test('what is locked stays when its owners are gone, until it is unlocked', async (t) => {
  const { store, clock, create, names } = await aWorld(t);
  const box = await create('Box', 'box');
  await create('Thing', 'precious', ownedBy(box));
  await store.patch('Thing', 'precious', { spec: { locked: true } });
  await store.delete('Box', 'box');
  await clock.advance(700_000);
  assert.deepEqual(await names(), ['Thing/precious']);
  await store.patch('Thing', 'precious', { spec: { locked: false } });
  await clock.advance(1_000);
  assert.deepEqual(await names(), []);
});

test('background waits for nobody: a child goes before its own dependents', async (t) => {
  const { store, clock, create, names } = await aWorld(t);
  const box = await create('Box', 'box');
  const child = await create('Thing', 'child', ownedBy(box));
  await create('Thing', 'grandchild', { ...ownedBy(blocking(child)), finalizers: ['test/busy'] });
  await store.delete('Box', 'box');
  await clock.advance(1_000);
  assert.deepEqual(await names(), ['Thing/grandchild']);
});

test('an owner that vanished while nobody watched is missed at the start', async (t) => {
  const store = new MemoryStore({ clock: new FakeClock() });
  const { create } = writersOf(store);
  const box = await create('Box', 'box');
  await create('Thing', 'child', ownedBy(box));
  await store.delete('Box', 'box');
  const { clock, names } = await aWorld(t, store);
  await clock.advance(1_000);
  assert.deepEqual(await names(), []);
});

test('an owner of the same name and another uid is not the owner', async (t) => {
  const { store, clock, create, names } = await aWorld(t);
  const box = await create('Box', 'box');
  await create('Thing', 'child', ownedBy(box));
  await store.delete('Box', 'box');
  await create('Box', 'box');
  await clock.advance(1_000);
  assert.deepEqual(await names(), ['Box/box']);
});

test('an owner of a kind it does not know counts as there', async (t) => {
  const { clock, create, names } = await aWorld(t);
  const pod = { apiVersion: 'v1', kind: 'Pod', name: 'somewhere-else', uid: 'unknown' };
  await create('Thing', 'child', ownedBy(pod));
  await clock.advance(700_000);
  assert.deepEqual(await names(), ['Thing/child']);
});

test('with one of two owners left the object stays and forgets the other', async (t) => {
  const { store, clock, create } = await aWorld(t);
  const [one, two] = [await create('Box', 'one'), await create('Box', 'two')];
  await create('Thing', 'child', ownedBy(one, two));
  await store.delete('Box', 'one');
  await clock.advance(1_000);
  const child = await store.get('Thing', 'child');
  assert.deepEqual(child?.metadata.ownerReferences, ownedBy(two).ownerReferences);
  await store.delete('Box', 'two');
  await clock.advance(1_000);
  assert.equal(await store.get('Thing', 'child'), undefined);
});

test('an owner that is being deleted by its own controller keeps its dependents until it is gone', async (t) => {
  const { store, clock, create, names, deleteWith } = await aWorld(t);
  const box = await create('Box', 'box', { finalizers: ['test/busy'] });
  await create('Thing', 'child', ownedBy(box));
  await deleteWith(box);
  await clock.advance(700_000);
  assert.deepEqual(await names(), ['Box/box', 'Thing/child']);
  await store.patch('Box', 'box', { metadata: { finalizers: [] } });
  await clock.advance(1_000);
  assert.deepEqual(await names(), []);
});

test('a dependent with a finalizer of its own is told to go and goes when that is dropped', async (t) => {
  const { store, clock, create } = await aWorld(t);
  const box = await create('Box', 'box');
  await create('Thing', 'child', { ...ownedBy(box), finalizers: ['test/busy'] });
  await store.delete('Box', 'box');
  await clock.advance(1_000);
  assert.ok((await store.get('Thing', 'child'))?.metadata.deletionTimestamp);
});

test('foreground: the owner waits for the dependents that block it, and for theirs', async (t) => {
  const { store, clock, create, names, deleteWith } = await aWorld(t);
  const box = await create('Box', 'box');
  const child = await create('Thing', 'child', ownedBy(blocking(box)));
  await create('Thing', 'grandchild', { ...ownedBy(blocking(child)), finalizers: ['test/busy'] });
  await create('Thing', 'lax', { ...ownedBy(box), finalizers: ['test/busy'] });
  await deleteWith(box, 'foregroundDeletion');
  await clock.advance(1_000);
  assert.deepEqual(await names(), ['Box/box', 'Thing/child', 'Thing/grandchild', 'Thing/lax']);
  for (const name of ['child', 'grandchild', 'lax'])
    assert.ok((await store.get('Thing', name))?.metadata.deletionTimestamp, `${name} is told to go`);
  await store.patch('Thing', 'grandchild', { metadata: { finalizers: [] } });
  await clock.advance(1_000);
  assert.deepEqual(await names(), ['Thing/lax'], 'one that does not block is not waited for');
});

test('foreground: an owner without dependents goes at once', async (t) => {
  const { clock, create, names, deleteWith } = await aWorld(t);
  await deleteWith(await create('Box', 'box'), 'foregroundDeletion');
  await clock.advance(1_000);
  assert.deepEqual(await names(), []);
});

test('foreground leaves the finalizers of others alone', async (t) => {
  const { store, clock, create, deleteWith } = await aWorld(t);
  await deleteWith(await create('Box', 'box', { finalizers: ['test/busy'] }), 'foregroundDeletion');
  await clock.advance(1_000);
  assert.deepEqual((await store.get('Box', 'box'))?.metadata.finalizers, ['test/busy']);
});

test('orphan: dependents stay and forget the owner', async (t) => {
  const { store, clock, create, names, deleteWith } = await aWorld(t);
  const [box, other] = [await create('Box', 'box'), await create('Box', 'other')];
  await create('Thing', 'child', ownedBy(box));
  await create('Thing', 'shared', ownedBy(box, other));
  await deleteWith(box, 'orphan');
  await clock.advance(700_000);
  assert.deepEqual(await names(), ['Box/other', 'Thing/child', 'Thing/shared']);
  assert.equal((await store.get('Thing', 'child'))?.metadata.ownerReferences, undefined);
  assert.deepEqual((await store.get('Thing', 'shared'))?.metadata.ownerReferences, ownedBy(other).ownerReferences);
});

/** A moment in which each reconcile has something to write. */
const moments: { name: string; key: string; prepare: (store: MemoryStore) => Promise<void> }[] = [
  {
    name: 'an ownerless object',
    key: 'Thing/child',
    prepare: async (store) => {
      const { create } = writersOf(store);
      await create('Thing', 'child', { ...ownedBy(await create('Box', 'box')), finalizers: ['test/busy'] });
      await store.delete('Box', 'box');
    },
  },
  {
    name: 'one owner of two gone',
    key: 'Thing/child',
    prepare: async (store) => {
      const { create } = writersOf(store);
      await create('Thing', 'child', ownedBy(await create('Box', 'box'), await create('Box', 'other')));
      await store.delete('Box', 'box');
    },
  },
  {
    name: 'a dependent with dependents under foreground deletion',
    key: 'Thing/child',
    prepare: async (store) => {
      const { create, deleteWith } = writersOf(store);
      const box = await create('Box', 'box');
      const child = await create('Thing', 'child', ownedBy(blocking(box)));
      await create('Thing', 'grandchild', ownedBy(blocking(child)));
      await deleteWith(box, 'foregroundDeletion');
    },
  },
  {
    name: 'foreground deletion that need not wait',
    key: 'Box/box',
    prepare: async (store) => {
      const { create, deleteWith } = writersOf(store);
      const box = await create('Box', 'box', { finalizers: ['test/busy'] });
      await create('Thing', 'lax', ownedBy(box));
      await deleteWith(box, 'foregroundDeletion');
    },
  },
  {
    name: 'an orphan maker',
    key: 'Box/box',
    prepare: async (store) => {
      const { create, deleteWith } = writersOf(store);
      const box = await create('Box', 'box', { finalizers: ['test/busy'] });
      await create('Thing', 'child', ownedBy(box));
      await deleteWith(box, 'orphan');
    },
  },
];
for (const { name, key, prepare } of moments) {
  test(`run twice in a row it writes nothing the second time: ${name}`, async (t) => {
    const store = new MemoryStore({ clock: new FakeClock() });
    t.after(() => store.close());
    await prepare(store);
    const revision = async () => (await store.list('Thing')).resourceVersion;
    const reconcile = collectGarbage({ store, kinds });
    const context = { signal: new AbortController().signal, log: silentLogger, reconcileId: 'run' };
    const before = await revision();
    assert.equal(await reconcile(key, context), undefined);
    const between = await revision();
    assert.notEqual(between, before, 'the first run had something to do');
    assert.equal(await reconcile(key, context), undefined);
    assert.equal(await revision(), between);
  });
}

test('an object that got a new owner between the look and the deletion is not deleted', async (t) => {
  const clock = new FakeClock();
  class RacingStore extends MemoryStore {
    race: (() => Promise<unknown>) | undefined;
    override async delete<T extends StoredObject>(...args: Parameters<MemoryStore['delete']>): Promise<T> {
      const race = this.race;
      this.race = undefined;
      await race?.();
      return super.delete<T>(...args);
    }
  }
  const store = new RacingStore({ clock });
  t.after(() => store.close());
  const { create, names } = writersOf(store);
  const [box, rescuer] = [await create('Box', 'box'), await create('Box', 'rescuer')];
  await create('Thing', 'child', ownedBy(box));
  await store.delete('Box', 'box');
  store.race = () => store.patch('Thing', 'child', { metadata: ownedBy(rescuer) });
  const reconcile = collectGarbage({ store, kinds });
  const context = { signal: new AbortController().signal, log: silentLogger, reconcileId: 'run' };
  await assert.rejects(reconcile('Thing/child', context), ConflictError);
  await reconcile('Thing/child', context);
  assert.deepEqual(await names(), ['Box/rescuer', 'Thing/child']);
});

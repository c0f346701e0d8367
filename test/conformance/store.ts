// What every Store must do: the definition of the interface in src/store/store.ts. An implementation calls
// `storeConformance` from a test file of its own.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { StoredObject } from '../../src/resources/object.ts';
import {
  AlreadyExistsError,
  ConflictError,
  MalformedObjectError,
  NotFoundError,
  ObjectTooLargeError,
  StoreClosedError,
} from '../../src/store/errors.ts';
import type { Store } from '../../src/store/store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { changed, thing } from '../support/things.ts';
import type { OpenStore } from './open-store.ts';
import { storeMetadataConformance } from './store-metadata.ts';
import { storeWatchConformance } from './store-watch.ts';

export function storeConformance(name: string, open: OpenStore): void {
  describe(`${name}: objects`, { timeout: 30_000 }, () => {
    let store: Store;
    let clock: FakeClock;
    let close: () => Promise<void>;

    beforeEach(async () => {
      clock = new FakeClock(Date.UTC(2026, 4, 17, 8, 30, 15, 678));
      ({ store, close } = await open({ clock }));
    });
    afterEach(() => close());

    test('gives back what was created, with the metadata a store makes', async () => {
      const created = await store.create(thing('a', { spec: { size: 1, tags: ['x', null], deep: { on: true } } }));
      assert.deepEqual(created.spec, { size: 1, tags: ['x', null], deep: { on: true } });
      assert.equal(created.metadata.name, 'a');
      assert.equal(created.metadata.generation, 1);
      assert.equal(created.metadata.creationTimestamp, '2026-05-17T08:30:15Z');
      assert.match(created.metadata.uid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.notEqual(created.metadata.resourceVersion, '');
      assert.deepEqual(await store.get('Thing', 'a'), created);
    });

    test('answers undefined for an object that is not there', async () => {
      assert.equal(await store.get('Thing', 'a'), undefined);
      assert.equal(await store.get('constructor', '__proto__'), undefined);
    });

    test('refuses a second object of the same kind and name', async () => {
      await store.create(thing('a'));
      await assert.rejects(store.create(thing('a', { spec: {} })), (error) => {
        assert.ok(error instanceof AlreadyExistsError);
        assert.equal(error.message, 'Thing "a" already exists');
        return true;
      });
    });

    test('keeps kinds apart', async () => {
      await store.create(thing('a', { kind: 'One', spec: 1 }));
      await store.create(thing('a', { kind: 'Two', spec: 2 }));
      await store.delete('One', 'a');
      assert.equal(await store.get('One', 'a'), undefined);
      assert.equal((await store.get('Two', 'a'))?.spec, 2);
    });

    test('lets exactly one of many parallel creators win', async () => {
      const results = await Promise.allSettled(Array.from({ length: 20 }, () => store.create(thing('a'))));
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
      assert.ok(errors.every((error) => error instanceof AlreadyExistsError));
    });

    test('replaces everything but status on update', async () => {
      await store.create(thing('a', { spec: { size: 1, old: true } }));
      await store.updateStatus(thing('a', { status: { phase: 'Up' } }));
      const updated = await store.update({
        ...thing('a', { spec: { size: 2 }, status: { phase: 'Forged' } }),
        extra: [1],
      });
      assert.deepEqual(updated.spec, { size: 2 });
      assert.deepEqual(updated.status, { phase: 'Up' });
      assert.deepEqual(updated.extra, [1]);
      assert.deepEqual(await store.get('Thing', 'a'), updated);
    });

    test('replaces status alone on updateStatus', async () => {
      const created = await store.create(thing('a', { metadata: { labels: { app: 'x' } } }));
      const input = changed(created, {
        spec: { size: 99 },
        status: { phase: 'Up' },
        metadata: { labels: { app: 'y' } },
      });
      const updated = await store.updateStatus(input);
      assert.deepEqual(updated.status, { phase: 'Up' });
      assert.deepEqual(updated.spec, { size: 1 });
      assert.deepEqual(updated.metadata.labels, { app: 'x' });
      const cleared = await store.updateStatus(thing('a'));
      assert.equal('status' in cleared, false);
    });

    test('refuses every write to an object that is not there', async () => {
      const isNotFound = (error: unknown) => error instanceof NotFoundError && error.message === 'Thing "a" not found';
      await assert.rejects(store.update(thing('a')), isNotFound);
      await assert.rejects(store.updateStatus(thing('a')), isNotFound);
      await assert.rejects(store.patch('Thing', 'a', {}), isNotFound);
      await assert.rejects(store.delete('Thing', 'a'), isNotFound);
    });

    test('refuses a write for an older version, and takes one without a version', async () => {
      const first = await store.create(thing('a'));
      await store.update(changed(first, { spec: { size: 2 } }));
      const { resourceVersion } = first.metadata;
      await assert.rejects(store.update(changed(first, { spec: { size: 3 } })), ConflictError);
      await assert.rejects(store.updateStatus(changed(first, { status: {} })), ConflictError);
      await assert.rejects(store.patch('Thing', 'a', { metadata: { resourceVersion }, spec: {} }), ConflictError);
      await assert.rejects(store.delete('Thing', 'a', { resourceVersion }), ConflictError);
      assert.deepEqual((await store.get('Thing', 'a'))?.spec, { size: 2 });
      assert.deepEqual((await store.update(thing('a', { spec: { size: 4 } }))).spec, { size: 4 });
    });

    test('refuses a write meant for another object of that name', async () => {
      const { uid } = (await store.create(thing('a'))).metadata;
      await store.delete('Thing', 'a');
      const second = await store.create(thing('a'));
      assert.notEqual(second.metadata.uid, uid);
      await assert.rejects(store.update(thing('a', { metadata: { uid } })), ConflictError);
      await assert.rejects(store.updateStatus(thing('a', { metadata: { uid } })), ConflictError);
      await assert.rejects(store.delete('Thing', 'a', { uid }), ConflictError);
      await store.delete('Thing', 'a', { uid: second.metadata.uid });
    });

    test('lets exactly one of many compare-and-swap writers win', async () => {
      const first = await store.create(thing('a'));
      const writers = Array.from({ length: 20 }, (_, size) =>
        store.update(changed(first, { spec: { size: size + 2 } })),
      );
      const results = await Promise.allSettled(writers);
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      assert.equal((await store.get('Thing', 'a'))?.metadata.generation, 2);
    });

    test('loses no increment of writers that read again after a conflict', async () => {
      await store.create(thing('a', { spec: { size: 0 } }));
      await Promise.all(Array.from({ length: 8 }, () => incrementTimes(store, 5)));
      assert.deepEqual((await store.get('Thing', 'a'))?.spec, { size: 40 });
    });

    test('lists by name, by labels, in the order of names, with the revision it is true at', async () => {
      await store.create(thing('c', { metadata: { labels: { app: 'x', tier: 'front' } } }));
      await store.create(thing('a', { metadata: { labels: { app: 'x', tier: 'back' } } }));
      const newest = await store.create(thing('b'));
      await store.create(thing('z', { kind: 'Other', metadata: { labels: { app: 'x' } } }));
      const names = async (options?: Parameters<Store['list']>[1]) =>
        (await store.list('Thing', options)).items.map((object) => object.metadata.name);
      assert.deepEqual(await names(), ['a', 'b', 'c']);
      assert.deepEqual(await names({ labels: { app: 'x' } }), ['a', 'c']);
      assert.deepEqual(await names({ labels: { app: 'x', tier: 'front' } }), ['c']);
      assert.deepEqual(await names({ labels: {} }), ['a', 'b', 'c']);
      assert.deepEqual(await names({ labels: { toString: 'x' } }), []);
      assert.deepEqual(await names({ name: 'b' }), ['b']);
      assert.deepEqual(await names({ name: 'b', labels: { app: 'x' } }), []);
      assert.notEqual((await store.list('Thing')).resourceVersion, '');
      assert.equal((await store.list('Nothing')).items.length, 0);
      assert.equal(
        (await store.list('Thing', { name: 'b' })).items[0]?.metadata.resourceVersion,
        newest.metadata.resourceVersion,
      );
    });

    test('keeps a write that changes nothing from changing the version', async () => {
      const created = await store.create(
        thing('a', { spec: { size: 1, more: [1] }, metadata: { labels: { app: 'x' } } }),
      );
      const labels = { app: 'x' };
      assert.deepEqual(await store.update(thing('a', { spec: { more: [1], size: 1 }, metadata: { labels } })), created);
      assert.deepEqual(await store.patch('Thing', 'a', { spec: { size: 1 } }), created);
      assert.deepEqual(await store.updateStatus(thing('a')), created);
      const withStatus = await store.updateStatus(thing('a', { status: { n: 0 } }));
      assert.deepEqual(await store.updateStatus(thing('a', { status: { n: 0 } })), withStatus);
    });

    test('hands out frozen objects that share nothing with what the writer holds', async () => {
      const input = thing('a', { spec: { list: [{ deep: 1 }] } });
      const writing = store.create(input);
      (input.spec as { list: unknown[] }).list.push('later');
      const created = await writing;
      assert.deepEqual(created.spec, { list: [{ deep: 1 }] });
      const isDeeplyFrozen = (object: StoredObject | undefined) => {
        const spec = object?.spec as { list: object[] } | undefined;
        return [object, object?.metadata, spec, spec?.list, spec?.list[0]].every(Object.isFrozen);
      };
      assert.ok(isDeeplyFrozen(created));
      assert.ok(isDeeplyFrozen(await store.get('Thing', 'a')));
      assert.ok(isDeeplyFrozen((await store.list('Thing')).items[0]));
    });

    test('refuses what is not an object, and stays usable', async () => {
      const cyclic: Record<string, unknown> = {};
      cyclic.self = cyclic;
      let deep: unknown = 1;
      for (let level = 0; level < 1000; level += 1) deep = [deep];
      const bad = [
        { ...thing('a'), kind: '' },
        { ...thing('a'), apiVersion: 7 },
        { ...thing('a'), metadata: undefined },
        thing(''),
        thing('a', { spec: cyclic }),
        thing('a', { spec: 1n }),
        thing('a', { spec: deep }),
        thing('a', { metadata: { labels: { n: 1 } as never } }),
        thing('a', { metadata: { finalizers: 'x' as never } }),
        thing('a', { metadata: { ownerReferences: ['x'] as never } }),
      ];
      for (const input of bad) await assert.rejects(store.create(input as never), MalformedObjectError);
      const big = thing('a', { spec: 'x'.repeat(1_572_864) });
      await assert.rejects(store.create(big), ObjectTooLargeError);
      assert.deepEqual((await store.list('Thing')).items, []);
      await store.create(thing('a'));
      await assert.rejects(store.patch('Thing', 'a', { metadata: { labels: 'x' } }), MalformedObjectError);
      await assert.rejects(store.patch('Thing', 'a', [] as never), MalformedObjectError);
    });

    test('finishes what it accepted before closing, then refuses', async () => {
      const writes = Array.from({ length: 10 }, (_, n) => store.create(thing(`n${n}`)));
      await store.close();
      assert.equal((await Promise.all(writes)).length, 10);
      await assert.rejects(store.get('Thing', 'n1'), StoreClosedError);
      await assert.rejects(store.create(thing('b')), StoreClosedError);
      await assert.rejects(store.listAndWatch('Thing')[Symbol.asyncIterator]().next(), StoreClosedError);
      await store.close();
    });
  });

  storeMetadataConformance(name, open);
  storeWatchConformance(name, open);
}

async function incrementTimes(store: Store, times: number): Promise<void> {
  for (let done = 0; done < times; ) {
    const object = await store.get<StoredObject & { spec: { size: number } }>('Thing', 'a');
    assert.ok(object);
    try {
      await store.update(changed(object, { spec: { size: object.spec.size + 1 } }));
      done += 1;
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
  }
}

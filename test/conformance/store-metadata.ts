// The part of the store's suite about what belongs to the writer and what to the store: metadata, generation,
// finalizers, merge patch, keys that look like a prototype.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { NotFoundError } from '../../src/store/errors.ts';
import type { Store } from '../../src/store/store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { changed, thing } from '../support/things.ts';
import type { OpenStore } from './open-store.ts';

export function storeMetadataConformance(name: string, open: OpenStore): void {
  describe(`${name}: metadata, deletion and patch`, { timeout: 30_000 }, () => {
    let store: Store;
    let clock: FakeClock;
    let close: () => Promise<void>;

    beforeEach(async () => {
      clock = new FakeClock();
      ({ store, close } = await open({ clock }));
    });
    afterEach(() => close());

    const forged = {
      generation: 77,
      creationTimestamp: '1999-01-01T00:00:00Z',
      deletionTimestamp: '1999-01-01T00:00:00Z',
      deletionGracePeriodSeconds: 9,
    };

    test('ignores what a writer sends for the metadata of the store', async () => {
      const input = {
        ...thing('a', { metadata: { ...forged, uid: 'mine', resourceVersion: '5' } }),
        status: { forged: true },
      };
      const created = await store.create(input);
      assert.equal(created.metadata.generation, 1);
      assert.equal(created.metadata.creationTimestamp, '2026-01-01T00:00:00Z');
      assert.equal(created.metadata.deletionTimestamp, undefined);
      assert.equal(created.metadata.deletionGracePeriodSeconds, undefined);
      assert.notEqual(created.metadata.uid, 'mine');
      assert.notEqual(created.metadata.resourceVersion, '5');
      assert.equal('status' in created, false);
      assert.deepEqual(await store.update(changed(created, { metadata: forged })), created);
      assert.deepEqual(await store.patch('Thing', 'a', { metadata: forged }), created);
      const patch = {
        apiVersion: 'x/v1',
        kind: 'Else',
        metadata: { name: 'b', namespace: 'c' },
        status: { forged: true },
      };
      assert.deepEqual((await store.patch('Thing', 'a', patch)).metadata, created.metadata);
      assert.equal((await store.get('Thing', 'a'))?.kind, 'Thing');
      assert.equal('status' in ((await store.get('Thing', 'a')) ?? {}), false);
      assert.equal(await store.get('Else', 'b'), undefined);
    });

    test('takes labels, annotations, finalizers and owners from the writer, and what it leaves out goes', async () => {
      const owner = { apiVersion: 'v1', kind: 'Owner', name: 'o', uid: 'u' };
      const metadata = { labels: { a: '1' }, annotations: { b: '2' }, finalizers: ['x/y'], ownerReferences: [owner] };
      const created = await store.create(thing('a', { metadata: { ...metadata, namespace: 'default' } }));
      const { labels, annotations, finalizers, ownerReferences, namespace } = created.metadata;
      assert.deepEqual({ labels, annotations, finalizers, ownerReferences }, metadata);
      assert.equal(namespace, 'default');
      const updated = await store.update(thing('a', { metadata: { labels: {}, annotations: { c: '3' } } }));
      assert.equal(updated.metadata.labels, undefined);
      assert.deepEqual(updated.metadata.annotations, { c: '3' });
      assert.equal(updated.metadata.finalizers, undefined);
      assert.equal(updated.metadata.ownerReferences, undefined);
      assert.equal(updated.metadata.namespace, 'default');
      assert.equal(updated.metadata.uid, created.metadata.uid);
    });

    test('raises generation with the spec and with nothing else', async () => {
      const created = await store.create(thing('a'));
      const generation = async (write: Promise<{ metadata: { generation: number; resourceVersion: string } }>) =>
        (await write).metadata.generation;
      assert.equal(await generation(store.updateStatus(thing('a', { status: { n: 1 } }))), 1);
      assert.equal(await generation(store.update(thing('a', { metadata: { labels: { a: '1' } } }))), 1);
      assert.equal(await generation(store.patch('Thing', 'a', { metadata: { finalizers: ['x/y'] } })), 1);
      assert.equal(await generation(store.patch('Thing', 'a', { spec: { size: 2 } })), 2);
      assert.equal(await generation(store.update({ ...thing('a', { spec: { size: 2 } }), extra: 1 })), 3);
      await store.patch('Thing', 'a', { metadata: { finalizers: ['x/y'] } });
      assert.equal(await generation(store.delete('Thing', 'a')), 3);
      assert.equal(created.metadata.generation, 1);
    });

    test('gives every change a version of its own', async () => {
      const seen = new Set<string>();
      const note = async (write: Promise<{ metadata: { resourceVersion: string } }>) =>
        seen.add((await write).metadata.resourceVersion);
      await note(store.create(thing('a')));
      await note(store.update(thing('a', { spec: 2 })));
      await note(store.updateStatus(thing('a', { status: 1 })));
      await note(store.delete('Thing', 'a'));
      await note(store.create(thing('a')));
      assert.equal(seen.size, 5);
    });

    test('removes an object without finalizers at once and answers its last state', async () => {
      await store.create(thing('a', { spec: { size: 7 } }));
      const last = await store.delete('Thing', 'a');
      assert.deepEqual(last.spec, { size: 7 });
      assert.equal(last.metadata.deletionTimestamp, undefined);
      assert.equal(await store.get('Thing', 'a'), undefined);
      await assert.rejects(store.delete('Thing', 'a'), NotFoundError);
    });

    test('keeps an object with finalizers, marked, until the last of them goes', async () => {
      await store.create(thing('a', { metadata: { finalizers: ['x/one', 'x/two'] } }));
      await clock.advance(5_000);
      const marked = await store.delete('Thing', 'a');
      assert.equal(marked.metadata.deletionTimestamp, '2026-01-01T00:00:05Z');
      await clock.advance(5_000);
      assert.deepEqual(await store.delete('Thing', 'a'), marked, 'a second delete changes nothing');
      const withStatus = await store.updateStatus(changed(marked, { status: { phase: 'Leaving' } }));
      const one = await store.update(changed(withStatus, { metadata: { finalizers: ['x/two'] } }));
      assert.equal(one.metadata.deletionTimestamp, '2026-01-01T00:00:05Z');
      assert.deepEqual(await store.get('Thing', 'a'), one);
      const gone = await store.patch('Thing', 'a', { metadata: { finalizers: null } });
      assert.deepEqual(gone.status, { phase: 'Leaving' });
      assert.equal(await store.get('Thing', 'a'), undefined);
      const next = await store.create(thing('a'));
      assert.notEqual(next.metadata.uid, gone.metadata.uid);
    });

    test('merges a patch as RFC 7396 says', async () => {
      // The examples of the RFC's appendix that are objects, each as the spec of an object.
      const table: [unknown, unknown, unknown][] = [
        [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
        [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
        [{ a: 'b' }, { a: null }, {}],
        [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
        [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
        [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
        [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
        [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
        [
          ['a', 'b'],
          ['c', 'd'],
          ['c', 'd'],
        ],
        [{ a: 'b' }, ['c'], ['c']],
        [{ e: null }, { a: 1 }, { e: null, a: 1 }],
        [[1, 2], { a: 'b', c: null }, { a: 'b' }],
        [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
      ];
      for (const [index, [before, patch, after]] of table.entries()) {
        await store.create(thing(`n${index}`, { spec: before }));
        assert.deepEqual((await store.patch('Thing', `n${index}`, { spec: patch })).spec, after, `row ${index}`);
      }
    });

    test('patches labels one by one and keeps the rest', async () => {
      await store.create(thing('a', { metadata: { labels: { a: '1', b: '2' }, annotations: { n: 'x' } } }));
      const { metadata } = await store.patch('Thing', 'a', { metadata: { labels: { a: null, c: '3' } } });
      assert.deepEqual(metadata.labels, { b: '2', c: '3' });
      assert.deepEqual(metadata.annotations, { n: 'x' });
    });

    test('applies parallel patches of different fields without losing one', async () => {
      await store.create(thing('a', { spec: {} }));
      await Promise.all(Array.from({ length: 20 }, (_, n) => store.patch('Thing', 'a', { spec: { [`f${n}`]: n } })));
      const object = await store.get('Thing', 'a');
      assert.equal(Object.keys(object?.spec as object).length, 20);
      assert.equal(object?.metadata.generation, 21);
    });

    test('takes keys that look like a prototype as plain data (covers: SEC-95)', async () => {
      const evil = JSON.parse('{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}}}');
      const labels = JSON.parse('{"__proto__":"x","constructor":"y"}');
      await store.create(thing('__proto__', { kind: 'constructor', spec: evil, metadata: { labels } }));
      const patched = await store.patch('constructor', '__proto__', {
        spec: JSON.parse('{"__proto__":{"more":1},"n":1}'),
      });
      const wanted = '{"__proto__":{"polluted":"yes","more":1},"constructor":{"prototype":{"polluted":"yes"}},"n":1}';
      assert.equal(JSON.stringify(patched.spec), wanted);
      assert.equal(
        JSON.stringify((await store.get('constructor', '__proto__'))?.metadata.labels),
        JSON.stringify(labels),
      );
      assert.equal((await store.list('constructor', { labels })).items.length, 1);
      assert.equal((await store.list('constructor', { labels: JSON.parse('{"__proto__":"z"}') })).items.length, 0);
      assert.equal(({} as Record<string, unknown>).polluted, undefined);
      const removed = await store.patch('constructor', '__proto__', { spec: JSON.parse('{"__proto__":null}') });
      assert.equal(Object.hasOwn(removed.spec as object, '__proto__'), false);
    });
  });
}

// The part of the store's suite about watching: one snapshot, then every change once and in commit order, and what ends
// a stream.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ExpiredError, StoreClosedError } from '../../src/store/errors.ts';
import type { Store } from '../../src/store/store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { thing } from '../support/things.ts';
import { story, WatchReader } from '../support/watch-reader.ts';
import type { OpenStore } from './open-store.ts';

const historyLimits = { count: 20, bytes: 20_000, ageMs: 600_000 };
const watchBuffer = 50;

export function storeWatchConformance(name: string, open: OpenStore): void {
  describe(`${name}: watch`, { timeout: 30_000 }, () => {
    let store: Store;
    let clock: FakeClock;
    let close: () => Promise<void>;
    let readers: WatchReader[];

    beforeEach(async () => {
      clock = new FakeClock();
      readers = [];
      ({ store, close } = await open({ clock, historyLimits, watchBuffer }));
    });
    afterEach(async () => {
      for (const reader of readers) reader.abort();
      await close();
    });

    async function watch(kind = 'Thing', from?: string) {
      const opened = await WatchReader.open(store, kind, from);
      readers.push(opened.reader);
      return opened;
    }

    test('tells the snapshot in the order of names, a bookmark, then each change', async () => {
      await store.create(thing('b'));
      await store.create(thing('a'));
      const { reader, snapshot } = await watch();
      assert.deepEqual(story(snapshot), ['ADDED a', 'ADDED b']);
      assert.equal(reader.revision, (await store.list('Thing')).resourceVersion);
      await store.create(thing('c'));
      await store.update(thing('a', { spec: 2 }));
      await store.updateStatus(thing('b', { status: 1 }));
      await store.delete('Thing', 'b');
      const events = await reader.take(4);
      assert.deepEqual(story(events), ['ADDED c', 'MODIFIED a', 'MODIFIED b', 'DELETED b']);
      assert.deepEqual(events[1]?.object, await store.get('Thing', 'a'));
      assert.ok(Object.isFrozen(events[1]?.object.metadata));
    });

    test('begins with a bookmark alone when there is nothing', async () => {
      const { snapshot } = await watch();
      assert.deepEqual(snapshot, []);
    });

    test('tells a deletion by finalizers as changes and one DELETED, each with a version to go on from', async () => {
      await store.create(thing('a', { metadata: { finalizers: ['x/y'] } }));
      const { reader } = await watch();
      const marked = await store.delete('Thing', 'a');
      const gone = await store.patch('Thing', 'a', { metadata: { finalizers: [] } });
      const events = await reader.take(2);
      assert.deepEqual(story(events), ['MODIFIED a', 'DELETED a']);
      assert.deepEqual(events[0]?.object, marked);
      assert.deepEqual(events[1]?.object, gone);
      assert.deepEqual((await watch('Thing', gone.metadata.resourceVersion)).snapshot, []);
    });

    test('is not woken by a write that changes nothing, by a refused one, or by another kind', async () => {
      await store.create(thing('a'));
      const { reader } = await watch();
      await store.update(thing('a'));
      await store.patch('Thing', 'a', {});
      await assert.rejects(store.create(thing('a')));
      await store.create(thing('x', { kind: 'Other' }));
      await store.create(thing('b'));
      assert.deepEqual(story(await reader.take(1)), ['ADDED b']);
    });

    test('has the change in every stream before the writer has its answer', async () => {
      const { reader } = await watch();
      const order: string[] = [];
      const reading = reader.take(1).then(() => order.push('read'));
      await store.create(thing('a')).then(() => order.push('written'));
      await reading;
      assert.equal(order.length, 2);
      const late = reader.take(1);
      await store.create(thing('b'));
      assert.deepEqual(story(await late), ['ADDED b']);
    });

    test('goes on from a revision with exactly what came after it', async () => {
      const first = await store.create(thing('a'));
      await store.create(thing('x', { kind: 'Other' }));
      await store.update(thing('a', { spec: 2 }));
      await store.create(thing('b'));
      await store.delete('Thing', 'a');
      const { reader, snapshot } = await watch('Thing', first.metadata.resourceVersion);
      assert.deepEqual(story(snapshot), ['MODIFIED a', 'ADDED b', 'DELETED a']);
      await store.create(thing('c'));
      assert.deepEqual(story(await reader.take(1)), ['ADDED c']);
      const { resourceVersion } = await store.list('Thing');
      assert.deepEqual((await watch('Thing', resourceVersion)).snapshot, []);
    });

    test('loses and doubles nothing when streams begin amid many writers', async () => {
      // With the usual buffer: the readers here are to keep up.
      await close();
      ({ store, close } = await open({ clock }));
      const names = Array.from({ length: 12 }, (_, n) => `n${n}`);
      const last = 12;
      const following: Promise<void>[] = [];

      /** Reads until every object has come to its last state, and checks that each step was told once. */
      async function follow(): Promise<void> {
        const { reader, snapshot } = await watch();
        const seen = new Map(snapshot.map(({ object }) => [object.metadata.name, Number(object.spec)]));
        while (names.some((each) => seen.get(each) !== last)) {
          const [event] = await reader.take(1);
          assert.ok(event);
          const before = seen.get(event.object.metadata.name);
          assert.equal(event.type, before === undefined ? 'ADDED' : 'MODIFIED');
          assert.equal(event.object.spec, before === undefined ? 0 : before + 1);
          seen.set(event.object.metadata.name, Number(event.object.spec));
        }
      }

      async function write(each: string): Promise<void> {
        await store.create(thing(each, { spec: 0 }));
        for (let size = 1; size <= last; size += 1) {
          if (each === names[0]) following.push(follow());
          await store.update(thing(each, { spec: size }));
        }
      }

      await Promise.all(names.map(write));
      assert.equal(following.length, last);
      await Promise.all(following);
    });

    test('tells every reader the same order, which is the order of the versions', async () => {
      const one = (await watch()).reader;
      const two = (await watch()).reader;
      const writes = Array.from({ length: 40 }, (_, n) =>
        n % 2 === 0 ? store.create(thing(`n${n}`)) : store.patch('Thing', `n${n - 1}`, { spec: { size: 2 } }),
      );
      const written = await Promise.all(writes);
      const [first, second] = await Promise.all([one.take(40), two.take(40)]);
      assert.deepEqual(first, second);
      const versions = first.map(({ object }) => object.metadata.resourceVersion);
      assert.equal(new Set(versions).size, 40);
      assert.deepEqual([...versions].sort(), written.map(({ metadata }) => metadata.resourceVersion).sort());
      for (const [index, event] of first.entries()) {
        const { snapshot } = await watch('Thing', event.object.metadata.resourceVersion).catch((error: unknown) => {
          assert.ok(error instanceof ExpiredError);
          return { snapshot: undefined };
        });
        if (snapshot) assert.deepEqual(snapshot, first.slice(index + 1));
      }
    });

    test('says Expired for a revision that history has dropped by count, and for one it never had', async () => {
      const first = await store.create(thing('a', { spec: 0 }));
      for (let size = 1; size <= historyLimits.count + 1; size += 1) await store.update(thing('a', { spec: size }));
      await assert.rejects(watch('Thing', first.metadata.resourceVersion), ExpiredError);
      await assert.rejects(watch('Thing', '9'.repeat(15)), ExpiredError);
      await assert.rejects(watch('Thing', 'yesterday'), ExpiredError);
      await assert.rejects(watch('Thing', ''), ExpiredError);
      assert.equal((await watch()).snapshot.length, 1);
    });

    test('says Expired for a revision that history has dropped by bytes', async () => {
      const first = await store.create(thing('a'));
      for (let size = 1; size <= 5; size += 1) await store.update(thing('a', { spec: `${size}`.repeat(5_000) }));
      await assert.rejects(watch('Thing', first.metadata.resourceVersion), ExpiredError);
    });

    test('says Expired for a revision that history has dropped by age', async () => {
      const first = await store.create(thing('a'));
      await store.update(thing('a', { spec: 2 }));
      await clock.advance(historyLimits.ageMs / 2);
      const second = await store.update(thing('a', { spec: 3 }));
      const third = await store.update(thing('a', { spec: 4 }));
      await clock.advance(historyLimits.ageMs / 2 + 120_000);
      await assert.rejects(watch('Thing', first.metadata.resourceVersion), ExpiredError);
      const { snapshot } = await watch('Thing', second.metadata.resourceVersion);
      assert.deepEqual(
        snapshot.map(({ object }) => object),
        [third],
      );
    });

    test('keeps history in order when the wall clock is set back, and drops it all the same', async () => {
      const first = await store.create(thing('a', { spec: 0 }));
      clock.jumpWall(-86_400_000);
      const second = await store.update(thing('a', { spec: 1 }));
      await store.update(thing('a', { spec: 2 }));
      const { snapshot } = await watch('Thing', first.metadata.resourceVersion);
      assert.deepEqual(
        snapshot.map(({ object }) => object.spec),
        [1, 2],
      );
      await clock.advance(historyLimits.ageMs + 120_000);
      await assert.rejects(watch('Thing', first.metadata.resourceVersion), ExpiredError);
      await assert.rejects(watch('Thing', second.metadata.resourceVersion), ExpiredError);
      assert.equal((await watch()).snapshot.length, 1);
    });

    test('lets go of a reader that is too slow, and of no other', async () => {
      const slow = (await watch()).reader;
      const quick = (await watch()).reader;
      await store.create(thing('a', { spec: 0 }));
      for (let size = 1; size <= watchBuffer + 1; size += 1) {
        await store.update(thing('a', { spec: size }));
        await quick.take(1);
      }
      await assert.rejects(slow.take(watchBuffer), ExpiredError);
      assert.deepEqual(story(await quick.take(1)), ['MODIFIED a']);
    });

    test('gives a reader its whole snapshot, however large against the buffer', async () => {
      await Promise.all(Array.from({ length: watchBuffer * 2 }, (_, n) => store.create(thing(`n${n}`))));
      assert.equal((await watch()).snapshot.length, watchBuffer * 2);
    });

    test('tells a quiet kind by bookmarks how far the store has come', async () => {
      const { reader } = await watch();
      for (const round of [1, 2]) {
        for (let n = 0; n < historyLimits.count * 2; n += 1) {
          await store.create(thing(`n${round}-${n}`, { kind: 'Other' }));
        }
        await clock.advance(60_000);
        assert.deepEqual(await reader.untilBookmark(), []);
        assert.equal(reader.revision, (await store.list('Thing')).resourceVersion);
        assert.deepEqual((await watch('Thing', reader.revision)).snapshot, []);
      }
    });

    test('ends without an error when aborted: before, while waiting, with events waiting', async () => {
      const iterator = store.listAndWatch('Thing', { signal: AbortSignal.abort() })[Symbol.asyncIterator]();
      assert.equal((await iterator.next()).done, true);
      const { reader } = await watch();
      const waiting = reader.next();
      reader.abort();
      assert.equal(await waiting, undefined);
      const full = (await watch()).reader;
      await store.create(thing('a'));
      full.abort();
      assert.equal(await full.next(), undefined);
    });

    test('lets a reader leave its loop, and serves the others', async () => {
      const other = (await watch()).reader;
      await store.create(thing('a'));
      for await (const event of store.listAndWatch('Thing')) {
        assert.equal(event.type, 'ADDED');
        break;
      }
      await store.create(thing('b'));
      assert.deepEqual(story(await other.take(2)), ['ADDED a', 'ADDED b']);
    });

    test('ends with StoreClosedError when the store closes, after what was accepted', async () => {
      const { reader } = await watch();
      const waiting = reader.take(2);
      const write = store.create(thing('a'));
      await store.close();
      await write;
      await assert.rejects(waiting, StoreClosedError);
      assert.equal(clock.pendingTimers, 0);
    });
  });
}

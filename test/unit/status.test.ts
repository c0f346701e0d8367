import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoredObject } from '../../src/resources/object.ts';
import { mutateStatus } from '../../src/runtime/status.ts';
import { ConflictError } from '../../src/store/errors.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryStore } from '../support/memory-store.ts';

interface Thing extends StoredObject {
  status?: { phase?: string; count?: number; seen?: string[] };
}

const input = { apiVersion: 'test/v1', kind: 'Thing', metadata: { name: 'a' }, spec: { size: 1 } };

/** A store in which another writer comes first, so many times. */
class ContestedStore extends MemoryStore {
  races = 0;
  statusWrites = 0;
  beforeRace: () => Promise<unknown> = () =>
    this.patch('Thing', 'a', { metadata: { labels: { race: String(this.races) } } });

  override async updateStatus<T extends StoredObject>(object: Parameters<MemoryStore['updateStatus']>[0]): Promise<T> {
    this.statusWrites += 1;
    if (this.races > 0) {
      this.races -= 1;
      await this.beforeRace();
    }
    return super.updateStatus<T>(object);
  }
}

const aStore = () => new ContestedStore({ clock: new FakeClock() });

test('changes a copy of the newest status and answers what is stored', async () => {
  const store = aStore();
  await store.create(input);
  const first = await mutateStatus<Thing>(store, 'Thing', 'a', (status) => {
    status.phase = 'Running';
  });
  assert.deepEqual(first?.status, { phase: 'Running' });
  const second = await mutateStatus<Thing>(store, 'Thing', 'a', (status, object) => {
    assert.deepEqual(object.spec, { size: 1 });
    status.count = 1;
  });
  assert.deepEqual(second?.status, { phase: 'Running', count: 1 });
  assert.deepEqual(await store.get('Thing', 'a'), second);
});

test('writes nothing when nothing differs', async () => {
  const store = aStore();
  await store.create(input);
  const nothing = await mutateStatus<Thing>(store, 'Thing', 'a', (status) => {
    Object.assign(status, { phase: undefined });
  });
  assert.equal(nothing?.status, undefined);
  const write = (status: NonNullable<Thing['status']>) => {
    status.seen = ['x'];
  };
  await mutateStatus<Thing>(store, 'Thing', 'a', write);
  assert.equal(store.statusWrites, 1);
  const again = await mutateStatus<Thing>(store, 'Thing', 'a', write);
  assert.equal(store.statusWrites, 1);
  assert.equal(again?.metadata.resourceVersion, (await store.get('Thing', 'a'))?.metadata.resourceVersion);
});

test('a field set to undefined is a field removed', async () => {
  const store = aStore();
  await store.create(input);
  await mutateStatus<Thing>(store, 'Thing', 'a', (status) => {
    Object.assign(status, { phase: 'Running', count: 1 });
  });
  const object = await mutateStatus<Thing>(store, 'Thing', 'a', (status) => {
    Object.assign(status, { count: undefined });
  });
  assert.deepEqual(object?.status, { phase: 'Running' });
});

test('starts over on the newer object when another writer came first', async () => {
  const store = aStore();
  await store.create(input);
  store.races = 3;
  const seen: (string | undefined)[] = [];
  const object = await mutateStatus<Thing>(store, 'Thing', 'a', (status, current) => {
    seen.push(current.metadata.labels?.['race']);
    status.count = (status.count ?? 0) + 1;
  });
  assert.deepEqual(seen, [undefined, '2', '1', '0']);
  assert.deepEqual(object?.status, { count: 1 });
});

test('gives up with the conflict when it loses again and again', async () => {
  const store = aStore();
  await store.create(input);
  store.races = 1_000;
  await assert.rejects(
    mutateStatus<Thing>(store, 'Thing', 'a', (status) => {
      status.count = 1;
    }),
    ConflictError,
  );
  assert.equal(store.statusWrites, 16);
});

test('answers undefined for an object that is gone, or goes meanwhile', async () => {
  const store = aStore();
  const write = () =>
    mutateStatus<Thing>(store, 'Thing', 'a', (status) => {
      status.count = 1;
    });
  assert.equal(await write(), undefined);
  await store.create(input);
  store.races = 1;
  store.beforeRace = () => store.delete('Thing', 'a');
  assert.equal(await write(), undefined);
});

test('does not write the status of one object into another that took its name', async () => {
  const store = aStore();
  await store.create(input);
  store.races = 1;
  store.beforeRace = async () => {
    await store.delete('Thing', 'a');
    await store.create(input);
  };
  let calls = 0;
  const answer = await mutateStatus<Thing>(store, 'Thing', 'a', (status) => {
    calls += 1;
    status.count = 1;
  });
  assert.equal(answer, undefined);
  assert.equal(calls, 1);
  assert.equal((await store.get<Thing>('Thing', 'a'))?.status, undefined);
});

test('what the mutation throws comes out, and nothing is written', async () => {
  const store = aStore();
  await store.create(input);
  const error = new Error('changed my mind');
  await assert.rejects(
    mutateStatus<Thing>(store, 'Thing', 'a', (status) => {
      status.count = 1;
      throw error;
    }),
    error,
  );
  assert.equal(store.statusWrites, 0);
});

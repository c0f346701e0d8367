// Writers beside each other: who pinned a version is told that it is old, who did not follows what the others wrote.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Admission } from '../../../src/resources/admission.ts';
import type { ObjectInput, StoredObject } from '../../../src/resources/object.ts';
import { ConflictError, NotFoundError } from '../../../src/store/errors.ts';
import { AdmissionBench, writeContext } from '../../support/an-admission.ts';
import { MemoryStore } from '../../support/memory-store.ts';

/** A store in which a controller writes the status between a door's look and its write. */
class ContestedStore extends MemoryStore {
  races = 0;
  #writes = 0;

  override async update<T extends StoredObject>(object: ObjectInput): Promise<T> {
    await this.#race(object.kind, object.metadata.name);
    return super.update<T>(object);
  }

  override async patch<T extends StoredObject>(kind: string, name: string, patch: Record<string, unknown>): Promise<T> {
    await this.#race(kind, name);
    return super.patch<T>(kind, name, patch);
  }

  override async updateStatus<T extends StoredObject>(object: ObjectInput): Promise<T> {
    await this.#race(object.kind, object.metadata.name);
    return super.updateStatus<T>(object);
  }

  async #race(kind: string, name: string): Promise<void> {
    if (this.races === 0) return;
    this.races -= 1;
    this.#writes += 1;
    const current = await this.get(kind, name);
    await super.updateStatus({ ...current!, status: { diskBytes: this.#writes } });
  }
}

async function contested(races: number): Promise<AdmissionBench<ContestedStore>> {
  const bench = new AdmissionBench((clock) => new ContestedStore({ clock }));
  await bench.create('a');
  bench.store.races = races;
  return bench;
}

const context = writeContext();

const writes: [verb: string, write: (admission: Admission, metadata: object) => Promise<StoredObject>][] = [
  [
    'update',
    (admission, metadata) =>
      admission.update('Server', 'a', { metadata: { name: 'a', ...metadata }, spec: { image: 'other' } }, context),
  ],
  ['patch', (admission, metadata) => admission.patch('Server', 'a', { metadata, spec: { image: 'other' } }, context)],
  [
    'updateStatus',
    (admission, metadata) =>
      admission.updateStatus('Server', 'a', { metadata, spec: {}, status: { state: 'offline' } }, context),
  ],
  [
    'patchStatus',
    (admission, metadata) => admission.patchStatus('Server', 'a', { metadata, status: { state: 'offline' } }, context),
  ],
];

describe('with an old resourceVersion nothing is written by', () => {
  for (const [verb, write] of writes) {
    test(verb, async () => {
      const bench = await contested(0);
      const { resourceVersion } = (await bench.read('a')).metadata;
      await bench.patch('a', { metadata: { labels: { newer: 'yes' } } });
      const before = await bench.state();
      await assert.rejects(write(bench.admission, { resourceVersion }), ConflictError);
      assert.deepEqual(await bench.state(), before);
    });
  }

  test('delete', async () => {
    const bench = await contested(0);
    const { resourceVersion } = (await bench.read('a')).metadata;
    await bench.patch('a', { metadata: { labels: { newer: 'yes' } } });
    const before = await bench.state();
    for (const options of [{}, { finalizer: 'orphan' }, { finalizer: 'foregroundDeletion' }] as const) {
      const preconditions = { resourceVersion };
      await assert.rejects(
        bench.admission.delete('Server', 'a', { preconditions, ...options }, context),
        ConflictError,
      );
    }
    assert.deepEqual(await bench.state(), before);
  });
});

describe('a controller’s write in between', () => {
  for (const [verb, write] of writes) {
    test(`is a conflict for a pinned ${verb}`, async () => {
      const bench = await contested(1);
      const { resourceVersion } = (await bench.read('a')).metadata;
      await assert.rejects(write(bench.admission, { resourceVersion }), ConflictError);
    });

    test(`is followed by any other ${verb}`, async () => {
      const bench = await contested(3);
      const server = await write(bench.admission, {});
      assert.equal(bench.store.races, 0);
      assert.deepEqual(await bench.read('a'), server);
    });

    test(`ends a ${verb} that never comes through`, async () => {
      const bench = await contested(1_000);
      await assert.rejects(write(bench.admission, {}), ConflictError);
      assert.ok(bench.store.races > 900);
    });
  }

  test('does not undo what the controller wrote', async () => {
    const bench = await contested(1);
    const server = await bench.patch('a', { spec: { image: 'other' } });
    assert.deepEqual(server.status, { diskBytes: 1 });
  });

  test('is followed by a deletion with a finalizer', async () => {
    const bench = await contested(2);
    const server = await bench.admission.delete('Server', 'a', { finalizer: 'orphan' }, context);
    assert.deepEqual(server.metadata.finalizers, ['aileron.dev/server', 'orphan']);
    assert.ok(server.metadata.deletionTimestamp);
  });

  test('warns the writer once', async () => {
    const bench = await contested(3);
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    await bench.patch('a', { spec: { colour: 1 } }, writeContext({ fieldValidation: 'Warn', warn }));
    await bench.patch('a', { spec: { colour: 1, image: 'b' } }, writeContext({ fieldValidation: 'Warn', warn }));
    assert.deepEqual(warnings, ['unknown field "spec.colour"', 'unknown field "spec.colour"']);
  });
});

test('parallel writers of different fields lose nothing to each other', async () => {
  const bench = new AdmissionBench();
  await bench.create('a');
  const keys = Array.from({ length: 30 }, (_, index) => `k${index}`);
  await Promise.all(keys.map((key) => bench.patch('a', { metadata: { labels: { [key]: 'x' } } })));
  assert.deepEqual(Object.keys((await bench.read('a')).metadata.labels ?? {}).toSorted(), keys.toSorted());
});

test('a write that changes nothing keeps the resourceVersion', async () => {
  const bench = new AdmissionBench();
  await bench.create('a', { environment: { B: 2, A: 1 }, power: { desired: 'Running' } });
  const before = await bench.state();
  const read = await bench.read('a');
  await bench.update(read);
  await bench.update({ metadata: { name: 'a' }, spec: { environment: { A: 1, B: 2 }, image: 'game' } });
  await bench.patch('a', {});
  await bench.patch('a', { spec: { image: 'game', environment: { A: 1 }, power: { desired: 'Running' } } });
  await bench.patch('a', { status: { state: 'running' } });
  await bench.admission.patchStatus('Server', 'a', { spec: { image: 'other' } }, context);
  assert.deepEqual(await bench.state(), before);
});

test('a refused write keeps nobody else from writing', async () => {
  const bench = new AdmissionBench();
  const outcomes = await Promise.allSettled([
    bench.create('a', { image: 'NOT' }),
    bench.create('b'),
    bench.patch('nobody', {}),
    bench.create('c'),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected', 'fulfilled'],
  );
});

test('what is not there cannot be written', async () => {
  const { admission } = new AdmissionBench();
  for (const [verb, write] of writes) await assert.rejects(write(admission, {}), NotFoundError, verb);
  await assert.rejects(admission.delete('Server', 'a', {}, context), NotFoundError);
});

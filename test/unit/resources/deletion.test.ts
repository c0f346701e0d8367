// Deleting: an object waits for its finalizers, which nobody can take away before or add to afterwards.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConflictError } from '../../../src/store/errors.ts';
import { AdmissionBench, causesOf, writeContext } from '../../support/an-admission.ts';

const context = writeContext();

async function withServer(): Promise<AdmissionBench> {
  const bench = new AdmissionBench();
  await bench.create('a');
  return bench;
}

test('a server is marked and stays until its finalizer is gone', async () => {
  const bench = await withServer();
  const marked = await bench.admission.delete('Server', 'a', {}, context);
  assert.equal(marked.metadata.deletionTimestamp, '2026-01-01T00:00:00Z');
  bench.clock.jumpWall(60_000);
  const again = await bench.admission.delete('Server', 'a', {}, context);
  assert.deepEqual(again, marked);
  await bench.store.patch('Server', 'a', { metadata: { finalizers: null } });
  assert.equal(await bench.store.get('Server', 'a'), undefined);
});

test('the wish about dependents is noted with the deletion, the newest one counts', async () => {
  const bench = await withServer();
  const first = await bench.admission.delete('Server', 'a', { finalizer: 'foregroundDeletion' }, context);
  assert.deepEqual(first.metadata.finalizers, ['aileron.dev/server', 'foregroundDeletion']);
  const same = await bench.admission.delete('Server', 'a', { finalizer: 'foregroundDeletion' }, context);
  assert.deepEqual(same, first);
  const second = await bench.admission.delete('Server', 'a', { finalizer: 'orphan' }, context);
  assert.deepEqual(second.metadata.finalizers, ['aileron.dev/server', 'orphan']);
});

test('only the object that is meant is deleted', async () => {
  const bench = await withServer();
  const { uid, resourceVersion } = (await bench.read('a')).metadata;
  const before = await bench.state();
  for (const preconditions of [{ uid: 'another' }, { uid, resourceVersion: '0' }]) {
    for (const options of [{}, { finalizer: 'orphan' }] as const) {
      const deletion = bench.admission.delete('Server', 'a', { preconditions, ...options }, context);
      await assert.rejects(deletion, ConflictError);
    }
  }
  assert.deepEqual(await bench.state(), before);
  const preconditions = { uid, resourceVersion };
  const marked = await bench.admission.delete('Server', 'a', { preconditions, finalizer: 'orphan' }, context);
  assert.ok(marked.metadata.deletionTimestamp);
});

test('a server that is not being deleted keeps its finalizer, whoever leaves it out', async () => {
  const bench = await withServer();
  const { spec } = await bench.read('a');
  const writes = [
    () => bench.update({ metadata: { name: 'a' }, spec }),
    () => bench.update({ metadata: { name: 'a', finalizers: [] }, spec }),
    () => bench.patch('a', { metadata: { finalizers: null } }),
    () => bench.patch('a', { metadata: { finalizers: [] } }),
  ];
  for (const write of writes) assert.deepEqual((await write()).metadata.finalizers, ['aileron.dev/server']);
});

test('the finalizer of a server that is being deleted is given up only by saying so', async () => {
  const bench = await withServer();
  await bench.admission.delete('Server', 'a', {}, context);
  const { spec } = await bench.read('a');
  const replaced = await bench.update({ metadata: { name: 'a' }, spec });
  assert.deepEqual(replaced.metadata.finalizers, ['aileron.dev/server']);
  await bench.patch('a', { metadata: { labels: { a: 'b' } } });
  await bench.patch('a', { metadata: { finalizers: null } });
  assert.equal(await bench.store.get('Server', 'a'), undefined);
});

test('no finalizer is added to what is being deleted', async () => {
  const bench = await withServer();
  await bench.admission.delete('Server', 'a', {}, context);
  const finalizers = ['aileron.dev/server', 'example.com/late'];
  assert.deepEqual(await causesOf(bench.patch('a', { metadata: { finalizers } })), [
    {
      field: 'metadata.finalizers',
      reason: 'FieldValueForbidden',
      message: 'Forbidden: no new finalizers can be added if the object is being deleted',
    },
  ]);
});

test('an Event goes at once', async () => {
  const bench = new AdmissionBench();
  const input = { metadata: { name: 'e' }, involvedObject: { kind: 'Server', name: 'a' }, reason: 'Started' };
  await bench.admission.create('Event', input, context);
  const last = await bench.admission.delete('Event', 'e', {}, context);
  assert.equal(last['reason'], 'Started');
  assert.equal(await bench.store.get('Event', 'e'), undefined);
});

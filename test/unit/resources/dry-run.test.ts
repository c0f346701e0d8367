// A dry run answers what the write would leave, refuses what it would refuse, and writes nothing.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { StoredObject } from '../../../src/resources/object.ts';
import { AlreadyExistsError, ConflictError, NotFoundError } from '../../../src/store/errors.ts';
import { AdmissionBench, asDryRun, causesOf, uuidOf, writeContext } from '../../support/an-admission.ts';

let bench: AdmissionBench;
let before: unknown;

beforeEach(async () => {
  bench = new AdmissionBench();
  await bench.create('a', { uuid: uuidOf(900), allocations: { default: { ip: '0.0.0.0', port: 25565 } } });
  await bench.finishRequest('a');
  before = await bench.state();
});

/** Both as they would be read, but for what only a real write gives. */
function assertSameButVersion(real: StoredObject, dry: StoredObject): void {
  const plain = ({ metadata: { resourceVersion, uid, ...metadata }, ...rest }: StoredObject) =>
    JSON.parse(JSON.stringify({ metadata, ...rest })) as unknown;
  assert.deepEqual(plain(dry), plain(real));
}

test('of a creation', async () => {
  const dry = await bench.create('b', { uuid: uuidOf(901), limits: { memory: 5 } }, asDryRun);
  assert.equal(dry.metadata.resourceVersion, '');
  assert.match(dry.metadata.uid, /^[-0-9a-f]{36}$/);
  assert.deepEqual(await bench.state(), before);
  assertSameButVersion(await bench.create('b', { uuid: uuidOf(901), limits: { memory: 5 } }), dry);
});

test('of a creation that would be refused', async () => {
  await assert.rejects(bench.create('a', {}, asDryRun), AlreadyExistsError);
  assert.equal((await causesOf(bench.create('b', { image: 'NOT' }, asDryRun)))[0]?.field, 'spec.image');
  assert.equal((await causesOf(bench.create('b', { uuid: uuidOf(900) }, asDryRun)))[0]?.field, 'spec.uuid');
  const allocations = { default: { ip: '192.0.2.1', port: 25565 } };
  const [cause] = await causesOf(bench.create('b', { allocations }, asDryRun));
  assert.equal(cause?.reason, 'FieldValueDuplicate');
  assert.deepEqual(await bench.state(), before);
});

test('of an update', async () => {
  const object = { metadata: { name: 'a', labels: { a: 'b' } }, spec: { image: 'other' } };
  const dry = await bench.update(object, asDryRun);
  assert.deepEqual([dry.metadata.generation, dry.spec.image], [2, 'other']);
  assert.equal(dry.metadata.resourceVersion, (await bench.read('a')).metadata.resourceVersion);
  assert.deepEqual(await bench.state(), before);
  assertSameButVersion(await bench.update(object), dry);
});

test('of a patch', async () => {
  const patch = { metadata: { annotations: { a: 'b' } }, spec: { environment: { A: 1 } } };
  const dry = await bench.patch('a', patch, asDryRun);
  assert.deepEqual(await bench.state(), before);
  assertSameButVersion(await bench.patch('a', patch), dry);
});

test('of a power request: nobody is kept waiting by it', async () => {
  const dry = await bench.patch('a', { spec: { power: { desired: 'Running' } } }, asDryRun);
  assert.equal(dry.spec.power.request?.action, 'start');
  assert.deepEqual(await bench.state(), before);
  await bench.patch('a', { spec: { power: { desired: 'Running' } } });
  await assert.rejects(bench.patch('a', { spec: { power: { desired: 'Stopped' } } }, asDryRun), {
    name: 'PowerConflictError',
  });
});

test('of a status', async () => {
  const status = { state: 'offline' };
  const { admission } = bench;
  const replaced = await admission.updateStatus('Server', 'a', { metadata: { name: 'a' }, status }, asDryRun);
  assert.deepEqual(replaced.status, status);
  const patched = await admission.patchStatus('Server', 'a', { status: { crashCount: 1 } }, asDryRun);
  assert.deepEqual(patched.status, { crashCount: 1, power: {} });
  assert.deepEqual(await bench.state(), before);
});

test('of a deletion', async () => {
  const { admission } = bench;
  for (const options of [{}, { finalizer: 'foregroundDeletion' }, { finalizer: 'orphan' }] as const) {
    const dry = await admission.delete('Server', 'a', options, asDryRun);
    assert.equal(dry.metadata.deletionTimestamp, '2026-01-01T00:00:00Z');
    const finalizers = 'finalizer' in options ? [options.finalizer] : [];
    assert.deepEqual(dry.metadata.finalizers, ['aileron.dev/server', ...finalizers]);
    assert.deepEqual(await bench.state(), before);
  }
  const preconditions = { uid: 'another' };
  await assert.rejects(admission.delete('Server', 'a', { preconditions }, asDryRun), ConflictError);
  assert.deepEqual(await bench.state(), before);
});

test('of a deletion that nothing holds back', async () => {
  const input = { metadata: { name: 'e' }, involvedObject: { kind: 'Server', name: 'a' } };
  await bench.admission.create('Event', input, writeContext());
  before = await bench.state();
  const dry = await bench.admission.delete('Event', 'e', {}, asDryRun);
  assert.equal(dry.metadata.deletionTimestamp, undefined);
  assert.deepEqual(await bench.state(), before);
});

test('of what is not there, or is older than it says', async () => {
  const { admission } = bench;
  await assert.rejects(admission.patch('Server', 'nobody', {}, asDryRun), NotFoundError);
  await assert.rejects(admission.delete('Server', 'nobody', {}, asDryRun), NotFoundError);
  await assert.rejects(bench.patch('a', { metadata: { resourceVersion: '1' } }, asDryRun), ConflictError);
});

// What admission makes of the little a writer says: every default is there, and a null is as good as nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonSchema } from '../../../src/resources/json-schema.ts';
import { serverSpecSchema } from '../../../src/resources/server-spec.ts';
import { AdmissionBench, thisNode, uuidOf, writeContext } from '../../support/an-admission.ts';

test('a Server of nothing but an image is complete', async () => {
  const bench = new AdmissionBench();
  const server = await bench.create('a');
  assert.deepEqual(server.spec, {
    uuid: uuidOf(1),
    nodeName: thisNode,
    owner: { kind: 'User', ref: 'tester' },
    image: 'game',
    imagePullPolicy: 'Always',
    invocation: '',
    environment: {},
    containerLabels: {},
    limits: { memory: 0, swap: 0, disk: 0, cpu: 0, io: 500, oomKiller: true, memoryUnit: 'MiB' },
    allocations: { additional: [], forceOutgoingIp: false },
    mounts: [],
    egg: { done: [''], stripAnsi: false, stop: { type: 'signal', value: 'SIGTERM' } },
    suspended: false,
    power: { desired: 'Stopped' },
    reclaimPolicy: 'Retain',
  });
  assert.equal(server.status, undefined);
});

test('every field that the schema requires is there', async () => {
  const bench = new AdmissionBench();
  const { spec } = await bench.create('a', {
    allocations: { default: { ip: '0.0.0.0', port: 1 } },
    mounts: [{ source: '/a', target: '/b' }],
  });
  assertComplete(serverSpecSchema, spec, 'spec');
});

function assertComplete(schema: JsonSchema, value: unknown, path: string): void {
  if (Array.isArray(value)) {
    for (const item of value) assertComplete(schema.items ?? {}, item, `${path}[]`);
  } else if (typeof value === 'object' && value !== null) {
    for (const name of schema.required ?? []) assert.ok(Object.hasOwn(value, name), `${path}.${name}`);
    for (const [name, inner] of Object.entries(value))
      assertComplete(schema.properties?.[name] ?? {}, inner, `${path}.${name}`);
  }
}

test('a null is a field that is not stated', async () => {
  const bench = new AdmissionBench();
  const plain = await bench.create('a');
  const nulls = Object.fromEntries(
    Object.keys(serverSpecSchema.properties)
      .filter((name) => name !== 'image')
      .map((name) => [name, null]),
  );
  const server = await bench.create('b', { ...nulls, limits: { memory: null }, egg: { done: null, stop: null } });
  assert.deepEqual({ ...server.spec, uuid: '' }, { ...plain.spec, uuid: '' });
});

test('a variable may be null: it stays', async () => {
  const bench = new AdmissionBench();
  const environment = { A: null, B: 1, C: true, D: 'd' };
  assert.deepEqual((await bench.create('a', { environment })).spec.environment, environment);
});

test('what one object got by default is not the next one’s', async () => {
  const bench = new AdmissionBench();
  await bench.create('a', {}, writeContext());
  await bench.patch('a', { spec: { environment: { A: 1 }, limits: { memory: 7 } } });
  const { spec } = await bench.create('b');
  assert.deepEqual([spec.environment, spec.limits.memory], [{}, 0]);
});

test('what comes with the object belongs to the store and the node', async () => {
  const bench = new AdmissionBench();
  const metadata = { name: 'a', uid: 'mine', generation: 7, creationTimestamp: '2020-01-01T00:00:00Z' };
  const owner = { kind: 'Panel', ref: 'forged' };
  const input = {
    apiVersion: 'v9',
    kind: 'Secret',
    metadata,
    spec: { image: 'game', owner },
    status: { state: 'running' },
  };
  const server = await bench.admission.create('Server', input, writeContext());
  assert.equal(server.apiVersion, 'aileron.dev/v1');
  assert.equal(server.kind, 'Server');
  assert.notEqual(server.metadata.uid, 'mine');
  assert.equal(server.metadata.generation, 1);
  assert.equal(server.metadata.creationTimestamp, '2026-01-01T00:00:00Z');
  assert.equal(server.status, undefined);
  assert.deepEqual((await bench.read('a')).spec.owner, { kind: 'User', ref: 'tester' });
});

test('a name is made where only its beginning is given', async () => {
  const bench = new AdmissionBench();
  const input = { metadata: { generateName: 'game-' }, spec: { image: 'game' } };
  const names = new Set<string>();
  for (let count = 0; count < 5; count += 1) {
    const { metadata } = await bench.admission.create('Server', input, writeContext());
    assert.match(metadata.name, /^game-[0-9a-f]{5}$/);
    names.add(metadata.name);
  }
  assert.equal(names.size, 5);
});

test('the finalizer is there from the first moment, beside those of others', async () => {
  const bench = new AdmissionBench();
  assert.deepEqual((await bench.create('a')).metadata.finalizers, ['aileron.dev/server']);
  const input = { metadata: { name: 'b', finalizers: ['example.com/mine'] }, spec: { image: 'game' } };
  const other = await bench.admission.create('Server', input, writeContext());
  assert.deepEqual(other.metadata.finalizers, ['example.com/mine', 'aileron.dev/server']);
});

test('what clients may only look at is written by none', async () => {
  const { admission, store } = new AdmissionBench();
  await store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  const context = writeContext();
  const object = { metadata: { name: 'default', labels: { a: 'b' } } };
  for (const write of [
    () => admission.create('Namespace', { metadata: { name: 'other' } }, context),
    () => admission.update('Namespace', 'default', object, context),
    () => admission.patch('Namespace', 'default', object, context),
    () => admission.updateStatus('Namespace', 'default', object, context),
    () => admission.patchStatus('Namespace', 'default', object, context),
    () => admission.delete('Namespace', 'default', {}, context),
  ]) {
    await assert.rejects(write(), { name: 'ForbiddenError' });
  }
  assert.equal((await store.list('Namespace')).resourceVersion, '1');
});

test('nobody but the node makes a Node', async () => {
  const { admission } = new AdmissionBench();
  await assert.rejects(admission.create('Node', { metadata: { name: 'n' } }, writeContext()), {
    name: 'ForbiddenError',
    message: 'a node registers itself',
  });
});

// Who owns which field: what others change of a manifest's fields comes back, what it no longer states is let go of,
// everything else is theirs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedByOthers, lettingGo, memoAnnotation, memoIn, memoOf } from '../../src/manifests/stated-fields.ts';
import { writeContext } from '../support/an-admission.ts';
import { settle } from '../support/fake-clock.ts';
import { ManifestBench, manifest, nothing } from '../support/manifest-bench.ts';

const limited = manifest({
  spec: 'limits: { memory: 128 }\nenvironment: { A: "1" }',
  metadata: 'labels: { example.com/game: x }',
});

test('what another writer changes of stated fields is put back and told by name', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': limited });
  await bench.look();
  await bench.patch({
    metadata: { labels: { 'example.com/game': 'y', tier: 'gold' } },
    spec: { limits: { memory: 1, cpu: 50 }, environment: { A: null, B: '2' } },
  });
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
  const { spec, metadata } = await bench.server();
  assert.deepEqual([spec.limits.memory, spec.limits.cpu], [128, 50]);
  assert.deepEqual(spec.environment, { A: '1', B: '2' });
  assert.deepEqual(metadata.labels, { 'example.com/game': 'x', tier: 'gold' });
  const fields = 'metadata.labels[example.com/game], spec.limits.memory, spec.environment.A';
  assert.deepEqual(bench.events, [
    {
      ...{ about: 'Server/demo', type: 'Warning', reason: 'DriftReverted' },
      message: `changed by another writer and put back to what demo.yaml states: ${fields}`,
    },
  ]);
  assert.deepEqual(await bench.look(), { ...nothing, unchanged: 1 });
});

test('power, and labels and annotations that others add, are no drift', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': limited });
  await bench.look();
  await bench.patch({
    metadata: { labels: { tier: 'gold' }, annotations: { note: 'mine' } },
    spec: { power: { desired: 'Running' }, suspended: false },
  });
  const before = await bench.server();
  assert.deepEqual(await bench.look(), { ...nothing, unchanged: 1 });
  bench.restart();
  assert.deepEqual(await bench.look(), { ...nothing, unchanged: 1 });
  assert.deepEqual(await bench.server(), before);
  assert.deepEqual(bench.events, []);
});

test('a change by kubectl apply is told as one', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': limited });
  await bench.look();
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
  await bench.patch({ metadata: { annotations }, spec: { limits: { memory: 1 } } });
  await bench.look();
  assert.match(bench.events[0]?.message ?? '', /^changed by kubectl apply and put back/);
});

test('a change while the daemon was down is drift too', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': limited });
  await bench.look();
  await bench.patch({ spec: { limits: { memory: 1 } } });
  bench.restart();
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
  assert.match(bench.events[0]?.message ?? '', /: spec\.limits\.memory$/);
});

test('a manifest that takes over, or is changed itself, tells of no drift', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': limited });
  const spec = { image: '~test/game:1', limits: { memory: 1 } };
  await bench.admission.create('Server', { metadata: { name: 'demo' }, spec }, writeContext());
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
  bench.write({ 'demo.yaml': manifest({ spec: 'limits: { memory: 256 }' }) });
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
  assert.deepEqual(bench.events, []);
});

test('two writers who fight take longer and longer turns, and a new version of the file does not wait', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': limited });
  await bench.look();
  const waits: (number | undefined)[] = [];
  for (let turn = 0; turn < 12; turn += 1) {
    await bench.patch({ spec: { limits: { memory: turn + 1 } } });
    const { waiting } = await bench.look();
    if (waiting > 0) {
      waits.push(bench.retryInMs);
      assert.equal((await bench.server()).spec.limits.memory, turn + 1);
      await bench.clock.advance(bench.retryInMs ?? 0);
      await bench.look();
    }
    assert.equal((await bench.server()).spec.limits.memory, 128);
  }
  assert.deepEqual(
    waits.map((ms) => (ms ?? 0) / 1_000),
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300],
  );
  await bench.patch({ spec: { limits: { memory: 1 } } });
  assert.equal((await bench.look()).waiting, 1);
  bench.write({ 'demo.yaml': limited.replace('128', '64') });
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
  assert.equal((await bench.server()).spec.limits.memory, 64);
});

test('a server that somebody deletes is made again, with its files, and that is told', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': manifest({ spec: 'power: { desired: Running }' }) });
  await bench.look();
  const before = await bench.server();
  await bench.removeServer();
  await settle();
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
  const after = await bench.server();
  assert.notEqual(after.metadata.uid, before.metadata.uid);
  assert.equal(after.spec.uuid, before.spec.uuid);
  assert.equal(after.spec.power.desired, 'Running');
  assert.deepEqual(bench.events, [
    {
      ...{ about: 'Server/demo', type: 'Warning', reason: 'DriftReverted' },
      message: 'it was deleted by another writer and made again, because demo.yaml declares it',
    },
  ]);
  await bench.removeServer();
  assert.deepEqual(await bench.look(), { ...nothing, waiting: 1 });
  assert.equal(bench.retryInMs, 1_000);
  await bench.clock.advance(1_000);
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
});

test('files that another server took up meanwhile are left to it', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': manifest() });
  await bench.look();
  const { uuid } = (await bench.server()).spec;
  await bench.removeServer();
  const heir = { metadata: { name: 'heir' }, spec: { image: '~test/game:1', uuid } };
  await bench.admission.create('Server', heir, writeContext());
  assert.equal((await bench.look()).failed.length, 1);
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
  assert.notEqual((await bench.server()).spec.uuid, uuid);
});

test('fields that are stated no more go back to their defaults', async (context) => {
  const spec = `uuid: 3f1c9c9e-6c1c-4d39-8f0a-6f2f4f8c1d2f
limits: { memory: 128, cpu: 50 }
environment: { A: "1", B: "2" }
allocations: { default: { ip: 0.0.0.0, port: 25565 } }
mounts: [{ source: /srv/a, target: /a }]
restartPolicy: Always`;
  const bench = new ManifestBench(context, {
    'demo.yaml': manifest({ spec, metadata: 'labels: { game: x, tier: gold }\nannotations: { note: y }' }),
  });
  await bench.look();
  bench.restart();
  bench.write({
    'demo.yaml': manifest({ spec: 'limits: { cpu: 50 }\nenvironment: { B: "2" }', metadata: 'labels: { game: x }' }),
  });
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
  const { metadata, spec: now } = await bench.server();
  assert.deepEqual([now.limits.memory, now.limits.cpu], [0, 50]);
  assert.deepEqual(now.environment, { B: '2' });
  assert.deepEqual(now.allocations, { additional: [], forceOutgoingIp: false });
  assert.deepEqual(now.mounts, []);
  assert.equal(now.restartPolicy, undefined);
  assert.equal(now.uuid, '3f1c9c9e-6c1c-4d39-8f0a-6f2f4f8c1d2f');
  assert.deepEqual(metadata.labels, { game: 'x' });
  assert.deepEqual(Object.keys(metadata.annotations ?? {}), [memoAnnotation]);
  assert.deepEqual(await bench.look(), { ...nothing, unchanged: 1 });
  assert.deepEqual(bench.events, []);
});

test('what somebody else changed or added is not taken away with what is stated no more', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': limited });
  await bench.look();
  await bench.patch({
    metadata: { labels: { tier: 'gold' } },
    spec: { limits: { memory: 64 }, environment: { B: '2' }, suspended: true },
  });
  bench.write({ 'demo.yaml': manifest() });
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
  const { metadata, spec } = await bench.server();
  assert.deepEqual([spec.limits.memory, spec.suspended, spec.environment], [64, true, { B: '2' }]);
  assert.deepEqual(metadata.labels, { tier: 'gold' });
});

test('the memory of a manifest is mended, not believed: anybody may write annotations', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': limited });
  await bench.look();
  const { annotations } = (await bench.server()).metadata;
  for (const text of ['', 'no json', '[]', '{"fields":{"spec":7}}', `${'{"fields":'.repeat(3_000)}`, null]) {
    await bench.patch({ metadata: { annotations: { [memoAnnotation]: text } } });
    assert.deepEqual(await bench.look(), { ...nothing, unchanged: 1 });
    assert.deepEqual((await bench.server()).metadata.annotations, annotations);
    bench.restart();
  }
  assert.deepEqual(bench.events, []);
  // A copy on an object of a user takes nothing away from it.
  const copy = { metadata: { name: 'copy', annotations }, spec: { image: '~test/game:1', limits: { memory: 128 } } };
  await bench.admission.create('Server', copy, writeContext());
  bench.write({ 'copy.yaml': manifest({ name: 'copy' }) });
  await bench.look();
  assert.equal((await bench.server('copy')).spec.limits.memory, 128);
});

test('a memory that would be too large is none', async (context) => {
  const names = Array.from(
    { length: 512 },
    (_, index) => `A_VARIABLE_WITH_A_LONG_NAME_OF_ITS_OWN_AND_SOME_MORE_${index}`,
  );
  const bench = new ManifestBench(context, {
    'demo.yaml': manifest({ spec: `environment: { ${names.map((name) => `${name}: x`).join(', ')} }` }),
  });
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
  const server = await bench.server();
  assert.deepEqual(memoIn({ ...server }), { directory: bench.directory });
  bench.restart();
  assert.deepEqual(await bench.look(), { ...nothing, unchanged: 1 });
});

test('digests do not depend on the order of fields, and repeat no value', () => {
  const owned = { spec: { list: [{ a: 1, b: 2 }], text: 'secret', none: null, map: { x: 1 } } };
  const memo = memoOf(owned, { spec: { list: [{ b: 2, a: 1 }], text: 'secret', map: { x: 1, y: 2 } } });
  assert.deepEqual(changedByOthers(memo, owned, owned), []);
  assert.deepEqual(changedByOthers(memo, owned, {}), ['spec.list', 'spec.text', 'spec.map.x']);
  assert.deepEqual(lettingGo(memo, {}, owned), { spec: null });
  assert.deepEqual(lettingGo(memo, {}, { spec: { ...owned.spec, other: 1, map: { x: 1, y: 1 }, text: 'other' } }), {
    spec: { list: null, none: null, map: { x: null } },
  });
  assert.ok(!JSON.stringify(memo).includes('secret'));
});

// A directory of manifests against the store: what is created, changed, left alone and refused, and how that is told.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { memoAnnotation } from '../../src/manifests/stated-fields.ts';
import { StoreUnavailableError } from '../../src/store/errors.ts';
import { asPanel, writeContext } from '../support/an-admission.ts';
import { ManifestBench, manifest, nothing } from '../support/manifest-bench.ts';
import { checkout } from '../support/source-files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const failureLine = 'a manifest could not be applied';
const user = writeContext();
const stranger = { metadata: { name: 'demo' }, spec: { image: '~test/game:1' } };

test('what a directory declares is created, in the order of the files', async (context) => {
  const bench = new ManifestBench(context, {
    'b.yml': manifest({ name: 'second' }),
    'a.yaml': manifest({ spec: 'power: { desired: Running }\nlimits: { memory: 64 }' }),
    'c.json': JSON.stringify({
      ...{ apiVersion: 'aileron.dev/v1', kind: 'Server', metadata: { name: 'third' } },
      spec: { image: '~test/game:1' },
    }),
    'notes.txt': 'not a manifest',
    '.hidden.yaml': 'also: not',
  });
  assert.deepEqual(await bench.look(), { ...nothing, applied: 3 });
  const demo = await bench.server();
  assert.deepEqual(demo.spec.owner, { kind: 'Manifest', ref: 'a.yaml' });
  assert.equal(demo.spec.limits.memory, 64);
  assert.equal(demo.spec.power.desired, 'Running');
  assert.equal(demo.spec.power.request?.by, 'manifest:a.yaml');
  assert.deepEqual(
    bench.log.find({ message: 'a manifest was applied' }).map(({ fields }) => fields['name']),
    ['demo', 'second', 'third'],
  );
  assert.deepEqual(bench.events, []);
});

test('a second look writes nothing', async (context) => {
  const spec = `environment: { WORLD: world, SLOTS: 8, EMPTY: null }
mounts: [{ source: /srv/maps, target: /maps }]
allocations: { default: { ip: 0.0.0.0, port: 25565 }, additional: [{ ip: 0.0.0.0, port: 25566 }] }
limits: { threads: null, memory: 128 }
egg: { done: ["Done ("] }
power: { desired: Running }`;
  const bench = new ManifestBench(context, {
    'demo.yaml': manifest({ spec, metadata: 'labels: { game: demo }' }),
  });
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
  const { metadata } = await bench.server();
  assert.deepEqual(await bench.look(), { ...nothing, unchanged: 1 });
  bench.restart();
  assert.deepEqual(await bench.look(), { ...nothing, unchanged: 1 });
  assert.equal((await bench.server()).metadata.resourceVersion, metadata.resourceVersion);
});

test('a second look sends nothing when nothing differs', async (context) => {
  const bench = new ManifestBench(context, {
    'demo.yaml': manifest({ spec: 'limits: { memory: 128, threads: null }' }),
  });
  await bench.look();
  const never = () => Promise.reject(new Error('nothing was to be written'));
  bench.restart({ admission: { create: never, patch: never, delete: never } });
  assert.deepEqual(await bench.look(), { ...nothing, unchanged: 1 });
});

test('the manifest of the demo is applied as it is', async (context) => {
  const bench = new ManifestBench(context);
  bench.restart({ directory: join(checkout, 'manifests/demo') });
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
  assert.equal((await bench.server()).spec.power.desired, 'Running');
});

test('fields a manifest states follow it, all others stay', async (context) => {
  const stated = (memory: number, game: string) =>
    manifest({
      spec: `limits: { memory: ${memory} }\nenvironment: { A: "1" }`,
      metadata: `labels: { game: ${game} }`,
    });
  const bench = new ManifestBench(context, { 'demo.yaml': stated(128, 'x') });
  await bench.look();
  await bench.patch({
    metadata: { labels: { tier: 'gold', game: 'mine' }, annotations: { note: 'kept' } },
    spec: { limits: { memory: 1, cpu: 50 }, environment: { A: '2', B: '3' }, suspended: true },
  });
  bench.write({ 'demo.yaml': stated(256, 'y') });
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
  const { spec, metadata } = await bench.server();
  assert.deepEqual([spec.limits.memory, spec.limits.cpu, spec.suspended], [256, 50, true]);
  assert.deepEqual(spec.environment, { A: '1', B: '3' });
  assert.deepEqual(metadata.labels, { tier: 'gold', game: 'y' });
  assert.equal(metadata.annotations?.['note'], 'kept');
  assert.deepEqual(metadata.finalizers, ['aileron.dev/server']);
});

test('a list is stated as a whole', async (context) => {
  const bench = new ManifestBench(context, {
    'demo.yaml': manifest({ spec: 'mounts: [{ source: /srv/a, target: /a }]' }),
  });
  await bench.look();
  const theirs = { source: '/srv/b', target: '/b', readOnly: true };
  await bench.patch({ spec: { mounts: [{ source: '/srv/a', target: '/a', readOnly: true }, theirs] } });
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
  assert.deepEqual((await bench.server()).spec.mounts, [{ source: '/srv/a', target: '/a', readOnly: false }]);
});

test('whether a server runs is said once', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': manifest() });
  await bench.look();
  bench.write({ 'demo.yaml': manifest({ spec: 'power: { desired: Running }' }) });
  assert.deepEqual(await bench.look(), { ...nothing, unchanged: 1 });
  assert.deepEqual((await bench.server()).spec.power, { desired: 'Stopped' });
  await bench.patch({ spec: { power: { desired: 'Running' } } });
  const { power } = (await bench.server()).spec;
  assert.deepEqual(await bench.look(), { ...nothing, unchanged: 1 });
  assert.deepEqual((await bench.server()).spec.power, power);
  assert.deepEqual(bench.events, []);
});

test('a manifest takes over a server of a user, and leaves one of the Panel', async (context) => {
  const bench = new ManifestBench(context, {
    'demo.yaml': manifest(),
    'paid.yaml': manifest({ name: 'paid', spec: 'limits: { memory: 1 }' }),
  });
  await bench.admission.create('Server', stranger, user);
  await bench.admission.create('Server', { ...stranger, metadata: { name: 'paid' } }, asPanel);
  const { applied, failed } = await bench.look();
  assert.equal(applied, 1);
  assert.deepEqual((await bench.server()).spec.owner, { kind: 'Manifest', ref: 'demo.yaml' });
  const [{ message, ...place }] = failed as [(typeof failed)[number]];
  assert.deepEqual(place, { file: 'paid.yaml', line: 1 });
  assert.match(message, /belongs to the Panel/);
  assert.equal((await bench.server('paid')).spec.limits.memory, 0);
  assert.equal(bench.log.find({ message: failureLine }).length, 1);
});

test('every mistake is told with file, line and field, and stops nothing else', async (context) => {
  const bench = new ManifestBench(context, {
    'a.yaml': `${manifest({ name: 'bad', spec: 'limits:\n  memory: lots\n  disk: -1' })}---\n${manifest({ name: 'good' })}`,
    'b.yaml': manifest({ name: 'typo', spec: 'limits:\n  memroy: 1\nimagine: x' }),
    'c.yaml': manifest({ name: 'twice', spec: 'mounts: []\nmounts: []' }),
    'd.yaml': manifest({ name: 'rules', spec: 'environment:\n  A=B: 1\nmounts:\n  - { source: /a/../b, target: /a }' }),
    'e.yaml': 'apiVersion: aileron.dev/v1\nkind: Server\nmetadata: { name: empty }\n',
    'f.yaml': manifest({ name: 'labels', metadata: 'labels:\n  example.com/a: "not a value"' }),
    'z.yaml': manifest({ name: 'last' }),
  });
  const { failed, ...others } = await bench.look();
  assert.equal(others.applied, 2);
  const places = [
    ['a.yaml', 9, 'spec.limits.memory'],
    ['a.yaml', 10, 'spec.limits.disk'],
    ['b.yaml', 9, 'spec.limits.memroy'],
    ['b.yaml', 10, 'spec.imagine'],
    ['c.yaml', 9, undefined],
    ['d.yaml', 9, 'spec.environment[A=B]'],
    ['d.yaml', 11, 'spec.mounts[0].source'],
    ['e.yaml', 1, 'spec'],
    ['f.yaml', 6, 'metadata.labels[example.com/a]'],
  ];
  assert.deepEqual(
    failed.map(({ file, line, field }) => [file, line, field]),
    places,
  );
  assert.deepEqual(
    bench.log.find({ level: 'error', message: failureLine }).map(({ fields }) => {
      const { reason, ...place } = fields;
      return { ...place, message: reason };
    }),
    failed,
  );
  assert.deepEqual(await bench.names(), ['good', 'last']);
});

test('a mistake in a change leaves the object as it was', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': manifest() });
  await bench.look();
  const before = await bench.server();
  const placesOf = async (text: string) => {
    bench.write({ 'demo.yaml': text });
    return (await bench.look()).failed.map(({ line, field }) => [line, field]);
  };
  const uuid = 'uuid: 3f1c9c9e-6c1c-4d39-8f0a-6f2f4f8c1d2f';
  assert.deepEqual(await placesOf(manifest({ spec: `limits: { memory: 64, cpu: -1 }\n${uuid}` })), [
    [8, 'spec.limits.cpu'],
  ]);
  assert.deepEqual(await placesOf(manifest({ spec: uuid })), [[8, 'spec.uuid']]);
  assert.deepEqual(await placesOf(`${manifest()}sepc: {}\n`), [[9, 'sepc']]);
  assert.deepEqual(await placesOf(manifest({ image: '' })), [[7, 'spec.image']]);
  assert.deepEqual(await bench.server(), before);
});

test('one object in two files is declared by the first', async (context) => {
  const bench = new ManifestBench(context, {
    'a.yaml': manifest({ spec: 'limits: { memory: 1 }' }),
    'b.yaml': `---\n${manifest({ spec: 'limits: { memory: 2 }' })}`,
  });
  const { applied, failed } = await bench.look();
  assert.equal(applied, 1);
  assert.deepEqual(failed, [
    { file: 'b.yaml', line: 5, field: 'metadata.name', message: 'Server "demo" is declared in a.yaml:1 already' },
  ]);
  assert.equal((await bench.server()).spec.limits.memory, 1);
});

test('what is not for this node is skipped, what cannot be meant is refused', async (context) => {
  const bench = new ManifestBench(context, {
    'a.yaml': 'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\n---\napiVersion: v1\nkind: Event\n',
    'b.yaml': 'apiVersion: aileron.dev/v1\nkind: Sever\nmetadata: { name: demo }\n',
    'c.yaml': 'apiVersion: aileron.dev/v9\nkind: Server\nmetadata: { name: demo }\n',
    'd.yaml': 'kind: Server\nmetadata: { name: demo }\n',
    'e.yaml': 'apiVersion: aileron.dev/v1\nkind: Server\nmetadata:\n  generateName: demo-\n',
    'f.yaml': 'apiVersion: aileron.dev/v1\nkind: Server\nmetadata:\n  name: demo\n  finalizers: [a/b]\n',
    'g.yaml': 'apiVersion: aileron.dev/v1\nkind: Server\nmetadata:\n  labels: {}\n',
    'h.yaml': 'apiVersion: aileron.dev/v1\nkind: Node\nmetadata: { name: other }\n',
    'i.yaml': manifest({ metadata: `annotations:\n  ${memoAnnotation}: "{}"` }),
  });
  const { skipped, failed, applied } = await bench.look();
  assert.deepEqual([applied, skipped], [0, 2]);
  assert.deepEqual(
    failed.map(({ file, line, field }) => [file, line, field]),
    [
      ['b.yaml', 2, 'kind'],
      ['c.yaml', 2, 'kind'],
      ['d.yaml', 1, 'apiVersion'],
      ['e.yaml', 4, 'metadata.generateName'],
      ['f.yaml', 5, 'metadata.finalizers'],
      ['g.yaml', 3, 'metadata.name'],
      ['h.yaml', 1, undefined],
      ['i.yaml', 6, `metadata.annotations[${memoAnnotation}]`],
    ],
  );
});

test('only regular files of a sensible size are read', { timeout: 10_000 }, async (context) => {
  const bench = new ManifestBench(context, { 'z.yaml': manifest() });
  const { directory } = bench;
  const outside = temporaryDirectory(context);
  writeFileSync(join(outside, 'secret'), manifest({ name: 'secret' }));
  symlinkSync(join(outside, 'secret'), join(directory, 'a-link.yaml'));
  symlinkSync('/dev/zero', join(directory, 'b-device.yaml'));
  mkdirSync(join(directory, 'c-folder.yaml'));
  execFileSync('/usr/bin/mkfifo', [join(directory, 'd-pipe.yaml')]);
  bench.write({ 'e-large.yaml': `# ${'x'.repeat(1024 * 1024)}\n` });
  writeFileSync(join(directory, 'f-latin1.yaml'), Buffer.from('a: \xe9\n', 'latin1'));
  writeFileSync(join(directory, 'g-binary.yaml'), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 0xff]));
  const { applied, failed } = await bench.look();
  assert.equal(applied, 1);
  const messages = new Map(failed.map(({ file, message }) => [file, message]));
  assert.match(messages.get('a-link.yaml') ?? '', /is a link/);
  assert.match(messages.get('b-device.yaml') ?? '', /is a link/);
  assert.match(messages.get('c-folder.yaml') ?? '', /only regular files/);
  assert.match(messages.get('d-pipe.yaml') ?? '', /only regular files/);
  assert.match(messages.get('e-large.yaml') ?? '', /larger than 1048576 bytes/);
  assert.match(messages.get('f-latin1.yaml') ?? '', /not UTF-8/);
  assert.match(messages.get('g-binary.yaml') ?? '', /not UTF-8/);
  assert.equal(messages.size, 7);
});

test('a directory that cannot be read is one failure', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': manifest() });
  const missing = join(bench.directory, 'missing');
  bench.restart({ directory: missing });
  const { failed } = await bench.look();
  assert.deepEqual(failed, [{ file: missing, message: 'the manifest directory cannot be read: it does not exist' }]);
  assert.equal(bench.log.find({ message: failureLine }).length, 1);
  bench.restart({ directory: join(bench.directory, 'demo.yaml') });
  assert.match((await bench.look()).failed[0]?.message ?? '', /it is not a directory/);
});

test('an object that somebody makes or changes in between is looked at again', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': manifest({ spec: 'limits: { memory: 64 }' }) });
  let first = true;
  const late = {
    async get<T>(kind: string, name: string) {
      const found = await bench.store.get(kind, name);
      if (first)
        await (found ? bench.patch({ spec: { suspended: true } }) : bench.admission.create(kind, stranger, user));
      first = false;
      return found as T | undefined;
    },
  };
  bench.restart({ store: late });
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
  assert.equal((await bench.server()).spec.limits.memory, 64);
  first = true;
  bench.write({ 'demo.yaml': manifest({ spec: 'limits: { memory: 65 }' }) });
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1 });
  const { limits, suspended } = (await bench.server()).spec;
  assert.deepEqual([limits.memory, suspended], [65, true]);
});

test('an object that is being deleted is left to its end', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': manifest() });
  await bench.look();
  await bench.store.delete('Server', 'demo');
  const before = await bench.server();
  bench.write({ 'demo.yaml': manifest({ spec: 'suspended: true' }) });
  assert.deepEqual(await bench.look(), { ...nothing, waiting: 1 });
  assert.deepEqual(await bench.server(), before);
});

test('a store that fails is no fault of a manifest', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': manifest() });
  bench.restart({ store: { get: () => Promise.reject(new StoreUnavailableError('disk full')) } });
  await assert.rejects(bench.look(), StoreUnavailableError);
  assert.equal(bench.log.find({ message: failureLine }).length, 0);
});

test('a warning of admission is logged once', async (context) => {
  const spec = 'egg: { stop: { type: signal, value: NOSUCH } }';
  const bench = new ManifestBench(context, { 'demo.yaml': manifest({ spec }) });
  assert.equal((await bench.look()).applied, 1);
  await bench.look();
  const [line, ...others] = bench.log.find({ level: 'warn' });
  assert.equal(line?.fields['file'], 'demo.yaml');
  assert.match(String(line?.fields['warning']), /NOSUCH/);
  assert.deepEqual(others, []);
});

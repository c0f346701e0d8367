// A directory of manifests against the store: what is created, changed, left alone and refused, and how that is told.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { applyManifests, type ManifestOptions } from '../../src/manifests/apply.ts';
import { Admission, type WriteContext } from '../../src/resources/admission.ts';
import type { Server } from '../../src/resources/server.ts';
import { StoreUnavailableError } from '../../src/store/errors.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { checkout } from '../support/source-files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const failureLine = 'a manifest could not be applied';

const user: WriteContext = {
  by: 'anna',
  owner: { kind: 'User', ref: 'anna' },
  dryRun: false,
  fieldValidation: 'Strict',
  warn: () => {},
};

interface Setting {
  directory: string;
  store: MemoryStore;
  admission: Admission;
  log: ReturnType<typeof recordedLog>;
  write(files: Record<string, string>): void;
  apply(overrides?: Partial<ManifestOptions>): ReturnType<typeof applyManifests>;
  server(name?: string): Promise<Server>;
  patch(patch: Record<string, unknown>, context?: WriteContext): Promise<unknown>;
}

function setting(context: TestContext, files: Record<string, string> = {}): Setting {
  const directory = temporaryDirectory(context);
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const admission = new Admission({ store, nodeName: 'node-1', clock });
  const log = recordedLog();
  const write = (more: Record<string, string>) => {
    for (const [name, text] of Object.entries(more)) writeFileSync(join(directory, name), text);
  };
  write(files);
  return {
    ...{ directory, store, admission, log, write },
    apply: (overrides) => applyManifests({ directory, admission, store, log, ...overrides }),
    server: async (name = 'demo') => {
      const server = await store.get<Server>('Server', name);
      assert.ok(server, `there is no server ${name}`);
      return server;
    },
    patch: (patch, by = user) => admission.patch('Server', 'demo', patch, by),
  };
}

/** A manifest of a server; `spec` and `metadata` are lines below those keys. */
function manifest({ name = 'demo', spec = '', metadata = '', image = '~test/game:1' } = {}): string {
  const below = (lines: string, indent: string) => lines.replace(/^(?=.)/gm, indent);
  return `apiVersion: aileron.dev/v1
kind: Server
metadata:
  name: ${name}
${below(metadata, '  ')}
spec:
  image: ${image}
${below(spec, '  ')}
`;
}

const counts = { applied: 0, unchanged: 0, skipped: 0, failed: [] };

test('what a directory declares is created, in the order of the files', async (context) => {
  const { apply, server, store } = setting(context, {
    'b.yml': manifest({ name: 'second' }),
    'a.yaml': manifest({ spec: 'power: { desired: Running }\nlimits: { memory: 64 }' }),
    'c.json': JSON.stringify({
      ...{ apiVersion: 'aileron.dev/v1', kind: 'Server', metadata: { name: 'third' } },
      spec: { image: '~test/game:1' },
    }),
    'notes.txt': 'not a manifest',
    '.hidden.yaml': 'also: not',
  });
  assert.deepEqual(await apply(), { ...counts, applied: 3 });
  const demo = await server();
  assert.deepEqual(demo.spec.owner, { kind: 'Manifest', ref: 'a.yaml' });
  assert.equal(demo.spec.limits.memory, 64);
  assert.equal(demo.spec.power.desired, 'Running');
  assert.equal(demo.spec.power.request?.action, 'start');
  assert.equal(demo.spec.power.request?.by, 'manifest:a.yaml');
  const { items } = await store.list<Server>('Server');
  const byAge = items.sort(
    (one, other) => Number(one.metadata.resourceVersion) - Number(other.metadata.resourceVersion),
  );
  assert.deepEqual(
    byAge.map(({ metadata }) => metadata.name),
    ['demo', 'second', 'third'],
  );
});

test('a second run writes nothing', async (context) => {
  const spec = `environment: { WORLD: world, SLOTS: 8, EMPTY: null }
mounts: [{ source: /srv/maps, target: /maps }]
allocations: { default: { ip: 0.0.0.0, port: 25565 }, additional: [{ ip: 0.0.0.0, port: 25566 }] }
limits: { threads: null, memory: 128 }
egg: { done: ["Done ("] }
power: { desired: Running }`;
  const { apply, server } = setting(context, { 'demo.yaml': manifest({ spec, metadata: 'labels: { game: demo }' }) });
  assert.deepEqual(await apply(), { ...counts, applied: 1 });
  const { metadata } = await server();
  assert.deepEqual(await apply(), { ...counts, unchanged: 1 });
  assert.equal((await server()).metadata.resourceVersion, metadata.resourceVersion);
});

test('a second run sends nothing when nothing differs', async (context) => {
  const { apply, admission } = setting(context, {
    'demo.yaml': manifest({ spec: 'limits: { memory: 128, threads: null }' }),
  });
  await apply();
  const never = () => Promise.reject(new Error('nothing was to be written'));
  const silent = { create: never, patch: never } satisfies Pick<typeof admission, 'create' | 'patch'>;
  assert.deepEqual(await apply({ admission: silent }), { ...counts, unchanged: 1 });
});

test('the manifest of the demo is applied as it is', async (context) => {
  const { apply, server } = setting(context);
  assert.deepEqual(await apply({ directory: join(checkout, 'manifests/demo') }), { ...counts, applied: 1 });
  assert.equal((await server()).spec.power.desired, 'Running');
});

test('fields a manifest states follow it, all others stay', async (context) => {
  const { apply, server, write, patch } = setting(context, {
    'demo.yaml': manifest({
      spec: 'limits: { memory: 128 }\nenvironment: { A: "1" }',
      metadata: 'labels: { game: x }',
    }),
  });
  await apply();
  await patch({
    metadata: { labels: { tier: 'gold', game: 'mine' }, annotations: { note: 'kept' } },
    spec: { limits: { memory: 1, cpu: 50 }, environment: { A: '2', B: '3' }, suspended: true },
  });
  write({
    'demo.yaml': manifest({
      spec: 'limits: { memory: 256 }\nenvironment: { A: "1" }',
      metadata: 'labels: { game: y }',
    }),
  });
  assert.deepEqual(await apply(), { ...counts, applied: 1 });
  const { spec, metadata } = await server();
  assert.deepEqual([spec.limits.memory, spec.limits.cpu, spec.suspended], [256, 50, true]);
  assert.deepEqual(spec.environment, { A: '1', B: '3' });
  assert.deepEqual(metadata.labels, { tier: 'gold', game: 'y' });
  assert.deepEqual(metadata.annotations, { note: 'kept' });
  assert.deepEqual(metadata.finalizers, ['aileron.dev/server']);
});

test('a list is stated as a whole', async (context) => {
  const { apply, server, patch } = setting(context, {
    'demo.yaml': manifest({ spec: 'mounts: [{ source: /srv/a, target: /a }]' }),
  });
  await apply();
  const theirs = { source: '/srv/b', target: '/b', readOnly: true };
  await patch({ spec: { mounts: [{ source: '/srv/a', target: '/a', readOnly: true }, theirs] } });
  assert.deepEqual(await apply(), { ...counts, applied: 1 });
  assert.deepEqual((await server()).spec.mounts, [{ source: '/srv/a', target: '/a', readOnly: false }]);
});

test('whether a server runs is said once', async (context) => {
  const { apply, server, write, patch } = setting(context, { 'demo.yaml': manifest() });
  await apply();
  write({ 'demo.yaml': manifest({ spec: 'power: { desired: Running }' }) });
  assert.deepEqual(await apply(), { ...counts, unchanged: 1 });
  assert.deepEqual((await server()).spec.power, { desired: 'Stopped' });
  await patch({ spec: { power: { desired: 'Running' } } });
  const { power } = (await server()).spec;
  assert.deepEqual(await apply(), { ...counts, unchanged: 1 });
  assert.deepEqual((await server()).spec.power, power);
});

test('a manifest takes over a server of a user, and leaves one of the Panel', async (context) => {
  const { apply, server, admission, log } = setting(context, {
    'demo.yaml': manifest(),
    'paid.yaml': manifest({ name: 'paid', spec: 'limits: { memory: 1 }' }),
  });
  const object = { metadata: { name: 'demo' }, spec: { image: '~test/game:1' } };
  await admission.create('Server', object, user);
  const panel: WriteContext = { ...user, owner: { kind: 'Panel' } };
  await admission.create('Server', { ...object, metadata: { name: 'paid' } }, panel);
  const outcome = await apply();
  assert.equal(outcome.applied, 1);
  assert.deepEqual((await server()).spec.owner, { kind: 'Manifest', ref: 'demo.yaml' });
  const [{ message, ...place }] = outcome.failed as [(typeof outcome.failed)[number]];
  assert.deepEqual(place, { file: 'paid.yaml', line: 1 });
  assert.match(message, /belongs to the Panel/);
  assert.equal((await server('paid')).spec.limits.memory, 0);
  assert.equal(log.find({ message: failureLine }).length, 1);
});

test('every mistake is told once with file, line and field, and stops nothing else', async (context) => {
  const { apply, log, server, store } = setting(context, {
    'a.yaml': `${manifest({ name: 'bad', spec: 'limits:\n  memory: lots\n  disk: -1' })}---\n${manifest({ name: 'good' })}`,
    'b.yaml': manifest({ name: 'typo', spec: 'limits:\n  memroy: 1\nimagine: x' }),
    'c.yaml': manifest({ name: 'twice', spec: 'mounts: []\nmounts: []' }),
    'd.yaml': manifest({ name: 'rules', spec: 'environment:\n  A=B: 1\nmounts:\n  - { source: /a/../b, target: /a }' }),
    'e.yaml': 'apiVersion: aileron.dev/v1\nkind: Server\nmetadata: { name: empty }\n',
    'f.yaml': manifest({ name: 'labels', metadata: 'labels:\n  example.com/a: "not a value"' }),
    'z.yaml': manifest({ name: 'last' }),
  });
  const { failed, ...others } = await apply();
  assert.deepEqual(others, { applied: 2, unchanged: 0, skipped: 0 });
  assert.deepEqual(
    failed.map(({ file, line, field }) => [file, line, field]),
    [
      ['a.yaml', 9, 'spec.limits.memory'],
      ['a.yaml', 10, 'spec.limits.disk'],
      ['b.yaml', 9, 'spec.limits.memroy'],
      ['b.yaml', 10, 'spec.imagine'],
      ['c.yaml', 9, undefined],
      ['d.yaml', 9, 'spec.environment[A=B]'],
      ['d.yaml', 11, 'spec.mounts[0].source'],
      ['e.yaml', 1, 'spec'],
      ['f.yaml', 6, 'metadata.labels[example.com/a]'],
    ],
  );
  const lines = log.find({ message: failureLine });
  assert.deepEqual(
    lines.map(({ level, fields: { reason, ...place } }) => ({ level, place: { ...place, message: reason } })),
    failed.map((failure) => ({ level: 'error', place: failure })),
  );
  await server('good');
  await server('last');
  assert.equal((await store.list('Server')).items.length, 2);
});

test('a mistake in a change leaves the object as it was', async (context) => {
  const { apply, server, write } = setting(context, { 'demo.yaml': manifest() });
  await apply();
  const before = await server();
  write({
    'demo.yaml': manifest({ spec: 'limits: { memory: 64, cpu: -1 }\nuuid: 3f1c9c9e-6c1c-4d39-8f0a-6f2f4f8c1d2f' }),
  });
  assert.deepEqual(
    (await apply()).failed.map(({ line, field }) => [line, field]),
    [[8, 'spec.limits.cpu']],
  );
  write({ 'demo.yaml': manifest({ spec: 'uuid: 3f1c9c9e-6c1c-4d39-8f0a-6f2f4f8c1d2f' }) });
  const [failure] = (await apply()).failed;
  assert.match(failure?.message ?? '', /immutable/);
  write({ 'demo.yaml': `${manifest()}sepc: {}\n` });
  assert.deepEqual(
    (await apply()).failed.map(({ line, field }) => [line, field]),
    [[9, 'sepc']],
  );
  assert.deepEqual(await server(), before);
});

test('one object in two files is declared by the first', async (context) => {
  const { apply, server } = setting(context, {
    'a.yaml': manifest({ spec: 'limits: { memory: 1 }' }),
    'b.yaml': `---\n${manifest({ spec: 'limits: { memory: 2 }' })}`,
  });
  const { applied, failed } = await apply();
  assert.equal(applied, 1);
  assert.deepEqual(failed, [
    { file: 'b.yaml', line: 5, field: 'metadata.name', message: 'Server "demo" is declared in a.yaml:1 already' },
  ]);
  assert.equal((await server()).spec.limits.memory, 1);
});

test('what is not for this node is skipped, what cannot be meant is refused', async (context) => {
  const { apply, log } = setting(context, {
    'a.yaml': 'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\n---\napiVersion: v1\nkind: Event\n',
    'b.yaml': 'apiVersion: aileron.dev/v1\nkind: Sever\nmetadata: { name: demo }\n',
    'c.yaml': 'apiVersion: aileron.dev/v9\nkind: Server\nmetadata: { name: demo }\n',
    'd.yaml': 'kind: Server\nmetadata: { name: demo }\n',
    'e.yaml': 'apiVersion: aileron.dev/v1\nkind: Server\nmetadata:\n  generateName: demo-\n',
    'f.yaml': 'apiVersion: aileron.dev/v1\nkind: Server\nmetadata:\n  name: demo\n  finalizers: [a/b]\n',
    'g.yaml': 'apiVersion: aileron.dev/v1\nkind: Server\nmetadata:\n  labels: {}\n',
    'h.yaml': 'apiVersion: aileron.dev/v1\nkind: Node\nmetadata: { name: other }\n',
  });
  const { skipped, failed, applied } = await apply();
  assert.deepEqual([applied, skipped], [0, 2]);
  assert.equal(log.find({ message: 'a manifest of another API was skipped' }).length, 2);
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
    ],
  );
});

test('only regular files of a sensible size are read', { timeout: 10_000 }, async (context) => {
  const { apply, directory, write } = setting(context, { 'z.yaml': manifest() });
  const outside = temporaryDirectory(context);
  writeFileSync(join(outside, 'secret'), manifest({ name: 'secret' }));
  symlinkSync(join(outside, 'secret'), join(directory, 'a-link.yaml'));
  symlinkSync('/dev/zero', join(directory, 'b-device.yaml'));
  mkdirSync(join(directory, 'c-folder.yaml'));
  execFileSync('/usr/bin/mkfifo', [join(directory, 'd-pipe.yaml')]);
  write({ 'e-large.yaml': `# ${'x'.repeat(1024 * 1024)}\n` });
  writeFileSync(join(directory, 'f-latin1.yaml'), Buffer.from('a: \xe9\n', 'latin1'));
  const { applied, failed } = await apply();
  assert.equal(applied, 1);
  const messages = new Map(failed.map(({ file, message }) => [file, message]));
  assert.match(messages.get('a-link.yaml') ?? '', /is a link/);
  assert.match(messages.get('b-device.yaml') ?? '', /is a link/);
  assert.match(messages.get('c-folder.yaml') ?? '', /only regular files/);
  assert.match(messages.get('d-pipe.yaml') ?? '', /only regular files/);
  assert.match(messages.get('e-large.yaml') ?? '', /larger than 1048576 bytes/);
  assert.match(messages.get('f-latin1.yaml') ?? '', /not UTF-8/);
  assert.equal(messages.size, 6);
});

test('a directory that cannot be read is one failure', async (context) => {
  const { apply, directory, log, write } = setting(context, { 'a-file': '' });
  const missing = join(directory, 'missing');
  const { failed } = await apply({ directory: missing });
  assert.deepEqual(failed, [{ file: missing, message: 'the manifest directory cannot be read: it does not exist' }]);
  assert.equal(log.find({ message: failureLine }).length, 1);
  write({ 'demo.yaml': manifest() });
  const notOne = join(directory, 'demo.yaml');
  const [failure] = (await apply({ directory: notOne })).failed;
  assert.match(failure?.message ?? '', /it is not a directory/);
});

test('an object that somebody makes or deletes in between is looked at again', async (context) => {
  const { apply, admission, store, server } = setting(context, {
    'demo.yaml': manifest({ spec: 'limits: { memory: 64 }' }),
  });
  const object = { metadata: { name: 'demo' }, spec: { image: '~test/game:1' } };
  let first = true;
  const late = {
    get: async (kind: string, name: string) => {
      const found = await store.get(kind, name);
      if (first) await admission.create('Server', object, user);
      first = false;
      return found;
    },
  };
  assert.deepEqual(await apply({ store: late as typeof store }), { ...counts, applied: 1 });
  assert.equal((await server()).spec.limits.memory, 64);
});

test('an object that is being deleted is left to its end', async (context) => {
  const { apply, store, server } = setting(context, { 'demo.yaml': manifest() });
  await apply();
  await store.delete('Server', 'demo');
  const before = await server();
  const [failure] = (await apply()).failed;
  assert.match(failure?.message ?? '', /is being deleted/);
  assert.deepEqual(await server(), before);
});

test('a store that fails is no fault of a manifest', async (context) => {
  const { apply, store, log } = setting(context, { 'demo.yaml': manifest() });
  const failing = { get: () => Promise.reject(new StoreUnavailableError('disk full')) };
  await assert.rejects(apply({ store: failing as unknown as typeof store }), StoreUnavailableError);
  assert.equal(log.find({ message: failureLine }).length, 0);
});

test('a warning of admission is logged', async (context) => {
  const spec = 'egg: { stop: { type: signal, value: NOSUCH } }';
  const { apply, log } = setting(context, { 'demo.yaml': manifest({ spec }) });
  assert.equal((await apply()).applied, 1);
  const [line] = log.find({ level: 'warn' });
  assert.equal(line?.fields['file'], 'demo.yaml');
  assert.match(String(line?.fields['warning']), /NOSUCH/);
});

test('a file that is gone changes nothing', async (context) => {
  const { apply, directory, server } = setting(context, { 'demo.yaml': manifest() });
  await apply();
  rmSync(join(directory, 'demo.yaml'));
  assert.deepEqual(await apply(), counts);
  await server();
});

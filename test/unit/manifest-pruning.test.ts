// What is deleted because no manifest declares it any more, and above all what is not.
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { asManifest, writeContext } from '../support/an-admission.ts';
import { ManifestBench, manifest, nothing } from '../support/manifest-bench.ts';

const two = { 'a.yaml': manifest({ name: 'first' }), 'b.yaml': manifest({ name: 'second' }) };

/** Two looks with the time of absence between them. */
async function lookTwice(bench: ManifestBench, ms = 5_000): Promise<void> {
  await bench.look();
  await bench.clock.advance(ms);
  await bench.look();
}

/** Names of servers that nobody has asked to go. */
async function staying(bench: ManifestBench): Promise<string[]> {
  const { items } = await bench.store.list('Server');
  return items.filter(({ metadata }) => !metadata.deletionTimestamp).map(({ metadata }) => metadata.name);
}

test('what a removed file declared is deleted after five seconds, through admission', async (context) => {
  const bench = new ManifestBench(context, two);
  await bench.look();
  const { uuid } = (await bench.server('second')).spec;
  bench.remove('b.yaml');
  await bench.look();
  assert.equal(bench.retryInMs, 5_000);
  await bench.clock.advance(4_999);
  await bench.look();
  assert.equal(bench.retryInMs, 1);
  assert.deepEqual(await staying(bench), ['first', 'second']);
  await bench.clock.advance(1);
  assert.deepEqual(await bench.look(), { ...nothing, unchanged: 1 });
  const { metadata } = await bench.server('second');
  assert.ok(metadata.deletionTimestamp);
  assert.deepEqual(metadata.finalizers, ['aileron.dev/server']);
  assert.deepEqual(bench.events, [
    {
      ...{ about: 'Server/second', type: 'Normal', reason: 'Pruned' },
      message: `deleted, because b.yaml declares it no more; its files stay, under the uuid ${uuid}`,
    },
  ]);
  await bench.look();
  assert.equal(bench.events.length, 1);
});

test('what a file declares no more goes, what it still declares stays', async (context) => {
  const bench = new ManifestBench(context, { 'a.yaml': `${two['a.yaml']}---\n${two['b.yaml']}` });
  await bench.look();
  bench.write({ 'a.yaml': two['b.yaml'] });
  await lookTwice(bench);
  assert.deepEqual(await staying(bench), ['second']);
});

test('a file that was removed while the daemon was down is followed by the same rules', async (context) => {
  const bench = new ManifestBench(context, two);
  await bench.look();
  bench.remove('b.yaml');
  bench.restart();
  await bench.look();
  assert.deepEqual(await staying(bench), ['first', 'second']);
  await bench.clock.advance(5_000);
  await bench.look();
  assert.deepEqual(await staying(bench), ['first']);
});

test('a file that comes back in time loses nothing, and its absence starts anew', async (context) => {
  const bench = new ManifestBench(context, two);
  await bench.look();
  bench.remove('b.yaml');
  await lookTwice(bench, 4_000);
  bench.write({ 'b.yaml': two['b.yaml'] });
  await bench.look();
  bench.remove('b.yaml');
  await lookTwice(bench, 4_000);
  assert.deepEqual(await staying(bench), ['first', 'second']);
  assert.deepEqual(bench.events, []);
});

for (const [what, files] of Object.entries({
  'a text that is no YAML': { 'c.yaml': 'a: [' },
  'a misspelt kind, which may mean anything': {
    'c.yaml': 'apiVersion: aileron.dev/v1\nkind: Sever\nmetadata: { name: second }\n',
  },
  'a document that is refused': { 'c.yaml': manifest({ name: 'third', spec: 'limits: { memory: -1 }' }) },
  'a file that is too large': { 'c.yaml': `# ${'x'.repeat(1024 * 1024)}` },
})) {
  test(`nothing is pruned while there is ${what}`, async (context) => {
    const bench = new ManifestBench(context, two);
    await bench.look();
    bench.remove('b.yaml');
    bench.write(files);
    await lookTwice(bench, 60_000);
    assert.deepEqual(await staying(bench), ['first', 'second']);
    bench.remove('c.yaml');
    await bench.clock.advance(60_000);
    await bench.look();
    assert.deepEqual(await staying(bench), ['first', 'second']);
    await bench.clock.advance(5_000);
    await bench.look();
    assert.deepEqual(await staying(bench), ['first']);
  });
}

test('nothing is pruned while a file is being written', async (context) => {
  const bench = new ManifestBench(context, two);
  await bench.look();
  bench.remove('b.yaml');
  bench.write({ 'c.yaml': two['b.yaml'] });
  for (let look = 0; look < 2; look += 1) {
    await bench.clock.advance(5_000);
    bench.clock.jumpWall(statSync(join(bench.directory, 'c.yaml')).ctimeMs + 100 - bench.clock.now());
    assert.deepEqual(await bench.look(), { ...nothing, unchanged: 1 });
  }
  assert.deepEqual(await staying(bench), ['first', 'second']);
  bench.clock.jumpWall(3_600_000);
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1, unchanged: 1 });
});

test('a missing directory prunes nothing, an empty one everything that came from it', async (context) => {
  const bench = new ManifestBench(context, two);
  await bench.look();
  const away = `${bench.directory}-away`;
  renameSync(bench.directory, away);
  context.after(() => rmSync(away, { recursive: true, force: true }));
  await lookTwice(bench, 60_000);
  writeFileSync(bench.directory, 'no directory');
  await lookTwice(bench, 60_000);
  assert.deepEqual(await staying(bench), ['first', 'second']);
  rmSync(bench.directory);
  mkdirSync(bench.directory);
  await bench.look();
  assert.deepEqual(await staying(bench), ['first', 'second']);
  await bench.clock.advance(5_000);
  await bench.look();
  assert.deepEqual(await staying(bench), []);
});

test('an object that moves to another file has another owner and stays', async (context) => {
  const bench = new ManifestBench(context, two);
  await bench.look();
  const { uid } = (await bench.server('second')).metadata;
  bench.write({ 'a.yaml': `${two['a.yaml']}---\n${two['b.yaml']}` });
  bench.remove('b.yaml');
  await lookTwice(bench);
  const { metadata, spec } = await bench.server('second');
  assert.deepEqual([metadata.uid, metadata.deletionTimestamp], [uid, undefined]);
  assert.deepEqual(spec.owner, { kind: 'Manifest', ref: 'a.yaml' });
  assert.deepEqual(bench.events, []);
});

test('only what came from this directory is pruned', async (context) => {
  const bench = new ManifestBench(context);
  const object = (name: string) => ({ metadata: { name }, spec: { image: '~test/game:1' } });
  await bench.admission.create('Server', object('of-a-user'), writeContext());
  await bench.admission.create('Server', object('of-the-panel'), writeContext({ owner: { kind: 'Panel' } }));
  await bench.admission.create('Server', object('of-a-manifest'), asManifest);
  const elsewhere = join(bench.directory, 'elsewhere');
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, 'a.yaml'), manifest({ name: 'of-elsewhere' }));
  bench.restart({ directory: elsewhere });
  await bench.look();
  bench.restart();
  await lookTwice(bench);
  assert.deepEqual(await staying(bench), ['of-a-user', 'of-elsewhere', 'of-the-panel']);
});

test('what is on its way out is not asked again, and the file that comes back finds its files', async (context) => {
  const bench = new ManifestBench(context, two);
  await bench.look();
  const { uuid } = (await bench.server('second')).spec;
  bench.remove('b.yaml');
  await lookTwice(bench);
  bench.write({ 'b.yaml': two['b.yaml'] });
  assert.equal((await bench.look()).waiting, 1);
  await bench.store.patch('Server', 'second', { metadata: { finalizers: null } });
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1, unchanged: 1 });
  assert.equal((await bench.server('second')).spec.uuid, uuid);
});

// How a mistake in a manifest is told: once for each content of its file, in the log and as an Event where it belongs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManifestBench, manifest } from '../support/manifest-bench.ts';

const wrong = manifest({ spec: 'limits:\n  memory: -1' });

const nodeObject = { apiVersion: 'aileron.dev/v1', kind: 'Node', metadata: { name: 'node-1' } };

function told({ log }: ManifestBench): unknown[] {
  return log
    .find({ level: 'error', message: 'a manifest could not be applied' })
    .map(({ fields: { file, line, field } }) => [file, line, field]);
}

test('a mistake is told once, and again when the file was saved and it is still there', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': wrong, 'broken.yaml': 'a: [' });
  const once = [
    ['broken.yaml', 1, undefined],
    ['demo.yaml', 9, 'spec.limits.memory'],
  ];
  for (let look = 0; look < 3; look += 1) {
    const { failed } = await bench.look();
    assert.equal(failed.length, 2);
    assert.deepEqual(told(bench), once);
  }
  bench.write({ 'demo.yaml': `# still\n${wrong}` });
  await bench.look();
  await bench.look();
  assert.deepEqual(told(bench), [...once, ['demo.yaml', 10, 'spec.limits.memory']]);
  bench.remove('broken.yaml');
  bench.write({ 'demo.yaml': manifest() });
  assert.deepEqual((await bench.look()).failed, []);
  assert.equal(bench.log.find({ message: 'the manifests are in order again' }).length, 1);
});

test('the Event is on the object, and on the node as long as there is none', async (context) => {
  const bench = new ManifestBench(context, { 'demo.yaml': wrong });
  await bench.look();
  // Not even the node is there yet: it is told as soon as it is.
  assert.equal(bench.events.length, 0);
  await bench.store.create(nodeObject);
  await bench.look();
  await bench.look();
  assert.deepEqual(
    bench.events.map(({ about, type, reason }) => [about, type, reason]),
    [['Node/node-1', 'Warning', 'ManifestInvalid']],
  );
  assert.match(bench.events[0]?.message ?? '', /^demo\.yaml:9: spec\.limits\.memory: .*0/);
  bench.write({ 'demo.yaml': manifest() });
  await bench.look();
  bench.write({ 'demo.yaml': wrong });
  await bench.look();
  await bench.look();
  assert.deepEqual(
    bench.events.map(({ about }) => about),
    ['Node/node-1', 'Server/demo'],
  );
});

test('a text that cannot be read is told on what came from its file', async (context) => {
  const bench = new ManifestBench(context, {
    'a.yaml': `${manifest({ name: 'first' })}---\n${manifest({ name: 'second' })}`,
    'b.yaml': manifest({ name: 'third' }),
  });
  await bench.store.create(nodeObject);
  await bench.look();
  bench.write({ 'a.yaml': 'a: [' });
  await bench.look();
  assert.deepEqual(
    bench.events.map(({ about, reason }) => [about, reason]),
    [
      ['Server/first', 'ManifestInvalid'],
      ['Server/second', 'ManifestInvalid'],
    ],
  );
});

test('of many mistakes in a file the first are told, all are known', async (context) => {
  const documents = Array.from({ length: 200 }, (_, index) => `kind: Server\nmetadata: { name: s${index} }\n`);
  const bench = new ManifestBench(context, { 'a.yaml': documents.join('---\n') });
  await bench.store.create(nodeObject);
  const { failed } = await bench.look();
  assert.equal(failed.length, 200);
  assert.equal(told(bench).length, 20);
  assert.equal(bench.events.length, 20);
});

test('documents of another API are told of in one line for each content of a file', async (context) => {
  const foreign = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\n';
  const bench = new ManifestBench(context, { 'a.yaml': `${foreign}---\n${foreign}`, 'b.yaml': foreign });
  const lines = () => bench.log.find({ message: 'documents of another API were skipped' }).map(({ fields }) => fields);
  await bench.look();
  await bench.look();
  const first = { line: 1, apiVersion: 'v1', kind: 'ConfigMap' };
  assert.deepEqual(lines(), [
    { file: 'a.yaml', ...first, documents: 2 },
    { file: 'b.yaml', ...first, documents: 1 },
  ]);
  bench.write({ 'b.yaml': `# changed\n${foreign}` });
  await bench.look();
  assert.equal(lines().length, 3);
});

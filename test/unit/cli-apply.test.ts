// What apply changes: three sides (the file, the file before it, the object as it is), and the memory between.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CliError } from '../../src/cli/exit-codes.ts';
import { type Fields, lastAppliedAnnotation, patchFor, withMemory } from '../../src/cli/last-applied.ts';
import { objectsOf } from '../../src/cli/object-files.ts';
import { testIo } from '../support/cli-io.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const file = (spec: Fields, metadata: Fields = {}): Fields => ({
  apiVersion: 'aileron.dev/v1',
  kind: 'Server',
  metadata: { name: 'demo', ...metadata },
  spec,
});

test('the memory is the object without the memory', () => {
  const { metadata } = withMemory(file({ image: 'a' }, { annotations: { own: 'x' } })) as {
    metadata: { annotations: Record<string, string> };
  };
  assert.equal(metadata.annotations['own'], 'x');
  const memory = JSON.parse(metadata.annotations[lastAppliedAnnotation] ?? '');
  assert.deepEqual(memory, file({ image: 'a' }, { annotations: { own: 'x' } }));
});

test('the memory is spelled as kubectl spells it', () => {
  const { metadata } = withMemory(file({ image: 'a', invocation: '<&>' })) as {
    metadata: { annotations: Record<string, string> };
  };
  assert.equal(
    metadata.annotations[lastAppliedAnnotation],
    '{"apiVersion":"aileron.dev/v1","kind":"Server","metadata":{"annotations":{},"name":"demo"},"spec":{"image":"a","invocation":"\\u003c\\u0026\\u003e"}}\n',
  );
});

test('the same file again changes nothing, whatever others have added', () => {
  const applied = withMemory(file({ image: 'a', limits: { memory: 1 } }));
  const live = {
    ...applied,
    spec: { image: 'a', limits: { memory: 1, cpu: 5 }, power: { desired: 'Running' } },
    status: { state: 'running' },
  };
  assert.deepEqual(patchFor(live, withMemory(file({ limits: { memory: 1 }, image: 'a' }))), {});
});

test('what the file states anew is set, what it no longer states is removed, the rest stays', () => {
  const before = withMemory(file({ image: 'a', environment: { A: '1', B: '2' }, mounts: [1] }));
  const live = {
    ...before,
    spec: { image: 'a', environment: { A: '1', B: '2', C: 'by hand' }, mounts: [1], suspended: true },
  };
  const { metadata, ...patch } = patchFor(
    live,
    withMemory(file({ image: 'b', environment: { A: '1' }, mounts: [1, 2] })),
  );
  assert.deepEqual(patch, { spec: { image: 'b', environment: { B: null }, mounts: [1, 2] } });
  assert.deepEqual(Object.keys((metadata as { annotations: object }).annotations), [lastAppliedAnnotation]);
});

test('an object of another writer gets what is stated and loses nothing', () => {
  const live = file({ image: 'a', environment: { A: '1' } });
  const { metadata: _, ...patch } = patchFor(live, withMemory(file({ image: 'b' })));
  assert.deepEqual(patch, { spec: { image: 'b' } });
});

test('a damaged memory removes nothing', () => {
  const live = file({ image: 'a', invocation: 'x' }, { annotations: { [lastAppliedAnnotation]: '{broken' } });
  const { spec } = patchFor(live, withMemory(file({ image: 'a' }))) as { spec?: unknown };
  assert.equal(spec, undefined);
});

test('files, directories, lists and standard input are read in their order', async (t) => {
  const directory = temporaryDirectory(t);
  const objects = join(directory, 'objects');
  mkdirSync(objects);
  writeFileSync(
    join(objects, 'b.yaml'),
    '# two\napiVersion: aileron.dev/v1\nkind: Server\nmetadata: { name: b1 }\n---\n\n---\napiVersion: aileron.dev/v1\nkind: Server\nmetadata: { name: b2 }\n',
  );
  writeFileSync(
    join(objects, 'a.json'),
    JSON.stringify({ kind: 'List', items: [file({}), { ...file({}), metadata: { name: 'a2' } }] }),
  );
  writeFileSync(join(objects, 'notes.txt'), 'not read');
  const io = testIo({ input: 'apiVersion: aileron.dev/v1\nkind: Server\nmetadata: { name: typed }\n' });
  const found = await objectsOf(io, [objects, '-']);
  assert.deepEqual(
    found.map((one) => (one instanceof CliError ? one.message : `${one.place.replace(objects, '')} ${one.name}`)),
    ['/a.json:1 demo', '/a.json:1 a2', '/b.yaml:2 b1', '/b.yaml:8 b2', 'standard input:1 typed'],
  );
});

test('a bad document is told with its line and keeps no other back', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'x.yaml');
  writeFileSync(
    path,
    'apiVersion: v1\nkind: Pod\nmetadata: { name: p }\n---\napiVersion: aileron.dev/v1\nkind: Server\nspec: {}\n---\na: [1\n---\napiVersion: aileron.dev/v1\nkind: Server\nmetadata: { name: good }\n',
  );
  const found = await objectsOf(testIo(), [path]);
  const told = found.map((one) => (one instanceof CliError ? one.message.replace(path, 'x') : one.name));
  assert.match(told[0] ?? '', /^x:1: there is no kind "Pod" in "v1"; the kinds are Server \(aileron\.dev\/v1\)/);
  assert.match(told[1] ?? '', /^x:5: metadata\.name is missing\.$/);
  assert.match(told[2] ?? '', /^x:\d+: this is not valid YAML: /);
  assert.equal(told[3], 'good');
  await assert.rejects(objectsOf(testIo(), [join(directory, 'none.yaml')]), /cannot be read: it does not exist/);
});

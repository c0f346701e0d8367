// What kubectl can do beside looking and applying, against the real program.
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { ensureNamespace } from '../../src/resources/namespace.ts';
import { missingKubectl, openKube, runKubectl, serverManifest, serversPath } from '../support/kube.ts';

const options = { skip: await missingKubectl() };

async function open(t: TestContext) {
  const kube = await openKube();
  t.after(() => kube.close());
  await ensureNamespace(kube.store);
  await kube.call('POST', serversPath, { body: serverManifest('demo', {}, { labels: { game: 'demo' } }) });
  const ok = async (...args: string[]) => {
    const { code, out, err } = await kube.kubectl(args);
    assert.equal(code, 0, `kubectl ${args.join(' ')}: ${err}`);
    return out;
  };
  return { ...kube, ok };
}

test('patches by JSON patch, and says why one does not fit', options, async (t) => {
  const kube = await open(t);
  const patch = (operations: object[]) => ['patch', 'server', 'demo', '--type=json', '-p', JSON.stringify(operations)];
  assert.match(await kube.ok(...patch([{ op: 'replace', path: '/spec/limits/memory', value: 192 }])), /patched/);
  assert.equal(await kube.ok('get', 'server', 'demo', '-o', 'jsonpath={.spec.limits.memory}'), '192');
  assert.match(await kube.ok(...patch([{ op: 'replace', path: '/spec/limits/memory', value: 192 }])), /no change/);
  const refused = await kube.kubectl(patch([{ op: 'test', path: '/spec/limits/memory', value: 1 }]));
  assert.equal(refused.code, 1);
  assert.match(refused.err, /the server rejected our request/);
  const invalid = await kube.kubectl(patch([{ op: 'replace', path: '/spec/limits/memory', value: -1 }]));
  assert.match(invalid.err, /spec\.limits\.memory/);
});

test('labels, annotates, explains and diffs', options, async (t) => {
  const kube = await open(t);
  await kube.ok('label', 'server', 'demo', 'tier=gold');
  await kube.ok('annotate', 'server', 'demo', 'note=hello');
  assert.equal(await kube.ok('get', 'server', '-l', 'tier=gold', '-o', 'name'), 'server.aileron.dev/demo\n');
  await kube.ok('label', 'server', 'demo', 'tier-');
  assert.equal(await kube.ok('get', 'server', '-l', 'tier', '-o', 'name'), '');
  assert.match(await kube.ok('explain', 'server.spec.power.desired'), /What should be/);
  const manifest = JSON.stringify(serverManifest('demo', { limits: { memory: 300 } }));
  const diff = await kube.kubectl(['diff', '-f', '-'], manifest);
  assert.equal(diff.code, 1, diff.err);
  assert.match(diff.out, /\+\s+memory: 300/);
  assert.equal(await kube.ok('get', 'server', 'demo', '-o', 'jsonpath={.spec.limits.memory}'), '0');
});

test('edits in an editor', options, async (t) => {
  const kube = await open(t);
  const editor = join(kube.directory, 'editor.sh');
  await writeFile(editor, '#!/bin/sh\nsed -i "s/memory: 0/memory: 64/" "$1"\n');
  await chmod(editor, 0o755);
  const edited = await runKubectl(join(kube.directory, 'kubeconfig'), kube.directory, ['edit', 'server', 'demo'], '', {
    KUBE_EDITOR: editor,
  });
  assert.equal(edited.code, 0, edited.err);
  assert.equal(await kube.ok('get', 'server', 'demo', '-o', 'jsonpath={.spec.limits.memory}'), '64');
});

test('asks raw paths, namespaces, permissions and events', options, async (t) => {
  const kube = await open(t);
  assert.equal(JSON.parse(await kube.ok('get', '--raw', `${serversPath}/demo`)).metadata.name, 'demo');
  assert.match(await kube.ok('get', 'namespaces'), /default\s+Active/);
  assert.equal((await kube.ok('auth', 'can-i', 'delete', 'servers')).trim(), 'yes');
  await kube.ok('events');
  await kube.ok('get', 'events', '--all-namespaces');
  assert.match(await kube.ok('get', 'server', '--field-selector', 'metadata.name=demo', '-o', 'name'), /demo/);
  const refused = await kube.kubectl(['create', 'namespace', 'other']);
  assert.equal(refused.code, 1);
});

test('reads long lists in pages', options, async (t) => {
  const kube = await open(t);
  for (let index = 0; index < 12; index++) await kube.call('POST', serversPath, { body: serverManifest(`s-${index}`) });
  const names = await kube.ok('get', 'servers', '--chunk-size=5', '-o', 'name');
  assert.equal(names.trim().split('\n').length, 13);
});

for (const cascade of ['background', 'foreground', 'orphan']) {
  test(`deletes with --cascade=${cascade}`, options, async (t) => {
    const kube = await open(t);
    await kube.ok('delete', 'server', 'demo', `--cascade=${cascade}`, '--wait=false');
    const { json } = await kube.call('GET', `${serversPath}/demo`);
    assert.ok(json.metadata.deletionTimestamp);
    const expected = { background: [], foreground: ['foregroundDeletion'], orphan: ['orphan'] }[cascade];
    assert.deepEqual(
      json.metadata.finalizers.filter((finalizer: string) => finalizer !== 'aileron.dev/server'),
      expected,
    );
  });
}

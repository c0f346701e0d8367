// Clients that are not kubectl: informers of the official JavaScript library, and one that watches everything at once, as
// k9s does.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { CustomObjectsApi, KubeConfig, type KubernetesObject, makeInformer } from '@kubernetes/client-node';
import { kindDefinitions } from '../../src/resources/kinds.ts';
import { openKube, serverManifest, serversPath } from '../support/kube.ts';
import { until } from '../support/until.ts';

test('an informer of the official client follows every change', async (t) => {
  const kube = await openKube();
  t.after(() => kube.close());
  await kube.call('POST', serversPath, { body: serverManifest('first') });
  const config = new KubeConfig();
  config.loadFromFile(join(kube.directory, 'kubeconfig'));
  const api = config.makeApiClient(CustomObjectsApi);
  const list = () => api.listClusterCustomObject({ group: 'aileron.dev', version: 'v1', plural: 'servers' });
  const informer = makeInformer<KubernetesObject>(config, serversPath, list);
  const seen: string[] = [];
  for (const verb of ['add', 'update', 'delete'] as const) {
    informer.on(verb, (object) => seen.push(`${verb} ${object.metadata?.name}`));
  }
  await informer.start();
  t.after(() => informer.stop());

  await until('the first object is seen', 10_000, async () => seen.includes('add first'));
  await kube.call('POST', serversPath, { body: serverManifest('second') });
  await kube.call('PATCH', `${serversPath}/second`, {
    body: { spec: { limits: { memory: 64 } } },
    headers: { 'content-type': 'application/merge-patch+json' },
  });
  await until('the change is seen', 10_000, async () => seen.includes('update second'));
  await kube.call('DELETE', `${serversPath}/second`);
  await kube.call('PATCH', `${serversPath}/second`, {
    body: { metadata: { finalizers: [] } },
    headers: { 'content-type': 'application/merge-patch+json' },
  });
  await until('the deletion is seen', 10_000, async () => seen.includes('delete second'));
  assert.deepEqual(
    informer.list().map((object) => object.metadata?.name),
    ['first'],
  );
  const order = seen.filter((line) => line.endsWith('second'));
  assert.equal(order[0], 'add second');
  assert.equal(order.at(-1), 'delete second');
});

test('a client may watch every kind at once', async (t) => {
  const kube = await openKube();
  t.after(() => kube.close());
  const watches = await Promise.all(
    kindDefinitions.map(async (kind) => {
      const base = kind.group ? `/apis/${kind.group}/${kind.version}` : `/api/${kind.version}`;
      const watch = await kube.watch(
        `${base}/${kind.plural}?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`,
      );
      assert.equal(watch.code, 200);
      return { kind: kind.kind, watch };
    }),
  );
  await kube.call('POST', serversPath, { body: serverManifest('demo') });
  for (const { kind, watch } of watches) {
    for (let line = await watch.next(); line?.type !== 'BOOKMARK'; line = await watch.next())
      assert.ok(line, `${kind} ended`);
  }
  const servers = watches.find(({ kind }) => kind === 'Server');
  assert.equal((await servers?.watch.next())?.object.metadata.name, 'demo');
  for (const { watch } of watches) watch.close();
});

// Lists, tables, pages, events in their namespace, and the documents that say what there is.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Kube, openKube, serverManifest, serversPath } from '../support/kube.ts';

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
const discovery = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

let kube: Kube;
before(async () => {
  kube = await openKube();
  for (const [name, labels] of [
    ['alpha', { game: 'a' }],
    ['beta', { game: 'b' }],
    ['gamma', { game: 'b' }],
  ] as const) {
    await kube.call('POST', serversPath, { body: serverManifest(name, {}, { labels }) });
  }
  await kube.store.create({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'alpha.1', namespace: 'default' },
    involvedObject: { apiVersion: 'aileron.dev/v1', kind: 'Server', name: 'alpha', uid: 'u' },
    reason: 'Started',
    message: 'it runs',
    type: 'Normal',
    count: 1,
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:00Z',
    source: { component: 'server-controller', host: 'node-1' },
    reportingComponent: 'server-controller',
    reportingInstance: 'node-1',
  });
});
after(() => kube.close());

const names = (json: { items: { metadata: { name: string } }[] }) => json.items.map(({ metadata }) => metadata.name);

test('lists by labels and by name', async () => {
  const all = await kube.call('GET', serversPath);
  assert.deepEqual([all.json.kind, all.json.apiVersion], ['ServerList', 'aileron.dev/v1']);
  assert.deepEqual(names(all.json), ['alpha', 'beta', 'gamma']);
  assert.deepEqual(names((await kube.call('GET', `${serversPath}?labelSelector=game+in+(b)`)).json), ['beta', 'gamma']);
  assert.deepEqual(names((await kube.call('GET', `${serversPath}?fieldSelector=metadata.name%3Dbeta`)).json), ['beta']);
});

test('a list at the present revision is exact, one at another is expired', async () => {
  const { resourceVersion } = (await kube.call('GET', serversPath)).json.metadata;
  const exact = await kube.call('GET', `${serversPath}?resourceVersion=${resourceVersion}&resourceVersionMatch=Exact`);
  assert.equal(exact.code, 200);
  assert.equal((await kube.call('GET', `${serversPath}?resourceVersion=0&resourceVersionMatch=Exact`)).code, 410);
});

test('pages belong to one snapshot', async () => {
  const first = await kube.call('GET', `${serversPath}?limit=2`);
  assert.deepEqual([names(first.json), first.json.metadata.remainingItemCount], [['alpha', 'beta'], 1]);
  await kube.store.patch('Server', 'gamma', { metadata: { labels: { later: 'yes' } } });
  const token = first.json.metadata.continue;
  const second = await kube.call('GET', `${serversPath}?limit=2&continue=${token}`);
  assert.deepEqual([names(second.json), second.json.metadata.continue], [['gamma'], undefined]);
  assert.equal(second.json.metadata.resourceVersion, first.json.metadata.resourceVersion);
  assert.equal(second.json.items[0].metadata.labels.later, undefined);
  assert.equal((await kube.call('GET', `${serversPath}?limit=2&continue=${token}&labelSelector=a`)).code, 400);
  assert.equal((await kube.call('GET', `${serversPath}?limit=2&continue=x`)).code, 400);
  const gone = Buffer.from('00000000-0000-4000-8000-000000000000.2').toString('base64url');
  assert.equal((await kube.call('GET', `${serversPath}?limit=2&continue=${gone}`)).json.reason, 'Expired');
});

test('a table has a row for each object and as much of the object as asked', async () => {
  const { json } = await kube.call('GET', serversPath, { headers: { accept: table } });
  assert.deepEqual([json.kind, json.apiVersion], ['Table', 'meta.k8s.io/v1']);
  assert.equal(json.columnDefinitions[0].name, 'Name');
  assert.equal(json.rows.length, 3);
  assert.equal(json.rows[0].cells[0], 'alpha');
  assert.equal(json.rows[0].cells.length, json.columnDefinitions.length);
  assert.deepEqual([json.rows[0].object.kind, json.rows[0].object.spec], ['PartialObjectMetadata', undefined]);
  const full = await kube.call('GET', `${serversPath}?includeObject=Object`, { headers: { accept: table } });
  assert.equal(full.json.rows[0].object.kind, 'Server');
  const none = await kube.call('GET', `${serversPath}/alpha?includeObject=None`, { headers: { accept: table } });
  assert.deepEqual([none.json.rows.length, none.json.rows[0].object], [1, null]);
});

test('metadata alone is served to those who want no more', async () => {
  const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
  const { json } = await kube.call('GET', serversPath, { headers: { accept } });
  assert.deepEqual(
    [json.kind, json.items[0].kind, json.items[0].spec],
    ['PartialObjectMetadataList', 'PartialObjectMetadata', undefined],
  );
});

test('JSON is given to those who would rather have protobuf', async () => {
  const accept = 'application/vnd.kubernetes.protobuf, application/json;q=0.5';
  assert.equal(
    (await kube.call('GET', serversPath, { headers: { accept } })).headers['content-type'],
    'application/json',
  );
});

test('events live in the namespace default', async () => {
  const selector = 'fieldSelector=involvedObject.name%3Dalpha,involvedObject.namespace%3D,involvedObject.kind%3DServer';
  for (const path of ['/api/v1/events', '/api/v1/namespaces/default/events']) {
    assert.deepEqual(names((await kube.call('GET', `${path}?${selector}`)).json), ['alpha.1'], path);
  }
  assert.deepEqual((await kube.call('GET', '/api/v1/namespaces/other/events')).json.items, []);
  assert.equal((await kube.call('GET', '/api/v1/namespaces/other/events/alpha.1')).code, 404);
  assert.equal(
    (await kube.call('POST', '/api/v1/namespaces/other/events', { body: {} })).json.message,
    'namespaces "other" not found',
  );
  assert.equal((await kube.call('POST', '/api/v1/events', { body: {} })).code, 405);
});

test('discovery comes aggregated or piece by piece', async () => {
  const aggregated = await kube.call('GET', '/apis', { headers: { accept: discovery } });
  assert.equal(
    aggregated.headers['content-type'],
    'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  );
  const resources = aggregated.json.items[0].versions[0].resources;
  assert.deepEqual(resources.map(({ resource }: { resource: string }) => resource).sort(), [
    'backups',
    'installations',
    'nodes',
    'restores',
    'schedules',
    'servers',
  ]);
  const core = await kube.call('GET', '/api', { headers: { accept: discovery } });
  assert.equal(core.json.items[0].versions[0].resources[0].scope, 'Namespaced');

  assert.deepEqual((await kube.call('GET', '/api')).json.versions, ['v1']);
  assert.equal((await kube.call('GET', '/apis')).json.groups[0].preferredVersion.groupVersion, 'aileron.dev/v1');
  assert.equal((await kube.call('GET', '/apis/aileron.dev')).json.kind, 'APIGroup');
  const list = (await kube.call('GET', '/apis/aileron.dev/v1')).json;
  assert.ok(list.resources.some(({ name }: { name: string }) => name === 'servers/status'));
  assert.match((await kube.call('GET', '/version')).json.gitVersion, /^v1\.\d+\.0\+aileron-0\.0\.0-test$/);
});

test('OpenAPI says what kubectl apply needs to know', async () => {
  const { json: index } = await kube.call('GET', '/openapi/v3');
  assert.deepEqual(Object.keys(index.paths).sort(), ['api/v1', 'apis/aileron.dev/v1']);
  const url = index.paths['apis/aileron.dev/v1'].serverRelativeURL;
  assert.match(url, /^\/openapi\/v3\/apis\/aileron\.dev\/v1\?hash=[0-9A-F]{128}$/);
  const { json: document } = await kube.call('GET', url);
  for (const [path, item] of Object.entries<Record<string, { parameters: { name: string }[]; [k: string]: unknown }>>(
    document.paths,
  )) {
    if (!item['patch']) continue;
    const parameters = item['patch'].parameters.map(({ name }) => name);
    assert.ok(parameters.includes('dryRun') && parameters.includes('fieldValidation'), path);
    assert.deepEqual(Object.keys(item['patch']['x-kubernetes-group-version-kind'] as object), [
      'group',
      'version',
      'kind',
    ]);
  }
  const references = JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g);
  for (const [, name] of references) assert.ok(document.components.schemas[name!], name);
});

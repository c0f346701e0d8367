// Objects over HTTP: what each verb answers, and how each refusal is worded.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { parse } from 'yaml';
import { type Kube, openKube, serverManifest, serversPath } from '../support/kube.ts';

let kube: Kube;
before(async () => {
  kube = await openKube();
});
after(() => kube.close());
beforeEach(async () => {
  for (const kind of ['Server', 'Event']) {
    for (const { metadata } of (await kube.store.list(kind)).items) {
      if (metadata.finalizers) await kube.store.patch(kind, metadata.name, { metadata: { finalizers: null } });
      await kube.store.delete(kind, metadata.name);
    }
  }
});

const demo = `${serversPath}/demo`;
const mergePatch = { 'content-type': 'application/merge-patch+json' };
const create = (name = 'demo', spec = {}, metadata = {}) =>
  kube.call('POST', serversPath, { body: serverManifest(name, spec, metadata) });

test('creates, reads, replaces, patches and deletes an object', async () => {
  const created = await create();
  assert.equal(created.code, 201);
  assert.equal(created.json.kind, 'Server');
  assert.equal((await kube.call('GET', demo)).json.metadata.uid, created.json.metadata.uid);

  const body = { ...created.json, metadata: { ...created.json.metadata, labels: { a: 'b' } } };
  const replaced = await kube.call('PUT', demo, { body });
  assert.equal(replaced.code, 200);
  assert.deepEqual(replaced.json.metadata.labels, { a: 'b' });

  const patched = await kube.call('PATCH', demo, { headers: mergePatch, body: { spec: { suspended: true } } });
  assert.equal(patched.json.spec.suspended, true);
  assert.equal(patched.json.metadata.generation, 2);

  await kube.store.patch('Server', 'demo', { metadata: { finalizers: null } });
  const deleted = await kube.call('DELETE', demo);
  assert.deepEqual(
    [deleted.code, deleted.json.kind, deleted.json.status, deleted.json.details.uid],
    [200, 'Status', 'Success', created.json.metadata.uid],
  );
  assert.equal((await kube.call('GET', demo)).code, 404);
});

test('a body may be YAML, and so may the answer', async () => {
  const body =
    'apiVersion: aileron.dev/v1\nkind: Server\nmetadata:\n  name: demo\n  creationTimestamp: null\nspec:\n  image: ~game\n';
  const headers = { 'content-type': 'application/yaml', accept: 'application/yaml' };
  const created = await kube.call('POST', serversPath, { headers, body: body.replace('~game', '"~game"') });
  assert.equal(created.code, 201);
  assert.equal(created.headers['content-type'], 'application/yaml');
  assert.equal(parse(created.text).spec.image, '~game');
});

test('the status subresource changes status alone', async () => {
  const { json } = await create();
  const body = { ...json, spec: { ...json.spec, image: 'other' }, status: { state: 'offline' } };
  const replaced = await kube.call('PUT', `${demo}/status`, { body });
  assert.equal(replaced.code, 200);
  assert.deepEqual([replaced.json.status.state, replaced.json.spec.image], ['offline', '~test/game:1']);
  const patch = { status: { state: 'running' }, spec: { image: 'other' } };
  const patched = await kube.call('PATCH', `${demo}/status`, { headers: mergePatch, body: patch });
  assert.deepEqual([patched.json.status.state, patched.json.spec.image], ['running', '~test/game:1']);
  assert.equal((await kube.call('GET', `${demo}/status`)).json.status.state, 'running');
  assert.equal((await kube.call('DELETE', `${demo}/status`)).code, 405);
});

test('every refusal is a Status with reason, code and details', async () => {
  await create();
  const wrong = { ...serverManifest('demo'), spec: { image: 7 } };
  const cases: [string, string, object, number, string, RegExp][] = [
    ['GET', `${serversPath}/none`, {}, 404, 'NotFound', /^servers\.aileron\.dev "none" not found$/],
    ['GET', '/apis/aileron.dev/v1/ships', {}, 404, 'NotFound', /could not find the requested resource/],
    ['POST', demo, { body: {} }, 405, 'MethodNotAllowed', /does not allow this method/],
    ['POST', serversPath, { body: serverManifest('demo') }, 409, 'AlreadyExists', /"demo" already exists$/],
    ['POST', serversPath, { body: wrong }, 422, 'Invalid', /^Server\.aileron\.dev "demo" is invalid: /],
    ['POST', serversPath, { body: '{' }, 400, 'BadRequest', /not valid JSON/],
    ['POST', serversPath, { body: { ...serverManifest('x'), kind: 'Node' } }, 400, 'BadRequest', /kind in the data/],
    ['PUT', demo, { body: serverManifest('other') }, 400, 'BadRequest', /does not match the name on the URL/],
    ['PUT', `${serversPath}/none`, { body: serverManifest('none') }, 404, 'NotFound', /"none" not found/],
    [
      'PATCH',
      demo,
      { body: {}, headers: { 'content-type': 'application/apply-patch+yaml' } },
      415,
      'UnsupportedMediaType',
      /server-side/,
    ],
    [
      'PATCH',
      demo,
      { body: {}, headers: { 'content-type': 'application/strategic-merge-patch+json' } },
      415,
      'UnsupportedMediaType',
      /--type=merge/,
    ],
    ['PATCH', demo, { body: {} }, 415, 'UnsupportedMediaType', /application\/merge-patch\+json/],
    [
      'GET',
      demo,
      { headers: { accept: 'application/vnd.kubernetes.protobuf' } },
      406,
      'NotAcceptable',
      /application\/json/,
    ],
    ['GET', `${serversPath}?labelSelector=a+in+(`, {}, 400, 'BadRequest', /unable to parse/],
    ['GET', `${serversPath}?fieldSelector=spec.image%3Dx`, {}, 400, 'BadRequest', /field label not supported/],
    ['GET', `${serversPath}?resourceVersion=0815&resourceVersionMatch=Exact`, {}, 410, 'Expired', /too old/],
    ['DELETE', `${serversPath}/none`, {}, 404, 'NotFound', /not found/],
    ['POST', `${serversPath}?dryRun=some`, { body: serverManifest('x') }, 422, 'Invalid', /dryRun: Unsupported value/],
    ['DELETE', `${demo}?propagationPolicy=Sideways`, {}, 422, 'Invalid', /propagationPolicy/],
  ];
  for (const [method, path, options, code, reason, message] of cases) {
    const { json, code: answered } = await kube.call(method, path, options);
    assert.deepEqual(
      [answered, json.kind, json.status, json.code, json.reason],
      [code, 'Status', 'Failure', code, reason],
      path,
    );
    assert.match(json.message, message);
  }
  const invalid = await kube.call('POST', serversPath, { body: wrong });
  assert.equal(invalid.json.details.kind, 'Server');
  assert.equal(invalid.json.details.group, 'aileron.dev');
  assert.equal(invalid.json.details.causes[0].field, 'spec.image');
});

test('an update of an older version is a conflict', async () => {
  const { json } = await create();
  await kube.call('PATCH', demo, { headers: mergePatch, body: { spec: { suspended: true } } });
  for (const [method, options] of [
    ['PUT', { body: json }],
    ['PATCH', { headers: mergePatch, body: { metadata: { resourceVersion: json.metadata.resourceVersion } } }],
    ['DELETE', { body: { kind: 'DeleteOptions', preconditions: { uid: 'another' } } }],
    ['DELETE', { body: { preconditions: { resourceVersion: json.metadata.resourceVersion } } }],
  ] as const) {
    const answer = await kube.call(method, demo, options);
    assert.deepEqual([answer.code, answer.json.reason], [409, 'Conflict'], method);
    assert.match(answer.json.message, /^Operation cannot be fulfilled on servers\.aileron\.dev "demo": /);
  }
});

test('a dry run of any verb stores nothing', async () => {
  await create();
  const before = await kube.store.list('Server');
  const body = serverManifest('demo', { suspended: true });
  const answers = [
    await kube.call('POST', `${serversPath}?dryRun=All`, { body: serverManifest('other') }),
    await kube.call('PUT', `${demo}?dryRun=All`, { body }),
    await kube.call('PATCH', `${demo}?dryRun=All`, { headers: mergePatch, body: { spec: { suspended: true } } }),
    await kube.call('PUT', `${demo}/status?dryRun=All`, { body: { ...body, status: { state: 'running' } } }),
    await kube.call('PATCH', `${demo}/status?dryRun=All`, {
      headers: mergePatch,
      body: { status: { state: 'running' } },
    }),
    await kube.call('DELETE', `${demo}?dryRun=All`),
    await kube.call('DELETE', demo, { body: { dryRun: ['All'] } }),
  ];
  assert.deepEqual(
    answers.map(({ code }) => code),
    [201, 200, 200, 200, 200, 200, 200],
  );
  assert.equal(answers[1]?.json.spec.suspended, true);
  assert.equal(answers[2]?.json.spec.suspended, true);
  assert.deepEqual(await kube.store.list('Server'), before);
  const refused = await kube.call('POST', `${serversPath}?dryRun=All`, { body: serverManifest('x', { image: 7 }) });
  assert.equal(refused.code, 422);
});

test('unknown and repeated fields are refused, warned about or ignored, as asked', async () => {
  const body =
    '{"apiVersion":"aileron.dev/v1","kind":"Server","metadata":{"name":"demo"},"spec":{"image":"~a","image":"~b","imagee":"x"}}';
  const strict = await kube.call('POST', `${serversPath}?fieldValidation=Strict`, { body });
  assert.equal(strict.code, 400);
  assert.match(strict.json.message, /^Server in version "v1" cannot be handled as a Server: strict decoding error: /);
  const unknown = { body: serverManifest('demo', { imagee: 'x' }) };
  const refused = await kube.call('POST', `${serversPath}?fieldValidation=Strict`, unknown);
  assert.equal(
    refused.json.message,
    'Server in version "v1" cannot be handled as a Server: strict decoding error: unknown field "spec.imagee"',
  );
  assert.equal(await kube.store.get('Server', 'demo'), undefined);

  const warned = await kube.call('POST', `${serversPath}?fieldValidation=Warn`, { body });
  assert.equal(warned.code, 201);
  const warnings = String(warned.headers['warning']);
  assert.match(warnings, /299 - "duplicate field \\"spec\.image\\""/);
  assert.match(warnings, /299 - "unknown field \\"spec\.imagee\\""/);
  assert.equal(warned.json.spec.imagee, undefined);

  const patch = { headers: mergePatch, body: { spec: { imagee: 'x' } } };
  assert.equal((await kube.call('PATCH', `${demo}?fieldValidation=Strict`, patch)).code, 400);
  const ignored = await kube.call('PATCH', `${demo}?fieldValidation=Ignore`, patch);
  assert.deepEqual([ignored.code, ignored.headers['warning']], [200, undefined]);
});

test('delete waits for finalizers and says so with the object', async () => {
  await create('demo', {}, { finalizers: ['example.com/hold'] });
  const marked = await kube.call('DELETE', demo, { body: { propagationPolicy: 'Foreground', gracePeriodSeconds: 0 } });
  assert.equal(marked.json.kind, 'Server');
  assert.ok(marked.json.metadata.deletionTimestamp);
  await kube.call('PATCH', demo, { headers: mergePatch, body: { metadata: { finalizers: null } } });
  assert.equal((await kube.call('GET', demo)).code, 404);
});

test('how dependents go is left to the garbage collector', async () => {
  for (const [policy, finalizer] of [
    ['Foreground', 'foregroundDeletion'],
    ['Orphan', 'orphan'],
  ]) {
    await create('demo');
    const { json } = await kube.call('DELETE', demo, { body: { propagationPolicy: policy } });
    assert.ok(json.metadata.deletionTimestamp);
    assert.ok(json.metadata.finalizers.includes(finalizer), policy);
    await kube.store.patch('Server', 'demo', { metadata: { finalizers: null } });
  }
});

test('generateName makes a name nobody has', async () => {
  const body = { ...serverManifest('x'), metadata: { generateName: 'demo-' } };
  const names = [await kube.call('POST', serversPath, { body }), await kube.call('POST', serversPath, { body })];
  assert.match(names[0]?.json.metadata.name, /^demo-[0-9a-z]+$/);
  assert.notEqual(names[0]?.json.metadata.name, names[1]?.json.metadata.name);
});

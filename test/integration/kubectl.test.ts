// What a person types: real kubectl against the API.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, beforeEach, test } from 'node:test';
import { stringify } from 'yaml';
import { type Json, type Kube, missingKubectl, openKube, runKubectl, serverManifest } from '../support/kube.ts';

const skip = await missingKubectl();
const options = { skip };

let kube: Kube;
before(async () => {
  kube = await openKube();
});
after(() => kube.close());
beforeEach(async () => {
  for (const { metadata } of (await kube.store.list('Server')).items) {
    if (metadata.finalizers) await kube.store.patch('Server', metadata.name, { metadata: { finalizers: null } });
    if (await kube.store.get('Server', metadata.name)) await kube.store.delete('Server', metadata.name);
  }
});

const yaml = (name = 'demo', spec: Json = {}, metadata: Json = {}) => stringify(serverManifest(name, spec, metadata));

/** Runs it, expects success, answers what it printed. */
async function ok(args: string, input?: string): Promise<string> {
  const { code, out, err } = await kube.kubectl(args.split(' '), input);
  assert.equal(code, 0, `kubectl ${args}: ${err}${out}`);
  return out.trim();
}

/** Runs it, expects failure, answers what it complained about. */
async function fails(args: string, input?: string): Promise<string> {
  const { code, out, err } = await kube.kubectl(args.split(' '), input);
  assert.notEqual(code, 0, `kubectl ${args} printed ${out}`);
  return err.trim();
}

const setStatus = (name: string, status: Json) =>
  kube.store.get('Server', name).then((object) => kube.store.updateStatus({ ...object!, status }));
const condition = (type: string, status: string) => ({
  type,
  status,
  reason: 'Test',
  message: 'for the test',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

test('says what there is', options, async () => {
  const resources = await ok('api-resources --no-headers -o wide');
  assert.match(resources, /^servers\s.*aileron\.dev\/v1\s+false\s+Server\s+create,delete,get,list,patch,update,watch/m);
  assert.match(resources, /^nodes\s/m);
  assert.match(resources, /^events\s.*v1\s+true\s+Event/m);
  assert.deepEqual((await ok('api-versions')).split('\n'), ['aileron.dev/v1', 'v1']);
  assert.match(await ok('version'), /Server Version: v1\.\d+\.0\+aileron/);
  assert.match(await ok('explain server.spec.power'), /FIELD: power <Object>[\s\S]*desired\s+<string>/);
});

test('apply creates, changes, and leaves alone what is already so', options, async () => {
  assert.equal(await ok('apply -f -', yaml()), 'server.aileron.dev/demo created');
  const { metadata } = (await kube.store.get('Server', 'demo'))!;
  assert.equal(await ok('apply -f -', yaml()), 'server.aileron.dev/demo unchanged');
  assert.equal((await kube.store.get('Server', 'demo'))!.metadata.resourceVersion, metadata.resourceVersion);
  assert.equal(await ok('apply -f -', yaml('demo', { suspended: true })), 'server.aileron.dev/demo configured');
  assert.equal(await ok('get server demo -o jsonpath={.spec.suspended}'), 'true');
  // A field that leaves the manifest leaves the object.
  assert.equal(await ok('apply -f -', yaml()), 'server.aileron.dev/demo configured');
  assert.equal(await ok('get server demo -o jsonpath={.spec.suspended}'), 'false');
});

test('gets in every form', options, async () => {
  await ok('create -f -', yaml('demo', {}, { labels: { game: 'a' } }));
  await ok('create -f -', yaml('other', {}, { labels: { game: 'b' } }));
  await setStatus('demo', { state: 'running', conditions: [condition('Ready', 'True')] });
  const table = (await ok('get servers')).split('\n');
  assert.match(table[0]!, /^NAME\s.*AGE$/);
  assert.match(table[1]!, /^demo\s.*running/);
  const wide = (await ok('get servers -o wide')).split('\n');
  assert.ok(wide[0]!.length > table[0]!.length);
  assert.equal(await ok('get servers -o name'), 'server.aileron.dev/demo\nserver.aileron.dev/other');
  assert.equal(await ok('get servers -l game=b -o name'), 'server.aileron.dev/other');
  assert.equal(await ok('get servers -A -o name --field-selector metadata.name=demo'), 'server.aileron.dev/demo');
  assert.equal(await ok('get servers --chunk-size=1 -o name'), 'server.aileron.dev/demo\nserver.aileron.dev/other');
  assert.equal(JSON.parse(await ok('get server demo -o json')).kind, 'Server');
  assert.match(await ok('get server demo -o yaml'), /^kind: Server$/m);
  assert.match(await fails('get server none'), /NotFound.*servers\.aileron\.dev "none" not found/);
  assert.equal(await ok('label server demo tier=1'), 'server.aileron.dev/demo labeled');
  assert.equal(await ok('annotate server demo note=x'), 'server.aileron.dev/demo annotated');
});

test('patches, replaces, and refuses the patches there are not', options, async () => {
  await ok('create -f -', yaml());
  const power = '{"spec":{"power":{"desired":"Running"}}}';
  assert.equal(await ok(`patch server demo --type=merge -p ${power}`), 'server.aileron.dev/demo patched');
  assert.equal(await ok('get server demo -o jsonpath={.spec.power.desired}'), 'Running');
  assert.equal(await ok('replace -f -', yaml('demo', { suspended: true })), 'server.aileron.dev/demo replaced');
  assert.match(await fails(`patch server demo -p ${power}`), /strategic merge patch is not available/);
  assert.match(await fails('apply --server-side -f -', yaml()), /server-side apply is not available here/);
});

test('names the field and the reason of bad input', options, async () => {
  const wrong = await fails(
    'create -f -',
    yaml('demo', { image: '', allocations: { default: { ip: '0.0.0.0', port: 70000 } } }),
  );
  assert.match(wrong, /The Server "demo" is invalid/);
  assert.match(wrong, /spec\.image: /);
  assert.match(wrong, /spec\.allocations\.default\.port: /);
  const unknown = await fails('apply -f -', yaml('demo', { imagee: 'x' }));
  assert.match(unknown, /BadRequest.*strict decoding error: unknown field "spec\.imagee"/);
  const warned = await kube.kubectl(
    ['create', '--validate=warn', '--dry-run=server', '-f', '-'],
    yaml('demo', { imagee: 'x' }),
  );
  assert.match(warned.err, /Warning: unknown field "spec\.imagee"/);
  assert.deepEqual((await kube.store.list('Server')).items, []);
});

test('a server dry run of any verb stores nothing', options, async () => {
  await ok('create -f -', yaml());
  const stored = await kube.store.list('Server');
  const changed = yaml('demo', { suspended: true });
  assert.match(await ok('create --dry-run=server -f -', yaml('new')), /created \(server dry run\)$/);
  assert.match(await ok('apply --dry-run=server -f -', yaml('new')), /created \(server dry run\)$/);
  assert.match(await ok('apply --dry-run=server -f -', changed), /configured \(server dry run\)$/);
  assert.match(await ok('replace --dry-run=server -f -', changed), /replaced \(server dry run\)$/);
  assert.match(await ok('patch server demo --type=merge --dry-run=server -p {"spec":{"suspended":true}}'), /patched/);
  assert.match(await ok('delete server demo --dry-run=server'), /deleted \(server dry run\)$/);
  assert.deepEqual(await kube.store.list('Server'), stored);
});

test('describes an object with its events', options, async () => {
  await ok('create -f -', yaml());
  const { uid } = (await kube.store.get('Server', 'demo'))!.metadata;
  const now = new Date().toISOString();
  await kube.store.create({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'demo.1', namespace: 'default' },
    involvedObject: { apiVersion: 'aileron.dev/v1', kind: 'Server', name: 'demo', uid },
    reason: 'Started',
    message: 'the process runs',
    type: 'Normal',
    count: 2,
    firstTimestamp: now,
    lastTimestamp: now,
    source: { component: 'server-controller', host: 'node-1' },
    reportingComponent: 'server-controller',
    reportingInstance: 'node-1',
  });
  const described = await ok('describe server demo');
  assert.match(described, /^Name:\s+demo$/m);
  assert.match(described, /Normal\s+Started\s+.*server-controller\s+the process runs/);
  assert.match(await ok('get events'), /Normal\s+Started\s+.*demo\s+the process runs/);
  assert.match(await ok('get events -A --field-selector involvedObject.name=demo -o name'), /event\/demo\.1/);
  await ok('delete event demo.1');
});

test('waits for conditions, for values and for the end', options, async () => {
  await ok('create -f -', yaml());
  const ready = ok('wait server/demo --for=condition=Ready --timeout=30s');
  const running = ok('wait server/demo --for=jsonpath={.status.state}=running --timeout=30s');
  await watched(1);
  await setStatus('demo', { state: 'running', conditions: [condition('Ready', 'True')] });
  assert.match(await ready, /condition met/);
  assert.match(await running, /condition met/);
  await kube.store.patch('Server', 'demo', { metadata: { finalizers: ['example.com/hold'] } });
  const gone = ok('wait server/demo --for=delete --timeout=30s');
  const deletion = ok('delete server demo --timeout=30s');
  await watched(2);
  assert.ok((await kube.store.get('Server', 'demo'))?.metadata.deletionTimestamp, 'waits on its finalizer');
  await kube.store.patch('Server', 'demo', { metadata: { finalizers: null } });
  assert.match(await deletion, /"demo" deleted/);
  await gone;
});

const watchForms: [string, string[], (name: string, state: string) => RegExp][] = [
  ['as a table', [], (name, state) => new RegExp(`^${name}\\s.*${state}`)],
  [
    'as objects',
    ['-o', 'custom-columns=N:.metadata.name,S:.status.state'],
    (name, state) => new RegExp(`^${name}\\s+${state}$`),
  ],
];
for (const [form, output, row] of watchForms) {
  test(`watches several changes in order, ${form}`, options, async () => {
    await ok('create -f -', yaml('first'));
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: kube.directory,
      KUBECONFIG: join(kube.directory, 'kubeconfig'),
    };
    const args = ['get', 'servers', '-w', '--no-headers', ...output];
    const child = spawn('kubectl', args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const next = async () => String((await lines.next()).value).trim();
      assert.match(await next(), /^first\s/);
      await watched(1);
      for (const state of ['starting', 'running', 'stopping']) {
        await setStatus('first', { state });
        assert.match(await next(), row('first', state));
      }
    } finally {
      child.kill();
    }
  });
}

test('the token lets in, anything else does not', options, async () => {
  const server = `https://127.0.0.1:${kube.port}`;
  const config = async (name: string, cluster: Json, user: Json) => {
    const path = join(kube.directory, name);
    const body = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'x',
      clusters: [{ name: 'x', cluster: { server, ...cluster } }],
      users: [{ name: 'x', user }],
      contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
    };
    await writeFile(path, stringify(body), { mode: 0o600 });
    return runKubectl(path, join(kube.directory, `${name}-home`), ['get', 'servers']);
  };
  const ca = { 'certificate-authority-data': Buffer.from(kube.pki.caCertificate).toString('base64') };
  assert.equal((await config('token', ca, { token: kube.pki.token })).code, 0);
  assert.match((await config('wrong-token', ca, { token: 'wrong' })).err, /Unauthorized|must be logged in/);
  // Without credentials kubectl asks for some and finds nobody to answer.
  assert.notEqual((await config('nobody', ca, {})).code, 0);
  const foreign = { 'certificate-authority-data': Buffer.from(kube.pki.admin.certificate).toString('base64') };
  assert.match((await config('wrong-ca', foreign, { token: kube.pki.token })).err, /x509|certificate/);
});

/** Until that many watches are open. */
async function watched(count: number): Promise<void> {
  for (;;) {
    const metric = await kube.registry.getSingleMetric('apiserver_longrunning_requests')?.get();
    if ((metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0) >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

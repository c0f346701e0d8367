// The client under the commands: what the API answers becomes an object, or a sentence with the right exit code; who
// follows an object sees where it ends up, whatever the connection does.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { get } from '../../src/cli/commands/get.ts';
import { CliError } from '../../src/cli/exit-codes.ts';
import { followObject } from '../../src/cli/follow.ts';
import { ApiError, KubeClient } from '../../src/cli/kube-client.ts';
import { readKubeconfig } from '../../src/cli/kubeconfig-file.ts';
import { nodeAccess } from '../../src/cli/node-access.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { kubeconfig } from '../../src/http/kube/pki/kubeconfig.ts';
import { ensurePki } from '../../src/http/kube/pki/pki.ts';
import { eventKind, serverKind } from '../../src/resources/kinds.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { testIo } from '../support/cli-io.ts';
import { openKube, serverManifest } from '../support/kube.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function open(t: TestContext) {
  const kube = await openKube();
  const access = { origin: `https://127.0.0.1:${kube.port}`, ca: kube.pki.caCertificate, token: kube.pki.token };
  const client = new KubeClient(access);
  t.after(async () => {
    client.close();
    await kube.close();
  });
  return { kube, client, access };
}

const failsWith = (exitCode: number, pattern: RegExp) => (error: unknown) =>
  error instanceof CliError && error.exitCode === exitCode && pattern.test(error.message);

test('objects are written, read, listed and shown as a table', async (t) => {
  const { client } = await open(t);
  const made = await client.create(serverKind, serverManifest('demo'));
  assert.equal((await client.get(serverKind, 'demo')).metadata.uid, made.metadata.uid);
  assert.equal(await client.find(serverKind, 'none'), undefined);
  const changed = await client.patch(serverKind, 'demo', { metadata: { labels: { game: 'x' } } });
  assert.deepEqual(changed.metadata.labels, { game: 'x' });
  assert.equal((await client.list(serverKind, { labels: 'game=x' })).items.length, 1);
  assert.equal((await client.list(serverKind, { labels: 'game=y' })).items.length, 0);
  const table = await client.table(serverKind, { fields: 'metadata.name=demo' });
  assert.equal(table.columnDefinitions[0]?.name, 'Name');
  assert.equal(table.rows[0]?.cells[0], 'demo');
  assert.deepEqual((await client.list(eventKind)).items, []);
});

test('a dry run writes nothing', async (t) => {
  const { client } = await open(t);
  await client.create(serverKind, serverManifest('demo'), { dryRun: true });
  assert.equal(await client.find(serverKind, 'demo'), undefined);
});

test('a refusal is one sentence with its exit code', async (t) => {
  const { client, access } = await open(t);
  await client.create(serverKind, serverManifest('demo'));
  await assert.rejects(
    client.get(serverKind, 'none'),
    failsWith(3, /^Servers\.aileron\.dev "none" not found\.$|"none" not found\.$/),
  );
  await assert.rejects(client.create(serverKind, serverManifest('demo')), failsWith(4, /already exists\.$/));
  await assert.rejects(
    client.create(serverKind, serverManifest('x', { limits: { memory: -1 } })),
    failsWith(4, /spec\.limits\.memory/),
  );
  await assert.rejects(
    client.create(serverKind, serverManifest('x', { odd: 1 })),
    failsWith(4, /unknown field "spec\.odd"/),
  );
  await assert.rejects(client.delete(serverKind, 'demo', 'another-uid'), failsWith(4, /./));
  const stranger = new KubeClient({ ...access, token: 'x'.repeat(43) });
  await assert.rejects(stranger.get(serverKind, 'demo'), failsWith(4, /does not accept these credentials/));
  stranger.close();
});

test('a node that is not there, or another one, does not answer', async (t) => {
  const { client, access } = await open(t);
  const closed = new KubeClient({ ...access, origin: 'https://127.0.0.1:1' });
  await assert.rejects(
    closed.get(serverKind, 'demo'),
    failsWith(5, /nobody listens there; is the daemon running\? aileron doctor/),
  );
  // Another authority: the token must not reach whoever listens there.
  const clock = systemClock;
  const directory = temporaryDirectory(t);
  const other = await ensurePki({ directory, host: '127.0.0.1', clock, log: silentLogger });
  let asked = 0;
  const server = createServer({ cert: other.serving.certificate, key: other.serving.key }, () => (asked += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const deceived = new KubeClient({ ...access, origin: `https://127.0.0.1:${port}` });
  await assert.rejects(
    deceived.get(serverKind, 'demo'),
    failsWith(5, /its certificate is not of the authority that was given/),
  );
  assert.equal(asked, 0);
  for (const one of [client, closed, deceived]) one.close();
});

test('whoever follows an object sees its changes, a lost connection, and its end', { timeout: 30_000 }, async (t) => {
  const { client, kube } = await open(t);
  const { metadata } = await client.create(serverKind, serverManifest('demo'));
  const stop = new AbortController();
  const lost: string[] = [];
  const seen = followObject(client, serverKind, 'demo', {
    signal: stop.signal,
    onLost: (error) => lost.push(error.message),
  });
  const next = async () => (await seen.next()).value;
  assert.equal((await next())?.metadata.uid, metadata.uid);
  await client.patch(serverKind, 'demo', { metadata: { labels: { step: '1' } } });
  assert.deepEqual((await next())?.metadata.labels, { step: '1' });
  // The stream breaks; what happened meanwhile is seen at the next list.
  const broken = next();
  (kube.server as { closeConnections?(): void }).closeConnections?.();
  await kube.store.patch('Server', 'demo', { metadata: { labels: { step: '2' }, finalizers: [] } });
  assert.deepEqual((await broken)?.metadata.labels, { step: '2' });
  await kube.store.delete('Server', 'demo');
  for (let object = await next(); object !== undefined; object = await next()) assert.ok(object);
  stop.abort();
  assert.equal((await seen.next()).done, true);
  assert.deepEqual(lost, []);
});

test('a watch from a revision that is forgotten is told as such', async (t) => {
  const { client } = await open(t);
  await client.create(serverKind, serverManifest('demo'));
  const watch = client.watch(serverKind, 'no-such-revision', { signal: new AbortController().signal });
  await assert.rejects(
    async () => {
      for await (const _ of watch) assert.fail('nothing can be told');
    },
    (error) => error instanceof ApiError && error.status === 410,
  );
});

test('get shows what is there and names what is not', async (t) => {
  const { kube, client } = await open(t);
  const file = join(kube.directory, 'kubeconfig');
  await client.create(serverKind, serverManifest('demo'));
  const io = testIo();
  assert.equal(await get(io, ['servers', 'demo', 'ghost'], { kubeconfig: file, output: 'name' }), 3);
  assert.equal(io.out(), 'server.aileron.dev/demo\n');
  assert.equal(io.err(), 'aileron: There is no server "ghost".\n');
  const coloured = testIo({ terminal: true });
  await kube.store.patch('Server', 'demo', {});
  assert.equal(await get(coloured, ['servers'], { kubeconfig: file }), 0);
  assert.match(coloured.out(), /^NAME +STATE/);
  const both = get(testIo(), ['servers', 'demo'], { kubeconfig: file, selector: 'a=b' });
  await assert.rejects(both, failsWith(2, /exclude each other/));
});

test('a kubeconfig is read with files beside it, and never without a check of the certificate', async (t) => {
  const directory = temporaryDirectory(t);
  const pki = await ensurePki({
    directory: join(directory, 'pki'),
    host: '127.0.0.1',
    clock: systemClock,
    log: silentLogger,
  });
  const own = kubeconfig({ host: '0.0.0.0', port: 7, pki });
  const path = join(directory, 'kubeconfig');
  const access = readKubeconfig(path, own);
  assert.equal(access.origin, 'https://127.0.0.1:7');
  assert.equal(access.ca, pki.caCertificate);
  assert.equal(access.clientCertificate?.key, pki.admin.key);

  const cluster = '{ server: "https://node:8443/", certificate-authority: ca.pem }';
  const written = (clusterText: string, user: string) =>
    `current-context: c\ncontexts: [{ name: c, context: { cluster: k, user: u } }]\nclusters: [{ name: k, cluster: ${clusterText} }]\nusers: [{ name: u, user: ${user} }]\n`;
  writeFileSync(join(directory, 'ca.pem'), 'PEM');
  writeFileSync(join(directory, 'token'), 'secret\n');
  assert.deepEqual(readKubeconfig(path, written(cluster, '{ tokenFile: token }')), {
    origin: 'https://node:8443',
    ca: 'PEM',
    token: 'secret',
  });
  const wrong: [text: string, pattern: RegExp][] = [
    [
      written('{ server: "https://x", insecure-skip-tls-verify: true }', '{ token: t }'),
      /skips the check of the certificate/,
    ],
    [written('{ server: "http://x" }', '{ token: t }'), /not https/],
    [written('{}', '{ token: t }'), /names no server/],
    [written(cluster, '{}'), /neither a token nor a client certificate/],
    ['a: [', /is not YAML/],
    ['', /names no server/],
  ];
  for (const [text, pattern] of wrong) assert.throws(() => readKubeconfig(path, text), failsWith(1, pattern));
  rmSync(join(directory, 'ca.pem'));
  assert.throws(
    () => readKubeconfig(path, written(cluster, '{ token: t }')),
    failsWith(1, /ca\.pem, which the kubeconfig names/),
  );
  await assert.rejects(
    nodeAccess(testIo(), { kubeconfig: join(directory, 'none') }),
    failsWith(1, /cannot be read \(ENOENT\)/),
  );
});

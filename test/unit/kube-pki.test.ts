import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { parse } from 'yaml';
import { kubeconfig } from '../../src/http/kube/pki/kubeconfig.ts';
import { ensurePki, readPki } from '../../src/http/kube/pki/pki.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { FakeClock } from '../support/fake-clock.ts';

const dayMs = 86_400_000;
let root: string;
let directory: string;
let clock: FakeClock;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'aileron-pki-'));
  directory = join(root, 'pki');
  clock = new FakeClock(Date.now());
});
afterEach(() => rm(root, { recursive: true, force: true }));

const ensure = (host = 'node.example.com') => ensurePki({ directory, host, clock, log: silentLogger });

test('makes a private set once, and finds it again', async () => {
  const made = await ensure();
  assert.deepEqual(await ensure(), made);
  assert.deepEqual(await readPki(directory), made);
  assert.match(made.token, /^[A-Za-z0-9_-]{43}$/);
  const files = (await readdir(directory)).sort();
  assert.deepEqual(files, ['admin.crt', 'admin.key', 'ca.crt', 'ca.key', 'server.crt', 'server.key', 'token']);
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  for (const file of files) assert.equal((await stat(join(directory, file))).mode & 0o777, 0o600, file);
});

test('certificates say what they are for', async () => {
  const { caCertificate, serving, admin } = await ensure();
  const [authority, server, client] = [caCertificate, serving.certificate, admin.certificate].map(
    (text) => new X509Certificate(text),
  ) as [X509Certificate, X509Certificate, X509Certificate];
  assert.equal(authority.ca, true);
  assert.equal(server.ca, false);
  for (const issued of [server, client]) assert.ok(issued.checkIssued(authority) && issued.verify(authority.publicKey));
  for (const host of ['localhost', 'node.example.com']) assert.ok(server.checkHost(host), host);
  for (const ip of ['127.0.0.1', '::1']) assert.ok(server.checkIP(ip), ip);
  assert.deepEqual(server.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  assert.deepEqual(client.keyUsage, ['1.3.6.1.5.5.7.3.2']);
  assert.equal(client.subject, 'O=system:masters\nCN=aileron-admin');
  assert.ok(authority.validToDate.getTime() - clock.now() > 3600 * dayMs);
});

test('renews a certificate 30 days before its end and keeps the authority', async () => {
  const made = await ensure();
  clock.jumpWall(334 * dayMs);
  assert.deepEqual(await ensure(), made);
  clock.jumpWall(2 * dayMs);
  const renewed = await ensure();
  assert.equal(renewed.caCertificate, made.caCertificate);
  assert.notEqual(renewed.serving.certificate, made.serving.certificate);
  assert.notEqual(renewed.admin.certificate, made.admin.certificate);
  assert.equal(renewed.token, made.token);
});

test('another listen address gives another serving certificate', async () => {
  const made = await ensure();
  const moved = await ensure('192.0.2.7');
  assert.ok(new X509Certificate(moved.serving.certificate).checkIP('192.0.2.7'));
  assert.deepEqual(moved.admin, made.admin);
});

const damages: [string, (path: (file: string) => string) => Promise<unknown>][] = [
  ['a missing key', (path) => rm(path('server.key'))],
  [
    'a cut certificate',
    async (path) => writeFile(path('server.crt'), (await readFile(path('server.crt'))).subarray(0, 200)),
  ],
  ['an empty token', (path) => writeFile(path('token'), '\n')],
  ['a key of another pair', async (path) => writeFile(path('admin.key'), await readFile(path('server.key')))],
  ['a missing authority', (path) => rm(path('ca.key'))],
  ['a foreign authority', async (path) => writeFile(path('ca.crt'), await readFile(path('server.crt')))],
  ['a file of garbage', (path) => writeFile(path('ca.crt'), Buffer.alloc(100_000, 7))],
  ['a temporary file left behind', (path) => writeFile(path('token.tmp'), 'x')],
];
for (const [what, damage] of damages) {
  test(`repairs ${what}`, async () => {
    await ensure();
    await damage((file) => join(directory, file));
    const repaired = await ensure();
    assert.deepEqual(await ensure(), repaired, 'stable after the repair');
    const authority = new X509Certificate(repaired.caCertificate);
    assert.ok(authority.ca);
    for (const pair of [repaired.serving, repaired.admin]) {
      assert.ok(new X509Certificate(pair.certificate).verify(authority.publicKey));
    }
    assert.match(repaired.token, /^.{43}$/);
  });
}

test('narrows the mode of files that others may read (covers: SEC-113)', async () => {
  await ensure();
  await chmod(directory, 0o755);
  await chmod(join(directory, 'token'), 0o644);
  await ensure();
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  assert.equal((await stat(join(directory, 'token'))).mode & 0o777, 0o600);
});

test('nothing to read before the first start', async () => {
  assert.equal(await readPki(directory), undefined);
});

test('a kubeconfig holds all it needs', async () => {
  const pki = await ensure();
  const config = parse(kubeconfig({ host: '::1', port: 8443, pki }));
  assert.equal(config['current-context'], 'aileron');
  assert.equal(config.clusters[0].cluster.server, 'https://[::1]:8443');
  const decode = (text: string) => Buffer.from(text, 'base64').toString();
  assert.equal(decode(config.clusters[0].cluster['certificate-authority-data']), pki.caCertificate);
  assert.equal(decode(config.users[0].user['client-key-data']), pki.admin.key);
  const wild = parse(kubeconfig({ host: '0.0.0.0', port: 1, pki }));
  assert.equal(wild.clusters[0].cluster.server, 'https://127.0.0.1:1');
});

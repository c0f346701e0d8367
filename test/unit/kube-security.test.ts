// Who gets in, over which TLS, and what a request may cost.
import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { systemClock } from '../../src/clock/clock.ts';
import { authenticator } from '../../src/http/kube/auth.ts';
import { makeAuthority, makeClientPair } from '../../src/http/kube/pki/make.ts';
import { ensurePki, type Pki } from '../../src/http/kube/pki/pki.ts';
import { createTlsListener } from '../../src/http/kube/tls-listener.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Kube, openKube, serverManifest, serversPath } from '../support/kube.ts';
import { openConnections } from '../support/open-connections.ts';
import { until } from '../support/until.ts';

let kube: Kube;
before(async () => {
  kube = await openKube();
});
after(() => kube.close());

async function open(options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: kube.port, ca: kube.pki.caCertificate, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

/** Sends bytes as they are and reads until the server closes. */
async function raw(text: string): Promise<string> {
  const socket = await open();
  socket.on('error', () => {});
  socket.write(text);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

async function withCertificate(pair: { certificate: string; key: string }, extra = {}): Promise<number> {
  const { certificate: cert, key } = pair;
  const outgoing = request({
    host: '127.0.0.1',
    port: kube.port,
    path: serversPath,
    ca: kube.pki.caCertificate,
    cert,
    key,
    ...extra,
  });
  outgoing.end();
  const [response] = await once(outgoing, 'response');
  response.resume();
  return response.statusCode;
}

test('a request without the right token is 401 and says how to come back (covers: SEC-25)', async () => {
  const { token } = kube.pki;
  const wrong = [
    null,
    '',
    'Bearer',
    'Bearer ',
    'Basic dXNlcjpwYXNz',
    token,
    `Bearer ${token.slice(0, -1)}`,
    `Bearer ${token}x`,
    `Bearer ${randomBytes(32).toString('base64url')}`,
    `Bearer ${token} ${token}`,
    'Bearer t\u00f6ken',
  ];
  for (const authorization of wrong) {
    const answer = await kube.call('GET', serversPath, { authorization });
    assert.deepEqual([answer.code, answer.json.reason, answer.json.message], [401, 'Unauthorized', 'Unauthorized']);
    assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer/);
  }
  const both = { authorization: null, headers: { authorization: [`Bearer ${token}`, `Bearer ${token}`] } };
  assert.equal((await kube.call('GET', serversPath, both)).code, 401, 'two headers');
  assert.equal((await kube.call('GET', serversPath, { authorization: `bearer  ${token}` })).code, 200);
  // Also for paths that do not exist: a stranger learns nothing.
  assert.equal((await kube.call('GET', '/nothing', { authorization: null })).code, 401);
});

test('an empty token refuses to start (covers: SEC-25)', () => {
  assert.throws(() => authenticator(''), /no bearer token/);
});

test('a client certificate of our authority is the other way in', async () => {
  assert.equal(await withCertificate(kube.pki.admin), 200);
  const wrongToken = { headers: { authorization: 'Bearer wrong' } };
  assert.equal(
    await withCertificate(kube.pki.admin, wrongToken),
    401,
    'a wrong token is not made good by a certificate',
  );
  assert.equal(await withCertificate(kube.pki.serving), 401, 'a serving certificate is none for clients');
  const life = { from: new Date(Date.now() - 1000), to: new Date(Date.now() + 60_000) };
  const foreign = await makeAuthority('aileron-ca', life);
  const subject = { user: 'aileron-admin', group: 'system:masters' };
  assert.equal(await withCertificate(await makeClientPair(foreign, subject, life)), 401, 'signed by another authority');
});

test('TLS 1.2 at least, AEAD suites with forward secrecy, HTTP/1.1 only (covers: SEC-58, SEC-59)', async () => {
  const modern = await open({ ALPNProtocols: ['h2', 'http/1.1'] });
  assert.deepEqual([modern.getProtocol(), modern.alpnProtocol], ['TLSv1.3', 'http/1.1']);
  modern.destroy();
  const older = await open({ maxVersion: 'TLSv1.2' });
  assert.match(older.getCipher().name, /^ECDHE-ECDSA-(AES\d+-GCM|CHACHA20)/);
  older.destroy();
  const refused: ConnectionOptions[] = [
    { maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' },
    { ALPNProtocols: ['h2'] },
  ];
  for (const options of refused) await assert.rejects(open(options), JSON.stringify(options));
  await assert.rejects(open({ ca: [] }), /self-signed|unable to verify/);
  (await open({ servername: 'random.example.com', checkServerIdentity: () => undefined })).destroy();
});

test('renewed certificates are taken up without a restart, unusable ones are not (covers: SEC-58)', async () => {
  const clock = new FakeClock(Date.now());
  const directory = await mkdtemp(join(tmpdir(), 'aileron-renew-'));
  const other = await ensurePki({ directory, host: '127.0.0.1', clock, log: silentLogger });
  const broken = { ...other, serving: { ...other.serving, key: 'none' } };
  const answers = [other, broken];
  const renewing = await openKube({ server: { clock, renewPki: async () => answers.shift() ?? broken } });
  const served = async () => {
    const socket = connect({ host: '127.0.0.1', port: renewing.port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { raw: bytes } = socket.getPeerCertificate();
    socket.destroy();
    return new X509Certificate(bytes).fingerprint256;
  };
  const renewed = new X509Certificate(other.serving.certificate).fingerprint256;
  try {
    assert.notEqual(await served(), renewed);
    await clock.advance(86_400_000);
    assert.equal(await served(), renewed);
    await clock.advance(86_400_000);
    assert.equal(await served(), renewed, 'the good pair stays');
    assert.equal(answers.length, 0);
  } finally {
    await renewing.close();
    await rm(directory, { recursive: true, force: true });
  }
});

test('bodies, header fields and their number are bounded (covers: SEC-53)', async () => {
  const large = serverManifest('large', { image: 'x'.repeat(3 * 1024 * 1024) });
  const answer = await kube.call('POST', serversPath, { body: large });
  assert.deepEqual([answer.code, answer.json.reason], [413, 'RequestEntityTooLarge']);
  const many = Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`x-field-${index}`, '1']));
  assert.equal((await kube.call('GET', serversPath, { headers: many })).code, 400);
  const overflow = await raw(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`);
  assert.match(overflow, /^HTTP\/1\.1 431 .*"code":431/s);
});

test('ambiguous framing and what is not HTTP are refused (covers: SEC-56, SEC-120)', async () => {
  const both = `POST ${serversPath} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
  for (const text of [both, 'nonsense\r\n\r\n', '\x16\x03\x01\x00']) assert.match(await raw(text), /^HTTP\/1\.1 400 /);
  assert.equal((await kube.call('GET', '/version')).code, 200);
});

test('who offers another protocol gets an answer in this one, and keeps nothing (covers: SEC-52)', async () => {
  for (const upgrade of ['websocket', 'h2c', 'SPDY/3.1']) {
    const headers = { connection: 'Upgrade', upgrade };
    assert.equal((await kube.call('GET', '/version', { headers })).code, 200, upgrade);
    for (const start of [`GET ${serversPath}`, 'OPTIONS /version', 'GET /%zz', 'CONNECT x:1']) {
      const before = openConnections();
      for (let index = 0; index < 5; index++) {
        const socket = await open();
        socket.on('error', () => {}); // To be cut off is an answer, too.
        socket.write(`${start} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`);
        socket.destroySoon();
      }
      await until(`${start}: nothing is left`, 30_000, async () => openConnections() <= before);
    }
  }
});

test('an unknown failure says nothing of our inside (covers: SEC-112, SEC-120)', async () => {
  const get = kube.store.get;
  kube.store.get = () => Promise.reject(new Error('secret at /var/lib/aileron'));
  try {
    const answer = await kube.call('GET', `${serversPath}/demo`);
    assert.deepEqual([answer.code, answer.json.reason], [500, 'InternalError']);
    assert.doesNotMatch(answer.text, /secret|\/var|stack|\.ts/);
  } finally {
    kube.store.get = get;
  }
});

test('an unfinished handshake, header or body ends at its deadline (covers: SEC-52)', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'aileron-tls-'));
  const pki: Pki = await ensurePki({ directory, host: '127.0.0.1', clock: systemClock, log: silentLogger });
  const limits = { handshake: 100, headers: 100, wholeRequest: 200, check: 20 };
  const server = createTlsListener(
    pki,
    (incoming, outgoing) => incoming.resume().on('end', () => outgoing.end('ok')),
    limits,
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  try {
    for (const start of ['GET / HTTP/1.1\r\nHo', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc']) {
      const socket = connect({ host: '127.0.0.1', port, ca: pki.caCertificate });
      socket.on('error', () => {});
      await once(socket, 'secureConnect');
      socket.write(start);
      let answer = '';
      for await (const chunk of socket) answer += String(chunk);
      assert.match(answer, /^HTTP\/1\.1 408 /);
    }
    const { connect: connectPlain } = await import('node:net');
    const silent = connectPlain(port, '127.0.0.1');
    silent.on('error', () => {});
    await once(silent, 'close');
  } finally {
    server.closeAllConnections();
    server.close();
    await rm(directory, { recursive: true, force: true });
  }
});

test('requests are counted by verb, resource and code', async () => {
  await kube.call('GET', serversPath);
  await kube.call('GET', `${serversPath}/none`);
  const text = await kube.registry.metrics();
  const labels = 'group="aileron.dev",version="v1",resource="servers"';
  assert.match(text, new RegExp(`apiserver_request_total{verb="LIST",${labels},code="200"} [1-9]`));
  assert.match(text, new RegExp(`apiserver_request_total{verb="GET",${labels},code="404"} [1-9]`));
  assert.match(text, new RegExp(`apiserver_request_duration_seconds_count{verb="LIST",${labels}} [1-9]`));
});

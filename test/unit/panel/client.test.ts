// The client against the Panel stand-in: what is on the wire, what is followed, what is refused, what is never logged.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Registry } from 'prom-client';
import { type Clock, systemClock } from '../../../src/clock/clock.ts';
import { ensurePki } from '../../../src/http/kube/pki/pki.ts';
import type { SftpLogin } from '../../../src/panel/panel-api.ts';
import { PanelClient, type PanelClientOptions } from '../../../src/panel/panel-client.ts';
import { PanelResponseError, PanelUnreachableError, PanelUnreadableError } from '../../../src/panel/panel-errors.ts';
import { createPanelMetrics } from '../../../src/panel/panel-metrics.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { metricValue } from '../../support/metric-value.ts';
import { temporaryDirectory } from '../../support/node-config.ts';
import { type PanelOptions, PanelStandIn } from '../../support/panel/panel-stand-in.ts';
import { recordedLog } from '../../support/recorded-log.ts';

const always = new AbortController().signal;
const uuid = 'd3aac109-e5a0-4331-b03e-3454f7e136dc';

interface Parts extends Partial<PanelClientOptions> {
  panel?: PanelOptions;
}

async function aClient(t: TestContext, { panel: options, ...parts }: Parts = {}) {
  const panel = await PanelStandIn.start(t, options);
  const registry = new Registry();
  const log = recordedLog();
  const client = new PanelClient({
    remote: panel.url,
    flavour: panel.state.flavour,
    version: '1.2.3',
    credentials: () => ({ id: panel.node.tokenId, secret: panel.node.token }),
    timeoutMs: 5_000,
    customHeaders: {},
    ignoreCertificateErrors: false,
    environment: {},
    clock: systemClock,
    log,
    metrics: createPanelMetrics(registry),
    random: () => 0.5,
    ...parts,
  });
  t.after(() => client.close());
  return { panel, client, registry, log };
}

test('each flavour is greeted in its own words, with the path of remote kept and one slash taken off', async (t) => {
  const wanted = {
    pelican: ['application/json', /^Pelican Wings\/v1\.2\.3 \(id:node1Token000000\)$/],
    pterodactyl: ['application/vnd.pterodactyl.v1+json', /^Pterodactyl Wings\/v1\.2\.3 \(id:node1Token000000\)$/],
  } as const;
  for (const flavour of ['pelican', 'pterodactyl'] as const) {
    const panel = await PanelStandIn.start(t, { flavour, prefix: '/games' });
    const { client } = await aClient(t, {
      remote: `${panel.url}/`,
      flavour,
      credentials: () => ({ id: panel.node.tokenId, secret: panel.node.token }),
    });
    await client.servers(0, 50, always);
    const [seen] = panel.seen;
    assert.equal(seen?.path, '/servers');
    assert.equal(seen.query.toString(), 'page=0&per_page=50');
    const { accept, authorization, 'content-type': type, 'user-agent': agent } = seen.headers;
    assert.equal(accept, wanted[flavour][0]);
    assert.match(String(agent), wanted[flavour][1]);
    assert.equal(type, 'application/json');
    assert.equal(authorization, `Bearer ${panel.node.tokenId}.${panel.node.token}`);
    assert.equal(seen.headers['accept-encoding'], 'gzip');
  }
});

test('that remote must be the final URL is said once an hour, however many reports are redirected', async (t) => {
  const clock = new FakeClock();
  const { client, panel, log } = await aClient(t, { clock });
  panel.weather({ answer: { status: 301, headers: { Location: '/api/remote/elsewhere' } } });
  const warnings = () => log.find({ level: 'warn', message: 'remote must be the final URL of the Panel' }).length;
  for (const wanted of [1, 2]) {
    for (let report = 0; report < 5; report += 1) {
      await assert.rejects(client.resetServers(always), /HTTP\/301/);
      await clock.advance(600_000);
    }
    assert.equal(warnings(), wanted);
    await clock.advance(600_000);
  }
});

test('custom headers are sent, but for those that are ours, however they are written', async (t) => {
  const { panel, client } = await aClient(t, {
    customHeaders: { 'X-Edge': 'k', AUTHORIZATION: 'Bearer stolen', 'user-AGENT': 'curl', accept: '*/*', HOST: 'a' },
  });
  await client.resetServers(always);
  const headers = panel.seen[0]?.headers ?? {};
  assert.equal(headers['x-edge'], 'k');
  assert.match(String(headers['authorization']), /^Bearer node1/);
  assert.match(String(headers['user-agent']), /^Pelican/);
  assert.equal(headers['accept'], 'application/json');
  assert.match(String(headers['host']), /^127\.0\.0\.1/);
});

test('each call says what its endpoint wants, and reads what it answers', async (t) => {
  const { panel, client } = await aClient(t);
  const { state } = panel;
  const server = state.addServer({ uuid, status: 'installing' });
  const done = state.addBackup(uuid, { isSuccessful: true, completedAt: 1 });
  const { uuid: backup } = state.addBackup(uuid, { adapter: 's3' });
  state.users.push({
    uuid: done.uuid,
    name: 'alice',
    password: 'p',
    permissions: { [uuid]: ['file.sftp', 'file.read'] },
  });

  const page = await client.servers(0, 50, always);
  assert.deepEqual([page.currentPage, page.lastPage, page.total, page.records.length], [1, 1, 1, 1]);
  assert.deepEqual(await client.server(uuid, always), state.recordOf(server));
  assert.deepEqual(await client.installScript(uuid, always), {
    image: 'installer:1',
    entrypoint: 'ash',
    script: '#!/bin/ash\r\necho hello\r\n',
  });
  assert.deepEqual(await client.uploadParts(backup, 200_000_000, always), {
    urls: [`http://bucket/${backup}?partNumber=1`, `http://bucket/${backup}?partNumber=2`],
    partSize: 134_217_728,
    maxConcurrentUploads: 10,
  });
  await client.reportInstall(uuid, { successful: false, reinstall: true }, always);
  await client.reportBackup(backup, { checksum: 'c', checksumType: 'sha1', size: 5, successful: true }, always);
  await client.reportRestore(backup, true, always);
  await client.reportState(uuid, { previous: 'starting', next: 'running' }, always);
  await client.reportActivity([], always);
  await client.resetServers(always);
  server.transferTo = 1;
  await client.reportTransfer(uuid, 'success', always);
  server.status = null;
  const login: SftpLogin = {
    type: 'password',
    username: `alice.${uuid.slice(0, 8)}`,
    password: 'p',
    ip: '127.0.0.1:1',
    sessionId: 'c2Vzc2lvbg==',
    clientVersion: 'U1NI',
  };
  // Pelican's list comes as an object with numbers for keys.
  assert.deepEqual(await client.sftpLogin(login, always), {
    user: done.uuid,
    server: uuid,
    permissions: ['file.sftp', 'file.read'],
  });

  const texts = Object.fromEntries(panel.seen.map(({ method, path, text }) => [`${method} ${path}`, text]));
  assert.equal(texts[`POST /servers/${uuid}/install`], '{"successful":false,"reinstall":true}');
  assert.equal(
    texts[`POST /backups/${backup}`],
    '{"checksum":"c","checksum_type":"sha1","size":5,"successful":true,"parts":null}',
  );
  assert.equal(texts[`POST /backups/${backup}/restore`], '{"successful":true}');
  assert.equal(
    texts[`POST /servers/${uuid}/container/status`],
    '{"data":{"previous_state":"starting","new_state":"running"}}',
  );
  assert.equal(texts['POST /servers/reset'], 'null');
  assert.equal(texts[`POST /servers/${uuid}/transfer/success`], 'null');
  assert.equal(server.containerStatus, 'running');
  assert.equal(state.backups.get(backup)?.checksum, 'sha1:c');
});

test('what is no UUID never becomes part of a path (covers: SEC-26)', async (t) => {
  const { panel, client } = await aClient(t);
  for (const id of [
    '',
    '..',
    '../servers',
    `${uuid}/install`,
    `{${uuid}}`,
    `urn:uuid:${uuid}`,
    uuid.toUpperCase(),
    `${uuid}\0`,
  ]) {
    await assert.rejects(client.server(id, always), TypeError);
    await assert.rejects(
      client.reportBackup(id, { checksum: '', checksumType: '', size: 0, successful: false }, always),
      TypeError,
    );
  }
  assert.equal(panel.seen.length, 0);
});

test('a refusal has the code and the words of the Panel, on one line, and the fields of a 422', async (t) => {
  const { client, panel } = await aClient(t);
  const refusal = async (work: Promise<unknown>) => {
    const error = await work.then(
      () => assert.fail('it was taken'),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof PanelResponseError);
    return error;
  };
  const missing = await refusal(client.server(uuid, always));
  assert.match(missing.message, /^Error response from Panel: NotFoundHttpException: .* \(HTTP\/404\)$/);
  const bad = [{ user: null, server: 'x', event: 'server:a', metadata: {}, ip: 'nowhere', timestamp: 't' }];
  const invalid = await refusal(client.reportActivity(bad, always));
  assert.deepEqual([invalid.status, invalid.code], [422, 'ValidationException']);
  assert.deepEqual(invalid.fields, ['data.0.server', 'data.0.ip']);
  panel.weather({ answer: { status: 502, text: '<html>Bad gateway</html>' }, times: 1 });
  const proxy = await refusal(client.resetServers(always));
  assert.equal(
    proxy.message,
    'Error response from Panel: _MissingResponseCode: No error response returned from API endpoint. (HTTP/502)',
  );
  panel.weather({
    answer: {
      status: 429,
      headers: { 'Retry-After': '7' },
      body: { errors: [{ code: 'A\nB', detail: 'x'.repeat(5000) }] },
    },
  });
  const busy = await refusal(client.resetServers(always));
  assert.deepEqual([busy.retryAfterMs, busy.code, busy.detail.length], [7_000, 'A B', 1_000]);
});

test('no redirect is followed for a report; for a question ten are, and the token stays with the host', async (t) => {
  const elsewhere: string[] = [];
  const other = createServer((request, response) => {
    elsewhere.push(JSON.stringify(request.headers));
    response.end('{"settings":{}}');
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const { port } = other.address() as AddressInfo;
  const { client, panel, log } = await aClient(t, { customHeaders: { 'X-Edge': 'secret' } });

  panel.weather({ times: 1, answer: { status: 301, headers: { Location: '/api/remote/elsewhere' } } });
  await assert.rejects(client.resetServers(always), /HTTP\/301/);
  assert.equal(panel.seen.length, 1);
  assert.equal(log.find({ message: 'remote must be the final URL of the Panel' }).length, 1);

  panel.weather({ times: 1, answer: { status: 302, headers: { Location: `http://localhost:${port}/x` } } });
  assert.deepEqual(await client.server(uuid, always), { settings: {} });
  assert.equal(elsewhere.length, 1);
  assert.doesNotMatch(elsewhere[0] ?? '', /authorization|x-edge/i);

  panel.weather({ answer: { status: 302, headers: { Location: '/api/remote/again' } } });
  const before = panel.seen.length;
  await assert.rejects(client.servers(0, 1, always), /more than 10 times/);
  assert.equal(panel.seen.length - before, 11);
  assert.ok(panel.seen.slice(before).every(({ headers }) => headers['authorization'] !== undefined));
});

test('an answer is bounded in bytes, unpacked, in depth and in values (covers: SEC-117)', async (t) => {
  const { client, panel } = await aClient(t);
  const hostile: [string, string][] = [
    ['bytes', `{"data":["${'x'.repeat(17 * 1_048_576)}"]}`],
    ['depth', `{"data":${'['.repeat(70)}${']'.repeat(70)}}`],
    ['values', `{"data":[${'0,'.repeat(1_000_001)}0]}`],
    ['half of it', '{"data":[{"uuid":"'],
    ['a page', '<html>'],
    ['a list', '[]'],
    ['no list', '{}'],
    ['a number', '1'],
  ];
  for (const [what, text] of hostile) {
    panel.clear();
    panel.weather({ answer: { status: 200, text } });
    await assert.rejects(client.servers(0, 50, always), PanelUnreadableError, what);
  }
  const bomb = createServer((_, response) => {
    response.writeHead(200, { 'Content-Encoding': 'gzip' });
    response.end(gzipSync(Buffer.alloc(64 * 1_048_576)));
  });
  await new Promise<void>((resolve) => bomb.listen(0, '127.0.0.1', resolve));
  t.after(() => bomb.close());
  const { client: bombed } = await aClient(t, { remote: `http://127.0.0.1:${(bomb.address() as AddressInfo).port}` });
  await assert.rejects(bombed.servers(0, 50, always), /more than 16777216 bytes/);
});

test('an answer in an encoding nobody asked for, and one that breaks off, are no answers', async (t) => {
  const odd = createServer((request, response) => {
    if (request.url?.includes('page=1')) {
      response.writeHead(200, { 'Content-Length': '100' });
      response.write('{"data":');
      setImmediate(() => response.destroy());
    } else response.writeHead(200, { 'Content-Encoding': 'br' }).end('x');
  });
  await new Promise<void>((resolve) => odd.listen(0, '127.0.0.1', resolve));
  t.after(() => odd.close());
  const { client } = await aClient(t, { remote: `http://127.0.0.1:${(odd.address() as AddressInfo).port}` });
  await assert.rejects(client.servers(0, 50, always), PanelUnreadableError);
  await assert.rejects(client.servers(1, 50, always), PanelUnreachableError);
});

test('one exchange has its time, the body included, and ends with its signal', async (t) => {
  const clock = new FakeClock();
  const { client, panel, registry } = await aClient(t, { clock, timeoutMs: 30_000 });
  panel.weather({ until: new Promise(() => {}) });
  const slow = client.resetServers(always).then(
    () => assert.fail('it was taken'),
    (error: unknown) => error,
  );
  while (panel.open === 0) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(30_000);
  const error = await slow;
  assert.ok(error instanceof PanelUnreachableError && error.timedOut);
  assert.equal(
    await metricValue(registry, 'aileron_panel_requests_total', { endpoint: 'reset', result: 'unreachable' }),
    1,
  );

  const stop = new AbortController();
  const stopped = assert.rejects(client.resetServers(stop.signal), /enough/);
  while (panel.open < 2) await new Promise((resolve) => setImmediate(resolve));
  stop.abort(new Error('enough'));
  await stopped;
  assert.equal(
    await metricValue(registry, 'aileron_panel_requests_total', { endpoint: 'reset', result: 'aborted' }),
    1,
  );
  assert.equal(clock.pendingTimers, 0);
});

test('who waits has the failure of a moment repeated, and a refusal at once', async (t) => {
  const { client, panel } = await aClient(t, { clock: hasty });
  panel.state.addServer({ uuid });
  panel.weather({ cut: 'early', times: 2 });
  await client.server(uuid, always);
  assert.equal(panel.seen.length, 3);
  panel.weather({ answer: { status: 503 }, times: 1 });
  await client.server(uuid, always);
  assert.equal(panel.seen.length, 5);
  panel.weather({ answer: { status: 409 } });
  await assert.rejects(client.server(uuid, always), /409/);
  assert.equal(panel.seen.length, 6);
});

test('a report is tried once: whoever owes it repeats it', async (t) => {
  const { client, panel } = await aClient(t, { clock: hasty });
  panel.weather({ answer: { status: 500 } });
  await assert.rejects(client.resetServers(always), /500/);
  assert.equal(panel.seen.length, 1);
});

test('how each try ended is told, with nothing secret in a log', async (t) => {
  const heard: unknown[] = [];
  const { client, panel, log } = await aClient(t, { onCall: (error) => heard.push(error) });
  await client.resetServers(always);
  await panel.down();
  await assert.rejects(client.resetServers(always), PanelUnreachableError);
  assert.equal(heard[0], undefined);
  assert.ok(heard[1] instanceof PanelUnreachableError);
  const written = JSON.stringify(log.lines.map((line) => ({ ...line, error: String(line.fields['err']) })));
  assert.ok(written.includes('a call to the Panel failed'));
  assert.ok(!written.includes(panel.node.token));
});

test('a certificate nobody vouches for is refused, unless the command line says otherwise', async (t) => {
  const { serving } = await ensurePki({
    ...{ directory: temporaryDirectory(t), host: '127.0.0.1', clock: systemClock, log: recordedLog() },
  });
  const secure = https.createServer({ cert: serving.certificate, key: serving.key }, (_, response) =>
    response.end('{}'),
  );
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
  t.after(() => secure.close());
  const remote = `https://127.0.0.1:${(secure.address() as AddressInfo).port}`;
  const { client } = await aClient(t, { remote });
  await assert.rejects(client.resetServers(always), PanelUnreachableError);
  const { client: trusting } = await aClient(t, { remote, ignoreCertificateErrors: true });
  await trusting.resetServers(always);
});

test('the proxies of the environment count', async (t) => {
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.after(() => proxy.close());
  const HTTP_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const { client } = await aClient(t, { remote: 'http://panel.invalid', environment: { HTTP_PROXY } });
  await client.resetServers(always);
  assert.deepEqual(asked, ['http://panel.invalid/api/remote/servers/reset']);
  const { client: direct, panel } = await aClient(t, { environment: { HTTP_PROXY, NO_PROXY: '127.0.0.1' } });
  await direct.resetServers(always);
  assert.deepEqual([asked.length, panel.seen.length], [1, 1]);
});

test('new credentials count for the next call', async (t) => {
  let secret = 'wrong';
  const { client, panel } = await aClient(t, {
    credentials: () => ({ id: 'node1Token000000', secret }),
  });
  await assert.rejects(client.resetServers(always), /403/);
  secret = panel.node.token;
  await client.resetServers(always);
});

/** Pauses of no length. */
const hasty: Clock = {
  ...systemClock,
  after(ms, callback) {
    return systemClock.after(ms > 4_000 ? ms : 0, callback);
  },
};

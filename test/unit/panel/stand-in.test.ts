// What the pretended Panel claims: each answer as panel-api.md says that the real ones give it, and what a daemon has to
// answer so that it is believed.
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { Flavour } from '../../../src/config/config.ts';
import { uuidOf } from '../../support/an-admission.ts';
import { DaemonRefusal, NodeUnreachable } from '../../support/panel/daemon-calls.ts';
import { PanelStandIn } from '../../support/panel/panel-stand-in.ts';

const flavours = ['pelican', 'pterodactyl'] as const;
const server = uuidOf(1);
const foreign = uuidOf(2);
const backup = uuidOf(3);

async function aPanel(t: TestContext, flavour: Flavour) {
  const panel = await PanelStandIn.start(t, { flavour });
  const { state } = panel;
  const other = state.addNode();
  state.addServer({ uuid: server });
  state.addServer({ uuid: foreign, node: other });
  const ask = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`${panel.url}/api/remote${path}`, {
      method,
      redirect: 'manual',
      headers: {
        Authorization: `Bearer ${panel.node.tokenId}.${panel.node.token}`,
        Accept: 'application/json',
        ...headers,
      },
      ...(method === 'GET' ? {} : { body: JSON.stringify(body ?? null) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  };
  return { panel, state, other, ask };
}

for (const flavour of flavours) {
  test(`${flavour}: who does not know the token learns how it is wrong`, async (t) => {
    const { panel, ask } = await aPanel(t, flavour);
    const { tokenId, token } = panel.node;
    const as = async (authorization: string, path = '/servers') =>
      (await ask('GET', path, undefined, { Authorization: authorization })).status;
    const missing = await ask('GET', '/servers', undefined, { Authorization: '' });
    assert.deepEqual([missing.status, missing.headers.get('www-authenticate')], [401, 'Bearer']);
    for (const bad of ['Bearer x', 'Bearer x.', 'Bearer .x', 'Bearer a.b.c']) assert.equal(await as(bad), 400, bad);
    assert.equal(await as(`Bearer nobody.${token}`), flavour === 'pelican' ? 404 : 403);
    assert.equal(await as(`Bearer ${tokenId}.wrong`), 403);
    assert.equal(await as(`Bearer ${tokenId}.wrong`, `/servers/${uuidOf(9)}`), flavour === 'pelican' ? 404 : 403);
  });

  test(`${flavour}: whose a server is, is asked where the real one asks`, async (t) => {
    const { ask, state } = await aPanel(t, flavour);
    state.addBackup(foreign, { uuid: backup });
    const foreignly = flavour === 'pelican' ? 403 : 200;
    assert.equal((await ask('GET', `/servers/${server}`)).status, 200);
    assert.equal((await ask('GET', `/servers/${server.slice(0, 8)}`)).status, 200);
    assert.equal((await ask('GET', `/servers/${foreign}`)).status, foreignly);
    assert.equal((await ask('GET', `/servers/${foreign}/install`)).status, foreignly);
    const refused = await ask('POST', `/backups/${backup}`, { successful: false });
    assert.equal(refused.status, 403);
    assert.deepEqual(refused.body, {
      errors: [
        {
          code: 'HttpForbiddenException',
          status: '403',
          detail: 'Requesting node does not have permission to access this server.',
        },
      ],
    });
  });

  test(`${flavour}: lists the servers of the node, page 0 as page 1`, async (t) => {
    const { ask, state } = await aPanel(t, flavour);
    for (let number = 10; number < 15; number += 1) state.addServer({ uuid: uuidOf(number) });
    const pages = await Promise.all([0, 1, 3, 4].map((page) => ask('GET', `/servers?page=${page}&per_page=2`)));
    const [first, again, last, beyond] = pages.map(({ body }) => body);
    assert.deepEqual(first, again);
    assert.deepEqual(
      [first.meta.current_page, first.meta.last_page, first.meta.total, first.data.length],
      [1, 3, 6, 2],
    );
    assert.deepEqual([last.data.length, beyond.data, beyond.meta.from], [2, [], null]);
    assert.ok(!JSON.stringify(pages.map(({ body }) => body)).includes(foreign));
    const { settings } = first.data[0];
    // An empty map is a list to PHP.
    if (flavour === 'pelican') assert.deepEqual([settings.egg.features, settings.mounts], [[], undefined]);
    else assert.deepEqual([settings.egg.features, settings.mounts], [undefined, []]);
    assert.equal('oom_killer' in settings.build, flavour === 'pelican');
    assert.deepEqual(settings.allocations.mappings, { '': [] });
  });

  test(`${flavour}: an installation ends in a status, a suspended server stays so, a reset frees what is busy`, async (t) => {
    const { ask, state } = await aPanel(t, flavour);
    const row = state.servers.get(server);
    assert.ok(row);
    const install = (body: unknown) => ask('POST', `/servers/${server}/install`, body);
    row.status = 'installing';
    assert.equal((await install({ successful: false, reinstall: false })).status, 204);
    assert.equal(row.status, 'install_failed');
    await install({ successful: false, reinstall: true });
    assert.equal(row.status, 'reinstall_failed');
    await ask('POST', '/servers/reset');
    assert.equal(row.status, 'reinstall_failed');
    await install({ successful: true, reinstall: true });
    assert.equal(row.status, null);
    row.status = 'suspended';
    await install({ successful: false, reinstall: false });
    assert.equal(row.status, 'suspended');
    for (const status of ['installing', 'restoring_backup'] as const) {
      row.status = status;
      assert.equal((await ask('POST', '/servers/reset')).status, 204);
      assert.equal(row.status, null);
    }
    const invalid = await install({});
    assert.equal(invalid.status, 422);
    assert.deepEqual(invalid.body.errors[0].meta, { source_field: 'successful', rule: 'required' });
    const page = await ask('POST', `/servers/${server}/install`, {}, { Accept: '*/*' });
    assert.equal(page.status, 302);
  });

  test(`${flavour}: a backup is told of once it is committed, and succeeds once`, async (t) => {
    const { ask, state } = await aPanel(t, flavour);
    const row = state.addBackup(server, { uuid: backup, committed: false, isLocked: true });
    const good = { checksum: 'c', checksum_type: 'sha1', size: 5, successful: true, parts: null };
    assert.equal((await ask('POST', `/backups/${backup}`, good)).status, 404);
    row.committed = true;
    const invalid = await ask('POST', `/backups/${backup}`, { successful: true });
    assert.deepEqual(
      invalid.body.errors.map(({ meta }: { meta: { source_field: string } }) => meta.source_field),
      ['checksum', 'checksum_type', 'size'],
    );
    assert.equal((await ask('POST', `/backups/${backup}`, { successful: false })).status, 204);
    assert.deepEqual([row.isSuccessful, row.isLocked], [false, false]);
    // A late success is taken.
    assert.equal((await ask('POST', `/backups/${backup}`, good)).status, 204);
    assert.deepEqual([row.checksum, row.bytes], ['sha1:c', 5]);
    const repeat = await ask('POST', `/backups/${backup}`, good);
    assert.equal(repeat.status, 400);
    assert.match(repeat.body.errors[0].detail, /already marked as completed/);
  });

  test(`${flavour}: parts of an upload, and why there are none`, async (t) => {
    const { ask, state } = await aPanel(t, flavour);
    const row = state.addBackup(server, { uuid: backup });
    assert.equal((await ask('GET', `/backups/${backup}?size=0`)).status, 400);
    assert.equal((await ask('GET', `/backups/${backup}?size=5`)).status, 400);
    row.adapter = 's3';
    assert.equal((await ask('GET', `/backups/${backup}?size=5`)).body.parts.length, 1);
    row.completedAt = 1;
    assert.equal((await ask('GET', `/backups/${backup}?size=5`)).status, 409);
  });

  test(`${flavour}: the end of a restore frees the server, whatever it was`, async (t) => {
    const { ask, state } = await aPanel(t, flavour);
    state.addBackup(server, { uuid: backup });
    const row = state.servers.get(server);
    assert.ok(row);
    for (const successful of [true, false]) {
      row.status = 'restoring_backup';
      assert.equal((await ask('POST', `/backups/${backup}/restore`, { successful })).status, 204);
      assert.equal(row.status, null);
    }
    assert.equal((await ask('POST', `/backups/${uuidOf(9)}/restore`, { successful: true })).status, 404);
  });

  test(`${flavour}: states of containers are Pelican’s alone`, async (t) => {
    const { ask, state } = await aPanel(t, flavour);
    const push = (next: unknown) =>
      ask('POST', `/servers/${server}/container/status`, { data: { previous_state: 'offline', new_state: next } });
    if (flavour === 'pterodactyl') {
      assert.equal((await push('running')).status, 404);
      return;
    }
    assert.deepEqual((await push('running')).body, []);
    assert.equal(state.servers.get(server)?.containerStatus, 'running');
    await push('backup');
    assert.equal(state.servers.get(server)?.containerStatus, 'missing');
    assert.equal((await push(null)).status, 422);
  });

  test(`${flavour}: a transfer ends once`, async (t) => {
    const { ask, state, other } = await aPanel(t, flavour);
    const row = state.servers.get(server);
    assert.ok(row);
    row.transferTo = other.id;
    assert.equal((await ask('POST', `/servers/${server}/transfer/failure`)).status, 204);
    assert.equal((await ask('POST', `/servers/${server}/transfer/failure`)).status, 409);
    const incoming = state.servers.get(foreign);
    assert.ok(incoming);
    incoming.transferTo = 1;
    assert.equal((await ask('GET', `/servers/${foreign}`)).status, 200);
    assert.equal((await ask('POST', `/servers/${foreign}/transfer/success`)).status, 204);
    assert.equal(incoming.nodeId, 1);
  });

  test(`${flavour}: one bad entry of activity refuses all of them; foreign ones are passed over`, async (t) => {
    const { ask, state } = await aPanel(t, flavour);
    const entry = (parts: object) => ({
      ...{ user: null, server, event: 'server:power.start', metadata: {}, ip: '127.0.0.1', timestamp: 't' },
      ...parts,
    });
    const bad = await ask('POST', '/activity', { data: [entry({}), entry({ ip: 'x' }), entry({ user: 'y' })] });
    assert.equal(bad.status, 422);
    assert.deepEqual(
      bad.body.errors.map(({ meta }: { meta: { source_field: string } }) => meta.source_field),
      ['data.1.ip', 'data.2.user'],
    );
    assert.equal(state.activity.length, 0);
    const good = await ask('POST', '/activity', {
      data: [entry({}), entry({ server: foreign }), entry({ event: 'user:x' })],
    });
    assert.deepEqual([good.status, good.body, state.activity.length], [200, undefined, 1]);
  });

  test(`${flavour}: logins are checked, throttled by server, and refused while it is busy`, async (t) => {
    const { ask, state } = await aPanel(t, flavour);
    const key = 'ssh-ed25519 AAAA';
    const permissions = { [server]: ['file.read', 'file.sftp'], [foreign]: ['*'] };
    state.users.push({ uuid: uuidOf(7), name: 'alice', password: 'good', keys: [key], permissions });
    const login = (password: string, parts: object = {}) =>
      ask('POST', '/sftp/auth', { type: 'password', username: `alice.${server.slice(0, 8)}`, password, ...parts });
    const { body } = await login('good');
    const list = ['file.read', 'file.sftp'];
    assert.deepEqual(body.permissions, flavour === 'pelican' ? { ...list } : list);
    assert.equal((await login(`${key}\n`, { type: 'public_key' })).status, 200);
    assert.equal((await login('good', { username: 'alice' })).status, 400);
    const row = state.servers.get(server);
    assert.ok(row);
    row.status = 'installing';
    assert.equal((await login('good')).status, 409);
    row.status = null;
    for (let tries = 0; tries < 5; tries += 1) {
      assert.equal((await login('ssh-rsa B', { type: 'public_key' })).status, 403);
      assert.equal((await login('bad')).status, 403);
    }
    assert.equal((await login('good')).status, 429);
  });
}

test('it can be slow, broken, cut and away, and remembers what it was asked', async (t) => {
  const { panel, ask } = await aPanel(t, 'pelican');
  panel.weather({ when: ({ method }) => method === 'POST', answer: { status: 503 }, times: 1 });
  assert.equal((await ask('GET', '/servers')).status, 200);
  assert.equal((await ask('POST', '/servers/reset')).status, 503);
  assert.equal((await ask('POST', '/servers/reset')).status, 204);
  panel.weather({ cut: 'late', times: 1 });
  const row = panel.state.servers.get(server);
  assert.ok(row);
  row.status = 'installing';
  // The work was done, and nobody hears of it.
  await assert.rejects(ask('POST', '/servers/reset'));
  assert.equal(row.status, null);
  await panel.down();
  await assert.rejects(ask('GET', '/servers'));
  await panel.up();
  assert.equal((await ask('GET', '/servers')).status, 200);
  assert.equal(panel.requests('POST /servers/reset').length, 3);
  assert.deepEqual(
    panel.seen.map(({ status }) => status),
    [200, 503, 204, 0, 200],
  );
});

async function aDaemon(t: TestContext, serve: (request: IncomingMessage, response: ServerResponse) => void) {
  const asked: string[] = [];
  const daemon = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      asked.push(`${request.method} ${request.url} ${request.headers['authorization']?.length} ${text}`);
      serve(request, response);
    });
  });
  await new Promise<void>((resolve) => daemon.listen(0, '127.0.0.1', resolve));
  t.after(() => daemon.close());
  return { asked, url: `http://127.0.0.1:${(daemon.address() as AddressInfo).port}` };
}

test('a backup is asked for inside a transaction, and forgotten when the daemon does not take it', async (t) => {
  const { panel, state } = await aPanel(t, 'pterodactyl');
  let visible: boolean | undefined;
  let status = 202;
  const { url, asked } = await aDaemon(t, (_, response) => {
    visible = [...state.backups.values()].some(({ committed }) => committed);
    response.writeHead(status).end();
  });
  const calls = panel.daemon(url);
  const made = await calls.backup(state, server, '*.log');
  assert.deepEqual([visible, state.backups.get(made)?.committed], [false, true]);
  assert.equal(asked[0], `POST /api/servers/${server}/backup 71 {"adapter":"wings","uuid":"${made}","ignore":"*.log"}`);
  status = 500;
  await assert.rejects(calls.backup(state, server), DaemonRefusal);
  assert.equal(state.backups.size, 1);
  const row = state.servers.get(server);
  assert.ok(row);
  await assert.rejects(calls.restore(row, made), DaemonRefusal);
  assert.equal(row.status, null);
});

test('Pelican believes a failed answer only with the name of its node in a header', async (t) => {
  let agent: string | undefined;
  const { url } = await aDaemon(t, (_, response) => {
    if (agent !== undefined) response.setHeader('User-Agent', agent);
    response.writeHead(404).end('{}');
  });
  const { panel, state } = await aPanel(t, 'pelican');
  const calls = panel.daemon(url);
  await assert.rejects(calls.details(server), NodeUnreachable);
  agent = 'Pelican Wings/v1.0.0 (id:another)';
  await assert.rejects(calls.details(server), NodeUnreachable);
  for (const good of [
    `Pelican Wings/v1.0.0 (id:${panel.node.tokenId})`,
    `Pelican Wings/vdevelop (id:${panel.node.tokenId})`,
    'curl',
  ]) {
    agent = good;
    await assert.rejects(calls.details(server), DaemonRefusal);
  }
  await calls.deleteServer(state, server);
  assert.equal(state.servers.has(server), false);
  agent = undefined;
  const { panel: old } = await aPanel(t, 'pterodactyl');
  await assert.rejects(old.daemon(url).details(server), DaemonRefusal);
});

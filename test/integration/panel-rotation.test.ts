// A whole daemon under the hands of its Panel: questions that wait for each other, a report that only looks, and a new
// token that counts everywhere at once.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { uuidOf } from '../support/an-admission.ts';
import { ConsoleClient } from '../support/console-client.ts';
import { type Call, httpCall } from '../support/http-call.ts';
import { temporaryDirectory } from '../support/node-config.ts';
import { fileOwner } from '../support/owner.ts';
import { PanelNode } from '../support/panel/panel-node.ts';
import { PanelStandIn } from '../support/panel/panel-stand-in.ts';
import { signedToken } from '../support/signed-token.ts';
import { until } from '../support/until.ts';

const patienceMs = 30_000;
const uuid = uuidOf(1);
const image = 'game:1';

const owner = fileOwner();
const directory = temporaryDirectory({ after: (end) => void owner.after(end as () => unknown) });
const path = join(directory, 'config.yml');
const panel = await PanelStandIn.start(owner, { flavour: 'pelican' });
panel.state.addServer({ uuid, image: `~${image}` });
const old = { ...panel.node };
const text = `# ours
token_id: ${old.tokenId}
token: ${old.token} # keep me
remote: ${panel.url}
api: {ssl: {enabled: false, cert: /srv/own.pem, key: /srv/own.key}}
system: {data: /srv/worlds}
`;
writeFileSync(path, text, { mode: 0o600 });
const node = await PanelNode.make(owner, panel, (config) => ({
  ...config,
  path,
  api: { ...config.api, ssl: { enabled: false, cert: '/srv/own.pem', key: '/srv/own.key' } },
  aileron: { ...config.aileron, foreignTokens: 'refuse' },
}));
node.docker.addImage(image);
await node.start();
await node.untilServers(1);

const port = () => node.daemon.api.port;
const calls = () => panel.daemon(`http://127.0.0.1:${port()}`);
const as = (token: string, route: string, { headers, ...call }: Call = {}) =>
  httpCall(port(), route, { ...call, headers: { authorization: `Bearer ${token}`, ...headers } });

function claims(): Record<string, unknown> {
  const iat = Math.floor(Date.now() / 1000);
  return {
    ...{ iss: panel.url, aud: [`http://127.0.0.1:${port()}`], jti: 'x', iat, exp: iat + 600 },
    ...{ server_uuid: uuid, user_uuid: randomUUID() },
  };
}

const link = (secret: string, more: Record<string, unknown> = {}) =>
  `/download/backup?token=${signedToken({ ...claims(), unique_id: randomUUID(), backup_uuid: uuid, ...more }, secret)}`;

const consoleToken = (secret: string, more: Record<string, unknown> = {}) =>
  signedToken({ ...claims(), permissions: ['*'], ...more }, secret);

async function aConsole(): Promise<ConsoleClient> {
  const client = await ConsoleClient.open({ port: port(), uuid, origin: panel.url });
  owner.after(() => client.close());
  return client;
}

test('while the Panel waits for an answer that waits for the Panel, everything else is answered (traps 25)', async () => {
  const gate = Promise.withResolvers<void>();
  const isAsked = ({ method, path }: { method: string; path: string }) =>
    method === 'GET' && path.startsWith('/servers/');
  panel.weather({ when: isAsked, until: gate.promise });
  const made = panel.state.addServer({ image: `~${image}`, skipEggScripts: true });
  const row = panel.state.servers.get(uuid) ?? assert.fail();
  row.parts.memory = 777;
  const before = panel.requests('GET /servers/:id').length;
  const waiting = [calls().sync(uuid), calls().sync(uuid), calls().createServer(panel.state, made)];
  await until('it asks back', patienceMs, async () => panel.requests('GET /servers/:id').length >= before + 2);
  await calls().power(uuid, 'start');
  await calls().details(uuid);
  await calls().system();
  assert.equal(
    ((await as(old.token, '/api/system/utilization')).json() as { memory_total: number }).memory_total > 0,
    true,
  );
  assert.equal((await as(old.token, `/api/servers/${uuid}/backup/operations`)).status, 200);
  gate.resolve();
  await Promise.all(waiting);
  panel.clear();
  assert.equal((await node.api.get(uuid))?.spec.limits.memory, 777);
  await node.api.untilState(uuid, 'starting');
  await until('the new one is installed', patienceMs, async () => made.status === null);
});

test('a report looks at the node and changes nothing of it (traps 38)', async () => {
  const before = structuredClone({ ...node.config });
  writeFileSync(path, `${text}debug: true\napi: {port: 1}\n`.replace(old.token, 'another'));
  const report = await as(old.token, '/api/diagnostics?include_endpoints=true&log_lines=5');
  assert.deepEqual([report.status, report.headers['content-type']], [200, 'text/plain; charset=utf-8']);
  const titles = [...report.body.matchAll(/\n\n\|\n\| (.+)\n\| -{30}\n/g)].map(([, title]) => title);
  assert.match(report.body, /^Pelican Wings - Diagnostics Report\n/);
  assert.deepEqual(titles, [
    ...['Versions', 'Wings Configuration', 'Docker: Info', 'Docker: Running Containers', 'Latest Wings Logs'],
  ]);
  assert.equal(report.body.includes(old.token), false);
  assert.equal((await as(old.token, '/api/system')).status, 200);
  assert.equal((await as('another', '/api/system')).status, 403);
  assert.deepEqual({ ...node.config }, before);
  writeFileSync(path, text);
});

test('a token that names another Panel or node is refused where the settings say so, and counted (covers: SEC-35)', async () => {
  const notThere = '{"error":"The requested backup was not found on this server."}';
  assert.equal((await httpCall(port(), link(old.token))).body, notThere);
  for (const more of [{ iss: 'https://evil.example' }, { aud: 'https://other.example' }]) {
    const { status, body } = await httpCall(port(), link(old.token, more));
    assert.deepEqual([status, body], [404, '{"error":"The requested resource was not found on this server."}']);
    const client = await aConsole();
    client.send('auth', consoleToken(old.token, more));
    await client.until('it is refused', () => client.count('jwt error') === 1);
    assert.match(client.all('jwt error')[0] ?? '', /jwt: (iss|aud) claim is invalid$/);
  }
  const metrics = await (await fetch(`http://127.0.0.1:${node.daemon.ops.port}/metrics`)).text();
  for (const claim of ['iss', 'aud']) assert.ok(metrics.includes(`aileron_foreign_tokens_total{claim="${claim}"} 2\n`));
});

test('what is no configuration changes nothing (covers: SEC-28)', async () => {
  const before = structuredClone({ ...node.config });
  const deep = `{"docker":${'{"a":'.repeat(40)}1${'}'.repeat(40)},"debug":true}`;
  for (const body of ['[', '{"debug":tru', '[{"debug":true}]', '"debug"', '5', deep, '{"debug":true,"token":5}', '']) {
    const { status } = await as(old.token, '/api/update', { method: 'POST', body });
    assert.equal(status, 400, body.slice(0, 30));
  }
  assert.equal(readFileSync(path, 'utf8'), text);
  assert.deepEqual({ ...node.config }, before);
});

test('a new token counts for the Panel, for links, for consoles and towards the Panel, all at once (traps 19, 20) (covers: SEC-28, SEC-34)', async () => {
  const fresh = { tokenId: 'aNewOne123456789', token: 'n'.repeat(64) };
  const open = await aConsole();
  await open.authenticate(consoleToken(old.token));
  const unused = link(old.token);
  const letsEncrypt = '/etc/letsencrypt/live/node.example.com';
  const pushed = {
    ...{ debug: false, uuid: 'u', token_id: fresh.tokenId, token: fresh.token },
    api: { ssl: { enabled: false, cert: `${letsEncrypt}/fullchain.pem`, key: `${letsEncrypt}/privkey.pem` } },
    ...{ system: { data: '/etc' }, allowed_mounts: ['/'], remote: 'https://evil.example' },
  };
  assert.deepEqual(await calls().call('POST', '/api/update', pushed), { applied: true });
  Object.assign(panel.node, fresh);

  assert.equal((await as(old.token, '/api/system')).status, 403);
  const answer = await as(fresh.token, '/api/system');
  assert.equal(answer.status, 200);
  assert.match(String(answer.headers['user-agent']), /\(id:aNewOne123456789\)$/);
  assert.equal((await httpCall(port(), unused)).status, 401);
  assert.equal((await httpCall(port(), link(fresh.token))).status, 404, 'it is genuine, and there is no such archive');
  await open.until('what it held has ended', () => open.count('token expired') === 1);
  await open.authenticate(consoleToken(fresh.token));
  const late = await aConsole();
  late.send('auth', consoleToken(old.token));
  await late.until('the old one is refused', () => late.count('jwt error') === 1);
  await calls().sync(uuid);
  const asked = panel.requests('GET /servers/:id').at(-1);
  assert.deepEqual(
    [asked?.status, asked?.headers['authorization']],
    [200, `Bearer ${fresh.tokenId}.${fresh.token}`],
    'where it always was',
  );
  assert.equal(
    readFileSync(path, 'utf8'),
    `${text.replace(old.tokenId, fresh.tokenId).replace(old.token, fresh.token)}uuid: u\n`,
  );
});

// The node API as a Panel meets it, over real connections: who may ask, in which order things are looked at, and the bytes
// of every refusal.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Flavour } from '../../src/config/config.ts';
import { PanelRefusedError } from '../../src/panel/sync.ts';
import { apiDoor, of, otherUuid } from '../support/api-door.ts';
import { anyUuid } from '../support/builders.ts';
import { panelOrigin } from '../support/console-node.ts';
import { type Answer, httpCall } from '../support/http-call.ts';

const unexpected = 'An unexpected error was encountered while processing this request';

function generic(answer: Answer, code: number): void {
  assert.equal(answer.status, code);
  assert.deepEqual(answer.json(), { error: unexpected, request_id: answer.headers['x-request-id'] });
}

for (const flavour of ['pelican', 'pterodactyl'] as const)
  test(`every answer of a bearer path of a ${flavour} node says which it is, whatever went wrong (traps 1)`, (t) =>
    saysItsName(t, flavour));

async function saysItsName(t: TestContext, flavour: Flavour): Promise<void> {
  const { node, ask } = await apiDoor(t, { flavour });
  const calls: [code: number, answer: Promise<Answer>][] = [
    [200, ask('/api/servers')],
    [401, httpCall(node.port, '/api/servers')],
    [403, ask('/api/servers', { headers: { authorization: 'Bearer x' } })],
    [404, ask('/nowhere')],
    [404, ask(of('', otherUuid))],
    [422, ask(of('/power'), { method: 'POST', body: '{}' })],
    [500, ask('/api/servers', { method: 'POST', body: { uuid: otherUuid } })],
  ];
  node.refresh = async () => {
    throw new PanelRefusedError('no', { status: 404 });
  };
  for (const [code, answer] of calls) {
    const { status, headers } = await answer;
    assert.equal(status, code);
    assert.match(String(headers['user-agent']), /^Pelican Wings\/v(\d+\.\d+\.\d+|develop) \(id:id\)$/, `${code}`);
  }
  const open = await httpCall(node.port, '/download/backup');
  assert.equal(open.headers['user-agent'], undefined, 'links tell nobody which node it is');
}

test('unknown paths ask for the token, then say 404; OPTIONS is 204 everywhere (traps 2, 36)', async (t) => {
  const { node, ask } = await apiDoor(t);
  for (const path of ['/', '/nowhere', '/api', '/api/servers/x/y/z', '/%zz', `/${'x'.repeat(2_000)}`]) {
    const strange = await httpCall(node.port, path);
    assert.equal(strange.status, 401, path);
    assert.equal(strange.headers['www-authenticate'], 'Bearer');
    assert.equal(strange.body, '{"error":"The required authorization heads were not present in the request."}');
    assert.equal(strange.headers['content-type'], 'application/json; charset=utf-8');
    const known = await ask(path);
    assert.deepEqual([known.status, known.body], [404, '404 page not found'], path);
    assert.equal(known.headers['content-type'], 'text/plain');
  }
  for (const path of ['/', '/api/servers', of('/power', otherUuid), '/download/backup?token=x', '/nowhere']) {
    const preflight = await httpCall(node.port, path, { method: 'OPTIONS', headers: { origin: panelOrigin } });
    assert.deepEqual([preflight.status, preflight.body], [204, '']);
    assert.equal(preflight.headers['access-control-allow-origin'], panelOrigin);
  }
  assert.equal((await ask(of('/power'))).status, 404, 'a known path with another method is unknown');
  for (const method of ['PUT', 'PATCH', 'TRACE', 'PROPFIND', 'PURGE', 'SEARCH']) {
    const { status, body } = await httpCall(node.port, '/api/servers', { method });
    assert.deepEqual([status, body.includes('heads were not present')], [401, true], method);
    assert.equal((await ask('/api/servers', { method })).status, 404, method);
  }
});

test('headers for pages and the id of the request are on every answer, errors too (traps 3, 40)', async (t) => {
  const { node, ask } = await apiDoor(t, { yaml: 'allow_cors_private_network: true\n' });
  const ids = new Set<unknown>();
  const answers = [
    await ask('/api/servers', { headers: { 'x-request-id': 'mine' } }),
    await httpCall(node.port, '/api/servers'),
    await httpCall(node.port, '/download/backup?token=x'),
    await ask('/nowhere'),
    await ask(of('/power'), { method: 'POST', body: '[' }),
    await ask('/api/servers/'),
    await httpCall(node.port, '/%zz'),
  ];
  for (const { headers } of answers) {
    assert.match(String(headers['x-request-id']), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/);
    ids.add(headers['x-request-id']);
    assert.equal(headers['access-control-allow-origin'], panelOrigin);
    assert.equal(headers['access-control-allow-credentials'], 'true');
    assert.equal(headers['access-control-allow-methods'], 'GET, POST, PATCH, PUT, DELETE, OPTIONS');
    assert.equal(
      headers['access-control-allow-headers'],
      'Accept, Accept-Encoding, Authorization, Cache-Control, Content-Type, Content-Length, Origin, X-Real-IP, X-CSRF-Token',
    );
    assert.equal(headers['access-control-max-age'], '7200');
    assert.equal(headers['access-control-request-private-network'], 'true');
    assert.equal(headers['access-control-allow-private-network'], 'true');
    assert.equal(headers['vary'], 'Origin');
  }
  assert.equal(ids.size, answers.length);
  const plain = await apiDoor(t);
  const { headers } = await httpCall(plain.node.port, '/', { method: 'OPTIONS' });
  assert.equal(headers['access-control-allow-origin'], panelOrigin);
  for (const name of ['access-control-request-private-network', 'access-control-allow-private-network', 'content-type'])
    assert.equal(headers[name], undefined, 'only where the settings say so');
});

test('what is no HTTP is told so, with an id (traps 40)', async (t) => {
  const { node } = await apiDoor(t);
  const { status, headers } = await httpCall(node.port, '/', { headers: { 'x-large': 'x'.repeat(17 * 1024) } });
  assert.equal(status, 431);
  assert.match(String(headers['x-request-id']), /^[0-9a-f-]{36}$/);
});

test('a slash too many is sent to the right place, before anything is asked', async (t) => {
  const { node } = await apiDoor(t);
  const get = await httpCall(node.port, '/api/system/?v=2');
  assert.deepEqual([get.status, get.headers.location], [301, '/api/system?v=2']);
  const post = await httpCall(node.port, of('/power/'), { method: 'POST' });
  assert.deepEqual([post.status, post.headers.location], [307, of('/power')]);
  assert.equal((await httpCall(node.port, '/nowhere/')).status, 401);
});

test('a body is not asked for its type, and none is wanted where there is none to read (traps 5, 6)', async (t) => {
  const { node, ask } = await apiDoor(t);
  for (const type of [
    undefined,
    'application/json',
    'text/plain',
    'nonsense',
    'application/x-www-form-urlencoded',
    ';',
  ]) {
    const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
    for (const [method, path] of [
      ['POST', of('/sync')],
      ['GET', of('')],
      ['DELETE', of('/deleteAllBackups')],
    ]) {
      const { status } = await ask(path ?? '', { method: method ?? '', headers });
      assert.ok(status === 200 || status === 204, `${method} ${path} ${type}: ${status}`);
    }
    const { status } = await ask(of('/power'), { method: 'POST', headers, body: '{"ACTION":"kill"} and more' });
    assert.equal(status, 202, String(type));
  }
  const empty = await ask(of('/power'), { method: 'POST', headers: { 'content-type': 'application/json' } });
  assert.equal(empty.status, 400);
  assert.equal(
    empty.body,
    '{"error":"The data passed in the request was not in a parsable format. Please try again."}',
  );
  for (const body of ['[]', '{"action":1}', '{"action":"start","wait_seconds":5.5}', '{"action":'])
    generic(await ask(of('/power'), { method: 'POST', body }), 400);
  assert.equal(node.log.find({ level: 'error' }).length, 0, 'mistakes of others are no failures of ours');
});

test('a body that is too large is refused, whether its length is told or not (covers: SEC-53)', async (t) => {
  const { ask } = await apiDoor(t);
  const body = `{"action":"kill","pad":"${'x'.repeat(8 * 1024 * 1024)}"}`;
  const told = await ask(of('/power'), { method: 'POST', body });
  assert.equal(told.status, 413);
  assert.equal(told.body, '{"error":"The body of the request is too large."}');
  const chunked = await ask(of('/power'), {
    method: 'POST',
    body,
    headers: { 'transfer-encoding': 'chunked', 'content-length': [] },
  });
  assert.equal(chunked.status, 413);
  const large = `{"action":"kill","pad":"${'x'.repeat(8 * 1024 * 1024 - 100)}"}`;
  assert.equal((await ask(of('/power'), { method: 'POST', body: large })).status, 202);
});

test('HEAD is an unknown method everywhere (traps 7)', async (t) => {
  const { node, ask } = await apiDoor(t);
  assert.equal((await ask('/api/servers', { method: 'HEAD' })).status, 404);
  assert.equal((await httpCall(node.port, '/download/backup?token=x', { method: 'HEAD' })).status, 401);
});

test('the uuid of a server is compared byte for byte (traps 35) (covers: SEC-26)', async (t) => {
  const { ask, post } = await apiDoor(t);
  const missing = '{"error":"The requested resource does not exist on this instance."}';
  for (const uuid of [otherUuid, anyUuid.toUpperCase(), anyUuid.slice(0, 8), ...strange(anyUuid)]) {
    const { status, body } = await ask(of('', uuid));
    assert.deepEqual([status, body], [404, missing], uuid);
  }
  const refused = '{"error":"The data provided in the request could not be validated."}';
  const version1 = '5c1d9a7e-1b2c-1d3e-8f4a-5b6c7d8e9f00';
  for (const uuid of ['', 'x', otherUuid.toUpperCase(), version1, ...strange(otherUuid).map(decodeURIComponent)]) {
    const { status, body } = await post('/api/servers', { uuid });
    assert.deepEqual([status, body], [422, refused], uuid);
  }
});

/** What is nearly this uuid, or wants to be a path, as it stands in a URL. */
function strange(uuid: string): string[] {
  return [
    `${uuid}0`,
    uuid.slice(1),
    `{${uuid}}`,
    `urn:uuid:${uuid}`,
    '..%2f..%2fetc',
    `..%2f${uuid}`,
    '%00',
    `${uuid}%00`,
  ];
}

test('wrong tokens from one address are slowed down, the right one never (covers: SEC-31, SEC-33)', async (t) => {
  const { node, ask } = await apiDoor(t);
  const guess = () => httpCall(node.port, '/api/servers', { headers: { authorization: 'Bearer guess' } });
  for (let count = 0; count < 20; count++) assert.equal((await guess()).status, 403);
  const { status, headers } = await guess();
  assert.deepEqual([status, headers['retry-after']], [429, '60']);
  assert.equal((await ask('/api/servers')).status, 200);
  assert.equal((await httpCall(node.port, '/api/servers')).status, 401, 'who shows nothing guesses nothing');
  const asAnother = { authorization: 'Bearer guess', 'x-forwarded-for': '203.0.113.7', 'x-real-ip': '203.0.113.7' };
  const disguised = await httpCall(node.port, '/api/servers', { headers: asAnother });
  assert.equal(disguised.status, 429, 'nobody but a trusted proxy says who it is');
  await node.clock.advance(60_000);
  assert.equal((await guess()).status, 403);
});

test('a token of the header counts as a whole and exactly (covers: SEC-25)', async (t) => {
  const { node } = await apiDoor(t);
  const { authorization } = node.bearer;
  const code = async (value: string | string[]) =>
    (await httpCall(node.port, '/api/servers', { headers: { authorization: value } })).status;
  assert.equal(await code(authorization), 200);
  assert.equal(await code(authorization.replace('Bearer', 'bearer')), 401);
  assert.equal(await code('Bearer'), 401);
  assert.equal(await code('Basic eA=='), 401);
  assert.equal(await code('Bearer '), 401, 'a parser takes the blank away');
  assert.equal(await code(authorization.replace(' ', '  ')), 403);
  assert.equal(await code(`${authorization}x`), 403);
  assert.equal(await code(authorization.slice(0, -1)), 403);
  assert.equal(await code('Bearer ä'), 403);
  assert.equal(await code(`${authorization} `), 200, 'a parser takes the blank away');
  assert.equal(await code(authorization.replace(' ', '\t')), 401);
  assert.equal(await code([authorization, authorization]), 401, 'two headers');
  assert.equal(await code([authorization, 'Bearer guess']), 401);
});

test('strangers are told the same of a server that is here and of one that is not (covers: SEC-29)', async (t) => {
  const { node } = await apiDoor(t);
  const asked = async (method: string, path: string, uuid: string, authorization?: string) => {
    const headers = authorization ? { authorization } : {};
    const { status, headers: told, body } = await httpCall(node.port, of(path, uuid), { method, headers });
    const { 'x-request-id': _, date: __, ...others } = told;
    return { status, body, others };
  };
  const routes: [method: string, path: string][] = [
    ...['', '/logs', '/install-logs', '/backup/operations', '/nothing', '/'].map((path): [string, string] => [
      'GET',
      path,
    ]),
    ...['/power', '/commands', '/sync', '/install', '/reinstall', '/ws/deny', '/backup'].map(
      (path): [string, string] => ['POST', path],
    ),
    ['POST', `/backup/${otherUuid}/restore`],
    ...['', '/install', '/deleteAllBackups', `/backup/${otherUuid}`, `/backup/${otherUuid}/cancel`].map(
      (path): [string, string] => ['DELETE', path],
    ),
    ['HEAD', ''],
    ['OPTIONS', ''],
  ];
  for (const [method, path] of routes) {
    const here = await asked(method, path, anyUuid);
    assert.deepEqual(
      JSON.parse(JSON.stringify(here).replaceAll(anyUuid, otherUuid)),
      await asked(method, path, otherUuid),
    );
  }
  assert.deepEqual(await asked('GET', '', anyUuid, 'Bearer x'), await asked('GET', '', otherUuid, 'Bearer x'));
});

test('the log has who asked what, when, and no secret of a link (traps 39) (covers: SEC-42)', async (t) => {
  const { node, ask } = await apiDoor(t, { yaml: 'api: {trusted_proxies: [127.0.0.1]}\n' });
  const secret = 'eyJhbGciOiJIUzI1NiJ9.e30.signature';
  await httpCall(node.port, `/download/backup?a=1&token=${secret}&to%6ben=${secret}&TOKEN=${secret}`);
  await ask('/nowhere?x=1', { headers: { 'x-forwarded-for': '203.0.113.9, 127.0.0.1' } });
  const lines = node.log.find({ level: 'debug', message: 'the node API answered' });
  assert.equal(JSON.stringify(node.log.lines).includes(secret), false);
  const [link, path] = lines.slice(-2).map(({ fields }) => fields);
  assert.equal(link?.['path'], '/download/backup?a=1&token=***&to%6ben=***&TOKEN=***');
  const { client, status, method, requestId } = path ?? {};
  assert.deepEqual([client, status, method, path?.['path']], ['203.0.113.9', 404, 'GET', '/nowhere?x=1']);
  assert.match(String(requestId), /^[0-9a-f-]{36}$/);
});

test('an error tells the client nothing but an id, and the log everything (covers: SEC-30)', async (t) => {
  const { node, ask } = await apiDoor(t);
  node.docker.before = () => {
    throw new Error('connect ENOENT /run/secret/docker.sock');
  };
  const answer = await ask('/api/system');
  generic(answer, 500);
  const [line] = node.log.find({ level: 'error' });
  assert.equal(line?.fields['requestId'], answer.headers['x-request-id']);
  assert.match(String(line?.fields['err']), /docker\.sock/);
});

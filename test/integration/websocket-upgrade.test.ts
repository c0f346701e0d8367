// Who may open a console socket, how many there may be, and when one is closed, over real connections with time turned by
// the test.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { otherUuid } from '../support/api-door.ts';
import { anyUuid } from '../support/builders.ts';
import { aNode, refused } from '../support/console-cases.ts';
import type { ConsoleClient } from '../support/console-client.ts';
import { panelOrigin } from '../support/console-node.ts';
import { httpCall } from '../support/http-call.ts';
import { until } from '../support/until.ts';

test('a wrong or missing Origin is 403, another port and a sub-domain are wrong too (websocket 17.1) (covers: SEC-43)', async (t) => {
  const node = await aNode(t);
  const wrong = [
    ...['https://evil.example.com', 'null', 'http://panel.example.com', 'https://panel.example.com:8443'],
    ...['https://sub.panel.example.com', 'https://panel.example.com.evil.example', '', undefined],
  ];
  for (const origin of wrong) {
    const { status, body, headers } = await refused(node.open(origin));
    assert.equal(status, 403);
    assert.equal(body, 'Forbidden');
    assert.equal(headers['sec-websocket-version'], '13');
  }
  await node.connect();
});

test('an unknown server is 404 before anything else (websocket 17.1)', async (t) => {
  const node = await aNode(t);
  for (const uuid of [otherUuid, anyUuid.toUpperCase(), anyUuid.slice(0, 8)]) {
    const { status, body, headers } = await httpCall(node.port, `/api/servers/${uuid}/ws`);
    assert.equal(status, 404);
    assert.equal(body, '{"error":"The requested resource does not exist on this instance."}');
    assert.equal(headers['content-type'], 'application/json; charset=utf-8');
  }
});

test('what is no handshake is 400, with the same headers as every answer (websocket 17.1) (covers: SEC-51)', async (t) => {
  const node = await aNode(t);
  const upgrade = { connection: 'upgrade', upgrade: 'websocket', origin: panelOrigin };
  const key = 'dGhlIHNhbXBsZSBub25jZQ==';
  const broken: Record<string, string>[] = [
    {},
    { ...upgrade, 'sec-websocket-key': key },
    { ...upgrade, 'sec-websocket-key': key, 'sec-websocket-version': '8' },
    { ...upgrade, 'sec-websocket-version': '13' },
    { ...upgrade, 'sec-websocket-key': 'short', 'sec-websocket-version': '13' },
    { ...upgrade, upgrade: 'h2c', 'sec-websocket-key': key, 'sec-websocket-version': '13' },
  ];
  for (const headers of broken) {
    const answer = await httpCall(node.port, `/api/servers/${anyUuid}/ws`, { headers });
    assert.equal(answer.status, 400, JSON.stringify(headers));
    assert.equal(answer.body, 'Bad Request');
    assert.equal(answer.headers['sec-websocket-version'], '13');
    assert.equal(answer.headers['content-security-policy'], "default-src 'self'");
    assert.equal(answer.headers['x-frame-options'], 'DENY');
  }
});

test('the answer to an upgrade has security headers and no others of ours (covers: SEC-51)', async (t) => {
  const node = await aNode(t);
  const client = await node.connect();
  assert.equal(client.upgradeHeaders['content-security-policy'], "default-src 'self'");
  assert.equal(client.upgradeHeaders['x-frame-options'], 'DENY');
  assert.equal(client.upgradeHeaders['x-request-id'], undefined);
  assert.equal(client.upgradeHeaders['access-control-allow-origin'], undefined);
  assert.match(
    String(client.upgradeHeaders['sec-websocket-extensions']),
    /permessage-deflate; (server_no_context_takeover; client_no_context_takeover|client_no_context_takeover; server_no_context_takeover)/,
  );
  const plain = await node.connect({ perMessageDeflate: false });
  await plain.authenticate(await node.token());
});

test('the 31st socket is 400, also for the owner (websocket 17.1) (covers: SEC-44)', async (t) => {
  const node = await aNode(t);
  const clients: ConsoleClient[] = [];
  for (let index = 0; index < 30; index++) clients.push(await node.login());
  const { status, body, headers } = await refused(node.open(panelOrigin));
  assert.equal(status, 400);
  assert.equal(body, '{"error":"Too many open websocket connections."}');
  assert.equal(headers['content-type'], 'application/json; charset=utf-8');
  clients[0]?.close();
  await clients[0]?.untilClosed();
  await node.login();
});

test('two hundred silent strangers do not keep the owner out, and are sent away (covers: SEC-44)', async (t) => {
  const node = await aNode(t);
  const strangers: ConsoleClient[] = [];
  for (let index = 0; index < 200; index++) strangers.push(await node.connect());
  await node.login();
  await node.clock.advance(2_000);
  const owner = await node.login();
  await owner.until('the others are gone', () => strangers.filter(({ closed }) => closed).length === 190);
  await node.pass(29_000, owner);
  for (const stranger of strangers) await stranger.untilClosed();
  assert.deepEqual(strangers.at(-1)?.closed, { code: 1008, reason: 'authentication timeout' });
  assert.equal(owner.closed, undefined);
});

test('all who watch a server may come back at once (covers: SEC-44)', async (t) => {
  const node = await aNode(t);
  const clients = await Promise.all(Array.from({ length: 30 }, () => node.connect()));
  const token = await node.token();
  await Promise.all(clients.map((client) => client.authenticate(token)));
  await node.clock.advance(10_000);
  assert.equal(clients.filter(({ closed }) => closed).length, 0);
});

test('more sockets than places that show a token at once: no more than places stay (covers: SEC-44)', async (t) => {
  const places = { authenticatedPerServer: 3, strangersPerServer: 10, strangersPerAddress: 20, strangers: 500 };
  const node = await aNode(t, { places });
  const clients = await Promise.all(Array.from({ length: 6 }, () => node.connect()));
  const token = await node.token();
  for (const client of clients) client.send('auth', token);
  for (const client of clients) {
    await client.until('an answer', () => client.closed !== undefined || client.count('auth success') > 0);
  }
  assert.equal(clients.filter((client) => client.count('auth success') > 0).length, 3);
  assert.deepEqual(new Set(clients.flatMap(({ closed }) => closed?.code ?? [])), new Set([1013]));
});

test('a suspended server is upgraded and closed with 4409; so are open sockets (websocket 17.1) (covers: SEC-49)', async (t) => {
  const node = await aNode(t);
  const open = await node.login();
  await node.change({ spec: { suspended: true } });
  assert.deepEqual(await open.untilClosed(), { code: 4409, reason: 'server is suspended' });
  const late = await node.connect();
  assert.deepEqual(await late.untilClosed(), { code: 4409, reason: 'server is suspended' });
  assert.deepEqual(open.events.slice(-1), ['server_status']);
});

test('what a socket was waited for ends with it', async (t) => {
  const node = await aNode(t);
  const timers = node.clock.pendingTimers;
  await node.change({ spec: { suspended: true } });
  for (let index = 0; index < 20; index++) await (await node.connect()).untilClosed();
  // Strangers are counted when they had time to show a token.
  await node.clock.advance(2_000);
  await until('nothing is waited for', 30_000, async () => node.clock.pendingTimers <= timers);
});

test('a node that stops says that it will be back', async (t) => {
  const node = await aNode(t);
  const client = await node.login();
  await node.api.close();
  assert.deepEqual(await client.untilClosed(), { code: 1012, reason: 'service restart' });
});

test('who does not answer pings is cut off (covers: SEC-47)', async (t) => {
  const node = await aNode(t);
  const client = await node.login({ ttlSeconds: 3_600 });
  const silent = await node.login({ ttlSeconds: 3_600 });
  silent.stopAnswering();
  for (let half = 0; half < 4; half++) await node.pass(30_000, client);
  assert.equal((await silent.untilClosed()).code, 1006);
  assert.equal(client.closed, undefined);
});

// The console socket as a front end meets it: the acceptance list of the contract by number, over real connections, with
// time turned by the test.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { daemonLine } from '../../src/console/daemon-line.ts';
import { anyUuid } from '../support/builders.ts';
import { type ConsoleClient, UpgradeRefused } from '../support/console-client.ts';
import {
  asAdministrator,
  aUser,
  ConsoleNode,
  type ConsoleNodeOptions,
  otherUser,
  panelOrigin,
} from '../support/console-node.ts';
import { signedToken } from '../support/signed-token.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const otherUuid = '5c1d9a7e-1b2c-4d3e-8f4a-5b6c7d8e9f00';
const wrappedIn = (text: string) => new RegExp(`^Error Event \\[[0-9a-f-]{36}\\]: ${text.replace(/[()]/g, '\\$&')}$`);

async function aNode(t: TestContext, options: ConsoleNodeOptions = {}): Promise<ConsoleNode> {
  const node = await ConsoleNode.start(t, options);
  await node.add();
  return node;
}

async function aRunningNode(t: TestContext, options: ConsoleNodeOptions = {}): Promise<ConsoleNode> {
  const node = await aNode(t, options);
  await node.moveTo('starting');
  await node.moveTo('running');
  return node;
}

/** It has stopped reading, and more than its connection holds waits for it. */
async function aSlowReader(t: TestContext): Promise<{ node: ConsoleNode; slow: ConsoleClient }> {
  const node = await aRunningNode(t, { yaml: 'throttles: { enabled: false }\n' });
  const slow = await node.login();
  slow.socket.pause();
  for (let index = 0; index < 20_000; index++) {
    node.print('x'.repeat(1_000));
    if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  node.print('the newest line');
  await new Promise((resolve) => setImmediate(resolve));
  return { node, slow };
}

async function refused(attempt: Promise<unknown>): Promise<UpgradeRefused> {
  const error = await attempt.then(
    () => assert.fail('the upgrade was accepted'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof UpgradeRefused, String(error));
  return error;
}

interface Answer {
  status: number;
  body: string;
  headers: NodeJS.Dict<string | string[]>;
}

function get(port: number, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, headers, method, agent: false }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (piece: string) => {
        body += piece;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body, headers: answer.headers }));
    });
    call.on('error', reject);
    call.end();
  });
}

test('acceptance 1: a wrong or missing Origin is 403 (covers: SEC-43)', async (t) => {
  const node = await aNode(t);
  for (const origin of ['https://evil.example.com', 'null', 'http://panel.example.com', undefined]) {
    const { status, body, headers } = await refused(node.open(origin));
    assert.equal(status, 403);
    assert.equal(body, 'Forbidden');
    assert.equal(headers['sec-websocket-version'], '13');
  }
  await node.connect();
});

test('acceptance 1: an unknown server is 404 before anything else', async (t) => {
  const node = await aNode(t);
  for (const uuid of [otherUuid, anyUuid.toUpperCase(), anyUuid.slice(0, 8)]) {
    const { status, body, headers } = await get(node.port, `/api/servers/${uuid}/ws`);
    assert.equal(status, 404);
    assert.equal(body, '{"error":"The requested resource does not exist on this instance."}');
    assert.equal(headers['content-type'], 'application/json; charset=utf-8');
  }
});

test('acceptance 1: what is no handshake is 400, with the same headers as every answer (covers: SEC-51)', async (t) => {
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
    const answer = await get(node.port, `/api/servers/${anyUuid}/ws`, headers);
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

test('acceptance 1: the 31st socket is 400, also for the owner (covers: SEC-44)', async (t) => {
  const node = await aNode(t);
  const clients: ConsoleClient[] = [];
  for (let index = 0; index < 30; index++) clients.push(await node.login());
  const { status, body } = await refused(node.open(panelOrigin));
  assert.equal(status, 400);
  assert.equal(body, '{"error":"Too many open websocket connections."}');
  clients[0]?.close();
  await clients[0]?.untilClosed();
  await node.login();
});

test('two hundred silent strangers do not keep the owner out, and are sent away (covers: SEC-44)', async (t) => {
  const node = await aNode(t);
  const strangers: ConsoleClient[] = [];
  for (let index = 0; index < 200; index++) strangers.push(await node.connect());
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

test('acceptance 1: a suspended server is upgraded and closed with 4409; so are open sockets (covers: SEC-49)', async (t) => {
  const node = await aNode(t);
  const open = await node.login();
  await node.change({ spec: { suspended: true } });
  assert.deepEqual(await open.untilClosed(), { code: 4409, reason: 'server is suspended' });
  const late = await node.connect();
  assert.deepEqual(await late.untilClosed(), { code: 4409, reason: 'server is suspended' });
  assert.deepEqual(open.events.slice(-1), ['server_status']);
});

test('acceptance 2: before auth everything is answered with a bare error and the socket stays', async (t) => {
  const node = await aNode(t);
  const client = await node.connect();
  client.sendRaw('{"event":"send logs","args":[null]}');
  await client.until('an answer', () => client.messages.length > 0);
  assert.deepEqual(client.messages, [{ event: 'jwt error', args: ['jwt: no jwt present'] }]);
  client.send('set state', 'start');
  client.send('what is this');
  await client.settled();
  assert.deepEqual(client.events, ['jwt error', 'jwt error', 'jwt error']);
  assert.equal(client.closed, undefined);
});

test('acceptance 3: auth success, status, figures only when offline; a second auth only its success', async (t) => {
  const node = await aNode(t);
  await node.setStatus({ diskBytes: 123 });
  const client = await node.login();
  await client.settled();
  assert.deepEqual(client.messages[0], { event: 'auth success' });
  assert.equal(JSON.stringify(client.messages[0]), '{"event":"auth success"}');
  assert.deepEqual(client.messages[1], { event: 'status', args: ['offline'] });
  assert.deepEqual(client.events.slice(2), ['stats', 'server_status']);
  assert.equal((JSON.parse(client.all('stats')[0] ?? '') as { disk_bytes: number }).disk_bytes, 123);
  await client.authenticate(await node.token());
  await client.settled();
  assert.deepEqual(client.events.slice(4), ['auth success']);

  await node.moveTo('starting');
  await node.moveTo('running');
  const other = await node.login();
  assert.deepEqual(other.events, ['auth success', 'status', 'server_status']);
  assert.deepEqual(other.all('status'), ['running']);
});

test('acceptance 4: a token without a scope is taken, one of another scope is not (covers: SEC-36)', async (t) => {
  const node = await aNode(t);
  const claims = node.claims();
  const client = await node.connect();
  client.send('auth', signedToken({ ...claims, scope: 'file-download' }));
  await client.until('an answer', () => client.messages.length > 0);
  assert.match(client.all('jwt error')[0] ?? '', wrappedIn('jwt: missing connect permission'));
  await client.authenticate(signedToken(claims));
});

test('acceptance 5: a token of another server opens nothing here (covers: SEC-40)', async (t) => {
  const node = await aRunningNode(t);
  await node.add({ name: 'other', uuid: otherUuid });
  const client = await node.connect();
  client.send('auth', await node.token({ server: otherUuid }));
  await client.until('an answer', () => client.messages.length > 0);
  node.print('of the server');
  node.print('of the other server', otherUuid);
  await client.settled();
  assert.deepEqual(client.events, ['jwt error']);
  assert.match(client.all('jwt error')[0] ?? '', wrappedIn('jwt: server uuid mismatch'));
});

test('acceptance 5: what happens on one server is told nobody of another (covers: SEC-40)', async (t) => {
  const node = await aRunningNode(t);
  await node.add({ name: 'other', uuid: otherUuid });
  const client = await node.login();
  await node.moveTo('starting', 'other');
  node.print('of the other server', otherUuid);
  node.print('mine');
  await client.until('its line', () => client.lines.length > 0);
  assert.deepEqual(client.lines, ['mine']);
  assert.deepEqual(client.all('status'), ['running']);
});

test('acceptance 6: a token from before the first start is denied (covers: SEC-39)', async (t) => {
  const node = await aNode(t);
  const client = await node.connect();
  client.send('auth', await node.token({ age: 1_000 }));
  await client.until('an answer', () => client.messages.length > 0);
  assert.match(client.all('jwt error')[0] ?? '', wrappedIn('jwt: created too far in past (denylist)'));
});

test('acceptance 6: a restart keeps tokens and revocations (covers: SEC-38, SEC-39)', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await aNode(t, { directory });
  const [kept, revoked] = [await first.token(), await first.token({ user: otherUser })];
  await first.revocations.denyUser(otherUser, [anyUuid]);
  await first.stop();
  await first.clock.advance(5_000);

  const second = await aNode(t, { directory, clock: first.clock });
  const client = await second.connect();
  await client.authenticate(kept);
  client.send('auth', revoked);
  await client.until('an answer', () => client.count('jwt error') > 0);
  assert.match(client.all('jwt error')[0] ?? '', wrappedIn('jwt: created too far in past (denylist)'));
});

for (const [what, deny] of [
  ['by its id', (node: ConsoleNode) => node.revocations.denyTokens(['the-id'])],
  ['by user and server', (node: ConsoleNode) => node.revocations.denyUser(aUser, [anyUuid])],
  ['by user, everywhere', (node: ConsoleNode) => node.revocations.denyUser(aUser, [])],
] as const) {
  test(`acceptance 6: a token revoked ${what} ends what its socket sees, and nobody else's (covers: SEC-38, SEC-41)`, async (t) => {
    const node = await aRunningNode(t);
    const client = await node.connect();
    await client.authenticate(signedToken({ ...node.claims(), jti: 'the-id' }));
    const other = await node.login({ user: otherUser });
    const before = client.messages.length;
    await deny(node);
    node.print('secret');
    await node.clock.advance(60_000);
    node.print('more');
    await other.until('its lines', () => other.lines.length === 2);
    await client.settled();
    assert.deepEqual(client.messages.slice(before), [
      { event: 'jwt error', args: ['jwt: created too far in past (denylist)'] },
      { event: 'token expired' },
    ]);
    client.send('send command', 'say hello');
    await client.until('an answer', () => client.messages.length === before + 3);
    assert.deepEqual(node.typed, []);

    await client.authenticate(await node.token());
    node.print('again');
    await client.until('lines again', () => client.lines.includes('again'));
    assert.deepEqual(client.lines, ['again']);
  });
}

test('acceptance 6: who stays without a new token is closed after two minutes', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login();
  await node.revocations.denyUser(aUser, []);
  await node.pass(119_000, client);
  assert.equal(client.closed, undefined);
  await node.clock.advance(1_000);
  assert.deepEqual(await client.untilClosed(), { code: 1008, reason: 'authentication timeout' });
});

test('acceptance 7: reminders, then silence (covers: SEC-41)', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login({ ttlSeconds: 100 });
  await node.pass(30_000, client);
  assert.equal(client.count('token expiring'), 0, '70 s are left');
  await node.pass(60_000, client);
  assert.equal(client.count('token expiring'), 2, 'at 40 s and at 10 s');
  node.print('the last one');
  await client.settled();
  await node.pass(9_500, client);
  for (let second = 0; second < 10; second++) {
    for (let index = 0; index < 20; index++) node.print('too late');
    await node.pass(1_000, client);
  }
  assert.deepEqual(client.lines, ['the last one']);
  assert.deepEqual(client.all('jwt error'), ['jwt: exp claim is invalid', 'jwt: exp claim is invalid']);
  await node.pass(40_500, client);
  assert.equal(client.count('token expired'), 2, 'with each reminder');
  client.send('send command', 'stop');
  await client.until('an answer', () => client.count('jwt error') === 3);
  assert.deepEqual(node.typed, []);

  const before = client.messages.length;
  await client.authenticate(await node.token());
  await client.settled();
  assert.deepEqual(client.events.slice(before), ['auth success']);
  node.print('welcome back');
  await client.until('lines again', () => client.lines.at(-1) === 'welcome back');
});

test('acceptance 7: a state that changed in the silence is told after it', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login({ ttlSeconds: 10 });
  await node.pass(11_000, client);
  await node.moveTo('stopping');
  await node.moveTo('offline');
  const before = client.messages.length;
  await client.authenticate(await node.token());
  await client.until('the state', () => client.all('status').at(-1) === 'offline');
  assert.deepEqual(
    client.events.slice(before).filter((event) => event !== 'jwt error'),
    ['auth success', 'status', 'server_status'],
  );
});

test('acceptance 7: a token that ran out is followed by the end after two minutes', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login({ ttlSeconds: 60 });
  await node.pass(179_000, client);
  assert.equal(client.closed, undefined);
  await node.clock.advance(1_000);
  assert.deepEqual(await client.untilClosed(), { code: 1008, reason: 'authentication timeout' });
});

test('acceptance 8: an event goes to those who may see it (covers: SEC-48)', async (t) => {
  const node = await aRunningNode(t);
  const administrator = await node.login({ permissions: asAdministrator });
  const owner = await node.login({ permissions: ['*'] });
  const guest = await node.login({ permissions: ['websocket.connect'] });
  const stranger = await node.connect();
  node.bus.publish(anyUuid, 'pull', { text: 'Downloading [==>   ]  1.2MB/9MB' });
  node.print('for all');
  for (const client of [administrator, owner, guest]) {
    await client.until('the line', () => client.lines.includes('for all'));
  }
  assert.deepEqual(administrator.all('install output'), ['Downloading [==>   ]  1.2MB/9MB']);
  assert.equal(owner.count('install output'), 0);
  assert.equal(guest.count('install output'), 0);
  await stranger.settled();
  assert.deepEqual(stranger.messages, []);
});

test('acceptance 8: a renewed token counts with what it may (covers: SEC-48)', async (t) => {
  const node = await aRunningNode(t);
  node.attachInput();
  const client = await node.login({ permissions: ['websocket.connect'] });
  client.send('send command', 'one');
  await client.settled();
  await client.authenticate(await node.token({ permissions: ['websocket.connect', 'control.console'] }));
  client.send('send command', 'two');
  await client.until('typed', () => node.typed.length > 0);
  assert.deepEqual(node.typed, ['two']);
});

test('acceptance 9: too many messages are dropped and said once (covers: SEC-46)', async (t) => {
  const node = await aRunningNode(t);
  const impatient = await node.connect();
  const token = await node.token();
  for (let index = 0; index < 5; index++) impatient.send('auth', token);
  await impatient.until('two answers', () => impatient.count('auth success') === 2);
  await impatient.settled();
  assert.deepEqual(impatient.all('throttled'), ['auth']);
  assert.equal(impatient.count('auth success'), 2);

  const loud = await node.connect();
  for (let index = 0; index < 14; index++) loud.sendRaw('not even JSON');
  await loud.settled();
  assert.deepEqual(loud.all('throttled'), ['global']);
  await node.clock.advance(200);
  for (let index = 0; index < 3; index++) loud.sendRaw('{}');
  await loud.settled();
  assert.deepEqual(loud.all('throttled'), ['global', 'global'], 'once more after one has passed');
});

test('acceptance 9: each kind of message has its own limit (covers: SEC-46)', async (t) => {
  const node = await aRunningNode(t);
  node.attachInput();
  const client = await node.login();
  await node.pass(10_000, client);
  for (const event of ['send logs', 'send logs', 'send logs', 'send stats']) client.send(event);
  for (let index = 0; index < 4; index++) client.send('send stats');
  await client.settled();
  assert.deepEqual(client.all('throttled'), ['send logs', 'send stats']);
  assert.equal(client.count('stats'), 4);
  await node.pass(10_000, client);
  for (let index = 0; index < 10; index++) client.send('send command', `c${index}`);
  await client.until('typed', () => node.typed.length === 10);
  await node.clock.advance(200);
  client.send('send command', 'c10');
  await client.until('told', () => client.all('throttled').at(-1) === 'send command');
});

test('acceptance 10: sizes, kinds and nonsense of messages (covers: SEC-45)', async (t) => {
  const node = await aRunningNode(t);
  node.attachInput();
  for (const perMessageDeflate of [false, true]) {
    node.typed.length = 0;
    const client = await node.connect({ perMessageDeflate });
    await client.authenticate(await node.token());
    await node.pass(10_000, client);
    client.sendRaw(JSON.stringify({ event: 'send command', args: ['x'.repeat(4_060)] }).padEnd(4_097, ' '));
    client.send('send command', 'y'.repeat(30_000));
    client.sendRaw(JSON.stringify({ event: 'send command', args: ['binary'] }), { binary: true });
    for (const nonsense of ['{', '[]', 'null', '{"event":5}']) client.sendRaw(nonsense);
    client.send('send command', 'last');
    await client.until('typed', () => node.typed.at(-1) === 'last');
    assert.deepEqual(
      node.typed.map(({ length }) => length),
      [4_060, 30_000, 4],
    );
    client.send('send command', 'z'.repeat(33_000));
    assert.deepEqual(await client.untilClosed(), { code: 1009, reason: '' });
  }
});

test('acceptance 11: lines arrive as data, whatever is in them (covers: SEC-50)', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login();
  const lines = [
    'foo\r\nbar',
    'p1\rp2\rp3',
    ' ',
    '{"event":"status","args":["offline"]}',
    '\x1b[31mred\x1b[0m \x00 \u2028 \u2029 <script>&',
    Buffer.from([0x61, 0xff, 0x62]).toString(),
    '"\\',
    'é😀'.repeat(20_000),
  ];
  for (const line of lines) node.print(line);
  await client.until('all lines', () => client.lines.length === lines.length);
  assert.deepEqual(client.lines, lines);
  assert.deepEqual(client.all('status'), ['running']);
});

test('acceptance 12: 2001 lines in 100 ms; the configured throttle counts', async (t) => {
  const node = await aRunningNode(t, { yaml: 'throttles: { lines: 20, line_reset_interval: 500 }\n' });
  const client = await node.login();
  for (let index = 0; index < 25; index++) node.print(`line ${index}`);
  await client.until('the notice', () => client.lines.length >= 21);
  await node.clock.advance(500);
  node.print('after');
  await client.until('the next window', () => client.lines.at(-1) === 'after');
  assert.equal(client.lines.length, 22);
  assert.equal(
    client.lines[20],
    daemonLine('Pterodactyl', 'Server is outputting console data too quickly -- throttling...'),
  );
});

test('acceptance 13: a line of the daemon on the wire', async (t) => {
  const node = await aNode(t);
  const client = await node.connect();
  let raw = '';
  client.socket.on('message', (data) => {
    raw = String(data);
  });
  await client.authenticate(await node.token());
  node.say('Updating process configuration files...');
  await client.until('the line', () => client.lines.length === 1);
  assert.equal(
    raw,
    '{"event":"console output","args":["\\u001b[33m\\u001b[1m[Pterodactyl Daemon]:\\u001b[39m Updating process configuration files...\\u001b[0m"]}',
  );
});

test('acceptance 14: a kill passes a stop under way on the same socket, a second start is refused for all to read', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login();
  client.send('set state', 'stop');
  await client.until('stored', async () => (await node.server()).spec.power.request?.action === 'stop');
  client.send('set state', 'kill');
  await client.until('stored', async () => (await node.server()).spec.power.request?.action === 'kill');
  assert.equal((await node.server()).spec.power.request?.by, `console:${aUser}`);
  await node.finishPower();
  await node.moveTo('stopping');
  await node.moveTo('offline');

  client.send('set state', 'start');
  await client.until('stored', async () => (await node.server()).spec.power.request?.action === 'start');
  const guest = await node.login({ permissions: ['websocket.connect', 'control.start'] });
  guest.send('set state', 'start');
  await guest.until('an answer', () => guest.count('daemon error') > 0);
  assert.match(
    guest.all('daemon error')[0] ?? '',
    wrappedIn('another power action is currently being processed for this server, please try again later'),
  );
  assert.equal(client.count('daemon error'), 0);
});

test('acceptance 14: power needs its permission, and an unknown action is refused (covers: SEC-49)', async (t) => {
  const node = await aRunningNode(t);
  const guest = await node.login({ permissions: ['websocket.connect', 'control.start', 'admin.websocket.errors'] });
  for (const action of ['stop', 'restart', 'kill']) guest.send('set state', action);
  await guest.settled();
  assert.equal((await node.server()).spec.power.request, undefined);
  assert.equal(guest.count('daemon error'), 0);
  await node.pass(10_000, guest);
  for (const action of ['Stop', 'constructor', '']) guest.send('set state', action);
  await guest.until('answers', () => guest.count('daemon error') === 3);
  for (const text of guest.all('daemon error')) {
    assert.match(text ?? '', wrappedIn('attempting to handle unknown power action'));
  }
});

test('acceptance 15: what went wrong is told to administrators, its number to all', async (t) => {
  const node = await aRunningNode(t);
  const administrator = await node.login({ permissions: asAdministrator });
  const owner = await node.login();
  for (const client of [administrator, owner]) client.send('set state', 'start');
  for (const client of [administrator, owner]) {
    await client.until('an answer', () => client.count('daemon error') > 0);
  }
  assert.match(administrator.all('daemon error')[0] ?? '', wrappedIn('server is running'));
  const generic = wrappedIn('an unexpected error was encountered while handling this request');
  assert.match(owner.all('daemon error')[0] ?? '', generic);
  const id = /\[(.*)\]/.exec(owner.all('daemon error')[0] ?? '')?.[1];
  assert.equal(node.log.lines.filter(({ fields }) => fields['id'] === id).length, 1, 'the log has the cause');

  await node.pass(10_000, owner);
  owner.send('set state', 'stop');
  await owner.until('stored', async () => (await node.server()).spec.power.request?.action === 'stop');
  await node.finishPower('Failed', 'Failed to stop the server: no');
  await owner.until('an answer', () => owner.count('daemon error') === 2);
  assert.match(owner.all('daemon error')[1] ?? '', generic);
});

test('acceptance 15: a genuine-looking token that is none is a jwt error (covers: SEC-34)', async (t) => {
  const node = await aNode(t);
  const client = await node.connect();
  client.send('auth', signedToken(node.claims(), 'another-secret'));
  client.send('auth', 'a.b.c');
  await client.until('answers', () => client.messages.length === 2);
  assert.match(client.all('jwt error')[0] ?? '', wrappedIn('jwt: HMAC verification failed'));
  assert.match(client.all('jwt error')[1] ?? '', wrappedIn('jwt: malformed token'));
});

test('acceptance 16: a failing start is seen state by state, then figures of nothing', async (t) => {
  const node = await aNode(t);
  const client = await node.login();
  for (const state of ['starting', 'stopping', 'offline'] as const) await node.moveTo(state);
  await client.until('offline', () => client.count('stats') === 2);
  await client.settled();
  assert.deepEqual(client.all('status'), ['offline', 'starting', 'stopping', 'offline']);
  assert.deepEqual(client.events.slice(-3), ['status', 'stats', 'server_status']);
});

test('acceptance 20: a reader that stands still harms nobody, and hears the state in the end (covers: SEC-47)', async (t) => {
  const node = await aRunningNode(t, { yaml: 'throttles: { enabled: false }\n' });
  const slow = await node.login();
  const quick = await node.login();
  slow.socket.pause();
  const line = 'x'.repeat(1_000);
  const count = 20_000;
  for (let index = 0; index < count; index++) {
    node.print(line);
    if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await node.moveTo('stopping');
  await quick.until('all lines', () => quick.lines.length === count);
  await quick.until('the state', () => quick.all('status').at(-1) === 'stopping');
  slow.socket.resume();
  await slow.until('the state', () => slow.all('status').at(-1) === 'stopping');
  assert.ok(slow.lines.length < count, 'lines were left out');
  assert.equal(slow.lines.filter((text) => text.includes('This connection is too slow')).length, 1);
});

test('acceptance 20: a reader that never comes back is closed', async (t) => {
  const node = await aRunningNode(t, { yaml: 'throttles: { enabled: false }\n' });
  const slow = await node.login();
  slow.socket.pause();
  const line = 'x'.repeat(10_000);
  for (let index = 0; index < 2_000; index++) {
    node.print(line);
    if (index % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await node.clock.advance(30_000);
  await node.clock.advance(5_000);
  slow.socket.resume();
  const { code } = await slow.untilClosed();
  assert.ok(code === 1013 || code === 1006, String(code));
});

test('acceptance 21: a deletion is said, then the socket is closed for good', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login();
  const stranger = await node.connect();
  await node.admission.delete('Server', 'demo', {}, node.writer);
  assert.deepEqual(await client.untilClosed(), { code: 1000, reason: 'server deleted' });
  assert.deepEqual(client.messages.at(-1), { event: 'deleted', args: ['null'] });
  assert.deepEqual(client.lines, []);
  assert.deepEqual(await stranger.untilClosed(), { code: 1000, reason: 'server deleted' });
  assert.deepEqual(stranger.messages, []);
  assert.equal((await refused(node.open(panelOrigin))).status, 404);
});

test('acceptance 21: a slow reader hears of the deletion too', async (t) => {
  const { node, slow } = await aSlowReader(t);
  await node.admission.delete('Server', 'demo', {}, node.writer);
  slow.socket.resume();
  assert.deepEqual(await slow.untilClosed(), { code: 1000, reason: 'server deleted' });
  assert.deepEqual(slow.messages.at(-1), { event: 'deleted', args: ['null'] });
  assert.equal(slow.lines.at(-1), 'the newest line');
});

test('what waited for a reader whose token was revoked is not sent any more (covers: SEC-38, SEC-41)', async (t) => {
  const { node, slow } = await aSlowReader(t);
  await node.revocations.denyUser(aUser, []);
  slow.socket.resume();
  await slow.until('told', () => slow.count('token expired') === 1);
  assert.equal(slow.lines.includes('the newest line'), false);
  assert.deepEqual(slow.events.slice(-2), ['jwt error', 'token expired']);
});

test('a node that stops says that it will be back', async (t) => {
  const node = await aNode(t);
  const client = await node.login();
  await node.api.close();
  assert.deepEqual(await client.untilClosed(), { code: 1012, reason: 'service restart' });
});

test('the past and the present on the wire, without the lines of the daemon', async (t) => {
  const node = await aRunningNode(t, { yaml: 'system: { websocket_log_count: 3 }\n' });
  for (let index = 0; index < 5; index++) node.print(`old ${index}`);
  node.say('ours');
  const client = await node.login();
  client.send('send logs');
  await client.until('the past', () => client.lines.length === 3);
  node.print('new');
  await client.until('the present', () => client.lines.length === 4);
  assert.deepEqual(client.lines, ['old 2', 'old 3', 'old 4', 'new']);
  await node.moveTo('stopping');
  await node.moveTo('offline');
  await node.pass(10_000, client);
  client.send('send logs');
  await client.settled();
  assert.equal(client.lines.length, 4, 'nothing runs');
});

test('a command goes to a process that can read it, and nowhere else (covers: SEC-49)', async (t) => {
  const node = await aNode(t);
  const client = await node.login();
  const guest = await node.login({ permissions: ['websocket.connect'] });
  node.attachInput();
  client.send('send command', 'offline');
  await client.settled();
  await node.moveTo('starting');
  guest.send('send command', 'not allowed');
  for (const text of ['one', 'two', 'three']) client.send('send command', text);
  await guest.settled();
  await client.until('typed', () => node.typed.length === 3);
  assert.deepEqual(node.typed, ['one', 'two', 'three']);
  assert.equal(client.count('daemon error'), 0);
});

test('a command while no console is attached is silent', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login();
  client.send('send command', 'x');
  await client.settled();
  assert.equal(client.count('daemon error'), 0);
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

test('paths that are none ask for the token first (covers: SEC-25, SEC-29)', async (t) => {
  const node = await aNode(t);
  const wrong = { ...node.bearer, authorization: `${node.bearer.authorization}x` };
  for (const path of ['/', '/api/nothing', `/api/servers/${anyUuid}/nothing`, `/api/servers/${otherUuid}/nothing`]) {
    const without = await get(node.port, path);
    assert.equal(without.status, 401);
    assert.equal(without.body, '{"error":"The required authorization heads were not present in the request."}');
    assert.equal(without.headers['www-authenticate'], 'Bearer');
    assert.equal((await get(node.port, path, { authorization: 'Basic eA==' })).status, 401);
    assert.equal((await get(node.port, path, { authorization: 'Bearer' })).status, 401);
    const refusedAnswer = await get(node.port, path, wrong);
    assert.equal(refusedAnswer.status, 403);
    assert.equal(refusedAnswer.body, '{"error":"You are not authorized to access this endpoint."}');
    const { status, body, headers } = await get(node.port, path, node.bearer);
    assert.equal(status, 404);
    assert.equal(body, '404 page not found');
    assert.match(String(headers['content-type']), /^text\/plain/);
    assert.equal(headers['server'], undefined);
  }
});

test('a request with too much in its head is refused (covers: SEC-53)', async (t) => {
  const node = await aNode(t);
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`x-${index}`, '1']));
  assert.equal((await get(node.port, `/api/servers/${anyUuid}/ws`, many)).status, 400);
  assert.equal((await get(node.port, '/', { 'x-large': 'x'.repeat(17 * 1024) })).status, 431);
});

test('pages of the Panel may read answers, others are told of the Panel (covers: SEC-32)', async (t) => {
  const node = await aNode(t, { yaml: 'allowed_origins: [https://shop.example.com]\n' });
  const origin = async (from: string, method = 'GET') => {
    const { headers, status } = await get(node.port, '/', { origin: from }, method);
    return [
      status,
      headers['access-control-allow-origin'],
      headers['access-control-allow-credentials'],
      headers['vary'],
    ];
  };
  assert.deepEqual(await origin(panelOrigin), [401, panelOrigin, 'true', 'Origin']);
  assert.deepEqual(await origin('https://shop.example.com'), [401, 'https://shop.example.com', 'true', 'Origin']);
  assert.deepEqual(await origin('https://evil.example.com'), [401, panelOrigin, 'true', 'Origin']);
  assert.deepEqual(await origin('null', 'OPTIONS'), [204, panelOrigin, 'true', 'Origin']);
  const open = await aNode(t, { yaml: "allowed_origins: ['*']\n" });
  const { headers } = await get(open.port, '/', { origin: 'https://anywhere.example.com' });
  assert.equal(headers['access-control-allow-origin'], '*');
  assert.equal(headers['access-control-allow-credentials'], undefined);
});

// What a token opens on a console socket and what ends with it, over real connections with time turned by the test.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { otherUuid } from '../support/api-door.ts';
import { anyUuid } from '../support/builders.ts';
import { aNode, aRunningNode, aSlowReader, wrappedIn } from '../support/console-cases.ts';
import { aUser, otherUser } from '../support/console-node.ts';
import { httpCall } from '../support/http-call.ts';
import { signedToken } from '../support/signed-token.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test('before auth everything is answered with a bare error and the socket stays (websocket 17.2)', async (t) => {
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

test('auth success, status, figures only when offline; a second auth only its success (websocket 17.3)', async (t) => {
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

test('a token without a scope is taken, one of another scope is not (websocket 17.4) (covers: SEC-36)', async (t) => {
  const node = await aNode(t);
  const claims = node.claims();
  const client = await node.connect();
  client.send('auth', signedToken({ ...claims, scope: 'file-download' }));
  await client.until('an answer', () => client.messages.length > 0);
  assert.match(client.all('jwt error')[0] ?? '', wrappedIn('jwt: missing connect permission'));
  await client.authenticate(signedToken(claims));
});

test('a token of another server opens nothing here (websocket 17.5) (covers: SEC-40)', async (t) => {
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

test('what happens on one server is told nobody of another (websocket 17.5) (covers: SEC-40)', async (t) => {
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

test('a token of the second before the first start is denied, one of its own second is taken (websocket 17.6) (covers: SEC-39)', async (t) => {
  const node = await aNode(t);
  const client = await node.connect();
  client.send('auth', await node.token({ age: 1_000 }));
  await client.until('an answer', () => client.messages.length > 0);
  assert.match(client.all('jwt error')[0] ?? '', wrappedIn('jwt: created too far in past (denylist)'));
  await client.authenticate(await node.token());
});

test('a restart keeps tokens and revocations; without its list it takes no token from before (websocket 17.6) (covers: SEC-38, SEC-39)', async (t) => {
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
  await second.stop();

  rmSync(join(directory, 'revocations.json'));
  const third = await aNode(t, { directory, clock: first.clock });
  const late = await third.connect();
  late.send('auth', kept);
  await late.until('an answer', () => late.messages.length > 0);
  assert.match(late.all('jwt error')[0] ?? '', wrappedIn('jwt: created too far in past (denylist)'));
  await late.authenticate(await third.token());
});

const named = { user: aUser, servers: [anyUuid] };
const unnamed = { user: aUser, servers: [] };
const revocations: [what: string, path: string, body: object, everywhere: boolean][] = [
  ['by its id', `/api/servers/${anyUuid}/ws/deny`, { jtis: ['the-id'] }, false],
  ['by user and server', '/api/deauthorize-user', named, false],
  ['by user and server, as Pelican wraps it', '/api/deauthorize-user', { json: named }, false],
  ['by user, everywhere', '/api/deauthorize-user', unnamed, true],
  ['by user, everywhere, as Pelican wraps it', '/api/deauthorize-user', { json: unnamed }, true],
];

for (const [what, path, body, everywhere] of revocations) {
  test(`a token revoked ${what} ends what its socket sees, and nobody else's (websocket 17.6) (covers: SEC-38, SEC-41)`, async (t) => {
    const node = await aRunningNode(t);
    await node.add({ name: 'other', uuid: otherUuid });
    const client = await node.connect();
    await client.authenticate(signedToken({ ...node.claims(), jti: 'the-id' }));
    const others = [await node.login({ user: otherUser }), await node.login({ server: otherUuid, user: otherUser })];
    const elsewhere = await node.login({ server: otherUuid });
    const before = client.messages.length;
    const { status } = await httpCall(node.port, path, { method: 'POST', headers: node.bearer, body });
    assert.equal(status, 204);
    node.print('secret');
    await node.clock.advance(60_000);
    node.print('more');
    node.print('of the other server', otherUuid);
    const [other] = others;
    assert.ok(other);
    await other.until('its lines', () => other.lines.length === 2);
    await client.settled();
    assert.deepEqual(client.messages.slice(before), [
      { event: 'jwt error', args: ['jwt: created too far in past (denylist)'] },
      { event: 'token expired' },
    ]);
    for (const untouched of everywhere ? others : [...others, elsewhere]) {
      await untouched.until('its line', () => untouched.lines.length > 0);
      assert.deepEqual([untouched.count('jwt error'), untouched.count('token expired')], [0, 0]);
      assert.equal(untouched.closed, undefined);
    }
    await elsewhere.settled();
    assert.equal(elsewhere.count('token expired'), everywhere ? 1 : 0);

    client.send('send command', 'say hello');
    await client.until('an answer', () => client.messages.length === before + 3);
    assert.deepEqual(node.typed, []);
    await client.authenticate(await node.token());
    node.print('again');
    await client.until('lines again', () => client.lines.includes('again'));
    assert.deepEqual(client.lines, ['again']);
  });
}

test('who stays without a new token is closed after two minutes (websocket 17.6)', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login();
  await node.revocations.denyUser(aUser, []);
  await node.pass(119_000, client);
  assert.equal(client.closed, undefined);
  await node.clock.advance(1_000);
  assert.deepEqual(await client.untilClosed(), { code: 1008, reason: 'authentication timeout' });
});

test('reminders, then silence (websocket 17.7) (covers: SEC-41)', async (t) => {
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

test('a state that changed in the silence is told after it (websocket 17.7)', async (t) => {
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

test('a token that ran out is told at its end, and followed by the end after two minutes (websocket 17.7)', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login({ ttlSeconds: 60 });
  await node.pass(60_000, client);
  assert.deepEqual([client.count('token expiring'), client.count('token expired')], [1, 1], 'at 30 s and at 0 s');
  await node.pass(119_000, client);
  assert.equal(client.closed, undefined);
  await node.clock.advance(1_000);
  assert.deepEqual(await client.untilClosed(), { code: 1008, reason: 'authentication timeout' });
});

test('a genuine-looking token that is none is a jwt error (websocket 17.15) (covers: SEC-34)', async (t) => {
  const node = await aNode(t);
  const client = await node.connect();
  client.send('auth', signedToken(node.claims(), 'another-secret'));
  client.send('auth', 'a.b.c');
  await client.until('answers', () => client.messages.length === 2);
  assert.match(client.all('jwt error')[0] ?? '', wrappedIn('jwt: HMAC verification failed'));
  assert.match(client.all('jwt error')[1] ?? '', wrappedIn('jwt: malformed token'));
});

test('what waited for a reader whose token was revoked is not sent any more (covers: SEC-38, SEC-41)', async (t) => {
  const { node, slow } = await aSlowReader(t);
  await node.revocations.denyUser(aUser, []);
  slow.socket.resume();
  await slow.until('told', () => slow.count('token expired') === 1);
  assert.equal(slow.lines.includes('the newest line'), false);
  assert.deepEqual(slow.events.slice(-2), ['jwt error', 'token expired']);
});

// What a console socket is asked for, and what it refuses: sizes, rates, permissions, power and commands, over real
// connections with time turned by the test.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aNode, aRunningNode, wrappedIn } from '../support/console-cases.ts';
import { asAdministrator, aUser } from '../support/console-node.ts';

test('too many messages are dropped and said once (websocket 17.9) (covers: SEC-46)', async (t) => {
  const node = await aRunningNode(t);
  const impatient = await node.connect();
  const token = await node.token();
  for (let index = 0; index < 3; index++) impatient.send('auth', token);
  await impatient.until('two answers', () => impatient.count('auth success') === 2);
  await impatient.settled();
  assert.deepEqual(impatient.all('throttled'), ['auth'], 'the third is one too many');
  for (let index = 0; index < 2; index++) impatient.send('auth', token);
  await impatient.settled();
  assert.deepEqual(impatient.all('throttled'), ['auth'], 'said once');
  assert.equal(impatient.count('auth success'), 2);

  const loud = await node.connect();
  for (let index = 0; index < 10; index++) loud.sendRaw('not even JSON');
  await loud.settled();
  assert.deepEqual(loud.messages, [], 'ten at once may be');
  loud.sendRaw('not even JSON');
  await loud.settled();
  assert.deepEqual(loud.messages, [{ event: 'throttled', args: ['global'] }], 'the eleventh is one too many');
  for (let index = 0; index < 3; index++) loud.sendRaw('not even JSON');
  await loud.settled();
  assert.deepEqual(loud.all('throttled'), ['global'], 'said once');
  await node.clock.advance(200);
  for (let index = 0; index < 3; index++) loud.sendRaw('{}');
  await loud.settled();
  assert.deepEqual(loud.all('throttled'), ['global', 'global'], 'once more after one has passed');
});

test('each kind of message has its own limit (websocket 17.9) (covers: SEC-46)', async (t) => {
  const node = await aRunningNode(t);
  node.attachInput();
  const client = await node.login();
  await node.pass(10_000, client);
  for (let index = 0; index < 3; index++) client.send('send logs');
  for (let index = 0; index < 5; index++) client.send('send stats');
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

test('sizes, kinds and nonsense of messages (websocket 17.10) (covers: SEC-45)', async (t) => {
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

test('a kill passes a stop under way on the same socket, a second start is refused for all to read (websocket 17.14)', async (t) => {
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

test('what went wrong is told to administrators, its number to all (websocket 17.15)', async (t) => {
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

// What users do over a console socket: recorded for the Panel, and shown to those who may see it.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { anyUuid } from '../support/builders.ts';
import { aUser, ConsoleNode, type ConsoleNodeOptions, otherUser } from '../support/console-node.ts';
import { settle } from '../support/fake-clock.ts';
import { httpCall } from '../support/http-call.ts';
import { nodeSecret } from '../support/signed-token.ts';

async function aRunningNode(t: TestContext, options: ConsoleNodeOptions = {}): Promise<ConsoleNode> {
  const node = await ConsoleNode.start(t, options);
  await node.add();
  await node.moveTo('starting');
  await node.moveTo('running');
  return node;
}

const shown = (messages: (string | undefined)[]) => messages.map((json) => JSON.parse(json ?? '') as unknown);

test('a power action over a socket is one record, of the time when it was asked for (activity 8.1) (covers: SEC-110)', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login();
  const asked = new Date(node.clock.now()).toISOString();
  client.send('set state', 'stop');
  await client.until('it is asked for', async () => (await node.server()).spec.power.request?.action === 'stop');
  assert.deepEqual(node.activities, []);
  await node.pass(120_000, client);
  // Another user shows a token meanwhile: the stop stays the first one's.
  await client.authenticate(await node.token({ user: otherUser }));
  await node.finishPower();
  await client.until('it is recorded', () => node.activities.length > 0);
  assert.deepEqual(node.activities, [
    { server: anyUuid, user: aUser, event: 'server:power.stop', metadata: {}, ip: '127.0.0.1', timestamp: asked },
  ]);
});

test('the same over REST, as a Panel asks for it, is none (activity 8.1)', async (t) => {
  const node = await aRunningNode(t);
  node.attachInput();
  const headers = { authorization: `Bearer ${nodeSecret}` };
  const ask = (what: string, body: object) =>
    httpCall(node.port, `/api/servers/${anyUuid}/${what}`, { method: 'POST', headers, body });
  assert.equal((await ask('commands', { commands: ['say hi'] })).status, 204);
  assert.equal((await ask('power', { action: 'stop' })).status, 202);
  assert.equal((await node.server()).spec.power.request?.action, 'stop');
  await node.finishPower();
  await settle();
  assert.deepEqual(node.activities, []);
});

test('what failed, was refused or not permitted is no record', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login({ permissions: ['websocket.connect', 'control.stop'] });
  client.send('set state', 'start');
  client.send('set state', 'nonsense');
  client.send('send command', 'say hi');
  client.send('set state', 'stop');
  await client.until('it is asked for', async () => (await node.server()).spec.power.request?.action === 'stop');
  await node.finishPower('Failed', 'no');
  await client.until('both are refused', () => client.count('daemon error') === 2);
  assert.deepEqual(node.activities, []);
});

test('a command is recorded when it is typed, and not when nobody could read it', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login();
  client.send('send command', 'into the void');
  await client.settled();
  node.attachInput();
  client.send('send command', 'say hi');
  await client.until('it is recorded', () => node.activities.length > 0);
  assert.deepEqual(
    node.activities.map(({ event, user, metadata }) => ({ event, user, metadata })),
    [{ event: 'server:console.command', user: aUser, metadata: { command: 'say hi' } }],
  );
});

test('behind a trusted proxy the address is the one that it names (activity 8.6) (covers: SEC-33)', async (t) => {
  const headers = { 'x-forwarded-for': '198.51.100.9, 203.0.113.7' };
  for (const [yaml, expected] of [
    ['api: { trusted_proxies: [127.0.0.0/8] }\n', '203.0.113.7'],
    ['', '127.0.0.1'],
  ] as const) {
    const node = await aRunningNode(t, { yaml });
    node.attachInput();
    const client = await node.connect({ headers });
    await client.authenticate(await node.token());
    client.send('send command', 'say hi');
    await client.until('it is recorded', () => node.activities.length > 0);
    assert.equal(node.activities[0]?.ip, expected);
  }
});

test('activity is shown live, without the address, to who may see it (covers: SEC-48)', async (t) => {
  const node = await aRunningNode(t);
  node.attachInput();
  const owner = await node.login();
  const player = await node.login({ user: otherUser, permissions: ['websocket.connect', 'control.console'] });
  player.send('send command', 'say hi');
  await owner.until('it is shown', () => owner.count('activity') > 0);
  node.activity.show({ server: anyUuid, event: 'server:file.write', metadata: { file: '/a' }, ip: '203.0.113.7' });
  await owner.until('so is what the Panel did', () => owner.count('activity') > 1);
  const timestamp = new Date(node.clock.now()).toISOString();
  assert.deepEqual(shown(owner.all('activity')), [
    { event: 'server:console.command', user: otherUser, metadata: { command: 'say hi' }, timestamp },
    { event: 'server:file.write', user: null, metadata: { file: '/a' }, timestamp },
  ]);
  await player.settled();
  assert.equal(player.count('activity'), 0);
  assert.equal(node.activities.length, 1);
});

test('a socket is shown twenty activities a second at most', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login();
  const act = (file: string) =>
    node.activity.record({ server: anyUuid, event: 'server:sftp.delete', metadata: { files: [file] } });
  for (let index = 0; index < 100; index += 1) act(`/${index}`);
  await client.settled();
  assert.equal(client.count('activity'), 20);
  await node.clock.advance(999);
  act('/surplus');
  await node.clock.advance(1);
  act('/next');
  await client.settled();
  assert.equal(client.count('activity'), 21);
  assert.match(client.all('activity').at(-1) ?? '', /next/);
  assert.equal(node.activities.length, 102);
});

test('the option of the configuration leaves the event out, not the record', async (t) => {
  const node = await aRunningNode(t, { yaml: 'websocket: { activity_events: false }\n' });
  node.attachInput();
  const client = await node.login();
  client.send('send command', 'say hi');
  await client.until('it is recorded', () => node.activities.length > 0);
  await client.settled();
  assert.equal(client.count('activity'), 0);
});

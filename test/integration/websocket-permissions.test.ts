// Which event reaches whom, and who may ask for what: every event and every request against every permission, over real
// connections.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { anyUuid } from '../support/builders.ts';
import { aRunningNode, wrappedIn } from '../support/console-cases.ts';
import type { ConsoleClient } from '../support/console-client.ts';
import { asAdministrator, type ConsoleNode } from '../support/console-node.ts';
import { aCompletion, aProgress, backupUuid } from '../support/operation-messages.ts';

/** What an event needs beside a valid token; undefined: nothing. */
const eventNeeds: Record<string, string | undefined> = {
  status: undefined,
  stats: undefined,
  'console output': undefined,
  'feature match': undefined,
  'install started': undefined,
  'install output': 'admin.websocket.install',
  'install completed': undefined,
  activity: 'activity.read',
  backup_progress: 'backup.read',
  restore_progress: 'backup.read',
  'backup progress': 'backup.read',
  [`backup completed:${backupUuid}`]: 'backup.read',
  'backup completed': 'backup.read',
  'backup restore completed': undefined,
  backup_restore_completed: 'backup.read',
  server_status: undefined,
  'daemon message': undefined,
  deleted: undefined,
};

const grants = ['backup.read', 'activity.read', 'admin.websocket.install', 'admin.websocket.errors'];
const readers: [who: string, permissions: readonly string[]][] = [
  ['who may only come in', []],
  ...grants.map((grant): [string, string[]] => [`a subuser with ${grant}`, [grant]]),
  ['a subuser with all that is no console', ['control.console', 'control.start', 'control.stop', 'file.read']],
  ['the owner', ['*']],
  ['an administrator', asAdministrator],
];

/** As the contract has it: `*` is all but what begins with `admin`. */
const has = (permissions: readonly string[], wanted: string | undefined) =>
  wanted === undefined || permissions.includes(wanted) || (permissions.includes('*') && !wanted.startsWith('admin'));

/** One of every kind of thing that a node tells of a server. */
async function everythingHappens(node: ConsoleNode): Promise<void> {
  const { bus } = node;
  for (let index = 0; index < 10; index++) node.print('You need to agree to the EULA');
  bus.publish(anyUuid, 'pull', { text: 'Downloading [==>   ]  1.2MB/9MB' });
  bus.publish(anyUuid, 'install', { step: 'started' });
  bus.publish(anyUuid, 'install', { step: 'running' });
  bus.publish(anyUuid, 'install', { step: 'output', text: 'secret of the script' });
  bus.publish(anyUuid, 'install', { step: 'completed', successful: true });
  node.activity.show({ server: anyUuid, event: 'server:file.write', metadata: { file: '/a' } });
  for (const type of ['create', 'restore'] as const) {
    bus.publish(anyUuid, 'progress', aProgress({ type }));
    if (type === 'restore') bus.publish(anyUuid, 'restoring', { path: 'world/secret.dat' });
    bus.publish(anyUuid, 'progress', aProgress({ type, phase: 'finalize', percentage: -1 }));
    bus.publish(anyUuid, 'completion', aCompletion({ type, successful: false, error: 'The disk said no.' }));
  }
  await node.moveTo('stopping');
  await node.moveTo('offline');
  await node.admission.delete('Server', 'demo', {}, node.writer);
}

async function connected(node: ConsoleNode, permissions: readonly string[]): Promise<ConsoleClient> {
  const client = await node.login({ permissions: ['websocket.connect', ...permissions] });
  client.messages.length = 0;
  return client;
}

test('every event against every permission (websocket 17.8) (covers: SEC-48)', async (t) => {
  const node = await aRunningNode(t);
  await node.change({ spec: { egg: { features: { eula: ['agree to the eula'] } } } });
  const stranger = await node.connect();
  const clients = await Promise.all(readers.map(([, permissions]) => connected(node, permissions)));
  await everythingHappens(node);
  for (const client of [...clients, stranger]) await client.untilClosed();
  assert.deepEqual(stranger.messages, [], 'nothing before a token');
  for (const [index, [who, permissions]] of readers.entries()) {
    const client = clients[index];
    assert.ok(client);
    const expected = Object.keys(eventNeeds).filter((event) => has(permissions, eventNeeds[event]));
    assert.deepEqual([...new Set(client.events)].sort(), expected.sort(), who);
    assert.equal(client.count('backup restore completed'), 1, `${who}: the page is unlocked`);

    assert.equal(client.count('feature match'), 4, `${who}: four a second are enough`);
    const said = JSON.stringify(client.messages);
    assert.equal(said.includes('secret of the script'), has(permissions, 'admin.websocket.install'), who);
    assert.equal(said.includes('Downloading ['), has(permissions, 'admin.websocket.install'), who);
    assert.equal(said.includes('secret.dat'), has(permissions, 'backup.read'), `${who}: names of files`);
    assert.equal(said.includes(backupUuid), has(permissions, 'backup.read'), `${who}: which backup`);
    const seesReason = has(permissions, 'backup.read') && has(permissions, 'admin.websocket.errors');
    assert.equal(said.includes('The disk said no.'), seesReason, `${who}: why it failed`);
  }
});

/** Everything that is asked for, and the one permission that it needs. */
const requests: [event: string, text: string, needs: string][] = [
  ['set state', 'start', 'control.start'],
  ['set state', 'stop', 'control.stop'],
  ['set state', 'restart', 'control.restart'],
  ['set state', 'kill', 'control.stop'],
  ['send command', 'say hello', 'control.console'],
];

/** What came of it: a request in the store, or a typed line. */
async function effect(t: TestContext, [event, text]: (typeof requests)[number], permissions: string[]) {
  const node = await aRunningNode(t);
  if (text === 'start') for (const state of ['stopping', 'offline'] as const) await node.moveTo(state);
  node.attachInput();
  const client = await connected(node, permissions);
  client.send(event, text);
  await client.settled();
  // Silent where it is not permitted: nothing but the answer to what comes behind it.
  client.send('send stats');
  await client.until('what comes behind it', () => client.count('stats') > 0);
  assert.equal(client.count('daemon error'), 0);
  const done = async () => (await node.server()).spec.power.request?.action ?? node.typed[0];
  return { client, done };
}

for (const request of requests) {
  const [event, text, needs] = request;
  test(`${event} ${text} needs ${needs}, and nothing else will do (covers: SEC-49)`, async (t) => {
    const others = [...new Set(requests.map(([, , other]) => other))].filter((other) => other !== needs);
    const refused = await effect(t, request, [...others, ...grants, 'websocket.connect']);
    assert.equal(await refused.done(), undefined);
    for (const enough of [needs, '*']) {
      const { client, done } = await effect(t, request, [enough]);
      await client.until('it has an effect', async () => (await done()) === text);
    }
  });
}

test('an action that is none is refused, an event that is none is ignored (websocket 17.14) (covers: SEC-49)', async (t) => {
  const node = await aRunningNode(t);
  node.attachInput();
  const client = await node.login({ permissions: asAdministrator });
  for (const event of ['set State', 'send_command', '__proto__', 'constructor']) client.send(event, 'kill');
  await client.settled();
  assert.equal(client.count('daemon error'), 0);
  await node.pass(10_000, client);
  for (const action of ['Stop', 'constructor', '', '__proto__']) client.send('set state', action);
  await client.until('answers', () => client.count('daemon error') === 4);
  for (const text of client.all('daemon error')) {
    assert.match(text ?? '', wrappedIn('attempting to handle unknown power action'));
  }
  assert.equal((await node.server()).spec.power.request, undefined);
  assert.deepEqual(node.typed, []);
});

test('a renewed token counts with what it may (websocket 17.8) (covers: SEC-48)', async (t) => {
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

// An installation on the console socket as a front end meets it, over real connections: which events, in which order, and
// what only those who may see installations get.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyUuid } from '../support/builders.ts';
import { asAdministrator, ConsoleNode } from '../support/console-node.ts';

test('who comes while a server is installed gets no figures of a process (websocket 12.1)', async (t) => {
  const node = await ConsoleNode.start(t);
  const claim = { kind: 'Installation', name: 'i', uid: 'u', since: '2026-01-01T00:00:00Z' } as const;
  await node.add({ status: { state: 'offline', claim } });
  const during = await node.login();
  await during.settled();
  assert.equal(during.count('stats'), 0);
  assert.deepEqual(during.all('status'), ['offline']);
  await node.setStatus({ claim: undefined } as never);
  const after = await node.login();
  await after.until('figures', () => after.count('stats') > 0);
});

test('an installation reaches everybody, its output those who may see it (covers: SEC-48)', async (t) => {
  const node = await ConsoleNode.start(t);
  await node.add();
  const administrator = await node.login({ permissions: asAdministrator });
  const owner = await node.login({ permissions: ['*'] });
  const publish = (message: Parameters<typeof node.bus.publish<'install'>>[2]) =>
    node.bus.publish(anyUuid, 'install', message);
  publish({ step: 'started' });
  publish({ step: 'running' });
  publish({ step: 'output', text: 'Downloading the game' });
  publish({ step: 'completed', successful: true });
  for (const client of [administrator, owner]) {
    await client.until('the end', () => client.count('install completed') > 0);
    assert.deepEqual(client.all('install started'), ['']);
    assert.deepEqual(client.all('install completed'), ['']);
    assert.deepEqual(client.all('daemon message'), ['Starting installation process, this could take a few minutes...']);
  }
  assert.deepEqual(administrator.all('install output'), ['Downloading the game']);
  assert.equal(owner.count('install output'), 0);
  const events = administrator.messages.map(({ event }) => event).filter((event) => /^install|^daemon/.test(event));
  assert.deepEqual(events, ['install started', 'daemon message', 'install output', 'install completed']);
});

// The server's side of an installation: the process makes way within ten seconds, and nothing begins one before the end.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { demandStop, releaseClaim, takeClaim } from '../../../src/runtime/claims.ts';
import { FakeNode, gameImage } from '../../support/fake-node.ts';

async function claimed(t: TestContext, state: 'running' | 'offline'): Promise<{ node: FakeNode; uid: string }> {
  const node = new FakeNode(t);
  // A game that never ends by itself.
  node.docker.addImage(gameImage, (process) => process.print('Done\n'));
  await node.start();
  await node.add({ spec: { image: `~${gameImage}` } });
  await node.untilState('offline');
  if (state === 'running') {
    await node.requestAndFinish('start');
    await node.untilState('running');
  }
  const { metadata } = await node.store.create({
    ...{ apiVersion: 'aileron.dev/v1', kind: 'Installation', metadata: { name: 'i' } },
  });
  const { uid } = metadata;
  assert.ok((await takeClaim(node, 'demo', { kind: 'Installation', name: 'i', uid })).taken);
  return { node, uid };
}

test('a process that does not stop is killed after ten seconds, and does not come back by itself', async (t) => {
  const { node, uid } = await claimed(t, 'running');
  const before = node.clock.monotonic();
  await demandStop(node.store, 'demo', uid, true);
  const server = await node.until('it is stopped', (one) => one?.status?.claim?.stopped && one);
  const seconds = (node.clock.monotonic() - before) / 1000;
  assert.ok(seconds >= 10 && seconds < 20, `${seconds} s`);
  assert.deepEqual([server.status?.state, server.status?.exit?.reason], ['offline', 'Killed']);
  await releaseClaim(node.store, 'demo', uid);
  await node.settle();
  assert.equal((await node.server())?.status?.state, 'offline');
});

test('a start that came in between is refused in the words of the protocol', async (t) => {
  const { node, uid } = await claimed(t, 'offline');
  const server = await node.requestAndFinish('start');
  assert.deepEqual(
    [server.status?.power?.outcome, server.status?.power?.message],
    ['Refused', 'server is currently installing'],
  );
  await releaseClaim(node.store, 'demo', uid);
  await node.requestAndFinish('start');
  await node.untilState('running');
});

test('the claim of an installation that is gone holds nobody up', async (t) => {
  const { node } = await claimed(t, 'offline');
  await node.store.delete('Installation', 'i');
  await node.requestAndFinish('start');
  await node.untilState('running');
});

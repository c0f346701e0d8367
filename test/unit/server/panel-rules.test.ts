// What a server's Panel says about it that the controller goes by: whether it is this node's, listed, and to be restarted.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { unlistedCondition } from '../../../src/resources/listed.ts';
import type { Server, ServerSpec } from '../../../src/resources/server.ts';
import { mutateStatus } from '../../../src/runtime/status.ts';
import { anyUuid } from '../../support/builders.ts';
import { FakeNode, gameImage } from '../../support/fake-node.ts';

test('a server of another node is left alone, container, status and all (covers: SEC-27)', async (t) => {
  const node = new FakeNode(t);
  node.docker.addImage(gameImage);
  await node.start();
  await node.add({
    name: 'far',
    spec: { nodeName: 'node-2', power: { desired: 'Running', request: { id: 'r1', action: 'start' } } },
  });
  await node.clock.advance(600_000);
  const server = await node.store.get<Server>('Server', 'far');
  assert.equal(server?.status, undefined);
  assert.deepEqual(await node.docker.listContainers({}), []);
});

async function running(t: TestContext, spec: Partial<ServerSpec> = {}): Promise<FakeNode> {
  const node = new FakeNode(t);
  node.docker.addImage(gameImage, (process) => process.print('Done\n'));
  await node.startRunning(spec);
  return node;
}

test('the crash of a server that its Panel lists no more, or wants no restarts of, is told and not answered', async (t) => {
  const quiet: ((node: FakeNode) => Promise<unknown>)[] = [
    (node) =>
      mutateStatus<Server>(node.store, 'Server', 'demo', (status) => {
        status.conditions = [{ ...unlistedCondition, lastTransitionTime: '2026-01-01T00:00:00Z' }];
      }),
    (node) => node.store.patch('Server', 'demo', { spec: { crashDetectionEnabled: false } }),
  ];
  for (const prepare of quiet) {
    const node = await running(t);
    await prepare(node);
    await node.settle();
    node.docker.exit(anyUuid, 3);
    await node.untilState('offline');
    await node.settle();
    const server = await node.store.get<Server>('Server', 'demo');
    assert.equal(server?.status?.state, 'offline');
    assert.equal(server.status.exit?.reason, 'Crashed');
    assert.equal(node.states.filter((state) => state === 'starting').length, 1);
  }
});

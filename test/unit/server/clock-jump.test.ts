// The wall clock jumps by an hour, either way, while something waits. Durations do not follow it: nothing is killed
// early, nothing waits for an hour, nothing happens twice.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerSpec } from '../../../src/resources/server.ts';
import { anyUuid, FakeNode, gameImage } from '../../support/fake-node.ts';

const hourMs = 3_600_000;

for (const jump of [hourMs, -hourMs]) {
  const way = jump > 0 ? 'on' : 'back';

  test(`an hour ${way} during a stop leaves the process its ten minutes`, async (t) => {
    const node = await running(t, {
      egg: { done: ['Done'], stripAnsi: false, stop: { type: 'command', value: 'quit' } },
    });
    const asked = node.clock.monotonic();
    const request = await node.request('stop');
    await node.untilState('stopping');
    node.clock.jumpWall(jump);
    const server = await node.until('it is killed', (now) => now?.status?.power?.finishedRequest === request && now);
    const took = node.clock.monotonic() - asked;
    assert.ok(took >= 600_000 && took < 620_000, `it took ${took} ms`);
    assert.equal(server.status?.exit?.code, 137);
  });

  test(`an hour ${way} during a back-off neither forgets the restart nor repeats it`, async (t) => {
    const node = await running(t, { restartPolicy: 'OnFailure' });
    const crashed = node.clock.monotonic();
    node.docker.exit(anyUuid, 1);
    await node.until('a restart is planned', (server) => server?.status?.restartAt);
    node.clock.jumpWall(jump);
    const server = await node.untilState('running');
    assert.ok(node.clock.monotonic() - crashed < 60_000);
    assert.deepEqual([server.status?.crashCount, server.status?.restartAt], [1, undefined]);
    await node.clock.advance(310_000);
    assert.deepEqual(node.states, ['offline', 'starting', 'running']);
  });

  test(`an hour ${way} between two crashes lets the second restart, and the third within a minute not`, async (t) => {
    const node = await running(t);
    node.docker.exit(anyUuid, 3);
    await crashesSeen(node, 1, 'running');
    node.clock.jumpWall(jump);
    node.docker.exit(anyUuid, 3);
    await crashesSeen(node, 2, 'running');
    node.docker.exit(anyUuid, 3);
    await crashesSeen(node, 3, 'offline');
  });
}

async function running(
  t: ConstructorParameters<typeof FakeNode>[0],
  spec: Partial<ServerSpec> = {},
): Promise<FakeNode> {
  const node = new FakeNode(t);
  node.docker.addImage(gameImage, (process) => process.print('Done\n'));
  await node.startRunning(spec);
  node.states = [];
  return node;
}

async function crashesSeen(node: FakeNode, count: number, state: string): Promise<void> {
  await node.until(
    `${count} crashes were seen and it is ${state}`,
    (server) => server?.status?.crashCount === count && server.status.state === state && !server.status.operation,
  );
}

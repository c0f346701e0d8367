// SIGKILL of the daemon at every place between two acts of a stop, a kill and a restart. The next daemon finishes what
// was wanted: the process is really gone, its end is no crash, and a restart starts it exactly once more.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Server } from '../../src/resources/server.ts';
import { checkpoints } from '../support/checkpoints.ts';
import { needsDocker } from '../support/docker.ts';
import { game, LiveNode } from '../support/live-node.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 60_000 };
const name = 'game';

describe('the daemon is killed during a stop, a kill, a restart', { concurrency: 2 }, () => {
  for (const at of checkpoints('operation:', 'stop:')) {
    test(`killed at ${at}, a stop is finished by the next daemon`, options, async (t) => {
      // Slow enough to be still at it when the next daemon looks.
      const { node, uuid, request } = await killedAt(t, at, 'stop', game({ stopSeconds: 2 }));
      const server = await finished(node, request);
      assert.equal(server.status?.power?.outcome, 'Succeeded');
      assert.deepEqual(
        [server.status?.exit?.code, server.status?.exit?.reason, server.status?.crashCount ?? 0],
        [0, 'Stopped', 0],
      );
      await assertOffline(node, uuid);
      assert.deepEqual(node.commands(uuid), ['stop']);
    });
  }

  for (const at of checkpoints('operation:', 'stop:stopping', 'stop:exited')) {
    test(`killed at ${at}, a kill is finished by the next daemon`, options, async (t) => {
      const { node, uuid, request } = await killedAt(t, at, 'kill');
      const server = await finished(node, request);
      assert.deepEqual([server.status?.exit?.code, server.status?.crashCount ?? 0], [137, 0]);
      assert.equal(server.status?.exit?.reason, 'Killed');
      await assertOffline(node, uuid);
      assert.deepEqual(node.commands(uuid), []);
    });
  }

  for (const at of checkpoints('restart:', 'stop:exited', 'start:created', 'start:started')) {
    test(`killed at ${at}, a restart is finished by the next daemon`, options, async (t) => {
      const { node, uuid, request } = await killedAt(t, at, 'restart');
      const server = await finished(node, request);
      await node.running(name);
      assert.deepEqual([server.status?.power?.outcome, server.status?.crashCount ?? 0], ['Succeeded', 0]);
      assert.equal(node.starts(uuid), 2);
      assert.deepEqual(node.commands(uuid), ['stop']);
      const containers = await node.containers(name);
      assert.deepEqual(
        containers.map((container) => container.running),
        [true],
      );
    });
  }

  test('a process that ends while no daemon watches its stop was stopped, not lost', options, async (t) => {
    const node = await LiveNode.make(t);
    await node.start();
    const uuid = await node.addRunning(name);
    await node.daemon.pauseAt('stop:signalled');
    const request = await node.api.power(name, 'stop');
    await node.daemon.paused();
    await node.daemon.kill();
    await until('the process has ended', 10_000, async () => !(await node.docker.inspectContainer(uuid))?.running);
    await node.start();
    const server = await finished(node, request);
    assert.deepEqual([server.status?.exit?.code, server.status?.exit?.reason], [0, 'Stopped']);
    await assertOffline(node, uuid);
  });
});

async function killedAt(
  t: Parameters<typeof LiveNode.make>[0],
  at: string,
  action: 'stop' | 'kill' | 'restart',
  invocation = game(),
): Promise<{ node: LiveNode; uuid: string; request: string }> {
  const node = await LiveNode.make(t);
  await node.start();
  const uuid = await node.addRunning(name, { invocation });
  await node.daemon.pauseAt(at);
  const request = await node.api.power(name, action);
  await node.daemon.paused();
  await node.killAndStart();
  return { node, uuid, request };
}

function finished(node: LiveNode, request: string): Promise<Server> {
  return node.api.until(
    name,
    'the request is finished',
    ({ status }) => status?.power?.finishedRequest === request && !status.operation,
  );
}

/** In Docker too, and it stays so. */
async function assertOffline(node: LiveNode, uuid: string): Promise<void> {
  assert.equal((await node.api.get(name))?.status?.state, 'offline');
  const containers = await node.containers(name);
  assert.deepEqual(
    containers.map((container) => container.running),
    [false],
  );
  assert.equal(node.starts(uuid), 1);
}

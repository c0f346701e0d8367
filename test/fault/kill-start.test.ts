// SIGKILL of the daemon at every place between two acts of a start. The next daemon finishes what was wanted: one
// container, one process, started once.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkpoints } from '../support/checkpoints.ts';
import { needsDocker } from '../support/docker.ts';
import { LiveNode } from '../support/live-node.ts';

const options = { skip: await needsDocker(), timeout: 60_000 };
const name = 'game';

describe('the daemon is killed during a start', { concurrency: 2 }, () => {
  for (const at of checkpoints('operation:', 'start:')) {
    test(`killed at ${at}, a start is finished by the next daemon`, options, async (t) => {
      const node = await LiveNode.make(t);
      await node.start();
      const uuid = await node.add(name);
      await node.daemon.pauseAt(at);
      const request = await node.api.power(name, 'start');
      await node.daemon.paused();
      await node.killAndStart();

      const server = await node.api.until(
        name,
        'the start is finished',
        ({ status }) => status?.power?.finishedRequest === request && status.state === 'running',
      );
      assert.equal(server.status?.power?.outcome, 'Succeeded');
      assert.equal(server.status?.operation, undefined);
      assert.equal(server.status?.crashCount ?? 0, 0);
      await assertOneProcess(node, uuid);
      await assertConsole(node, uuid);
    });
  }

  test('killed while a crash is answered, the restart happens and is counted once', options, async (t) => {
    const node = await LiveNode.make(t);
    await node.start();
    const uuid = await node.addRunning(name);
    await node.daemon.pauseAt('start:prepared');
    await node.docker.killContainer(uuid, 'SIGKILL');
    await node.daemon.paused();
    await node.killAndStart();
    const server = await node.running(name);
    assert.equal(server.status?.crashCount, 1);
    assert.equal(server.status?.exit?.code, 137);
    await assertOneProcess(node, uuid, 2);
  });

  test('killed while a refused start comes to its end, it ends as failed and leaves nothing', options, async (t) => {
    const node = await LiveNode.make(t);
    await node.start();
    const uuid = await node.add(name, { image: '~aileron-test/no-such-image:1' });
    await node.daemon.pauseAt('stop:exited');
    const request = await node.api.power(name, 'start');
    await node.daemon.paused();
    await node.killAndStart();
    const server = await node.api.until(
      name,
      'the start has failed',
      ({ status }) => status?.power?.finishedRequest === request && !status.operation,
    );
    assert.equal(server.status?.state, 'offline');
    assert.equal(server.status?.power?.outcome, 'Failed');
    assert.deepEqual(await node.containers(name), []);
    assert.equal(node.starts(uuid), 0);
  });
});

async function assertOneProcess(node: LiveNode, uuid: string, starts = 1): Promise<void> {
  const containers = await node.containers(name);
  assert.deepEqual(
    containers.map((container) => [container.name, container.running]),
    [[uuid, true]],
  );
  const server = await node.api.get(name);
  assert.equal(server?.status?.containerId, containers[0]?.id);
  assert.equal(server?.status?.startedAt, containers[0]?.startedAt);
  assert.equal(node.starts(uuid), starts);
}

/** The stop command comes through: the new daemon has the process's console. */
async function assertConsole(node: LiveNode, uuid: string): Promise<void> {
  const server = await node.api.powerAndFinish(name, 'stop');
  assert.deepEqual([server.status?.state, server.status?.exit?.code], ['offline', 0]);
  assert.deepEqual(node.commands(uuid), ['stop']);
}

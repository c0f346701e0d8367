// SIGKILL of the daemon at every place between two acts of a deletion. The next daemon finishes it: object, process and
// container are gone, and the files are where the reclaim policy says.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { checkpoints } from '../support/checkpoints.ts';
import { needsDocker } from '../support/docker.ts';
import { LiveNode } from '../support/live-node.ts';

const options = { skip: await needsDocker(), timeout: 60_000 };
const name = 'game';

describe('the daemon is killed during a deletion', { concurrency: 2 }, () => {
  const kept = checkpoints('delete:', 'stop:').filter((at) => at !== 'delete:backups-removed');
  for (const at of kept) {
    test(`killed at ${at}, a deletion is finished by the next daemon and the files stay`, options, async (t) => {
      const { node, uuid } = await deletionKilledAt(t, at, 'Retain');
      await assertGone(node, uuid);
      assert.ok(existsSync(join(node.volume(uuid), 'starts')));
      assert.deepEqual(node.commands(uuid), ['stop']);

      // Whoever declares it again gets the files back.
      await node.addRunning(name, { uuid });
      assert.equal(node.starts(uuid), 2);
    });
  }

  for (const at of checkpoints('delete:', 'stop:exited')) {
    test(`killed at ${at}, a deletion is finished by the next daemon with the files`, options, async (t) => {
      const { node, uuid } = await deletionKilledAt(t, at, 'Delete');
      await assertGone(node, uuid);
      assert.equal(existsSync(node.volume(uuid)), false);
    });
  }

  test('a server deleted while no daemon runs its last start is gone with the container', options, async (t) => {
    const node = await LiveNode.make(t);
    await node.start();
    const uuid = await node.add(name);
    await node.daemon.pauseAt('start:created');
    await node.api.power(name, 'start');
    await node.daemon.paused();
    await node.api.delete(name);
    await node.killAndStart();
    await node.api.untilGone(name);
    await assertGone(node, uuid);
    assert.equal(node.starts(uuid), 0);
  });
});

async function deletionKilledAt(
  t: Parameters<typeof LiveNode.make>[0],
  at: string,
  reclaimPolicy: 'Retain' | 'Delete',
): Promise<{ node: LiveNode; uuid: string }> {
  const node = await LiveNode.make(t);
  await node.start();
  const uuid = await node.addRunning(name, { reclaimPolicy });
  await node.daemon.pauseAt(at);
  await node.api.delete(name);
  await node.daemon.paused();
  await node.killAndStart();
  await node.api.untilGone(name);
  return { node, uuid };
}

async function assertGone(node: LiveNode, uuid: string): Promise<void> {
  assert.deepEqual(await node.containers(name), []);
  assert.equal(await node.docker.inspectContainer(uuid), undefined);
  assert.equal(existsSync(join(node.config.system.machineId.directory, uuid)), false);
}

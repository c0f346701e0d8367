// SIGTERM while a restore is under way: what has touched nothing is called off and told, what is unpacked in place is left
// to the next daemon, and the process of the server is as it was.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { RestoreStatus } from '../../src/resources/restore.ts';
import { needsDocker } from '../support/docker.ts';
import { LiveNode } from '../support/live-node.ts';
import { backedUp, createRestore, getOperation, restoreEnded, treeOf } from '../support/operations.ts';
import type { Owner } from '../support/owner.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 90_000 };
const name = 'game';
const megabyte = 1_048_576;

describe('the daemon stops during a restore', { concurrency: 2 }, () => {
  test('before files are touched it ends, and the game has not noticed (backups 15.11)', options, async (t) => {
    const { node, uuid, root } = await slowNode(t, true);
    const now = treeOf(root);
    await createRestore(node.api, name, 'r', { backup: 'b', mode: 'Truncate' });
    await untilBytesMove(node, 'Extracting');
    assert.equal(await node.daemon.stop(), 0);
    assert.deepEqual(
      node.daemon.completions(uuid).map(({ type, successful }) => [type, successful]),
      [
        ['create', true],
        ['restore', false],
      ],
    );
    const staging = join(node.config.system.data, '.restore', uuid);
    assert.deepEqual(existsSync(staging) ? readdirSync(staging) : [], []);
    assert.deepEqual(treeOf(root), now);
    await node.start();
    const { status } = await restoreEnded(node.api, 'r');
    assert.deepEqual([status?.phase, status?.outcome?.reason], ['Failed', 'DaemonStopping']);
    await node.running(name);
    assert.deepEqual([node.starts(uuid), node.daemon.completions(uuid)], [1, []]);
  });

  test('in place the next daemon unpacks again (backups 15.11)', options, async (t) => {
    const { node, uuid, root, then } = await slowNode(t, false);
    await createRestore(node.api, name, 'r', { backup: 'b', mode: 'Truncate', strategy: 'InPlace' });
    await untilBytesMove(node, 'Extracting');
    assert.equal(await node.daemon.stop(), 0);
    assert.deepEqual(
      node.daemon.completions(uuid).filter(({ type }) => type === 'restore'),
      [],
    );
    await node.start();
    const { status } = await restoreEnded(node.api, 'r', 60_000);
    assert.deepEqual([status?.phase, status?.attempt], ['Completed', 2]);
    assert.deepEqual(treeOf(root), then);
    assert.equal(node.daemon.completions(uuid).length, 1);
  });
});

/** Reads an archive for some seconds. */
async function slowNode(
  t: Owner,
  run: boolean,
): Promise<{ node: LiveNode; uuid: string; root: string; then: Record<string, string> }> {
  const node = await LiveNode.make(t, {
    aileron: { diskReserve: { percent: 0, mebibytes: 0 } },
    change: (config) => ({
      ...config,
      system: {
        ...config.system,
        backups: { ...config.system.backups, writeLimit: megabyte / 2, verifyAfterCreate: false },
      },
    }),
  });
  await node.start();
  const uuid = run ? await node.addRunning(name) : await node.add(name);
  const root = node.volume(uuid);
  mkdirSync(root, { recursive: true });
  for (let n = 0; n < 20; n += 1) writeFileSync(join(root, `file-${n}`), randomBytes(megabyte / 10));
  await backedUp(node.api, name, 'b');
  const then = treeOf(root);
  rmSync(join(root, 'file-3'));
  writeFileSync(join(root, 'file-4'), 'played');
  return { node, uuid, root, then };
}

async function untilBytesMove(node: LiveNode, phase: NonNullable<RestoreStatus['phase']>): Promise<void> {
  await until(`it is ${phase}`, 30_000, async () => {
    const restore = await getOperation(node.api, 'restores', 'r');
    return restore?.status?.phase === phase;
  });
  // Into the middle of what takes four seconds.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
}

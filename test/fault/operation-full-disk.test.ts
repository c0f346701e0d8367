// A live node whose disk for archives, or for the servers' files, is full at one size after the other: a backup or restore
// that does not fit says so in its status, an Event and the log, leaves nothing behind, and the server is what it was.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsDocker } from '../support/docker.ts';
import { LiveNode } from '../support/live-node.ts';
import { backedUp, createBackup, createRestore, restoreEnded, treeOf, untilPhase } from '../support/operations.ts';
import { newestFirst } from '../support/owner.ts';
import { needsSmallDisk, SmallDisk } from '../support/small-disk.ts';
import { until } from '../support/until.ts';

const options = { skip: needsSmallDisk() || (await needsDocker()), timeout: 120_000 };
const mebibyte = 1024 ** 2;
const name = 'game';
const noReserve = { diskReserve: { percent: 0, mebibytes: 0 } };
/** With less, no archive is begun. */
const leastFreeBytes = 64 * mebibyte;

/** A server that runs, with a world that does not shrink. */
async function playing(node: LiveNode, worldBytes: number): Promise<{ uuid: string; root: string }> {
  await node.start();
  const uuid = await node.addRunning(name);
  const root = node.volume(uuid);
  mkdirSync(join(root, 'world'));
  for (let n = 0; n < 6; n++) writeFileSync(join(root, `world/r.${n}.mca`), randomBytes(worldBytes / 6));
  return { uuid, root };
}

/** Status, Event and log tell the same. */
async function assertTold(node: LiveNode, object: string, status: { phase?: string; outcome?: object } | undefined) {
  assert.equal(status?.phase, 'Failed', JSON.stringify(status));
  const { reason, message } = (status?.outcome ?? {}) as { reason: string; message: string };
  assert.equal(reason, 'NoSpace');
  const told = async () =>
    (await node.api.events()).find(({ involvedObject, type }) => involvedObject.name === object && type === 'Warning');
  const event = await until('an Event tells it', 5_000, told);
  assert.deepEqual([event.reason, event.message], ['NoSpace', message]);
  assert.ok(
    node.daemon.log.some((line) => line.includes(object) && line.includes('NoSpace')),
    'the log tells it',
  );
  return message;
}

const left = (directory: string) => (existsSync(directory) ? readdirSync(directory) : []);

async function assertPlaysOn(node: LiveNode, uuid: string): Promise<void> {
  const { status } = (await node.api.get(name)) ?? {};
  assert.deepEqual([status?.state, status?.claim, node.starts(uuid)], ['running', undefined, 1]);
}

test(
  'the disk of the archives is full: a backup fails, says so and leaves nothing (backups 15.7)',
  options,
  async (t) => {
    const owner = newestFirst(t);
    const disk = SmallDisk.make(owner, 128 * mebibyte);
    const node = await LiveNode.make(owner, {
      aileron: noReserve,
      change: (config) => ({ ...config, system: { ...config.system, backupDirectory: disk.path } }),
    });
    const worldBytes = leastFreeBytes + 4 * mebibyte;
    const { uuid, root } = await playing(node, worldBytes);
    const then = treeOf(root);
    const sizes = [leastFreeBytes - mebibyte, leastFreeBytes + 100_000, worldBytes - mebibyte, worldBytes - 8_192];
    for (const [index, free] of sizes.entries()) {
      disk.leave(free);
      await createBackup(node.api, name, `b${index}`);
      const { status } = await untilPhase(node.api, 'backups', `b${index}`, ['Completed', 'Failed']);
      const message = await assertTold(node, `b${index}`, status);
      assert.match(message, free < leastFreeBytes ? /less than 64 MiB left/ : /is full/);
      assert.deepEqual(left(join(disk.path, uuid)), []);
      assert.deepEqual(treeOf(root), then);
      await assertPlaysOn(node, uuid);
    }
    disk.leave(2 * worldBytes);
    await backedUp(node.api, name, 'fits');
    await assertPlaysOn(node, uuid);
  },
);

test(
  'the disk of the servers is full: a restore fails, says so and leaves nothing (backups 15.10) (covers: SEC-17)',
  options,
  async (t) => {
    const owner = newestFirst(t);
    const disk = SmallDisk.make(owner, 128 * mebibyte);
    const node = await LiveNode.make(owner, {
      aileron: noReserve,
      change: (config) => ({ ...config, system: { ...config.system, data: join(disk.path, 'data') } }),
    });
    const worldBytes = 6 * mebibyte;
    const { uuid, root } = await playing(node, worldBytes);
    await backedUp(node.api, name, 'b');
    writeFileSync(join(root, 'world/r.0.mca'), 'played');
    rmSync(join(root, 'world/r.1.mca'));
    const now = treeOf(root);
    let index = 0;
    for (const strategy of ['Staged', 'InPlace', 'Auto'] as const) {
      for (const free of [0, 100_000, worldBytes / 2, worldBytes - 16_384]) {
        // In place, what is replaced makes room.
        if (strategy !== 'Staged' && free > worldBytes / 4) continue;
        disk.leave(free);
        const restore = `r${index++}`;
        await createRestore(node.api, name, restore, { backup: 'b', mode: 'Truncate', strategy });
        const { status } = await restoreEnded(node.api, restore);
        await assertTold(node, restore, status);
        assert.deepEqual(treeOf(root), now, `${strategy}, ${free} bytes free`);
        assert.deepEqual(left(join(node.config.system.data, '.restore', uuid)), []);
        await assertPlaysOn(node, uuid);
      }
    }
    disk.leave(4 * worldBytes);
    await createRestore(node.api, name, 'fits', { backup: 'b', mode: 'Truncate' });
    assert.equal((await restoreEnded(node.api, 'fits')).status?.phase, 'Completed');
    assert.ok(existsSync(join(root, 'world/r.1.mca')));
  },
);

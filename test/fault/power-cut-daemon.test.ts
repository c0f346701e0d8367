// The power of a whole node fails at every place between two acts of a backup and of a restore: its state, its archives and
// the server's files are what had reached the disk by then. The daemon that starts on that disk brings both to one end.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Backup } from '../../src/resources/backup.ts';
import { needsDocker } from '../support/docker.ts';
import { LiveNode } from '../support/live-node.ts';
import { backedUp, createBackup, createRestore, restoreEnded, treeOf, untilPhase } from '../support/operations.ts';
import { newestFirst, type Owner } from '../support/owner.ts';
import { type Cut, needsPowerCutDisk, PowerCutDisk } from '../support/power-cut-disk.ts';

const options = { skip: needsPowerCutDisk() || (await needsDocker()), timeout: 120_000 };
const name = 'game';

interface Bench {
  disk: PowerCutDisk;
  node: LiveNode;
  uuid: string;
  root: string;
}

async function bench(t: Owner): Promise<Bench> {
  const owner = newestFirst(t);
  const disk = PowerCutDisk.make(owner, 384);
  const noReserve = { diskReserve: { percent: 0, mebibytes: 0 } };
  const node = await LiveNode.make(owner, { parent: disk.path, aileron: noReserve });
  await node.start();
  const uuid = await node.add(name);
  const root = node.volume(uuid);
  mkdirSync(join(root, 'world/region'), { recursive: true });
  for (let n = 0; n < 12; n += 1) writeFileSync(join(root, `world/region/r.${n}.mca`), randomBytes(50_000));
  return { disk, node, uuid, root };
}

/** The disk at each of the checkpoints, while `begin` and what follows from it go by. */
async function cutAt({ disk, node }: Bench, steps: readonly string[], begin: () => Promise<unknown>) {
  const cuts: { at: string; disk: Cut }[] = [];
  await node.daemon.pauseAt(steps[0] ?? '');
  await begin();
  for (const [index, at] of steps.entries()) {
    await node.daemon.paused(30_000, at);
    cuts.push({ at, disk: disk.cut() });
    node.daemon.goOn(steps[index + 1]);
  }
  return cuts;
}

/** What the game wrote long ago is on the disk. */
function syncedBefore({ disk }: Bench): void {
  execFileSync('/bin/sync', ['-f', disk.path]);
}

async function startAfter({ disk, node }: Bench, cut: Cut): Promise<void> {
  await node.daemon.kill();
  await disk.comeBack(cut);
  await node.start();
}

test(
  'the power fails during a backup: it is made, once, and its archive is whole (backups 15.11)',
  options,
  async (t) => {
    const stage = await bench(t);
    const { node, uuid } = stage;
    const steps = ['archiving-recorded', 'work-ended', 'outcome-recorded', 'claim-released'];
    syncedBefore(stage);
    const cuts = await cutAt(
      stage,
      steps.map((at) => `backup:${at}`),
      () => createBackup(node.api, name, 'b'),
    );
    await untilPhase(node.api, 'backups', 'b', ['Completed']);
    cuts.push({ at: 'its end', disk: stage.disk.cut() });
    for (const { at, disk } of cuts) {
      await startAfter(stage, disk);
      const { status, spec } = (await untilPhase(node.api, 'backups', 'b', ['Completed', 'Failed'])) as Backup;
      assert.equal(status?.phase, 'Completed', at);
      const directory = join(node.config.system.backupDirectory, uuid);
      assert.deepEqual(readdirSync(directory).sort(), [`${spec.uuid}.json`, `${spec.uuid}.tar.gz`], at);
      const archive = readFileSync(join(directory, `${spec.uuid}.tar.gz`));
      assert.equal(createHash('sha1').update(archive).digest('hex'), status?.archive?.checksum, at);
      assert.equal(node.daemon.completions(uuid).length, at === 'its end' ? 0 : 1, at);
    }
  },
);

test('the power fails during a restore: files are all old or all new (backups 15.11)', options, async (t) => {
  const stage = await bench(t);
  const { node, root, uuid } = stage;
  await backedUp(node.api, name, 'b');
  const then = treeOf(root);
  rmSync(join(root, 'world/region/r.3.mca'));
  writeFileSync(join(root, 'world/region/r.4.mca'), 'played');
  writeFileSync(join(root, 'new'), 'new');
  const now = treeOf(root);
  syncedBefore(stage);
  const goesBack = ['restore:begun', 'restore:after-stage', 'restore:staged'];
  const goesOn = [
    ...['restore:committed', 'restore:after-move-old', 'restore:journal-recorded'],
    ...['restore:after-move-new', 'restore:outcome-recorded', 'restore:released'],
  ];
  const begin = () => createRestore(node.api, name, 'r', { backup: 'b', mode: 'Truncate' });
  const cuts = await cutAt(stage, [...goesBack, ...goesOn], begin);
  for (const { at, disk } of cuts) {
    await startAfter(stage, disk);
    const restore = await restoreEnded(node.api, 'r');
    const back = goesBack.includes(at);
    assert.equal(restore.status?.phase, back ? 'Failed' : 'Completed', at);
    assert.deepEqual(treeOf(root), back ? now : then, at);
    const staging = join(node.config.system.data, '.restore', uuid);
    assert.deepEqual(existsSync(staging) ? readdirSync(staging) : [], [], at);
    assert.equal((await node.api.get(name))?.status?.claim, undefined, at);
  }
});

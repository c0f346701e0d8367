// kill -9 on the process of a restore: at each point between two acts of a commit, and in the middle of unpacking. Done
// again, all is new; rolled back, all is old; and what a killed staging left is not in the way.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { discard } from '../../src/archive/restore/discard.ts';
import { ourArchive } from '../support/our-archive.ts';
import { RandomTree } from '../support/random-tree.ts';
import { noLimits, RestoreBench } from '../support/restore-bench.ts';
import { endOf, restoreChild, type StepPlan } from '../support/restore-child.ts';
import { lookOfTree } from '../support/tree-look.ts';

interface Stage {
  restore: RestoreBench;
  archive: string;
  old: string[];
  wanted: string[];
}

async function setStage(t: TestContext): Promise<Stage> {
  const restore = new RestoreBench(t);
  const source = restore.path('source');
  mkdirSync(source);
  for (const name of ['one', 'two', 'three', 'four']) {
    writeFileSync(join(source, name), `new ${name}`);
    writeFileSync(join(restore.root, name), `old ${name}`);
  }
  new RandomTree(77).fill(source);
  const archive = restore.path('archive.tar.gz');
  await ourArchive(source, archive);
  return { restore, archive, old: look(restore.root), wanted: look(source) };
}

function look(root: string): string[] {
  return lookOfTree(root, { times: 'seconds' });
}

/** Answers whether it was killed. */
async function killedAt(plan: StepPlan, point: number): Promise<boolean> {
  return (await endOf(await restoreChild(plan, point))) === 'SIGKILL';
}

test('killed between any two moves of a commit, it goes on to all new or back to all old (backups 15.11)', async (t) => {
  const { restore, archive, old, wanted } = await setStage(t);
  let kills = 0;
  for (const point of [1, 2, 4, 9]) {
    for (const half of ['move-old', 'move-new'] as const) {
      await restore.stage(archive);
      if (half === 'move-new') await restore.moveOld();
      if (!(await killedAt({ kind: half, ...restore.target }, point))) continue;
      kills += 1;
      const rollBack = { kind: 'roll-back', mode: 'truncate', ...restore.target } as const;
      await killedAt(rollBack, point);
      await restore.rollBack('truncate');
      assert.deepEqual(look(restore.root), old, `${half} at ${point}, rolled back`);
      await discard({ kind: 'discard', staging: restore.staging }, restore.job);
    }
  }
  assert.ok(kills >= 7, `${kills} kills`);
  await restore.stage(archive);
  for (const point of [3, 2, 1]) await killedAt({ kind: 'move-old', ...restore.target }, point);
  await restore.moveOld();
  for (const point of [4, 3, 2, 1]) await killedAt({ kind: 'move-new', ...restore.target }, point);
  await restore.moveNew();
  assert.deepEqual(look(restore.root), wanted);
});

test('killed between any two moves of a merge, it goes on to all new or back to all old (backups 15.11)', async (t) => {
  const { restore, archive, old, wanted } = await setStage(t);
  const plan = { kind: 'merge', ...restore.target } as const;
  for (const point of [1, 2, 3, 5, 8]) {
    await restore.stage(archive, { mode: 'merge' });
    assert.ok(await killedAt(plan, point), `point ${point}`);
    await restore.rollBack('merge');
    assert.deepEqual(look(restore.root), old, `at ${point}, rolled back`);
    await discard({ kind: 'discard', staging: restore.staging }, restore.job);
  }
  await restore.stage(archive, { mode: 'merge' });
  for (const point of [5, 3, 2, 1]) assert.ok(await killedAt(plan, point));
  await restore.merge();
  assert.deepEqual(look(restore.root), wanted);
});

test('killed while it stages, nothing of the server was touched, and staging again is whole (backups 15.11, covers: SEC-103)', async (t) => {
  const { restore, archive, old, wanted } = await setStage(t);
  const plan = {
    kind: 'stage',
    ...restore.target,
    archive,
    paths: [],
    mode: 'truncate',
    readLimit: 0,
    limits: noLimits,
  } as const;
  for (const ms of [5, 20, 40, 60]) {
    const child = await restoreChild(plan);
    setTimeout(() => child.kill('SIGKILL'), ms);
    await endOf(child);
    assert.deepEqual(look(restore.root), old);
  }
  await restore.restore(archive);
  assert.deepEqual(look(restore.root), wanted);
  assert.deepEqual(readdirSync(restore.staging).sort(), ['moves', 'new', 'old']);
});

test('killed while it unpacks in place, done again it is all new (backups 15.11)', async (t) => {
  const { restore, archive, wanted } = await setStage(t);
  const mode = 'truncate';
  const plan = {
    kind: 'in-place',
    ...restore.target,
    archive,
    paths: [],
    mode,
    readLimit: 0,
    limits: noLimits,
  } as const;
  let kills = 0;
  for (const ms of [5, 20, 40, 60]) {
    const child = await restoreChild(plan);
    setTimeout(() => child.kill('SIGKILL'), ms);
    if ((await endOf(child)) === 'SIGKILL') kills += 1;
  }
  assert.ok(kills > 0);
  await restore.inPlace(archive);
  assert.deepEqual(look(restore.root), wanted);
});

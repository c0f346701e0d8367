// SIGKILL of the daemon at every place between two acts of a restore, staged and in place. The next daemon brings it to
// its one end: the files are all old or all new, nothing is left beside them, and nobody is kept from the server.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Restore, RestoreSpec } from '../../src/resources/restore.ts';
import { checkpoints } from '../support/checkpoints.ts';
import { needsDocker } from '../support/docker.ts';
import { LiveNode } from '../support/live-node.ts';
import { backedUp, createRestore, restoreEnded, treeOf } from '../support/operations.ts';
import type { Owner } from '../support/owner.ts';

const options = { skip: await needsDocker(), timeout: 90_000 };
const name = 'game';

/** Up to here the server's files are untouched, and the next daemon gives up. */
const goesBack = new Set([
  ...['restore:begun', 'restore:before-stage', 'restore:after-stage', 'restore:before-verify', 'restore:after-verify'],
  ...['restore:staged', 'restore:stop-demanded'],
]);

const steps = checkpoints('restore:').filter((at) => at !== 'restore:roll-back-recorded');
const around = (...acts: string[]) => acts.flatMap((act) => [`restore:before-${act}`, `restore:after-${act}`]);

describe('the daemon is killed during a restore', { concurrency: 2 }, () => {
  const truncate = { mode: 'Truncate' } as const;
  const inPlace = { mode: 'Truncate', strategy: 'InPlace' } as const;
  for (const at of [...steps, ...around('stage', 'move-old', 'move-new', 'discard')]) {
    test(`killed at ${at}, files are all old or all new (backups 15.11) (covers: SEC-103)`, options, (t) =>
      killed(t, at, truncate),
    );
  }
  for (const at of around('merge')) {
    test(`killed at ${at} of a merge, files are all new (backups 15.11)`, options, (t) =>
      killed(t, at, { mode: 'Merge' }),
    );
  }
  for (const at of ['restore:committed', ...around('verify', 'in-place')]) {
    test(`killed at ${at} of one in place, files are all old or all new (backups 15.11)`, options, (t) =>
      killed(t, at, inPlace),
    );
  }
});

async function killed(t: Owner, at: string, spec: Partial<RestoreSpec>): Promise<void> {
  const node = await LiveNode.make(t, { aileron: { diskReserve: { percent: 0, mebibytes: 0 } } });
  await node.start();
  const { uuid, root, then } = await played(node);
  const now = filesOf(root);
  await node.daemon.pauseAt(at);
  await createRestore(node.api, name, 'r', { backup: 'b', ...spec });
  await node.daemon.paused();
  const told = node.daemon.completions(uuid).filter(({ type }) => type === 'restore');
  await node.killAndStart();
  const restore = await restoreEnded(node.api, 'r');
  assertEnd(restore, goesBack.has(at));

  const completions = [...told, ...node.daemon.completions(uuid)];
  assert.deepEqual(
    completions.map(({ operation, successful }) => [operation, successful]),
    [[restore.metadata.uid, !goesBack.has(at)]],
  );
  const added = spec.mode === 'Merge' ? { new: now['new'] ?? '' } : {};
  assert.deepEqual(filesOf(root), goesBack.has(at) ? now : { ...then, ...added });
  const staging = join(node.config.system.data, '.restore', uuid);
  assert.deepEqual(existsSync(staging) ? readdirSync(staging) : [], []);

  const { status } = (await node.api.get(name)) ?? {};
  assert.equal(status?.claim, undefined);
  if (goesBack.has(at)) await node.running(name);
  else await node.api.powerAndFinish(name, 'start');
}

function assertEnd({ status }: Restore, back: boolean): void {
  assert.deepEqual(
    [status?.phase, status?.outcome?.reason],
    back ? ['Failed', 'DaemonRestarted'] : ['Completed', 'Completed'],
  );
  const conditions = status?.conditions?.map(({ type, status: value }) => `${type}=${value}`);
  assert.deepEqual(conditions, [back ? 'Failed=True' : 'Complete=True']);
}

/** A running server that was backed up, and whose world changed since. */
async function played(node: LiveNode): Promise<{ uuid: string; root: string; then: Record<string, string> }> {
  const uuid = await node.addRunning(name);
  const root = node.volume(uuid);
  mkdirSync(join(root, 'world/region'), { recursive: true });
  for (let n = 0; n < 20; n += 1) writeFileSync(join(root, `world/region/r.${n}.mca`), randomBytes(50_000));
  await backedUp(node.api, name, 'b');
  const then = filesOf(root);
  rmSync(join(root, 'world/region/r.3.mca'));
  for (let n = 10; n < 20; n += 1) writeFileSync(join(root, `world/region/r.${n}.mca`), randomBytes(60_000));
  writeFileSync(join(root, 'new'), 'new');
  return { uuid, root, then };
}

/** Without what the game writes about itself. */
function filesOf(root: string): Record<string, string> {
  const { starts: _starts, commands: _commands, ...rest } = treeOf(root);
  return rest;
}

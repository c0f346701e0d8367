// Restores by the real daemon on a real engine: files, processes, refusals, and what becomes of archives that are no good.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import type { RestoreSpec } from '../../src/resources/restore.ts';
import { needsDocker } from '../support/docker.ts';
import { game, LiveNode } from '../support/live-node.ts';
import type { ApiError, ServerInput } from '../support/node-client.ts';
import {
  backedUp,
  cancelOperation,
  createBackup,
  createRestore,
  restoreEnded,
  treeOf,
  untilPhase,
} from '../support/operations.ts';
import { fileOwner } from '../support/owner.ts';

const options = { skip: await needsDocker(), concurrency: 2, timeout: 120_000 };
const noReserve = { diskReserve: { percent: 0, mebibytes: 0 } };
const strategies = ['Staged', 'InPlace'] as const;

describe('restores on a live node', options, () => {
  const owner = fileOwner();
  let node: LiveNode;
  before(async () => {
    node = await LiveNode.make(owner, { aileron: noReserve });
    await node.start();
  });

  /** A server with a small world in its directory. */
  async function world(name: string, spec: ServerInput = {}, run = true): Promise<{ uuid: string; root: string }> {
    const uuid = run ? await node.addRunning(name, spec) : await node.add(name, spec);
    const root = node.volume(uuid);
    mkdirSync(join(root, 'world/region'), { recursive: true });
    mkdirSync(join(root, 'empty'));
    writeFileSync(join(root, 'world/level.dat'), 'level 1');
    writeFileSync(join(root, 'world/region/r.0.0.mca'), randomBytes(300_000));
    writeFileSync(join(root, 'server.sh'), '#!/bin/sh\n', { mode: 0o755 });
    symlinkSync('world/level.dat', join(root, 'level'));
    return { uuid, root };
  }

  function play(root: string): void {
    writeFileSync(join(root, 'world/level.dat'), 'level 99, and more of it');
    writeFileSync(join(root, 'world/new.dat'), 'new');
    rmSync(join(root, 'world/region'), { recursive: true });
    rmSync(join(root, 'level'));
    chmodSync(join(root, 'server.sh'), 0o600);
  }

  function leftovers(uuid: string): string[] {
    const staging = join(node.config.system.data, '.restore', uuid);
    return existsSync(staging) ? readdirSync(staging) : [];
  }

  for (const strategy of strategies) {
    test(`truncate, ${strategy}: what is there is what was there (backups 15.13)`, async () => {
      const name = `truncate-${strategy.toLowerCase()}`;
      const { uuid, root } = await world(name);
      await backedUp(node.api, name, `${name}-b`);
      const then = treeOf(root);
      play(root);
      await createRestore(node.api, name, `${name}-r`, { backup: `${name}-b`, mode: 'Truncate', strategy });
      const restore = await restoreEnded(node.api, `${name}-r`);
      assert.deepEqual([restore.status?.phase, restore.status?.strategy], ['Completed', strategy]);
      // The process wrote what it was told after the backup: that is gone too.
      assert.deepEqual(treeOf(root), then);
      assert.deepEqual(leftovers(uuid), []);
      const server = await node.api.get(name);
      assert.deepEqual(
        [server?.status?.state, server?.status?.claim, server?.status?.exit?.code],
        ['offline', undefined, 0],
      );
      await node.daemon.showsStates(uuid, ['stopping', 'offline'], { last: true });
      assert.deepEqual(
        node.daemon.completions(uuid).map(({ type, successful }) => [type, successful]),
        [
          ['create', true],
          ['restore', true],
        ],
      );
      await node.api.powerAndFinish(name, 'start');
      await node.running(name);
    });

    test(`merge, ${strategy}: what the backup does not have stays`, async () => {
      const name = `merge-${strategy.toLowerCase()}`;
      const { root } = await world(name, {}, false);
      await backedUp(node.api, name, `${name}-b`);
      const then = treeOf(root);
      play(root);
      await createRestore(node.api, name, `${name}-r`, { backup: `${name}-b`, strategy });
      await restoreEnded(node.api, `${name}-r`);
      const { 'world/new.dat': added, ...rest } = treeOf(root);
      assert.ok(added);
      assert.deepEqual(rest, then);
    });
  }

  test('only the paths that are asked for come back', async () => {
    const { root } = await world('paths', {}, false);
    await backedUp(node.api, 'paths', 'paths-b');
    play(root);
    await createRestore(node.api, 'paths', 'paths-r', { backup: 'paths-b', paths: ['world/region'] });
    await restoreEnded(node.api, 'paths-r');
    assert.ok(existsSync(join(root, 'world/region/r.0.0.mca')));
    assert.equal(readFileSync(join(root, 'world/level.dat'), 'utf8'), 'level 99, and more of it');
  });

  const damage: [what: string, spoil: (archive: string) => void, reason: RegExp][] = [
    ['missing', (archive) => rmSync(archive), /ArchiveMissing/],
    ['flipped', flip, /ChecksumMismatch|ArchiveDamaged/],
    ['cut', (archive) => truncateSync(archive, 1_000), /ArchiveDamaged/],
  ];
  for (const strategy of strategies) {
    for (const [what, spoil, reason] of damage) {
      test(`an archive that is ${what} changes nothing, ${strategy} (backups 15.10) (covers: SEC-102)`, async () => {
        const name = `${what}-${strategy.toLowerCase()}`;
        const { uuid, root } = await world(name);
        const backup = await backedUp(node.api, name, `${name}-b`);
        play(root);
        const now = treeOf(root);
        spoil(join(node.config.system.backupDirectory, uuid, `${backup.spec.uuid}.tar.gz`));
        await createRestore(node.api, name, `${name}-r`, { backup: `${name}-b`, mode: 'Truncate', strategy });
        const restore = await restoreEnded(node.api, `${name}-r`);
        assert.equal(restore.status?.phase, 'Failed');
        assert.match(restore.status?.outcome?.reason ?? '', reason);
        assert.deepEqual(treeOf(root), now);
        assert.deepEqual([(await node.api.get(name))?.status?.state, leftovers(uuid)], ['running', []]);
        assert.equal(node.starts(uuid), 1);
        assert.deepEqual(
          node.daemon.completions(uuid).map(({ successful }) => successful),
          [true, false],
        );
      });
    }

    test(`a backup that is over the disk limit changes nothing, ${strategy} (backups 15.10)`, async () => {
      const name = `limit-${strategy.toLowerCase()}`;
      const { uuid, root } = await world(name, { limits: { disk: 10 } });
      writeFileSync(join(root, 'big'), randomBytes(3 * 1_048_576));
      await backedUp(node.api, name, `${name}-b`);
      rmSync(join(root, 'big'));
      await node.api.patch(name, { spec: { limits: { disk: 2 } } });
      const now = treeOf(root);
      await createRestore(node.api, name, `${name}-r`, { backup: `${name}-b`, mode: 'Truncate', strategy });
      const restore = await restoreEnded(node.api, `${name}-r`);
      assert.deepEqual([restore.status?.phase, restore.status?.outcome?.reason], ['Failed', 'OverDiskLimit']);
      assert.deepEqual(treeOf(root), now);
      assert.deepEqual([(await node.api.get(name))?.status?.state, node.starts(uuid)], ['running', 1]);
    });
  }

  test('a cancel while the process ends has it started again, with its files (backups 15.14)', async () => {
    const { uuid, root } = await world('cancel', { invocation: game({ stopSeconds: 3 }) });
    await backedUp(node.api, 'cancel', 'cancel-b');
    play(root);
    await createRestore(node.api, 'cancel', 'cancel-r', { backup: 'cancel-b', mode: 'Truncate' });
    await node.api.untilState('cancel', 'stopping');
    await cancelOperation(node.api, 'restores', 'cancel-r');
    const restore = await restoreEnded(node.api, 'cancel-r');
    assert.equal(restore.status?.phase, 'Cancelled');
    await node.running('cancel');
    assert.equal(node.starts(uuid), 2);
    assert.equal(readFileSync(join(root, 'world/level.dat'), 'utf8'), 'level 99, and more of it');
    assert.deepEqual(leftovers(uuid), []);
  });

  test('while a restore has the server, others are refused and starts too (backups 15.13) (backups 15.14)', async () => {
    await world('busy', { invocation: game({ stopSeconds: 3 }) });
    await backedUp(node.api, 'busy', 'busy-b');
    const spec: Partial<RestoreSpec> & { backup: string } = { backup: 'busy-b', mode: 'Truncate' };
    await createRestore(node.api, 'busy', 'busy-r', spec);
    await node.api.untilState('busy', 'stopping');
    const refused = async (attempt: Promise<unknown>): Promise<string> => {
      const error = (await attempt.then(
        () => assert.fail('it was taken'),
        (reason: ApiError) => reason,
      )) as ApiError;
      return `${error.code} ${String(error.status['message']).replace(/^.*": /, '')}`;
    };
    const running = '409 A restore operation is already running for this server';
    assert.equal(await refused(createRestore(node.api, 'busy', 'busy-r2', spec)), running);
    assert.equal(await refused(createBackup(node.api, 'busy', 'busy-b2')), running);
    assert.equal(await refused(node.api.power('busy', 'start')), '409 server is currently being restored');
    await restoreEnded(node.api, 'busy-r');
    await node.api.powerAndFinish('busy', 'start');
  });

  test('a suspension that comes during a restore stays (covers: SEC-100)', async () => {
    const { uuid } = await world('suspended', { invocation: game({ stopSeconds: 2 }) });
    await backedUp(node.api, 'suspended', 'suspended-b');
    await createRestore(node.api, 'suspended', 'suspended-r', { backup: 'suspended-b' });
    await untilPhase(node.api, 'restores', 'suspended-r', ['Stopping', 'Committing', 'Completed']);
    await node.api.patch('suspended', { spec: { suspended: true } });
    const restore = await restoreEnded(node.api, 'suspended-r');
    assert.equal(restore.status?.phase, 'Completed');
    assert.equal((await node.api.get('suspended'))?.spec.suspended, true);
    await assert.rejects(node.api.power('suspended', 'start'), /suspended/);
    assert.equal(node.starts(uuid), 1);
  });

  test('a server that is deleted during a restore takes it along (backups 15.14)', async () => {
    const { uuid } = await world('leaving', { invocation: game({ stopSeconds: 4 }), reclaimPolicy: 'Delete' });
    await backedUp(node.api, 'leaving', 'leaving-b');
    await createRestore(node.api, 'leaving', 'leaving-r', { backup: 'leaving-b' });
    await node.api.untilState('leaving', 'stopping');
    await node.api.delete('leaving');
    const restore = await restoreEnded(node.api, 'leaving-r');
    assert.equal(restore.status?.phase, 'Cancelled');
    await node.api.untilGone('leaving');
    assert.deepEqual([existsSync(node.volume(uuid)), leftovers(uuid)], [false, []]);
  });
});

/** One bit in the middle. */
function flip(archive: string): void {
  const bytes = readFileSync(archive);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 0x10;
  writeFileSync(archive, bytes);
}

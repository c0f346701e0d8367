// Backups of a real node, from the object to the archive on disk.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { BackupNode, jobsOf } from '../support/backup-node.ts';
import { needsDocker } from '../support/docker.ts';
import { ApiError } from '../support/node-client.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 120_000 };
const slow = { backups: { writeLimit: 2_000_000 }, bytes: 20_000_000 };

test('a Backup becomes an archive that GNU tar reads, with the facts in its status', options, async (t) => {
  const bench = await BackupNode.make(t);
  writeFileSync(join(bench.node.volume(bench.uuid), '.pelicanignore'), '*.log\n');
  await bench.create('b1');
  const backup = await bench.untilPhase('b1', 'Completed');
  assert.deepEqual(bench.listed(backup), ['.pelicanignore', 'server.properties', 'world/level.dat']);
  const content = readFileSync(bench.archiveOf(backup));
  const { archive, progress, conditions } = backup.status ?? {};
  assert.equal(archive?.checksum, createHash('sha1').update(content).digest('hex'));
  assert.equal(archive?.size, content.length);
  assert.equal(archive?.entries, 3);
  assert.ok(archive?.verifiedAt);
  assert.equal(progress?.percentage, 100);
  assert.equal(conditions?.find(({ type }) => type === 'Complete')?.status, 'True');
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
  assert.deepEqual([mode(bench.archiveOf(backup)), mode(dirname(bench.archiveOf(backup)))], ['600', '700']);
  assert.equal(bench.files().length, 2);
  const [completion] = bench.completions();
  assert.equal(completion?.successful, true);
  assert.equal(completion?.checksum, archive?.checksum);
  assert.equal((await bench.node.api.get('demo'))?.status?.claim, undefined);

  await bench.patch('b1', { verify: 'now' });
  const verified = await bench.until('b1', 'it is verified', ({ status }) => status?.verification?.result === 'Passed');
  assert.equal(verified.status?.verification?.request, 'now');
  writeFileSync(bench.archiveOf(backup), Buffer.concat([content.subarray(0, 100), Buffer.alloc(content.length - 100)]));
  await bench.patch('b1', { verify: 'again' });
  await bench.until('b1', 'the fault is found', ({ status }) => status?.verification?.result === 'Failed');

  await bench.delete('b1');
  await bench.untilGone('b1');
  assert.deepEqual(bench.files(), []);
  assert.equal(bench.completions().length, 1);
});

test(
  'a backup at work can be watched, cancelled and deleted, and leaves nothing (backups 15.14)',
  options,
  async (t) => {
    const bench = await BackupNode.make(t, slow);
    for (const [name, end] of [
      ['cancelled', 'cancel'],
      ['deleted', 'delete'],
    ] as const) {
      await bench.create(name);
      await bench.until(name, 'it moves', ({ status }) => (status?.progress?.percentage ?? 0) > 10);
      assert.equal(bench.files().filter((file) => file.endsWith('.partial')).length, 1);
      if (end === 'cancel') {
        await bench.patch(name, { cancel: true });
        const { status } = await bench.untilPhase(name, 'Cancelled');
        assert.equal(status?.outcome?.message, 'The backup was cancelled.');
      } else {
        await bench.delete(name);
        await bench.untilGone(name);
      }
      assert.deepEqual(bench.files(), []);
    }
    assert.deepEqual(
      bench.completions().map(({ successful }) => successful),
      [false, false],
    );
    assert.deepEqual(jobsOf(bench.node.daemon.pid), []);
  },
);

test('a job that is killed fails its backup and nothing else', options, async (t) => {
  const bench = await BackupNode.make(t, slow);
  await bench.create('b1');
  const [job] = await until('its job runs', 20_000, async () => {
    const jobs = jobsOf(bench.node.daemon.pid);
    return bench.files().length > 0 && jobs.length > 0 && jobs;
  });
  process.kill(job ?? 0, 'SIGKILL');
  const { status } = await bench.untilPhase('b1', 'Failed');
  assert.equal(status?.outcome?.reason, 'JobCrashed');
  assert.deepEqual(bench.files(), []);
  rmSync(join(bench.node.volume(bench.uuid), 'world'), { recursive: true });
  await bench.create('b2');
  await bench.untilPhase('b2', 'Completed');
});

test(
  'a server that is deleted takes its backups along, also those at work and those that are locked (backups 15.17)',
  options,
  async (t) => {
    const bench = await BackupNode.make(t, { backups: { writeLimit: 0 }, bytes: 100_000 });
    await bench.create('locked', { locked: true });
    await bench.untilPhase('locked', 'Completed');
    await assert.rejects(bench.delete('locked'), (error) => error instanceof ApiError && error.code === 403);
    await bench.node.api.patch('demo', { spec: { reclaimPolicy: 'Delete' } });
    await bench.create('b2');
    await bench.node.api.delete('demo');
    await bench.node.api.untilGone('demo');
    await bench.untilGone('locked');
    await bench.untilGone('b2');
    assert.deepEqual(bench.files(), []);
  },
);

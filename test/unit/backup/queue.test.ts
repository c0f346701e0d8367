// Contract backups §10: what waits for what, and what happens to those who wait.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Restore } from '../../../src/resources/restore.ts';
import { releaseClaim, takeClaim } from '../../../src/runtime/claims.ts';
import { BackupBench, backupUuids, otherServer } from '../../support/backup-bench.ts';

const ref = (server: string, uuid: string) => ({ serverRef: { name: server, uuid } });
const cancel = (bench: BackupBench, name: string) => bench.store.patch('Backup', name, { spec: { cancel: true } });
const started = (bench: BackupBench) =>
  bench.runner.creates().map(({ plan }) => backupUuids.indexOf(plan.backup as never));

describe('backups of one server', () => {
  test('are made one after the other, in the order in which they came (backups 15.14) (covers: SEC-101)', async (t) => {
    const bench = new BackupBench(t);
    await bench.addServer();
    // Names against the order of creation.
    for (const [name, n] of [
      ['z', 0],
      ['m', 1],
      ['a', 2],
    ] as const) {
      await bench.add(name, n);
      bench.clock.jumpWall(1_000);
    }
    await bench.add('b', 3);
    await bench.add('c', 4);
    await bench.start();
    for (let n = 0; n < 5; n += 1) {
      await bench.job(n);
      await bench.quiet();
      assert.equal(bench.runner.running.length, 1);
      assert.deepEqual(bench.story(n), ['queued 0', 'archive 0']);
      (await bench.job(n)).finish();
    }
    assert.deepEqual(started(bench), [0, 1, 2, 3, 4]);
    await bench.untilPhase('c', 'Completed');
    assert.equal(bench.completions().length, 5);
  });

  test('one that an earlier one overtakes gives the place up that was set aside for it (backups 15.14)', async (t) => {
    const bench = new BackupBench(t);
    bench.config.system.backups.maxConcurrent = 1;
    await bench.addServer();
    await bench.addServer({ metadata: { name: 'other' }, spec: { uuid: otherServer } });
    await bench.start();
    await bench.add('x', 0, ref('other', otherServer));
    await bench.job(0);
    // Created in one second, the names against the order in which they ask for the place.
    await bench.add('b', 1);
    await bench.quiet();
    await bench.add('a', 2);
    await bench.quiet();
    for (let n = 0; n < 3; n += 1) (await bench.job(n)).finish();
    await bench.untilPhase('b', 'Completed');
    assert.deepEqual(started(bench), [0, 2, 1]);
  });

  test('fifty at once are all made, never two at a time (covers: SEC-101)', async (t) => {
    const bench = new BackupBench(t);
    await bench.addServer();
    await bench.start();
    const uuids = Array.from({ length: 50 }, (_, n) => `47363ce7-d70a-430e-8e75-6dc87c8d${String(n).padStart(4, '0')}`);
    await Promise.all(uuids.map((uuid, n) => bench.add(`b${n}`, 0, { uuid })));
    for (let n = 0; n < 50; n += 1) {
      const job = await bench.job(n);
      assert.equal(bench.runner.running.length, 1);
      job.finish();
    }
    await bench.until('all have ended', async () => bench.completions().length === 50);
    assert.equal(new Set(bench.completions().map(({ backupId }) => backupId)).size, 50);
  });

  test('do not hold up those of another server, up to the limit of the node (backups 15.14)', async (t) => {
    const bench = new BackupBench(t);
    bench.config.system.backups.maxConcurrent = 2;
    const servers = ['one', 'two', 'three'].map((name, n) => ({ name, uuid: otherServer.replace('a', String(n)) }));
    await bench.start();
    for (const [n, { name, uuid }] of servers.entries()) {
      await bench.addServer({ name, spec: { uuid } });
      await bench.add(`b-${name}`, n, ref(name, uuid));
      await bench.quiet();
    }
    assert.deepEqual(started(bench), [0, 1]);
    assert.deepEqual(bench.story(2), ['queued 0']);
    assert.equal((await bench.server('three'))?.status?.claim, undefined, 'who waits holds no server');
    (await bench.job(1)).finish();
    await bench.job(2);
    assert.deepEqual(started(bench), [0, 1, 2]);
  });

  test('one that is cancelled in the queue ends there and lets the next one by (backups 15.14)', async (t) => {
    const bench = new BackupBench(t);
    await bench.archiving();
    await bench.add('b2', 1);
    await bench.add('b3', 2);
    await bench.untilPhase('b3', 'Pending');
    await cancel(bench, 'b2');
    const { status } = await bench.untilPhase('b2', 'Cancelled');
    assert.equal(status?.outcome?.message, 'The backup was cancelled.');
    assert.deepEqual(bench.story(1), ['queued 0', 'queued -1', 'completion false']);
    (await bench.job()).finish();
    await bench.job(1);
    assert.deepEqual(started(bench), [0, 2]);
  });

  test('one that waits for a place leaves none behind when it is cancelled', async (t) => {
    const bench = new BackupBench(t);
    bench.config.system.backups.maxConcurrent = 1;
    await bench.archiving();
    await bench.addServer({ name: 'other', spec: { uuid: otherServer } });
    await bench.add('b2', 1, ref('other', otherServer));
    await bench.quiet();
    assert.equal(bench.slots.waiting, 1);
    await cancel(bench, 'b2');
    await bench.untilPhase('b2', 'Cancelled');
    (await bench.job()).finish();
    await bench.untilPhase('b1', 'Completed');
    assert.deepEqual([bench.slots.running, bench.slots.waiting], [0, 0]);
  });

  test('wait as long as a restore has the server (backups 15.14)', async (t) => {
    const bench = new BackupBench(t);
    await bench.addServer();
    await bench.start();
    const metadata = { name: 'r1' };
    const restore = await bench.store.create<Restore>({
      apiVersion: 'aileron.dev/v1',
      kind: 'Restore',
      metadata,
      spec: {},
    });
    const { uid } = restore.metadata;
    assert.equal((await takeClaim(bench, 'demo', { kind: 'Restore', name: 'r1', uid })).taken, true);
    await bench.add('b1');
    await bench.quiet();
    assert.equal((await bench.backup())?.status?.phase, 'Pending');
    assert.equal(bench.slots.running, 0, 'who waits for a server keeps no place');
    await releaseClaim(bench.store, 'demo', uid);
    await bench.job();
  });

  test('find a claim free whose holder is at its end', async (t) => {
    const bench = new BackupBench(t);
    await bench.addServer({
      status: { claim: { kind: 'Restore', name: 'gone', uid: 'uid-x', since: '2026-01-01T00:00:00Z' } },
    });
    await bench.start();
    await bench.add('b1');
    await bench.job();
    assert.equal((await bench.server())?.status?.claim?.name, 'b1');
  });
});

describe('a backup that is called off', () => {
  test('while it is archived leaves nothing on disk (backups 15.14)', async (t) => {
    const bench = new BackupBench(t);
    await bench.archiving();
    (await bench.job()).progress(300, 1000);
    await bench.pass(300);
    await cancel(bench, 'b1');
    const { status } = await bench.untilPhase('b1', 'Cancelled');
    assert.deepEqual(bench.files(), []);
    assert.deepEqual(bench.story(), [
      'queued 0',
      'archive 0',
      'archive 30',
      'finalize 30',
      'finalize -1',
      'completion false',
    ]);
    assert.deepEqual(status?.progress, { percentage: -1, bytesWritten: 300, bytesTotal: 1000 });
    assert.equal((await bench.server())?.status?.claim, undefined);
    assert.equal(bench.slots.running, 0);
  });

  test('when its archive has just got its name leaves nothing either', async (t) => {
    const bench = new BackupBench(t);
    await bench.archiving();
    const job = await bench.job();
    job.write();
    await cancel(bench, 'b1');
    await bench.untilPhase('b1', 'Cancelled');
    assert.deepEqual(bench.files(), []);
  });

  test('when its outcome is decided is not called off any more', async (t) => {
    const gate = Promise.withResolvers<void>();
    const bench = new BackupBench(t, {
      checkpoint: (name) => (name === 'backup:outcome-recorded' ? gate.promise : Promise.resolve()),
    });
    await bench.archiving();
    (await bench.job()).finish();
    await bench.untilPhase('b1', 'Finalizing');
    await cancel(bench, 'b1');
    gate.resolve();
    await bench.untilPhase('b1', 'Completed');
    assert.deepEqual(bench.story().slice(-2), ['finalize 100', 'completion true']);
    assert.equal(bench.completions().length, 1);
  });

  test('by deletion ends like a cancelled one, once, and then it is gone (backups 15.14) (covers: SEC-101)', async (t) => {
    for (const phase of ['Pending', 'Archiving'] as const) {
      const bench = new BackupBench(t);
      if (phase === 'Pending') bench.config.system.backups.maxConcurrent = 1;
      await bench.archiving();
      if (phase === 'Pending') {
        await bench.add('b2', 1);
        await bench.untilPhase('b2', 'Pending');
      }
      const [name, n] = phase === 'Pending' ? (['b2', 1] as const) : (['b1', 0] as const);
      await bench.store.delete('Backup', name);
      await bench.untilGone(name);
      assert.deepEqual(bench.story(n).slice(-1), ['completion false']);
      assert.equal(bench.completions().length, 1);
      assert.deepEqual(
        bench.files().filter((file) => file.includes(backupUuids[n])),
        [],
      );
      assert.ok(bench.events.includes('Deleted: The backup was deleted before it had ended.'));
      await bench.stop();
    }
  });

  test('by force, its finalizers taken away, ends for those who watch', async (t) => {
    const bench = new BackupBench(t);
    await bench.archiving();
    await bench.store.patch('Backup', 'b1', { metadata: { finalizers: null } });
    await bench.store.delete('Backup', 'b1');
    await bench.until('it ends', async () => bench.completions().length === 1);
    await bench.until('its job has ended', async () => bench.runner.running.length === 0);
    assert.equal(bench.completions()[0]?.successful, false);
    assert.equal(bench.slots.running, 0);
    await bench.add('b2', 1);
    await bench.job(1);
  });
});

describe('the end of a server', () => {
  test('cancels its backups, the one at work and those in the queue (backups 15.17)', async (t) => {
    const bench = new BackupBench(t);
    await bench.archiving();
    await bench.add('b2', 1);
    await bench.untilPhase('b2', 'Pending');
    await bench.store.delete('Server', 'demo');
    for (const name of ['b1', 'b2']) {
      const { status } = await bench.untilPhase(name, 'Cancelled');
      assert.equal(status?.outcome?.reason, 'ServerDeleted');
      assert.equal(status?.outcome?.message, 'The server was deleted before the backup had ended.');
    }
    assert.deepEqual(bench.files(), []);
    assert.equal(bench.completions().length, 2);
  });

  test('takes its backups along, locked or not, and nobody else’s (backups 15.17)', async (t) => {
    const bench = new BackupBench(t);
    await bench.completed();
    await bench.store.patch('Backup', 'b1', { spec: { locked: true } });
    await bench.addServer({ name: 'other', spec: { uuid: otherServer } });
    await bench.add('b2', 1, ref('other', otherServer));
    (await bench.job(1)).finish();
    await bench.untilPhase('b2', 'Completed');
    await bench.add('b3', 2);
    await bench.job(2);
    const [server] = bench.files()[0]?.split('/') ?? [];
    assert.ok(server);
    await bench.store.delete('Server', 'demo');
    await bench.controller.removeOf((await bench.server())?.spec.uuid ?? '', new AbortController().signal);
    await bench.untilGone('b1');
    await bench.untilGone('b3');
    await bench.quiet();
    assert.ok(bench.files().every((file) => file.startsWith(otherServer)));
    assert.equal(bench.files().length, 2);
    assert.ok(await bench.backup('b2'));
  });
});

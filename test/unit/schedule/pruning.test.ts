// What a schedule deletes: what its rules leave over, what has to make room, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backup } from '../../../src/resources/backup.ts';
import { mutateStatus } from '../../../src/runtime/status.ts';
import { writeContext } from '../../support/an-admission.ts';
import { settle } from '../../support/fake-clock.ts';
import { ScheduleBench } from '../../support/schedule-bench.ts';

/** Runs the hours from 1 to `last`, each to its end. */
async function hours(bench: ScheduleBench, last: number, first = 1): Promise<void> {
  for (let hour = first; hour <= last; hour += 1) {
    await bench.until(`2026-01-01T${String(hour).padStart(2, '0')}:00:30Z`);
    await bench.work();
  }
}

const at = (hour: number, server = 'lobby') => `nightly-${server}-20260101${String(hour).padStart(2, '0')}00`;

test('with each backup that is whole the oldest goes, for each server, and it is told', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('lobby');
  await bench.server('arena');
  await bench.schedule({ cron: '@hourly', keep: { last: 2 }, template: { serverSelector: {} } });
  await bench.start(t);
  await hours(bench, 4);
  assert.deepEqual(await bench.names(), [at(3, 'arena'), at(4, 'arena'), at(3), at(4)]);
  assert.equal((await bench.status()).kept, 4);
  const told = bench.told.filter((line) => line.includes('BackupPruned'));
  assert.ok(
    told.includes(
      `Normal BackupPruned: deleted the backup ${at(1)} of the server lobby: no keep rule wants it any more`,
    ),
  );
  assert.equal(told.length, 4);
});

test('a backup that fails takes the place of none, and of those that failed three stay', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('lobby');
  await bench.schedule({ cron: '@hourly', keep: { last: 1 } });
  await bench.start(t);
  await hours(bench, 1);
  for (let hour = 2; hour <= 6; hour += 1) {
    await bench.until(`2026-01-01T0${hour}:00:30Z`);
    await bench.finish(at(hour), hour % 2 === 0 ? 'Failed' : 'Cancelled');
  }
  assert.deepEqual(await bench.names(), [at(1), at(4), at(5), at(6)]);
});

test('never: what is locked, what the schedule did not make, what is being read, what has not ended', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('lobby');
  await bench.admission.create(
    'Backup',
    { metadata: { name: 'mine' }, spec: { serverRef: { name: 'lobby' } } },
    writeContext(),
  );
  await bench.finish('mine');
  await bench.schedule({ cron: '@hourly', keep: { last: 1 }, concurrencyPolicy: 'Allow' });
  await bench.start(t);
  await hours(bench, 1);
  await bench.admission.patch('Backup', at(1), { spec: { locked: true } }, writeContext());
  await hours(bench, 2, 2);
  const spec = { serverRef: { name: 'lobby' }, backupRef: { name: at(2) } };
  const restore = await bench.admission.create('Restore', { metadata: { name: 'r' }, spec }, writeContext());
  // Made by hand and given to the schedule, as nothing else begins beside a restore.
  const label = { 'aileron.dev/schedule': 'nightly' };
  await bench.store.create({
    apiVersion: 'aileron.dev/v1',
    kind: 'Backup',
    metadata: { name: 'given', labels: label },
    spec: {
      serverRef: { name: 'lobby', uuid: (restore.spec as { serverRef: { uuid: string } }).serverRef.uuid },
      locked: false,
    },
  });
  await bench.finish('given');
  assert.deepEqual(await bench.names(), ['given', 'mine', at(1), at(2)]);
  await bench.store.updateStatus({ ...restore, status: { phase: 'Completed' } });
  await bench.clock.advance(60_000);
  assert.deepEqual(await bench.names(), ['given', 'mine', at(1)]);
});

test('a lock that the cache has not seen yet holds', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('lobby');
  await bench.schedule({ cron: '@hourly', keep: { last: 1 } });
  await bench.start(t);
  await hours(bench, 1);
  await bench.until('2026-01-01T02:00:30Z');
  const { list } = bench.store;
  bench.store.list = async (kind, options) => {
    const listed = await list.call(bench.store, kind, options);
    bench.store.list = list;
    if (kind === 'Backup') await bench.store.patch('Backup', at(1), { spec: { locked: true } });
    return listed as never;
  };
  await bench.work();
  assert.deepEqual(await bench.names(), [at(1), at(2)]);
});

test('age alone takes a backup, without a run, but not the newest', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('lobby');
  await bench.schedule({ cron: '@hourly', keep: { maxAge: '2h' } });
  await bench.start(t);
  await hours(bench, 2);
  await bench.change({ cron: '@yearly' });
  await bench.until('2026-01-01T03:02:00Z');
  assert.deepEqual(await bench.names(), [at(2)]);
  await bench.until('2026-01-01T12:00:00Z');
  assert.deepEqual(await bench.names(), [at(2)]);
});

test('where the server may have no more, the oldest unlocked one of the schedule makes room', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('lobby', { backupLimit: 3 });
  await bench.admission.create(
    'Backup',
    { metadata: { name: 'mine' }, spec: { serverRef: { name: 'lobby' } } },
    writeContext(),
  );
  await bench.finish('mine');
  await bench.schedule({ cron: '@hourly' });
  await bench.start(t);
  await hours(bench, 1);
  await bench.admission.patch('Backup', at(1), { spec: { locked: true } }, writeContext());
  await hours(bench, 3, 2);
  assert.deepEqual(await bench.names(), ['mine', at(1), at(3)]);
  assert.ok(
    bench.told.includes(
      `Normal MadeRoom: deleted the backup ${at(2)} of the server lobby to make room, as it may have 3`,
    ),
  );
});

test('with nothing to give up the run is left out', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('lobby', { backupLimit: 1 });
  await bench.admission.create(
    'Backup',
    { metadata: { name: 'mine' }, spec: { serverRef: { name: 'lobby' } } },
    writeContext(),
  );
  await bench.schedule({ cron: '@hourly' });
  await bench.start(t);
  await bench.until('2026-01-01T01:00:00Z');
  assert.deepEqual(await bench.names(), ['mine']);
  assert.equal(await bench.condition('LastRun'), 'False LimitReached');
});

test('a limit that was lowered below what is there takes no backup', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('lobby');
  await bench.schedule({ cron: '@hourly' });
  await bench.start(t);
  await hours(bench, 3);
  await bench.admission.patch('Server', 'lobby', { spec: { backupLimit: 1 } }, writeContext());
  await bench.until('2026-01-01T04:00:00Z');
  assert.deepEqual(await bench.names(), [at(1), at(2), at(3)]);
  assert.equal(await bench.condition('LastRun'), 'False LimitReached');
});

test('a crash after room was made takes no second one', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('lobby', { backupLimit: 2 });
  await bench.schedule({ cron: '@hourly' });
  let crash = false;
  await bench.start(t, async (name) => {
    if (crash && name === 'schedule:room-made') throw new Error('the power is gone');
  });
  await hours(bench, 2);
  crash = true;
  await bench.until('2026-01-01T03:00:00Z');
  await bench.stop();
  await bench.start(t);
  await settle();
  assert.deepEqual(await bench.names(), [at(2), at(3)]);
});

test('a backup that was found damaged takes no place from one that can be restored', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('lobby');
  await bench.schedule({ cron: '@hourly', keep: { last: 1 } });
  await bench.start(t);
  await hours(bench, 1);
  await bench.until('2026-01-01T02:00:30Z');
  await mutateStatus<Backup>(bench.store, 'Backup', at(2), (status) => {
    Object.assign(status, { verification: { request: '1', result: 'Failed' } });
  });
  await bench.work();
  assert.deepEqual(await bench.names(), [at(1), at(2)]);
});

// When a schedule makes backups, of which servers, and how it says so.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Backup } from '../../../src/resources/backup.ts';
import { writeContext } from '../../support/an-admission.ts';
import { settle } from '../../support/fake-clock.ts';
import { day, hour, minute, ScheduleBench } from '../../support/schedule-bench.ts';

test('a backup is made when the cron line says so, stamped with whose it is', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('lobby');
  await bench.schedule({ template: { serverRef: { name: 'lobby' }, ignore: '*.log', format: 'zstd', locked: true } });
  await bench.start(t);
  assert.equal((await bench.status()).nextScheduleTime, '2026-01-01T04:00:00Z');
  await bench.until('2026-01-01T03:59:59Z');
  assert.deepEqual(await bench.names(), []);
  await bench.until('2026-01-01T04:00:00Z');
  const [backup] = await bench.backups();
  assert.equal(backup?.metadata.name, 'nightly-lobby-202601010400');
  assert.deepEqual(backup?.metadata.labels, { 'aileron.dev/schedule': 'nightly' });
  assert.deepEqual(backup?.spec.owner, { kind: 'User', ref: 'schedule/nightly' });
  const { ignore, format, locked, serverRef } = backup?.spec ?? {};
  assert.deepEqual([ignore, format, locked, serverRef?.name], ['*.log', 'zstd', true, 'lobby']);
  assert.deepEqual(bench.told, [
    'Normal BackupMade: made the backup nightly-lobby-202601010400 of the server lobby, for the run of 2026-01-01 04:00 UTC',
  ]);
});

test('status says when it ran and runs, what is under way, what is kept and what was good', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('lobby');
  await bench.schedule();
  await bench.start(t);
  await bench.until('2026-01-01T04:00:01Z');
  const name = 'nightly-lobby-202601010400';
  const { conditions: _, ...running } = await bench.status();
  assert.deepEqual(running, {
    observedGeneration: 1,
    lastScheduleTime: '2026-01-01T04:00:00Z',
    nextScheduleTime: '2026-01-02T04:00:00Z',
    active: [name],
    kept: 0,
  });
  assert.equal(await bench.condition('Ready'), 'True Scheduled');
  assert.equal(await bench.condition('LastRun'), 'True Started');
  await bench.until('2026-01-01T04:10:00Z');
  await bench.finish(name);
  const { active, kept, lastSuccessfulTime } = await bench.status();
  assert.deepEqual([active, kept, lastSuccessfulTime], [[], 1, '2026-01-01T04:10:00Z']);
});

test('a schedule of another node is that node’s to follow (covers: SEC-27)', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('lobby');
  await bench.schedule();
  await bench.store.patch('Schedule', 'nightly', { spec: { nodeName: 'node-2' } });
  await bench.start(t);
  await bench.until('2026-01-03T00:00:00Z');
  assert.deepEqual([await bench.names(), await bench.status()], [[], {}]);
});

test('nothing is written while nothing happens', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('lobby');
  await bench.schedule();
  await bench.start(t);
  await bench.until('2026-01-01T00:01:00Z');
  const before = await bench.store.list('Schedule');
  await bench.until('2026-01-01T03:00:00Z');
  assert.deepEqual(await bench.store.list('Schedule'), before);
});

describe('servers by labels', () => {
  test('each that has them all gets a backup, and none that is being deleted', async (t) => {
    const bench = new ScheduleBench();
    await bench.server('a', { labels: { game: 'x', tier: 'gold' } });
    await bench.server('b', { labels: { game: 'x', tier: 'gold' } });
    await bench.server('c', { labels: { game: 'x' } });
    await bench.server('d', { labels: { game: 'x', tier: 'gold' } });
    await bench.admission.delete('Server', 'd', {}, writeContext());
    await bench.schedule({ template: { serverSelector: { matchLabels: { game: 'x', tier: 'gold' } } } });
    await bench.start(t);
    await bench.until('2026-01-01T04:00:00Z');
    assert.deepEqual(await bench.names(), ['nightly-a-202601010400', 'nightly-b-202601010400']);
    assert.equal(await bench.condition('LastRun'), 'True Started');
  });

  test('no labels are every server', async (t) => {
    const bench = new ScheduleBench();
    await bench.server('a');
    await bench.server('b', { labels: { game: 'x' } });
    await bench.schedule({ template: { serverSelector: {} } });
    await bench.start(t);
    await bench.until('2026-01-01T04:00:00Z');
    assert.equal((await bench.names()).length, 2);
  });

  test('none has them: it is said', async (t) => {
    const bench = new ScheduleBench();
    await bench.schedule({ template: { serverSelector: { matchLabels: { game: 'x' } } } });
    await bench.start(t);
    await bench.until('2026-01-01T04:00:00Z');
    assert.equal(await bench.condition('LastRun'), 'False NoServer');
  });
});

test('a server that is not there is left out and told, and backed up once it is there', async (t) => {
  const bench = new ScheduleBench();
  await bench.schedule();
  await bench.start(t);
  await bench.until('2026-01-01T04:00:00Z');
  assert.equal(await bench.condition('LastRun'), 'False ServerMissing');
  assert.deepEqual(bench.told, ['Warning RunLeftOut: there is no server lobby']);
  await bench.server('lobby');
  await bench.until('2026-01-02T04:00:00Z');
  assert.deepEqual(await bench.names(), ['nightly-lobby-202601020400']);
  assert.equal(await bench.condition('LastRun'), 'True Started');
});

describe('suspended', () => {
  test('it makes nothing, and what was missed by then is not made up for', async (t) => {
    const bench = new ScheduleBench();
    await bench.server('lobby');
    await bench.schedule({ suspend: true });
    await bench.start(t);
    await bench.until('2026-01-01T12:00:00Z');
    assert.equal((await bench.status()).nextScheduleTime, undefined);
    assert.equal(await bench.condition('Ready'), 'False Suspended');
    await bench.change({ suspend: false });
    await bench.until('2026-01-02T03:59:00Z');
    assert.deepEqual(await bench.names(), []);
    await bench.until('2026-01-02T04:00:00Z');
    assert.deepEqual(await bench.names(), ['nightly-lobby-202601020400']);
  });

  test('what runs goes on, and nothing is deleted', async (t) => {
    const bench = new ScheduleBench();
    await bench.server('lobby');
    await bench.schedule({ cron: '@hourly', keep: { last: 1 } });
    await bench.start(t);
    await bench.until('2026-01-01T01:00:00Z');
    await bench.work();
    await bench.until('2026-01-01T02:00:00Z');
    await bench.change({ suspend: true });
    await bench.work();
    assert.equal((await bench.names()).length, 2);
    assert.equal((await bench.status()).kept, 2);
  });
});

test('a new cron line starts nothing that lies behind', async (t) => {
  const bench = new ScheduleBench('2026-06-15T12:30:00Z');
  await bench.server('lobby');
  await bench.schedule({ cron: '@yearly' });
  await bench.start(t);
  await bench.change({ cron: '@hourly' });
  assert.deepEqual(await bench.names(), []);
  assert.equal((await bench.status()).nextScheduleTime, '2026-06-15T13:00:00Z');
  await bench.until('2026-06-15T13:00:00Z');
  assert.equal((await bench.names()).length, 1);
});

test('a run that was planned by an older cron line, and is none of the new one, is not made up for', async (t) => {
  const bench = new ScheduleBench('2026-06-15T00:00:00Z');
  await bench.server('lobby');
  await bench.schedule();
  await bench.start(t);
  await bench.stop();
  await bench.until('2026-06-15T05:00:00Z');
  await bench.change({ cron: '@yearly' });
  await bench.start(t);
  assert.deepEqual(await bench.names(), []);
  assert.equal((await bench.status()).nextScheduleTime, '2027-01-01T00:00:00Z');
});

describe('runs that were missed while the node was down', () => {
  const down = async (t: Parameters<ScheduleBench['start']>[0], spec: Record<string, unknown>, upAt: string) => {
    const bench = new ScheduleBench();
    await bench.server('lobby');
    await bench.schedule({ concurrencyPolicy: 'Allow', ...spec });
    await bench.start(t);
    await bench.until('2026-01-01T04:30:00Z');
    await bench.stop();
    await bench.until(upAt);
    await bench.start(t);
    return bench;
  };

  test('of several only the newest is made up for', async (t) => {
    const bench = await down(t, {}, '2026-01-08T11:00:00Z');
    assert.deepEqual(await bench.names(), ['nightly-lobby-202601010400', 'nightly-lobby-202601080400']);
    assert.equal((await bench.status()).lastScheduleTime, '2026-01-08T04:00:00Z');
    assert.equal((await bench.status()).nextScheduleTime, '2026-01-09T04:00:00Z');
  });

  test('within the deadline, to the second', async (t) => {
    const bench = await down(t, { startingDeadlineSeconds: 600 }, '2026-01-02T04:10:00Z');
    assert.equal((await bench.names()).length, 2);
  });

  test('not after it, which is told', async (t) => {
    const bench = await down(t, { startingDeadlineSeconds: 600 }, '2026-01-02T04:10:01Z');
    assert.equal((await bench.names()).length, 1);
    assert.equal(await bench.condition('LastRun'), 'False Missed');
    assert.equal(bench.told.at(-1), 'Warning RunMissed: the run of 2026-01-02 04:00 UTC is too late to be started');
    await bench.until('2026-01-03T04:00:00Z');
    assert.equal((await bench.names()).length, 2);
  });

  test('a schedule that was never looked at counts from its creation', async (t) => {
    const bench = new ScheduleBench();
    await bench.server('lobby');
    await bench.schedule();
    await bench.until('2026-01-01T06:00:00Z');
    await bench.start(t);
    assert.deepEqual(await bench.names(), ['nightly-lobby-202601010400']);
  });
});

test('a crash between the backup and the note of it doubles nothing', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('a');
  await bench.server('b');
  await bench.schedule({ template: { serverSelector: {} } });
  let crashes = 0;
  await bench.start(t, async (name) => {
    crashes += 1;
    if (name === 'schedule:backups-made') throw new Error('the power is gone');
  });
  await bench.until('2026-01-01T04:00:00Z');
  assert.ok(crashes > 0);
  await bench.stop();
  assert.equal((await bench.status()).lastScheduleTime, undefined);
  await bench.until('2026-01-01T05:00:00Z');
  await bench.start(t);
  assert.deepEqual(await bench.names(), ['nightly-a-202601010400', 'nightly-b-202601010400']);
  assert.equal((await bench.status()).lastScheduleTime, '2026-01-01T04:00:00Z');
  assert.equal(await bench.condition('LastRun'), 'True Started');
});

describe('a jump of the wall clock', () => {
  test('back makes no run twice', async (t) => {
    const bench = new ScheduleBench();
    await bench.server('lobby');
    await bench.schedule({ cron: '@hourly', concurrencyPolicy: 'Allow' });
    await bench.start(t);
    await bench.until('2026-01-01T02:00:30Z');
    bench.clock.jumpWall(-90 * minute);
    await bench.clock.advance(90 * minute);
    assert.deepEqual(await bench.names(), ['nightly-lobby-202601010100', 'nightly-lobby-202601010200']);
    await bench.until('2026-01-01T03:00:00Z');
    assert.equal((await bench.names()).length, 3);
  });

  test('forward makes one run, the newest', async (t) => {
    const bench = new ScheduleBench();
    await bench.server('lobby');
    await bench.schedule({ cron: '@hourly', concurrencyPolicy: 'Allow' });
    await bench.start(t);
    bench.clock.jumpWall(5 * hour + minute);
    await bench.clock.advance(minute);
    assert.deepEqual(await bench.names(), ['nightly-lobby-202601010500']);
  });

  test('by a year and back again leaves no year without backups', async (t) => {
    const bench = new ScheduleBench();
    await bench.server('lobby');
    await bench.schedule({ concurrencyPolicy: 'Allow' });
    await bench.start(t);
    bench.clock.jumpWall(365 * day);
    await bench.until('2027-01-01T05:00:00Z');
    bench.clock.jumpWall(-365 * day);
    await bench.clock.advance(day);
    const names = await bench.names();
    assert.ok(names.includes('nightly-lobby-202601020400'), String(names));
  });
});

describe('when the backup before has not ended', () => {
  const overlapping = async (t: Parameters<ScheduleBench['start']>[0], concurrencyPolicy: string) => {
    const bench = new ScheduleBench();
    await bench.server('lobby');
    await bench.server('arena');
    await bench.schedule({ cron: '@hourly', concurrencyPolicy, template: { serverSelector: {} } });
    await bench.start(t);
    await bench.until('2026-01-01T01:30:00Z');
    await bench.finish('nightly-arena-202601010100');
    await bench.until('2026-01-01T02:00:00Z');
    return bench;
  };
  const ofLobby = async (bench: ScheduleBench) => (await bench.names()).filter((name) => name.includes('lobby')).length;

  test('Forbid leaves this one out, for that server alone', async (t) => {
    const bench = await overlapping(t, 'Forbid');
    assert.equal(await ofLobby(bench), 1);
    assert.equal((await bench.names()).length, 3);
    assert.equal(await bench.condition('LastRun'), 'False StillRunning');
    assert.equal((await bench.status()).lastScheduleTime, '2026-01-01T02:00:00Z');
    await bench.finish('nightly-lobby-202601010100', 'Failed');
    assert.equal(await ofLobby(bench), 1, 'what was left out is not made up for');
    await bench.until('2026-01-01T03:00:00Z');
    assert.equal(await ofLobby(bench), 2);
  });

  test('Allow queues another', async (t) => {
    const bench = await overlapping(t, 'Allow');
    assert.equal(await ofLobby(bench), 2);
  });

  test('Replace cancels it', async (t) => {
    const bench = await overlapping(t, 'Replace');
    assert.equal(await ofLobby(bench), 2);
    const cancelled = (await bench.backups()).filter(({ spec }) => spec.cancel).map(({ metadata }) => metadata.name);
    assert.deepEqual(cancelled, ['nightly-lobby-202601010100']);
  });

  test('a backup that somebody else made does not count', async (t) => {
    const bench = new ScheduleBench();
    await bench.server('lobby');
    await bench.schedule();
    await bench.admission.create(
      'Backup',
      { metadata: { name: 'mine' }, spec: { serverRef: { name: 'lobby' } } },
      writeContext(),
    );
    await bench.start(t);
    await bench.until('2026-01-01T04:00:00Z');
    assert.deepEqual(await bench.names(), ['mine', 'nightly-lobby-202601010400']);
  });
});

test('a run waits for the end of a restore, and other servers do not wait with it', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('lobby');
  await bench.server('arena');
  await bench.schedule({ template: { serverSelector: {} } });
  await bench.admission.create(
    'Backup',
    { metadata: { name: 'mine' }, spec: { serverRef: { name: 'lobby' } } },
    writeContext(),
  );
  await bench.finish('mine');
  const spec = { serverRef: { name: 'lobby' }, backupRef: { name: 'mine' } };
  const restore = await bench.admission.create('Restore', { metadata: { name: 'r' }, spec }, writeContext());
  await bench.start(t);
  await bench.until('2026-01-01T04:05:00Z');
  assert.deepEqual(await bench.names(), ['mine', 'nightly-arena-202601010400']);
  assert.equal(await bench.condition('LastRun'), 'False ServerBusy');
  assert.equal((await bench.status()).lastScheduleTime, undefined);
  await bench.finish('nightly-arena-202601010400');
  await bench.store.updateStatus({ ...restore, status: { phase: 'Completed' } });
  await bench.until('2026-01-01T04:05:30Z');
  assert.deepEqual(await bench.names(), ['mine', 'nightly-arena-202601010400', 'nightly-lobby-202601010400']);
  assert.equal((await bench.status()).lastScheduleTime, '2026-01-01T04:00:00Z');
  assert.equal((await bench.status()).nextScheduleTime, '2026-01-02T04:00:00Z');
});

test('what was changed by hand in the store and cannot be read any more is said, and does no harm', async (t) => {
  const bench = new ScheduleBench();
  await bench.schedule();
  await bench.store.patch('Schedule', 'nightly', { spec: { timeZone: 'Mars/Olympus' } });
  await bench.start(t);
  assert.equal(await bench.condition('Ready'), 'False Invalid');
  await bench.change({ timeZone: 'UTC' });
  assert.equal(await bench.condition('Ready'), 'True Scheduled');
});

test('names that would be equal are told apart, and a long one is cut', async (t) => {
  const bench = new ScheduleBench();
  const long = 'x'.repeat(250);
  await bench.server('b-c');
  await bench.server('c');
  await bench.server(long);
  await bench.schedule({ template: { serverRef: { name: 'b-c' } } }, 'a');
  await bench.schedule({ template: { serverRef: { name: 'c' } } }, 'a-b');
  await bench.schedule({ template: { serverRef: { name: long } } }, 'long');
  await bench.start(t);
  await bench.until('2026-01-01T04:01:00Z');
  const names = await bench.names();
  assert.equal(names.length, 3);
  assert.equal(names[0], 'a-b-c-202601010400');
  assert.match(names[1] ?? '', /^a-b-c-[0-9a-f]{8}-202601010400$/);
  assert.match(names[2] ?? '', /^long-x{226}-[0-9a-f]{8}-202601010400$/);
  const labelled = (await bench.backups()).map(({ metadata, spec }: Backup) => [
    metadata.labels?.['aileron.dev/schedule'],
    spec.serverRef.name,
  ]);
  assert.deepEqual(labelled.toSorted().slice(0, 2), [
    ['a', 'b-c'],
    ['a-b', 'c'],
  ]);
  await bench.until('2026-01-01T04:02:00Z');
  assert.equal((await bench.names()).length, 3);
});

test('deleting a schedule leaves its backups', async (t) => {
  const bench = new ScheduleBench();
  await bench.server('lobby');
  await bench.schedule();
  await bench.start(t);
  await bench.until('2026-01-01T04:00:00Z');
  await bench.work();
  await bench.admission.delete('Schedule', 'nightly', {}, writeContext());
  await bench.clock.advance(day);
  await settle();
  assert.deepEqual(await bench.names(), ['nightly-lobby-202601010400']);
});

// A restore from its declaration to its end: which jobs it runs, what the store says meanwhile, and what those who watch
// hear. The data plane and the server's process are played.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { ArchiveError } from '../../../src/archive/runner.ts';
import { ObjectStoreError } from '../../../src/objectstore/object-store.ts';
import { Admission } from '../../../src/resources/admission.ts';
import { restoringText } from '../../../src/resources/power.ts';
import type { RestoreStatus } from '../../../src/resources/restore.ts';
import { takeClaim } from '../../../src/runtime/claims.ts';
import { writeContext } from '../../support/an-admission.ts';
import { anyUuid } from '../../support/builders.ts';
import { backupUuid, RestoreBench, restored } from '../../support/restore-controller-bench.ts';

const inPlace = { strategy: 'InPlace' } as const;

test('truncate swaps what was staged for what was there (backups 15.10)', async (t) => {
  const bench = new RestoreBench(t);
  await bench.prepare();
  await bench.start();
  await bench.add();
  const { status, metadata } = await bench.untilOver('Completed');
  assert.deepEqual(bench.kinds, ['stage', 'move-old', 'move-new', 'discard']);
  assert.deepEqual(
    status?.phases?.map(({ phase }) => phase),
    ['Pending', 'Extracting', 'Stopping', 'Committing', 'Finalizing'],
  );
  assert.deepEqual([status?.strategy, status?.result, status?.progress?.percentage], ['Staged', restored, 100]);
  assert.deepEqual(
    status?.conditions?.map(({ type, status: value, reason }) => [type, value, reason]),
    [['Complete', 'True', 'Completed']],
  );
  assert.match(status?.conditions?.[0]?.message ?? '', /^3 files, 1000 bytes, were restored from the backup "b1"\.$/);
  assert.equal(metadata.finalizers?.length, 1);
  const server = await bench.server();
  assert.deepEqual(
    [server?.status?.state, server?.status?.claim, server?.status?.operation],
    ['offline', undefined, undefined],
  );
  assert.equal(bench.slots.running, 0);
});

test('merge lays what was staged over what is there', async (t) => {
  const bench = new RestoreBench(t);
  await bench.prepare();
  await bench.start();
  await bench.add({ mode: 'Merge', paths: ['world'] });
  await bench.untilOver('Completed');
  assert.deepEqual(bench.kinds, ['stage', 'merge', 'discard']);
  const stage = bench.runner.jobs[0]?.plan;
  assert.deepEqual(stage?.kind === 'stage' && [stage.mode, stage.paths], ['merge', ['world']]);
});

test('in place everything is read before anything is written (backups 15.10)', async (t) => {
  const bench = new RestoreBench(t);
  await bench.prepare();
  await bench.start();
  await bench.add(inPlace);
  const { status } = await bench.untilOver('Completed');
  assert.deepEqual(bench.kinds, ['verify', 'in-place', 'discard']);
  assert.deepEqual(
    status?.phases?.map(({ phase }) => phase),
    ['Pending', 'Verifying', 'Stopping', 'Extracting', 'Finalizing'],
  );
  assert.equal(status?.result?.files, 3);
});

test('auto stages when there is room for both in whole blocks, with the reserve of the node kept', async (t) => {
  const reserve = 1e12 * 0.05;
  for (const [freeBytes, strategy] of [
    [reserve + 1050 + 3 * 4096, 'Staged'],
    [reserve + 1049 + 3 * 4096, 'InPlace'],
  ] as const) {
    const bench = new RestoreBench(t, { freeBytes });
    await bench.prepare();
    await bench.start();
    await bench.add();
    const { status } = await bench.untilOver('Completed');
    assert.equal(status?.strategy, strategy);
    await bench.stop();
  }
});

test('the plan knows the archive, its checksum, the disk limit and the reserve', async (t) => {
  const bench = new RestoreBench(t);
  await bench.prepare({ spec: { limits: { ...limits, disk: 7 } } });
  await bench.start();
  const { metadata } = await bench.add();
  await bench.untilOver('Completed');
  const plan = bench.runner.jobs[0]?.plan;
  assert.ok(plan?.kind === 'stage');
  assert.equal(plan.archive, bench.archivePath);
  assert.equal(plan.checksum?.length, 40);
  assert.deepEqual(plan.limits, { contentBytes: 7 * 1_048_576, entries: 1_000_000, reserveBytes: 50_000_000_000 });
  assert.ok(plan.staging.endsWith(`/.restore/3f1c9c9e-6c1c-4d39-8f0a-6f2f4f8c1d2e/${metadata.uid}`));
});

test('a process is stopped only when the archive was read to its end, and files are moved only when it has ended (backups 15.13)', async (t) => {
  const bench = new RestoreBench(t);
  bench.stopsAtOnce = false;
  bench.held = new Set(['stage']);
  await bench.prepare();
  await bench.start();
  await bench.add();
  const stage = await bench.job('stage');
  await bench.pass(60_000);
  assert.equal((await bench.server())?.status?.claim?.stopServer, undefined);
  stage.succeed(restored);
  await bench.untilPhase('Stopping');
  await bench.pass(60_000);
  assert.deepEqual(bench.kinds, ['stage']);
  assert.equal((await bench.server())?.status?.claim?.stopServer, true);
  await bench.stopProcess();
  await bench.untilOver('Completed');
});

const refusals: [what: string, prepare: (bench: RestoreBench) => Promise<unknown>, reason: string][] = [
  ['a backup that is gone', (bench) => bench.store.delete('Backup', 'b1'), 'BackupGone'],
  ['an archive that is gone', async (bench) => rmSync(bench.archivePath), 'ArchiveMissing'],
  ['an archive of another size', async (bench) => writeFileSync(bench.archivePath, 'cut'), 'ArchiveDamaged'],
];
for (const [what, spoil, reason] of refusals) {
  test(`${what} since it was asked for ends it before it begins (backups 15.10)`, async (t) => {
    const bench = new RestoreBench(t);
    await bench.prepare();
    await spoil(bench);
    await bench.start();
    await bench.add();
    const { status } = await bench.untilOver('Failed');
    assert.deepEqual([status?.outcome?.reason, bench.kinds], [reason, []]);
    assert.deepEqual([(await bench.server())?.status?.state, bench.slots.running], ['running', 0]);
    assert.deepEqual(bench.story(), ['queued 0', 'queued -1', 'completion false']);
  });
}

const unreadable = new ObjectStoreError('FAILED', 'The backup directory cannot be read: EIO.');

test('a backup directory that cannot be read for a while is told, and nobody waits behind it', async (t) => {
  const bench = new RestoreBench(t);
  const stat = bench.archives.stat.bind(bench.archives);
  bench.archives.stat = () => Promise.reject(unreadable);
  await bench.prepare();
  await bench.start();
  for (let n = 0; n < bench.config.system.backups.maxConcurrent; n += 1) bench.slots.take(`other-${n}`, () => {});
  const { metadata } = await bench.add();
  // Its turn had come.
  bench.slots.take(metadata.uid, () => {});
  bench.slots.release('other-1');
  await bench.untilPhase('Pending');
  await bench.pass(3_000);
  assert.equal(bench.slots.running, bench.config.system.backups.maxConcurrent - 1);
  assert.ok(bench.events.includes('StoreError: The backup directory cannot be read: EIO. It is tried again.'));
  bench.archives.stat = stat;
  await bench.pass(60_000);
  await bench.untilOver('Completed');
});

test('a backup directory that cannot be read for ever ends it', async (t) => {
  const bench = new RestoreBench(t);
  let looks = 0;
  bench.archives.stat = () => {
    looks += 1;
    return Promise.reject(unreadable);
  };
  await bench.prepare();
  await bench.start();
  await bench.add();
  for (let minutes = 0; minutes < 10; minutes += 1) await bench.pass(60_000);
  const { status } = await bench.untilOver('Failed');
  assert.deepEqual([status?.outcome?.reason, looks], ['StoreError', 8]);
  assert.deepEqual([bench.slots.running, bench.completions().length], [0, 1]);
});

test('one that cannot be read any more when the process was stopped ends it, and the server starts again', async (t) => {
  const bench = new RestoreBench(t);
  bench.stopsAtOnce = false;
  await bench.prepare();
  await bench.start();
  await bench.add(inPlace);
  await bench.untilPhase('Stopping');
  await bench.quiet();
  bench.archives.stat = () => Promise.reject(unreadable);
  await bench.stopProcess();
  const { status } = await bench.untilOver('Failed');
  assert.deepEqual([status?.outcome?.reason, bench.kinds], ['StoreError', ['verify']]);
  assert.equal((await bench.server())?.status?.operation?.action, 'start');
});

test('what was restored is said of nothing that was not (backups 15.10)', async (t) => {
  const bench = new RestoreBench(t);
  bench.stopsAtOnce = false;
  bench.held = new Set(['move-new']);
  await bench.prepare();
  await bench.start();
  await bench.add();
  const stopping = await bench.untilPhase('Stopping');
  assert.equal(stopping.status?.result, undefined);
  await bench.stopProcess();
  await bench.job('move-new');
  assert.deepEqual((await bench.restore())?.status?.result, restored, 'the next daemon needs it');
  (await bench.job('move-new')).fail(new ArchiveError('NO_SPACE', 'the disk is full'));
  assert.equal((await bench.untilOver('Failed')).status?.result, undefined);
});

const otherBackups: [what: string, parts: { server?: string; phase?: string }, reason: string][] = [
  ['another server’s (covers: SEC-99)', { server: '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d' }, 'BackupGone'],
  ['one that failed', { phase: 'Failed' }, 'BackupNotCompleted'],
  ['one under way', { phase: 'Archiving' }, 'BackupNotCompleted'],
];
for (const [what, parts, reason] of otherBackups) {
  test(`a backup is not restored when it is ${what}`, async (t) => {
    const bench = new RestoreBench(t);
    await bench.prepare();
    await bench.addBackup('b2', parts);
    await bench.start();
    await bench.add({ backupRef: { name: 'b2', uuid: backupUuid } });
    const { status } = await bench.untilOver('Failed');
    assert.deepEqual([status?.outcome?.reason, bench.kinds], [reason, []]);
  });
}

const faults: [kind: 'stage' | 'verify', code: ConstructorParameters<typeof ArchiveError>[0], reason: string][] = [
  ['stage', 'DAMAGED', 'ArchiveDamaged'],
  ['stage', 'CHECKSUM_MISMATCH', 'ChecksumMismatch'],
  ['stage', 'NOT_AN_ARCHIVE', 'NotAnArchive'],
  ['stage', 'UNSAFE_NAME', 'UnsafeName'],
  ['stage', 'OVER_DISK_LIMIT', 'OverDiskLimit'],
  ['stage', 'NO_SPACE', 'NoSpace'],
  ['stage', 'CRASHED', 'JobCrashed'],
  ['verify', 'DAMAGED', 'ArchiveDamaged'],
  ['verify', 'OVER_DISK_LIMIT', 'OverDiskLimit'],
];
for (const [kind, code, reason] of faults) {
  test(`a ${kind} that fails with ${code} leaves the server running and its files untouched (backups 15.10)`, async (t) => {
    const bench = new RestoreBench(t);
    bench.held = new Set([kind]);
    await bench.prepare();
    await bench.start();
    await bench.add(kind === 'verify' ? inPlace : {});
    (await bench.job(kind)).fail(new ArchiveError(code, 'it is so'));
    const { status } = await bench.untilOver('Failed');
    assert.deepEqual(
      [status?.outcome?.reason, status?.outcome?.message],
      [reason, 'It is so. The files of the server are untouched.'],
    );
    assert.deepEqual(
      bench.kinds.filter((one) => one !== 'discard'),
      [kind],
    );
    const server = await bench.server();
    assert.deepEqual([server?.status?.state, server?.status?.claim], ['running', undefined]);
    assert.deepEqual(
      bench.completions().map(({ successful, error }) => [successful, error]),
      [[false, status?.outcome?.message]],
    );
    assert.ok(bench.events.includes(`${reason}: ${status?.outcome?.message}`));
  });
}

test('a move that fails is moved back, and the server starts again (backups 15.10)', async (t) => {
  const bench = new RestoreBench(t);
  bench.held = new Set(['move-new']);
  await bench.prepare();
  await bench.start();
  await bench.add();
  (await bench.job('move-new')).fail(new ArchiveError('NO_SPACE', 'the disk is full'));
  const { status } = await bench.untilOver('Failed');
  assert.deepEqual(bench.kinds, ['stage', 'move-old', 'move-new', 'roll-back', 'discard']);
  assert.equal(status?.outcome?.message, 'The disk is full. The files of the server are as they were before.');
  const { operation, claim } = (await bench.server())?.status ?? {};
  assert.deepEqual([operation?.action, operation?.cause, claim], ['start', 'Restore', undefined]);
});

test('moving back is tried until it succeeds; until then nobody else has the server', async (t) => {
  const bench = new RestoreBench(t);
  bench.held = new Set(['merge', 'roll-back']);
  await bench.prepare();
  await bench.start();
  await bench.add({ mode: 'Merge' });
  (await bench.job('merge')).fail(new ArchiveError('NO_SPACE', 'the disk is full'));
  for (let times = 0; times < 8; times += 1) {
    (await bench.job('roll-back')).fail(new ArchiveError('FAILED', 'the disk does not answer'));
    await bench.quiet();
    assert.equal((await bench.server())?.status?.claim?.kind, 'Restore');
    await bench.clock.advance(300_000);
  }
  (await bench.job('roll-back')).succeed();
  const { status } = await bench.untilOver('Failed');
  assert.equal(status?.outcome?.reason, 'NoSpace');
});

test('a job that fails again and again is tried ever more slowly', async (t) => {
  const bench = new RestoreBench(t);
  bench.held = new Set(['merge', 'roll-back']);
  await bench.prepare();
  await bench.start();
  await bench.add({ mode: 'Merge' });
  (await bench.job('merge')).fail(new ArchiveError('NO_SPACE', 'the disk is full'));
  await bench.job('roll-back');
  for (let seconds = 0; seconds < 60; seconds += 1) {
    for (const job of bench.runner.running) job.fail(new ArchiveError('FAILED', 'the disk does not answer'));
    await bench.pass(1_000);
  }
  const tries = bench.kinds.filter((kind) => kind === 'roll-back').length;
  assert.ok(tries >= 5 && tries <= 15, `${tries} tries in a minute`);
});

test('a move whose process dies is done again', async (t) => {
  const bench = new RestoreBench(t);
  bench.held = new Set(['move-old']);
  await bench.prepare();
  await bench.start();
  await bench.add();
  (await bench.job('move-old')).fail(new ArchiveError('CRASHED', 'it was killed'));
  await bench.pass(1_000);
  (await bench.job('move-old')).succeed();
  await bench.untilOver('Completed');
  assert.deepEqual(bench.kinds, ['stage', 'move-old', 'move-old', 'move-new', 'discard']);
});

test('unpacking in place that dies begins again; what stays half done says so', async (t) => {
  const bench = new RestoreBench(t);
  bench.held = new Set(['in-place']);
  await bench.prepare();
  await bench.start();
  await bench.add(inPlace);
  for (let times = 0; times < 3; times += 1) {
    (await bench.job('in-place')).fail(new ArchiveError('CRASHED', 'it was killed'));
    await bench.pass(1_000);
  }
  const { status } = await bench.untilOver('Failed');
  assert.equal(status?.attempt, 3);
  assert.equal(
    status?.outcome?.message,
    'It was killed. The files of the server are incomplete: restore the backup "b1" again.',
  );
  // Not with half its files.
  assert.equal((await bench.server())?.status?.operation, undefined);
});

test('an archive that goes between its reading and the first file in place leaves everything as it is', async (t) => {
  const bench = new RestoreBench(t);
  bench.stopsAtOnce = false;
  await bench.prepare();
  await bench.start();
  await bench.add(inPlace);
  await bench.untilPhase('Stopping');
  await bench.quiet();
  rmSync(bench.archivePath);
  await bench.stopProcess();
  const { status } = await bench.untilOver('Failed');
  assert.deepEqual([status?.outcome?.reason, bench.kinds], ['ArchiveMissing', ['verify']]);
  assert.equal((await bench.server())?.status?.operation?.action, 'start');
});

test('in place what cannot fit is found out before anything is touched (backups 15.10)', async (t) => {
  const reserve = 1e12 * 0.05;
  for (const [growthBytes, result] of [
    [-1_000_000, 'Completed'],
    [1_000, 'Completed'],
    [1_001, 'Failed'],
  ] as const) {
    const bench = new RestoreBench(t, { freeBytes: reserve + 1_000 });
    bench.held = new Set(['verify']);
    await bench.prepare();
    await bench.start();
    await bench.add({ ...inPlace, mode: 'Merge', paths: ['world'] });
    const verify = await bench.job('verify');
    const into = { root: join(bench.config.system.data, anyUuid), paths: ['world'], mode: 'merge' };
    assert.deepEqual(verify.plan.kind === 'verify' && verify.plan.into, into);
    verify.succeed({ growthBytes });
    const { status } = await bench.untilOver(result);
    assert.equal(status?.outcome?.reason, result === 'Failed' ? 'NoSpace' : 'Completed');
    assert.equal(bench.kinds.includes('in-place'), result === 'Completed');
    await bench.stop();
  }
});

test('a backup that is deleted while it is unpacked is restored all the same', async (t) => {
  const bench = new RestoreBench(t);
  bench.held = new Set(['stage']);
  await bench.prepare();
  await bench.start();
  await bench.add();
  const stage = await bench.job('stage');
  await bench.store.delete('Backup', 'b1');
  rmSync(bench.archivePath);
  stage.succeed(restored);
  await bench.untilOver('Completed');
});

test('it waits for the backup that has the server, without a place (backups 15.14)', async (t) => {
  const bench = new RestoreBench(t);
  await bench.prepare();
  await bench.store.create({ apiVersion: 'aileron.dev/v1', kind: 'Backup', metadata: { name: 'b2' } });
  const other = (await bench.store.get('Backup', 'b2'))?.metadata.uid ?? '';
  await takeClaim(bench, 'demo', { kind: 'Backup', name: 'b2', uid: other });
  await bench.start();
  await bench.add();
  await bench.untilPhase('Pending');
  await bench.pass(90_000);
  assert.deepEqual([bench.kinds, bench.slots.running], [[], 0]);
  await bench.changeServer((status) => {
    delete status.claim;
  });
  await bench.untilOver('Completed');
});

test('a restore of another node is that node’s to carry out (covers: SEC-27)', async (t) => {
  const bench = new RestoreBench(t);
  await bench.prepare();
  await bench.start();
  await bench.add({ nodeName: 'node-2' });
  await bench.pass(600_000);
  assert.equal((await bench.restore())?.status, undefined);
  assert.deepEqual([(await bench.server())?.status, bench.kinds, bench.messages], [{ state: 'running' }, [], []]);
});

test('it waits for a place on the node (covers: SEC-101)', async (t) => {
  const bench = new RestoreBench(t);
  await bench.prepare();
  await bench.start();
  for (let n = 0; n < bench.config.system.backups.maxConcurrent; n += 1) bench.slots.take(`other-${n}`, () => {});
  await bench.add();
  await bench.untilPhase('Pending');
  await bench.pass(90_000);
  assert.deepEqual(bench.kinds, []);
  bench.slots.release('other-1');
  await bench.untilOver('Completed');
});

test('in the queue it has the server already: the process runs on, and none is started (backups 15.13, 15.14)', async (t) => {
  const bench = new RestoreBench(t);
  await bench.prepare();
  await bench.start();
  for (let n = 0; n < bench.config.system.backups.maxConcurrent; n += 1) bench.slots.take(`other-${n}`, () => {});
  const { metadata } = await bench.add();
  await bench.untilPhase('Pending');
  await bench.pass(90_000);
  const { state, claim } = (await bench.server())?.status ?? {};
  assert.deepEqual([state, claim?.uid, claim?.stopServer, bench.kinds], ['running', metadata.uid, undefined, []]);
  const admission = new Admission({ store: bench.store, nodeName: 'node-1', clock: bench.clock });
  for (const action of ['start', 'restart']) {
    const patch = { spec: { power: { request: { action } } } };
    await assert.rejects(admission.patch('Server', 'demo', patch, writeContext()), { message: restoringText });
  }
  await bench.cancel();
  await bench.untilOver('Cancelled');
  assert.equal((await bench.server())?.status?.claim, undefined);
});

test('a place that comes while another has the server goes to the next in line', async (t) => {
  const bench = new RestoreBench(t);
  await bench.prepare();
  await bench.start();
  for (let n = 0; n < bench.config.system.backups.maxConcurrent; n += 1) bench.slots.take(`other-${n}`, () => {});
  await bench.add();
  await bench.untilPhase('Pending');
  await bench.quiet();
  await bench.store.create({ apiVersion: 'aileron.dev/v1', kind: 'Backup', metadata: { name: 'b2' } });
  const other = (await bench.store.get('Backup', 'b2'))?.metadata.uid ?? '';
  await takeClaim(bench, 'demo', { kind: 'Backup', name: 'b2', uid: other });
  const before = bench.slots.running;
  bench.slots.release('other-1');
  await bench.until('the place is free', async () => bench.slots.running === before - 1);
});

test('a cancel that comes with the last step before the commit is heard (backups 15.14)', async (t) => {
  const bench = new RestoreBench(t);
  const write = bench.store.updateStatus.bind(bench.store);
  let cancelled = false;
  bench.store.updateStatus = async (object) => {
    const { journal } = object['status'] as RestoreStatus;
    if (!cancelled && journal?.step === 'MovingOld') {
      cancelled = true;
      await bench.cancel();
    }
    return write(object);
  };
  await bench.prepare();
  await bench.start();
  await bench.add();
  await bench.untilOver('Cancelled');
  assert.deepEqual([cancelled, bench.kinds], [true, ['stage', 'discard']]);
});

test('a suspension that comes meanwhile stays (covers: SEC-100)', async (t) => {
  const bench = new RestoreBench(t);
  bench.held = new Set(['stage']);
  await bench.prepare();
  await bench.start();
  await bench.add();
  const stage = await bench.job('stage');
  await bench.store.patch('Server', 'demo', { spec: { suspended: true } });
  stage.succeed(restored);
  await bench.untilOver('Completed');
  assert.equal((await bench.server())?.spec.suspended, true);
});

test('a finished restore goes after its time, and a deleted one at once', async (t) => {
  const bench = new RestoreBench(t);
  await bench.prepare();
  await bench.start();
  await bench.add({ ttlSecondsAfterFinished: 100 });
  await bench.untilOver('Completed');
  await bench.pass(99_000);
  assert.ok(await bench.restore());
  await bench.clock.advance(2_000);
  await bench.until('it is gone', async () => (await bench.restore()) === undefined);
  await bench.add({}, 'r2');
  await bench.untilOver('Completed', 'r2');
  await bench.store.delete('Restore', 'r2');
  await bench.until('it is gone', async () => (await bench.restore('r2')) === undefined);
});

test('whoever is owed a report hears of it before anybody else, or has had 30 seconds (backups 15.15)', async (t) => {
  const owed = { id: '1', to: 'Panel', what: 'restored', since: '2026-01-01T00:00:00Z', attempts: 0 };
  const bench = new RestoreBench(t, { owedAtEnd: () => [owed] });
  await bench.prepare();
  await bench.start();
  await bench.add();
  await bench.untilPhase('Finalizing');
  await bench.quiet();
  assert.deepEqual([bench.completions(), (await bench.server())?.status?.claim?.kind], [[], 'Restore']);
  await bench.clock.advance(30_000);
  const { status } = await bench.untilOver('Completed');
  assert.equal(status?.owed?.length, 1);
  assert.equal(bench.completions().length, 1);
});

test('metrics tell how restores end and what they brought back', async (t) => {
  const bench = new RestoreBench(t);
  bench.held = new Set(['stage']);
  await bench.prepare();
  await bench.start();
  await bench.add();
  const stage = await bench.job('stage');
  assert.match(await bench.registry.metrics(), /aileron_restores_running 1/);
  stage.succeed(restored);
  await bench.untilOver('Completed');
  const text = await bench.registry.metrics();
  assert.match(text, /aileron_restores_total\{result="Completed"\} 1/);
  assert.match(text, /aileron_restore_bytes_total 1000/);
  assert.match(text, /aileron_restore_duration_seconds_count\{result="Completed"\} 1/);
});

const limits = { memory: 128, swap: 0, disk: 0, cpu: 0, io: 500, oomKiller: true, memoryUnit: 'MiB' } as const;

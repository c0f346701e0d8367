// How a restore ends when somebody or something ends it: cancelled, deleted, out of time, with its daemon, killed at any
// moment. Each accepted restore has exactly one ending, told once, after it is in the store.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { RestoreSpec } from '../../../src/resources/restore.ts';
import { RestoreBench, restored } from '../../support/restore-controller-bench.ts';
import { sourceFiles } from '../../support/source-files.ts';

const inPlace = { strategy: 'InPlace' } as const;

interface Stage {
  phase: string;
  spec?: Partial<RestoreSpec>;
  /** Jobs of this kind do not end by themselves. */
  held?: string;
  /** The process does not end by itself. */
  deaf?: boolean;
}

const untouched: Record<string, Stage> = {
  'the queue': { phase: 'Pending' },
  'the reading of what is staged': { phase: 'Extracting', held: 'stage' },
  'the reading before it goes in place': { phase: 'Verifying', held: 'verify', spec: inPlace },
  'the end of the process': { phase: 'Stopping', deaf: true },
};
const touched: Record<string, Stage> = {
  'the moving of old files': { phase: 'Committing', held: 'move-old' },
  'the moving of new files': { phase: 'Committing', held: 'move-new' },
  'a merge': { phase: 'Committing', held: 'merge', spec: { mode: 'Merge' } },
  'unpacking in place': { phase: 'Extracting', held: 'in-place', spec: inPlace },
};

/** A restore that stands there. */
async function standing(t: TestContext, { phase, spec, held, deaf }: Stage): Promise<RestoreBench> {
  const bench = new RestoreBench(t);
  if (held) bench.held.add(held);
  bench.stopsAtOnce = !deaf;
  await bench.prepare();
  await bench.start();
  if (phase === 'Pending') for (let n = 0; n < 99; n += 1) bench.slots.take(`other-${n}`, () => {});
  await bench.add(spec);
  if (held) await bench.job(held);
  await bench.untilPhase(phase);
  await bench.quiet();
  return bench;
}

function assertOneEnd(bench: RestoreBench, successful: boolean): void {
  assert.deepEqual(
    bench.completions().map((one) => one.successful),
    [successful],
  );
  const story = bench.story();
  assert.deepEqual(story.slice(-1), [`completion ${successful}`]);
  assert.match(story.at(-2) ?? '', successful ? /^finalize 100$/ : / -1$/);
  assert.equal(story.filter((one) => / (?:100|-1)$/.test(one)).length, 1);
  assert.deepEqual(bench.phasesAtCompletion.length, 1);
  assert.ok(['Completed', 'Failed', 'Cancelled'].includes(bench.phasesAtCompletion[0] ?? ''));
}

async function assertFreed(bench: RestoreBench): Promise<void> {
  const { claim } = (await bench.server())?.status ?? {};
  assert.deepEqual([claim, bench.runner.running.length], [undefined, 0]);
}

describe('as long as nothing was touched', () => {
  for (const [where, stage] of Object.entries(untouched)) {
    test(`cancelled in ${where} (backups 15.14)`, async (t) => {
      const bench = await standing(t, stage);
      await bench.cancel();
      if (stage.deaf) {
        // Not released before the process that is being stopped has ended: it is started again.
        await bench.changeServer((status) => {
          status.operation = { action: 'stop', cause: 'Restore', startedAt: '2026-01-01T00:00:00Z' };
          if (status.claim) status.claim.wasOnline = true;
        });
        await bench.pass(5_000);
        assert.deepEqual(bench.completions(), []);
        await bench.changeServer((status) => {
          delete status.operation;
          status.state = 'offline';
        });
        await bench.pass(5_000);
      }
      const { status } = await bench.untilOver('Cancelled');
      assert.deepEqual(
        status?.conditions?.map(({ type, reason }) => [type, reason]),
        [['Failed', 'Cancelled']],
      );
      assertOneEnd(bench, false);
      await assertFreed(bench);
      assert.equal((await bench.server())?.status?.operation?.action, stage.deaf ? 'start' : undefined);
    });

    test(`deleted in ${where} (backups 15.14)`, async (t) => {
      const bench = await standing(t, stage);
      await bench.store.delete('Restore', 'r1');
      await bench.until('it is gone', async () => (await bench.restore()) === undefined);
      assert.deepEqual(
        bench.completions().map(({ successful }) => successful),
        [false],
      );
      await assertFreed(bench);
    });

    test(`its server is deleted in ${where} (backups 15.14)`, async (t) => {
      const bench = await standing(t, stage);
      await bench.store.delete('Server', 'demo');
      const { status } = await bench.untilOver('Cancelled');
      assert.equal(status?.outcome?.reason, 'ServerDeleted');
      assertOneEnd(bench, false);
    });

    test(`killed in ${where}, the next daemon ends it or goes on (backups 15.11)`, async (t) => {
      const bench = await standing(t, stage);
      bench.held.clear();
      bench.stopsAtOnce = true;
      await bench.crashAndStart();
      if (stage.phase === 'Pending') {
        await bench.untilOver('Completed');
        return assertOneEnd(bench, true);
      }
      const { status } = await bench.untilOver('Failed');
      assert.equal(status?.outcome?.reason, 'DaemonRestarted');
      assertOneEnd(bench, false);
      await assertFreed(bench);
      assert.ok(bench.kinds.every((kind) => ['stage', 'verify', 'discard'].includes(kind)));
    });

    test(`the daemon stops in ${where} (backups 15.11)`, async (t) => {
      const bench = await standing(t, stage);
      await bench.stop();
      const { status } = (await bench.restore()) ?? {};
      if (stage.phase === 'Pending') {
        assert.equal(status?.phase, 'Pending');
        await bench.start({});
        await bench.untilOver('Completed');
        return assertOneEnd(bench, true);
      }
      assert.deepEqual(
        [status?.phase, status?.outcome?.reason, status?.journal],
        ['Failed', 'DaemonStopping', undefined],
      );
      assertOneEnd(bench, false);
      await assertFreed(bench);
    });
  }
});

describe('once files are being moved', () => {
  for (const [where, stage] of Object.entries(touched)) {
    test(`cancelled in ${where}, it goes on (backups 15.14)`, async (t) => {
      const bench = await standing(t, stage);
      await bench.cancel();
      await bench.quiet();
      assert.equal((await bench.restore())?.status?.phase, stage.phase);
      (await bench.job(stage.held ?? '')).succeed(restored);
      await bench.untilOver('Completed');
      assertOneEnd(bench, true);
      await assertFreed(bench);
    });

    test(`deleted in ${where}, it goes on and goes then (backups 15.14)`, async (t) => {
      const bench = await standing(t, stage);
      await bench.store.delete('Restore', 'r1');
      await bench.quiet();
      (await bench.job(stage.held ?? '')).succeed(restored);
      await bench.until('it is gone', async () => (await bench.restore()) === undefined);
      assert.deepEqual(
        bench.completions().map(({ successful }) => successful),
        [true],
      );
    });

    test(`its time is over in ${where}, it goes on`, async (t) => {
      const bench = await standing(t, stage);
      await bench.pass(bench.config.system.backups.restoreTimeout * 1000 + 1);
      (await bench.job(stage.held ?? '')).succeed(restored);
      await bench.untilOver('Completed');
    });

    test(`killed in ${where}, the next daemon finishes it (backups 15.11)`, async (t) => {
      const bench = await standing(t, stage);
      bench.held.clear();
      await bench.crashAndStart();
      const { status } = await bench.untilOver('Completed');
      assertOneEnd(bench, true);
      await assertFreed(bench);
      assert.equal(status?.attempt, stage.held === 'in-place' ? 2 : 1);
      assert.equal(bench.kinds.filter((kind) => kind === stage.held).length, 2);
    });

    test(`the daemon stops in ${where} (backups 15.11)`, async (t) => {
      const bench = await standing(t, stage);
      const stopping = bench.stop();
      if (stage.held !== 'in-place') (await bench.job(stage.held ?? '')).succeed();
      await stopping;
      if (stage.held !== 'in-place') {
        assert.equal((await bench.restore())?.status?.phase, 'Completed');
        return assertOneEnd(bench, true);
      }
      const { status } = (await bench.restore()) ?? {};
      assert.deepEqual([status?.phase, status?.journal?.step, bench.completions()], ['Extracting', 'Extracting', []]);
      bench.held.clear();
      await bench.start({});
      await bench.untilOver('Completed');
      assertOneEnd(bench, true);
    });
  }

  test('a daemon that is killed again and again gives up unpacking in place', async (t) => {
    const bench = await standing(t, touched['unpacking in place'] ?? { phase: '' });
    for (let times = 0; times < 4; times += 1) {
      await bench.crashAndStart();
      await bench.job('in-place');
    }
    await bench.crashAndStart();
    const { status } = await bench.untilOver('Failed');
    assert.deepEqual([status?.attempt, status?.outcome?.reason], [5, 'Incomplete']);
    assertOneEnd(bench, false);
  });

  test('killed while files are moved back, the next daemon goes on with it (backups 15.11)', async (t) => {
    const bench = await standing(t, touched['the moving of new files'] ?? { phase: '' });
    bench.held.add('roll-back');
    (await bench.job('move-new')).fail(new Error('not foreseen'));
    for (let times = 0; times < 2; times += 1) {
      await bench.pass(1_000);
      (await bench.job('move-new')).fail(new Error('not foreseen'));
    }
    await bench.job('roll-back');
    bench.held.clear();
    await bench.crashAndStart();
    const { status } = await bench.untilOver('Failed');
    assert.equal(status?.outcome?.reason, 'InternalError');
    assertOneEnd(bench, false);
    await assertFreed(bench);
  });

  test('a server that is deleted with its files meanwhile ends it', async (t) => {
    const bench = await standing(t, touched['the moving of new files'] ?? { phase: '' });
    const { ArchiveError } = await import('../../../src/archive/runner.ts');
    await bench.store.patch('Server', 'demo', { metadata: { finalizers: null } });
    await bench.store.delete('Server', 'demo');
    (await bench.job('move-new')).fail(new ArchiveError('NOT_FOUND', 'there is no directory'));
    const { status } = await bench.untilOver('Failed');
    assert.equal(status?.outcome?.reason, 'ServerGone');
    assertOneEnd(bench, false);
  });
});

test('it may take so long and no longer, the queue not counted (backups 15.14)', async (t) => {
  const bench = new RestoreBench(t);
  bench.held.add('stage');
  await bench.prepare();
  await bench.start();
  for (let n = 0; n < 99; n += 1) bench.slots.take(`other-${n}`, () => {});
  await bench.add();
  const limitMs = bench.config.system.backups.restoreTimeout * 1000;
  await bench.pass(limitMs);
  assert.equal((await bench.restore())?.status?.phase, 'Pending');
  for (let n = 0; n < 99; n += 1) bench.slots.release(`other-${n}`);
  await bench.job('stage');
  await bench.pass(limitMs - 1_000);
  assert.equal((await bench.restore())?.status?.phase, 'Extracting');
  await bench.clock.advance(2_000);
  const { status } = await bench.untilOver('Failed');
  assert.equal(status?.outcome?.reason, 'Timeout');
  assertOneEnd(bench, false);
});

test('a process that does not end within five minutes ends it', async (t) => {
  const bench = await standing(t, untouched['the end of the process'] ?? { phase: '' });
  await bench.pass(299_000);
  assert.equal((await bench.restore())?.status?.phase, 'Stopping');
  await bench.clock.advance(1_000);
  const { status } = await bench.untilOver('Failed');
  assert.equal(status?.outcome?.reason, 'ServerNotStopped');
  await assertFreed(bench);
});

test('what was stopped too late is started again when the process has ended at last (backups 15.14)', async (t) => {
  const bench = await standing(t, untouched['the end of the process'] ?? { phase: '' });
  await bench.changeServer((status) => {
    status.operation = { action: 'stop', cause: 'Restore', startedAt: '2026-01-01T00:00:00Z' };
    if (status.claim) status.claim.wasOnline = true;
  });
  await bench.pass(300_000);
  await bench.pass(3_600_000);
  const waiting = await bench.restore();
  assert.deepEqual(
    [waiting?.status?.phase, waiting?.status?.outcome?.reason, bench.completions()],
    ['Finalizing', 'ServerNotStopped', []],
  );
  assert.equal((await bench.server())?.status?.claim?.kind, 'Restore');
  await bench.changeServer((status) => {
    delete status.operation;
    status.state = 'offline';
  });
  await bench.pass(5_000);
  await bench.untilOver('Failed');
  assertOneEnd(bench, false);
  await assertFreed(bench);
  const { operation } = (await bench.server())?.status ?? {};
  assert.deepEqual([operation?.action, operation?.cause], ['start', 'Restore']);
});

for (const [where, stage] of Object.entries({ ...untouched, ...touched })) {
  test(`removed by force in ${where}, its end is told once (backups 15.14)`, async (t) => {
    const bench = await standing(t, stage);
    await bench.store.patch('Restore', 'r1', { metadata: { finalizers: [] } });
    await bench.store.delete('Restore', 'r1');
    await bench.until('nothing works any more', async () => bench.completions().length > 0);
    await bench.pass(120_000);
    assert.deepEqual(
      bench.completions().map(({ successful, error }) => [successful, error]),
      [[false, 'The restore was removed before it had ended.']],
    );
    assert.deepEqual(bench.story().slice(-1), ['completion false']);
    assert.match(bench.story().at(-2) ?? '', / -1$/);
    assert.equal(bench.runner.running.length, 0);
    if (stage.phase !== 'Pending') assert.equal(bench.slots.running, 0);
    assert.match(await bench.registry.metrics(), /aileron_restores_total\{result="Cancelled"\} 1/);
  });
}

test('one that is over and removed by force is not told again', async (t) => {
  const bench = new RestoreBench(t);
  bench.held.add('discard');
  await bench.prepare();
  await bench.start();
  await bench.add();
  await bench.job('discard');
  await bench.crashAndStart();
  await bench.job('discard');
  await bench.store.patch('Restore', 'r1', { metadata: { finalizers: [] } });
  await bench.store.delete('Restore', 'r1');
  await bench.pass(120_000);
  assert.deepEqual(
    bench.completions().map(({ successful }) => successful),
    [true],
  );
});

/** Every place where a crash may part two acts, and what becomes of the restore then. */
const literal = /checkpoint\('(restore:[^']+)'\)/g;
const inCode = sourceFiles('controllers/restore').flatMap(({ text }) =>
  Array.from(text.matchAll(literal), ([, name = '']) => name),
);
const acts = ['stage', 'move-old', 'move-new', 'discard'].flatMap((act) => [
  `restore:before-${act}`,
  `restore:after-${act}`,
]);
const goesBack = [
  'restore:begun',
  'restore:staged',
  'restore:stop-demanded',
  'restore:before-stage',
  'restore:after-stage',
];

describe('killed at every step', () => {
  for (const crashAt of new Set([...inCode, ...acts])) {
    if (crashAt === 'restore:roll-back-recorded') continue;
    test(`killed at ${crashAt}, there is one ending (backups 15.11)`, async (t) => {
      const bench = new RestoreBench(t, { crashAt });
      await bench.prepare();
      await bench.start();
      await bench.add();
      await bench.until('it is dead', async () => bench.isDead);
      await bench.crashAndStart();
      const result = goesBack.includes(crashAt) ? 'Failed' : 'Completed';
      await bench.untilOver(result);
      // Told before the crash, or after it, never twice.
      assertOneEnd(bench, result === 'Completed');
      await assertFreed(bench);
    });
  }
});

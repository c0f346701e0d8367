// Progress from the counters of the work to the frames of a console, judged by the contract to the millisecond.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bus, type OperationCompletion } from '../../src/bus/bus.ts';
import { ProgressMeter } from '../../src/bus/progress-meter.ts';
import { overPasses } from '../../src/bus/progress-values.ts';
import { visibleTo } from '../../src/console/frame.ts';
import { ConsoleHub } from '../../src/console/hub.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { aCompletion, backupUuid } from '../support/operation-messages.ts';
import {
  checkProgressStream,
  checkWithoutBackupRead,
  type Progress,
  type RecordedFrame,
  type StreamExpectation,
} from '../support/progress-stream.ts';

const uuid = 'server-a';
const kB = 1_000;

interface Bench {
  meter: ProgressMeter;
  clock: FakeClock;
  /** The counters reach the number of bytes in equal steps, every so many ms. */
  work(from: number, to: number, total: number, ms: number): Promise<void>;
  end(successful: boolean): void;
  judge(expected?: Partial<StreamExpectation>): Progress[];
}

function bench(type: 'create' | 'restore'): Bench {
  const clock = new FakeClock();
  const bus = new Bus((error) => {
    throw error;
  });
  const hub = new ConsoleHub({
    activityEvents: true,
    features: () => undefined,
    ...{ bus, clock, pastLines: 10, appName: 'Pterodactyl', recorded: () => ({ state: 'running' as const }) },
    fork: { forkEvents: true, forkWireNames: true, forkStatus: false },
    history: { tail: () => [], whole: async () => {} },
    throttle: { enabled: true, lines: 2_000, intervalMs: 100 },
    encode: (event, args = []) => Buffer.from(JSON.stringify({ event, args })),
  });
  const frames: RecordedFrame[] = [];
  const otherFrames: RecordedFrame[] = [];
  hub.watch(uuid, (frame) => {
    for (const [recording, may] of [[frames, true] as const, [otherFrames, false] as const]) {
      const seen = visibleTo(frame, (permission) => may && !permission.startsWith('admin'));
      if (seen)
        recording.push({ at: clock.monotonic(), ...(JSON.parse(seen.bytes.toString()) as Omit<RecordedFrame, 'at'>) });
    }
  });
  const operation = { operation: 'operation-1', type, backupId: backupUuid };
  const meter = new ProgressMeter({ bus, clock, server: uuid, operation });
  const acceptedAt = clock.monotonic();
  const ending: Partial<OperationCompletion> = { type };
  return {
    ...{ meter, clock },
    async work(from, to, total, ms) {
      const steps = Math.ceil(ms / 100);
      for (let step = 1; step <= steps; step++) {
        await clock.advance(100);
        meter.update({ bytesDone: Math.floor(from + ((to - from) * step) / steps), bytesTotal: total });
      }
    },
    end(successful) {
      meter.finish(successful ? 100 : -1);
      Object.assign(ending, { successful, error: successful ? null : 'reason' });
      bus.publish(uuid, 'completion', aCompletion(ending));
    },
    judge(expected = {}) {
      const outcome = ending.successful ? 'success' : 'failure';
      const whole = { type, backupId: backupUuid, outcome, acceptedAt, earlyMs: 0, lateMs: 0, ...expected } as const;
      checkWithoutBackupRead(otherFrames, whole);
      return checkProgressStream(frames, whole);
    },
  };
}

test('a backup that waits, learns its total on the way and ends well (backups 15.15)', async () => {
  const { meter, clock, work, end, judge } = bench('create');
  meter.phase('queued');
  await clock.advance(12_000);
  meter.phase('archive');
  await work(0, 200 * kB, 0, 700);
  await work(200 * kB, 1_000 * kB, 1_000 * kB, 3_000);
  meter.phase('finalize');
  await clock.advance(7_000);
  end(true);
  const progress = judge();
  assert.deepEqual(
    progress.filter(({ phase }) => phase === 'queued').map(({ at }) => at - (progress[0]?.at ?? 0)),
    [0, 5_000, 10_000],
  );
  assert.deepEqual(
    progress.slice(-3).map(({ percentage }) => percentage),
    [99, 99, 100],
  );
});

test('a backup larger than was counted, and one whose size nobody knows (backups 15.15)', async () => {
  const larger = bench('create');
  larger.meter.phase('archive');
  await larger.work(0, 1_500 * kB, 1_000 * kB, 3_000);
  larger.meter.phase('finalize');
  larger.end(true);
  assert.equal(larger.judge().at(-1)?.total, 1_500 * kB);

  const unknown = bench('create');
  unknown.meter.phase('archive');
  await unknown.work(0, 1_500 * kB, 0, 3_000);
  unknown.meter.phase('finalize');
  unknown.end(true);
  unknown.judge({ bytesOnly: true });
});

test('a backup that fails, and one that is cancelled in the queue (backups 15.15)', async () => {
  const failed = bench('create');
  failed.meter.phase('archive');
  await failed.work(0, 700 * kB, 1_000 * kB, 2_000);
  failed.end(false);
  failed.judge();

  const cancelled = bench('create');
  cancelled.meter.phase('queued');
  await cancelled.clock.advance(6_000);
  cancelled.end(false);
  assert.deepEqual(new Set(cancelled.judge().map(({ phase }) => phase)), new Set(['queued']));
});

test('a restore in one pass and in two (backups 15.15)', async () => {
  const staged = bench('restore');
  staged.meter.phase('extract');
  staged.meter.update({ bytesDone: 0, bytesTotal: 1_000 * kB });
  await staged.work(0, 1_000 * kB, 1_000 * kB, 2_000);
  staged.meter.phase('stopping');
  await staged.clock.advance(11_000);
  staged.meter.phase('finalize');
  await staged.clock.advance(100);
  staged.end(true);
  staged.judge();

  const { meter, clock, end, judge } = bench('restore');
  for (const pass of [1, 2]) {
    meter.phase('extract');
    for (let done = 0; done <= 100; done += 10) {
      meter.update(overPasses({ bytesDone: done, bytesTotal: 100 }, pass, 2));
      await clock.advance(100);
    }
    meter.phase(pass === 1 ? 'stopping' : 'finalize');
  }
  end(false);
  assert.equal(judge().find(({ phase }) => phase === 'stopping')?.percentage, 50);
});

test('a second try holds what the first one showed (backups 15.15)', async () => {
  const { meter, work, end, judge } = bench('create');
  meter.phase('archive');
  await work(0, 600 * kB, 1_000 * kB, 2_000);
  await work(0, 1_000 * kB, 1_000 * kB, 3_000);
  meter.phase('finalize');
  end(true);
  const percentages = judge().map(({ percentage }) => percentage);
  assert.deepEqual(
    percentages,
    percentages.toSorted((one, other) => one - other),
  );
});

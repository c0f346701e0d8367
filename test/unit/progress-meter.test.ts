// Backups contract 12.2 on recorded streams: values by rules 1 to 6, rate by rules 7 and 8, the queue by rule 13.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Bus, type OperationProgress } from '../../src/bus/bus.ts';
import { ProgressMeter } from '../../src/bus/progress-meter.ts';
import { advance, nothingDone, overPasses, type ProgressValues } from '../../src/bus/progress-values.ts';
import { FakeClock } from '../support/fake-clock.ts';

type Recorded = OperationProgress & { at: number };

const operation = { operation: 'uid-1', type: 'create', backupId: '47363ce7-d70a-430e-8e75-6dc87c8d016d' } as const;
const server = '3f1c9c9e-6c1c-4d39-8f0a-6f2f4f8c1d2e';

function aMeter(from?: ProgressValues) {
  const clock = new FakeClock();
  const bus = new Bus((error) => {
    throw error;
  });
  const stream: Recorded[] = [];
  bus.subscribe(server, 'progress', (message) => stream.push({ ...message, at: clock.monotonic() }));
  const meter = new ProgressMeter({ bus, clock, server, operation, from });
  return { clock, meter, stream };
}

const percentages = (stream: Recorded[]) => stream.map(({ percentage }) => percentage);

describe('values', () => {
  test('the first message comes at once with 0 and names the operation (backups 15.15, rule 1) (websocket 17.19)', () => {
    const { meter, stream } = aMeter();
    meter.phase('queued');
    assert.deepEqual(stream, [{ ...operation, phase: 'queued', percentage: 0, bytesWritten: 0, bytesTotal: 0, at: 0 }]);
  });

  test('the percentage is the whole part, and 100 is kept for the end (backups 15.15, rules 2 and 4)', async () => {
    const { clock, meter, stream } = aMeter();
    meter.phase('archive');
    for (const bytesDone of [1, 333, 999, 1000]) {
      await clock.advance(300);
      meter.update({ bytesDone, bytesTotal: 1000 });
    }
    meter.finish(100);
    assert.deepEqual(percentages(stream), [0, 0, 33, 99, 99, 100]);
    assert.equal(stream.at(-1)?.phase, 'finalize');
  });

  test('nothing falls when counters go back (backups 15.15, rules 2 and 3)', () => {
    const before = { percentage: 50, bytesWritten: 500, bytesTotal: 1000 };
    assert.deepEqual(advance(before, { bytesDone: 10, bytesTotal: 1000 }), before);
    assert.deepEqual(advance(before, { bytesDone: 10, bytesTotal: 0 }), { ...before, bytesTotal: 0 });
  });

  test('a total that proves too small is raised and the percentage stops at 99 (backups 15.15, rule 3)', () => {
    const full = advance(nothingDone, { bytesDone: 1200, bytesTotal: 1000 });
    assert.deepEqual(full, { percentage: 99, bytesWritten: 1200, bytesTotal: 1200 });
    const later = advance(full, { bytesDone: 1300, bytesTotal: 1000 });
    assert.deepEqual(later, { percentage: 99, bytesWritten: 1300, bytesTotal: 1300 });
  });

  test('without a total only bytes are shown (backups 15.15, rule 5)', async () => {
    const { clock, meter, stream } = aMeter();
    meter.phase('archive');
    await clock.advance(300);
    meter.update({ bytesDone: 700, bytesTotal: 0 });
    meter.finish(100);
    assert.deepEqual(
      stream.map((one) => [one.percentage, one.bytesWritten, one.bytesTotal]),
      [
        [0, 0, 0],
        [0, 700, 0],
        [100, 700, 0],
      ],
    );
  });

  test('a total that becomes known later counts from then on (backups 15.15, rule 5)', () => {
    const unknown = advance(nothingDone, { bytesDone: 400, bytesTotal: 0 });
    assert.deepEqual(advance(unknown, { bytesDone: 500, bytesTotal: 1000 }), {
      percentage: 50,
      bytesWritten: 500,
      bytesTotal: 1000,
    });
  });

  test('a restore in place counts both passes over the archive (backups 15.15, rule 6)', () => {
    const first = advance(nothingDone, overPasses({ bytesDone: 1000, bytesTotal: 1000 }, 1, 2));
    assert.deepEqual(first, { percentage: 50, bytesWritten: 1000, bytesTotal: 2000 });
    const second = advance(first, overPasses({ bytesDone: 999, bytesTotal: 1000 }, 2, 2));
    assert.deepEqual(second, { percentage: 99, bytesWritten: 1999, bytesTotal: 2000 });
  });

  test('a second try stays where the first one was until it is further (backups 15.15, rule 2) (websocket 17.19)', async () => {
    const { clock, meter, stream } = aMeter({ percentage: 40, bytesWritten: 400, bytesTotal: 1000 });
    meter.phase('archive');
    for (const bytesDone of [100, 500]) {
      await clock.advance(300);
      meter.update({ bytesDone, bytesTotal: 1000 });
    }
    meter.close();
    assert.deepEqual(percentages(stream), [40, 50]);
  });

  test('-1 ends what failed, and nothing follows it (backups 15.15, rule 2) (websocket 17.19)', async () => {
    const { clock, meter, stream } = aMeter();
    meter.phase('archive');
    meter.update({ bytesDone: 10, bytesTotal: 100 });
    meter.finish(-1);
    meter.update({ bytesDone: 20, bytesTotal: 100 });
    meter.phase('upload');
    meter.finish(100);
    await clock.advance(60_000);
    assert.deepEqual(percentages(stream), [0, -1]);
    assert.equal(clock.pendingTimers, 0);
  });

  test('what is cancelled in the queue never looked as if it worked (backups 15.15, rule 13)', () => {
    const { meter, stream } = aMeter();
    meter.phase('queued');
    meter.finish(-1);
    assert.deepEqual(
      stream.map(({ phase }) => phase),
      ['queued', 'queued'],
    );
  });
});

describe('rate', () => {
  test('ordinary messages are 250 ms apart and the newest values win (backups 15.15, rule 7) (websocket 17.19)', async () => {
    const { clock, meter, stream } = aMeter();
    meter.phase('archive');
    for (let done = 1; done <= 100; done += 1) {
      await clock.advance(10);
      meter.update({ bytesDone: done, bytesTotal: 1000 });
    }
    await clock.advance(250);
    meter.close();
    assert.deepEqual(
      stream.map(({ at, bytesWritten }) => [at, bytesWritten]),
      [
        [0, 0],
        [250, 24],
        [500, 49],
        [750, 74],
        [1000, 99],
        [1250, 100],
      ],
    );
  });

  test('the first movement after a pause is told at once', async () => {
    const { clock, meter, stream } = aMeter();
    meter.phase('archive');
    await clock.advance(1_000);
    meter.update({ bytesDone: 1, bytesTotal: 100 });
    meter.close();
    assert.deepEqual(
      stream.map(({ at }) => at),
      [0, 1_000],
    );
  });

  test('a change of phase and the end do not wait (backups 15.15, rule 7) (websocket 17.19)', async () => {
    const { clock, meter, stream } = aMeter();
    meter.phase('queued');
    await clock.advance(1);
    meter.phase('archive');
    await clock.advance(1);
    meter.update({ bytesDone: 5, bytesTotal: 10 });
    meter.phase('finalize');
    meter.phase('finalize');
    await clock.advance(1);
    meter.finish(100);
    assert.deepEqual(
      stream.map(({ at, phase, percentage }) => [at, phase, percentage]),
      [
        [0, 'queued', 0],
        [1, 'archive', 0],
        [2, 'finalize', 50],
        [3, 'finalize', 100],
      ],
    );
  });

  test('the last message is repeated every 5 s while nothing moves, in the queue too (backups 15.15, rule 7) (websocket 17.19)', async () => {
    const { clock, meter, stream } = aMeter();
    meter.phase('queued');
    await clock.advance(12_000);
    meter.phase('archive');
    await clock.advance(6_000);
    meter.update({ bytesDone: 0, bytesTotal: 0 });
    meter.close();
    assert.deepEqual(
      stream.map(({ at }) => at),
      [0, 5_000, 10_000, 12_000, 17_000],
    );
  });

  test('while bytes move there is a message at least every second (backups 15.15, rule 7) (websocket 17.19)', async () => {
    const { clock, meter, stream } = aMeter();
    meter.phase('archive');
    for (let done = 1; done <= 40; done += 1) {
      await clock.advance(251);
      meter.update({ bytesDone: done, bytesTotal: 0 });
    }
    meter.close();
    const gaps = stream.slice(1).map(({ at }, index) => at - (stream[index]?.at ?? 0));
    assert.ok(gaps.every((gap) => gap >= 250 && gap <= 1_000));
  });

  test('nothing is published before the first phase, nor after close', async () => {
    const { clock, meter, stream } = aMeter();
    meter.update({ bytesDone: 5, bytesTotal: 10 });
    await clock.advance(10_000);
    assert.deepEqual(stream, []);
    meter.phase('archive');
    meter.close();
    meter.update({ bytesDone: 6, bytesTotal: 10 });
    await clock.advance(10_000);
    assert.deepEqual(percentages(stream), [50]);
    assert.equal(clock.pendingTimers, 0);
  });
});

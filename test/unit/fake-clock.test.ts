import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../../src/clock/clock.ts';
import { FakeClock } from '../support/fake-clock.ts';

test('runs timers in the order they are due, also those set by a timer', async () => {
  const clock = new FakeClock();
  const seen: string[] = [];
  clock.after(30, () => seen.push(`c@${clock.monotonic()}`));
  clock.after(10, () => {
    seen.push(`a@${clock.monotonic()}`);
    clock.after(10, () => seen.push(`b@${clock.monotonic()}`));
  });
  clock.after(31, () => seen.push('too late'));
  await clock.advance(30);
  assert.deepEqual(seen, ['a@10', 'b@20', 'c@30']);
  assert.equal(clock.pendingTimers, 1);
});

test('lets promises settle between two timers', async () => {
  const clock = new FakeClock();
  const seen: number[] = [];
  const signal = new AbortController().signal;
  const walk = (async () => {
    for (let step = 0; step < 3; step += 1) {
      await sleep(clock, 100, signal);
      seen.push(clock.monotonic());
    }
  })();
  await clock.advance(300);
  await walk;
  assert.deepEqual(seen, [100, 200, 300]);
});

test('a cancelled timer does not run', async () => {
  const clock = new FakeClock();
  const cancel = clock.after(5, () => assert.fail('ran'));
  cancel();
  await clock.advance(10);
  assert.equal(clock.pendingTimers, 0);
});

test('a jump of the wall clock moves no timer', async () => {
  const clock = new FakeClock(1_000);
  let ran = false;
  clock.after(10, () => {
    ran = true;
  });
  clock.jumpWall(3_600_000);
  await clock.advance(9);
  assert.equal(ran, false);
  assert.equal(clock.now(), 1_000 + 3_600_000 + 9);
  assert.equal(clock.monotonic(), 9);
});

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { BootReset } from '../../../src/panel/boot-reset.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { aRefusal } from '../../support/panel/source-bench.ts';
import { recordedLog } from '../../support/recorded-log.ts';

function aReset(t: TestContext, unsettled = 0) {
  const clock = new FakeClock();
  const listed = Promise.withResolvers<void>();
  const panel = { at: [] as number[], answer: undefined as Error | undefined, unsettled };
  const reset = new BootReset({
    api: {
      async resetServers() {
        panel.at.push(clock.monotonic());
        if (panel.answer) throw panel.answer;
      },
    },
    unsettled: () => panel.unsettled,
    ...{ listed: listed.promise, clock, log: recordedLog(), random: () => 1 },
  });
  t.after(() => reset.stop());
  reset.start();
  return { clock, panel, reset, listed };
}

test('the reset follows the first list, once', async (t) => {
  const { clock, panel, listed, reset } = aReset(t);
  await clock.advance(600_000);
  assert.deepEqual(panel.at, []);
  listed.resolve();
  await clock.advance(600_000);
  assert.deepEqual(panel.at, [600_000]);
  await reset.done;
});

test('it waits for what this daemon goes on with, until that is settled', async (t) => {
  const { clock, panel, listed } = aReset(t, 1);
  listed.resolve();
  await clock.advance(10_000);
  assert.deepEqual(panel.at, []);
  panel.unsettled = 0;
  await clock.advance(1_000);
  assert.equal(panel.at.length, 1);
});

test('it waits thirty seconds and no longer', async (t) => {
  const { clock, panel, listed } = aReset(t, 1);
  listed.resolve();
  await clock.advance(29_999);
  assert.deepEqual(panel.at, []);
  await clock.advance(2_000);
  assert.equal(panel.at.length, 1);
});

test('a Panel that does not take it is asked again for ever, a minute apart at most', async (t) => {
  const { clock, panel, listed, reset } = aReset(t);
  panel.answer = aRefusal(500);
  listed.resolve();
  await clock.advance(600_000);
  assert.ok(panel.at.length >= 12, `${panel.at.length}`);
  assert.ok(panel.at.every((at, index) => at - (panel.at[index - 1] ?? 0) <= 60_000));
  panel.answer = undefined;
  await clock.advance(60_000);
  const count = panel.at.length;
  await reset.done;
  await clock.advance(600_000);
  assert.equal(panel.at.length, count);
});

test('a stop ends every wait', async (t) => {
  const early = aReset(t);
  await early.reset.stop();
  early.listed.resolve();
  await early.clock.advance(60_000);
  assert.deepEqual(early.panel.at, []);
  const waiting = aReset(t, 1);
  waiting.listed.resolve();
  await waiting.clock.advance(5_000);
  await waiting.reset.stop();
  assert.equal(waiting.clock.pendingTimers, 0);
});

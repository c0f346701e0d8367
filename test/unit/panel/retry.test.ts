import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PanelResponseError, PanelUnreachableError, PanelUnreadableError } from '../../../src/panel/panel-errors.ts';
import { isWorthRepeating, pauseMs, repeatedly } from '../../../src/panel/retry.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const answer = (status: number) => new PanelResponseError(status, { code: 'C', detail: 'd', fields: [] });
const always = new AbortController().signal;

test('a try is repeated after a fault of the network or of the Panel, never after its no', () => {
  const yes = [new PanelUnreachableError('reset'), answer(500), answer(503), answer(302), answer(304)];
  const no = [
    new PanelUnreachableError('late', { timedOut: true }),
    ...[400, 401, 403, 404, 408, 409, 422, 425, 429].map(answer),
    new PanelUnreadableError('not JSON'),
    new Error('aborted'),
  ];
  for (const error of yes) assert.equal(isWorthRepeating(error), true, error.message);
  for (const error of no) assert.equal(isWorthRepeating(error), false, error.message);
});

test('pauses begin at half a second, grow by half and stop growing at twelve seconds, give or take half', () => {
  const middle = [1, 2, 3, 4, 20].map((failures) => pauseMs(failures, 0.5));
  assert.deepEqual(middle, [500, 750, 1125, 1687.5, 12_000]);
  assert.equal(pauseMs(1, 0), 250);
  assert.equal(pauseMs(20, 1), 18_000);
});

test('tries end before thirty seconds are over, with the error of the last one', async () => {
  const clock = new FakeClock();
  const tries: number[] = [];
  const work = repeatedly(
    async () => {
      tries.push(clock.monotonic());
      throw answer(500 + tries.length);
    },
    { clock, random: () => 0.5 },
    always,
  );
  const ended = assert.rejects(work, (error: PanelResponseError) => error.status === 500 + tries.length);
  await clock.advance(60_000);
  await ended;
  assert.ok(tries.length >= 8 && tries.length <= 10, `${tries.length} tries`);
  assert.ok((tries.at(-1) ?? 0) <= 30_000);
});

test('a pause ends with its signal', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const work = repeatedly(() => Promise.reject(answer(500)), { clock, random: () => 0.5 }, stop.signal);
  const ended = assert.rejects(work, /enough/);
  await clock.advance(100);
  stop.abort(new Error('enough'));
  await ended;
  assert.equal(clock.pendingTimers, 0);
});

// When a cron line comes due: to the minute, in its time zone, through the changes of the clocks.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CronLine } from '../../src/resources/cron-line.ts';

function runs(line: CronLine, from: string, count: number): string[] {
  const found: string[] = [];
  for (let at = Date.parse(from); found.length < count; ) {
    at = line.after(at) ?? assert.fail('it comes due no more');
    found.push(new Date(at).toISOString().replace(':00.000Z', 'Z'));
  }
  return found;
}

describe('the clocks of Berlin in 2026: 02:00 to 03:00 is left out on 29 March and comes twice on 25 October', () => {
  const cases: [what: string, line: string, from: string, expected: string[]][] = [
    [
      'before, on and after the day',
      '0 4 * * *',
      '2026-03-28T00:00Z',
      ['2026-03-28T03:00Z', '2026-03-29T02:00Z', '2026-03-30T02:00Z'],
    ],
    [
      'a time that is left out comes right after',
      '30 2 * * *',
      '2026-03-28T12:00Z',
      ['2026-03-29T01:00Z', '2026-03-30T00:30Z'],
    ],
    [
      'one of several times a day too',
      '30 2,14 * * *',
      '2026-03-28T20:00Z',
      ['2026-03-29T01:00Z', '2026-03-29T12:30Z'],
    ],
    [
      'a time that is repeated comes once',
      '30 2 * * *',
      '2026-10-24T12:00Z',
      ['2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    ],
    [
      'every half hour goes on through both',
      '*/30 * * * *',
      '2026-10-24T23:30Z',
      ['2026-10-25T00:00Z', '2026-10-25T00:30Z', '2026-10-25T01:00Z', '2026-10-25T01:30Z', '2026-10-25T02:00Z'],
    ],
    ['every hour leaves none out', '@hourly', '2026-03-29T00:00Z', ['2026-03-29T01:00Z', '2026-03-29T02:00Z']],
  ];
  for (const [what, line, from, expected] of cases) {
    test(what, () => {
      assert.deepEqual(runs(new CronLine(line, 'Europe/Berlin'), from, expected.length), expected);
    });
  }
});

test('a midnight that is left out comes at one o’clock', () => {
  // In São Paulo 4 November 2018 began at 01:00.
  const line = new CronLine('0 0 * * *', 'America/Sao_Paulo');
  assert.deepEqual(runs(line, '2018-11-03T12:00Z', 2), ['2018-11-04T03:00Z', '2018-11-05T02:00Z']);
});

test('the zone of the machine does not count', () => {
  assert.deepEqual(runs(new CronLine('0 0 * * *', 'Asia/Kathmandu'), '2026-01-01T00:00Z', 1), ['2026-01-01T18:15Z']);
});

test('the last time up to a moment counts that moment', () => {
  const line = new CronLine('0 4 * * *', 'UTC');
  const four = Date.parse('2026-01-02T04:00Z');
  assert.equal(line.upTo(four), four);
  assert.equal(line.upTo(four - 1), four - 86_400_000);
  assert.equal(line.after(four), four + 86_400_000);
  assert.equal(line.after(four - 1), four);
});

test('what comes due once in years is found both ways', () => {
  const line = new CronLine('0 0 29 2 *', 'UTC');
  assert.equal(line.after(Date.parse('2026-01-01T00:00Z')), Date.parse('2028-02-29T00:00Z'));
  assert.equal(line.upTo(Date.parse('2026-01-01T00:00Z')), Date.parse('2024-02-29T00:00Z'));
});

test('of a line for minutes each one is found once, from both sides', () => {
  const line = new CronLine('*/7 * * * *', 'Europe/Berlin');
  let at = Date.parse('2026-10-24T22:00Z');
  for (let run = 0; run < 100; run += 1) {
    const next: number = line.after(at) ?? assert.fail();
    assert.equal(line.upTo(next), next);
    assert.equal(line.upTo(next - 1), line.upTo(at));
    at = next;
  }
});

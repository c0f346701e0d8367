// Which backups no rule keeps: a table of rules over the same week of backups, and what is never in it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type KeepRules, type KeptBackup, surplusOf } from '../../../controllers/schedule/keep-rules.ts';

function backup(at: string, locked = false): KeptBackup {
  return { name: at, at: Date.parse(`${at}:00Z`), locked };
}

const now = Date.parse('2026-01-14T12:00:00Z'); // a Wednesday

/** Two a day, at 04:00 and 16:00, from Monday 5 January to this morning. */
const all = Array.from({ length: 10 }, (_, day) => day + 5).flatMap((day) => {
  const date = `2026-01-${String(day).padStart(2, '0')}`;
  return day === 14 ? [backup(`${date}T04:00`)] : [backup(`${date}T04:00`), backup(`${date}T16:00`)];
});

function kept(keep: KeepRules, backups = all, timeZone = 'UTC'): string[] {
  const gone = surplusOf(backups, keep, { now, timeZone });
  assert.deepEqual(gone, gone.toSorted(), 'oldest first');
  return backups.map(({ name }) => name).filter((name) => !gone.includes(name));
}

describe('what stays', () => {
  const cases: [what: string, keep: KeepRules, expected: string[]][] = [
    ['without a rule all', {}, all.map(({ name }) => name)],
    ['the last', { last: 1 }, ['2026-01-14T04:00']],
    ['the last three', { last: 3 }, ['2026-01-13T04:00', '2026-01-13T16:00', '2026-01-14T04:00']],
    ['more than there are', { last: 1_000 }, all.map(({ name }) => name)],
    ['the newest of each day', { daily: 3 }, ['2026-01-12T16:00', '2026-01-13T16:00', '2026-01-14T04:00']],
    ['the newest of each ISO week, which ends on Sunday', { weekly: 2 }, ['2026-01-11T16:00', '2026-01-14T04:00']],
    [
      'what any of them wants',
      { last: 2, daily: 2, weekly: 2 },
      ['2026-01-11T16:00', '2026-01-13T16:00', '2026-01-14T04:00'],
    ],
    ['what is younger', { maxAge: '1d' }, ['2026-01-13T16:00', '2026-01-14T04:00']],
    [
      'what is younger, in hours',
      { maxAge: '44h' },
      ['2026-01-12T16:00', '2026-01-13T04:00', '2026-01-13T16:00', '2026-01-14T04:00'],
    ],
    [
      'what is younger, in weeks',
      { maxAge: '1w' },
      all.map(({ name }) => name).filter((name) => name > '2026-01-07T12'),
    ],
    [
      'of what is wanted what is younger',
      { daily: 9, maxAge: '2d' },
      ['2026-01-12T16:00', '2026-01-13T16:00', '2026-01-14T04:00'],
    ],
    ['the newest, though nothing wants it', { last: 0 }, ['2026-01-14T04:00']],
    ['the newest, though it is too old', { maxAge: '1h' }, ['2026-01-14T04:00']],
  ];
  for (const [what, keep, expected] of cases) {
    test(`${what}: ${JSON.stringify(keep)}`, () => {
      assert.deepEqual(kept(keep), expected);
    });
  }
});

test('the border of the age: as old as that stays, a moment older goes', () => {
  const backups = [backup('2026-01-13T11:59'), backup('2026-01-13T12:00'), backup('2026-01-14T04:00')];
  assert.deepEqual(kept({ maxAge: '1d' }, backups), ['2026-01-13T12:00', '2026-01-14T04:00']);
});

test('what is locked stays, and counts as one of those that are kept', () => {
  const backups = [
    backup('2026-01-01T04:00', true),
    backup('2026-01-12T04:00'),
    backup('2026-01-13T04:00', true),
    backup('2026-01-14T04:00'),
  ];
  assert.deepEqual(kept({ last: 2 }, backups), ['2026-01-01T04:00', '2026-01-13T04:00', '2026-01-14T04:00']);
  assert.deepEqual(kept({ maxAge: '1d' }, backups), ['2026-01-01T04:00', '2026-01-13T04:00', '2026-01-14T04:00']);
});

test('days without a backup do not count', () => {
  const backups = [backup('2025-06-01T04:00'), backup('2025-12-31T04:00'), backup('2026-01-14T04:00')];
  assert.deepEqual(kept({ daily: 3 }, backups).length, 3);
  assert.deepEqual(kept({ weekly: 2 }, backups), ['2025-12-31T04:00', '2026-01-14T04:00']);
});

test('a day is one of the schedule’s time zone', () => {
  // 23:30 and 00:30 of one night: in Berlin both on the 14th, in New York both on the 13th, in UTC on two days.
  const backups = [backup('2026-01-13T23:30'), backup('2026-01-14T00:30')];
  assert.equal(kept({ daily: 2 }, backups, 'UTC').length, 2);
  assert.deepEqual(kept({ daily: 2 }, backups, 'Europe/Berlin'), ['2026-01-14T00:30']);
  assert.deepEqual(kept({ daily: 2 }, backups, 'America/New_York'), ['2026-01-14T00:30']);
});

test('a week goes over the end of the year', () => {
  // 29 December 2025 is a Monday: all of it is week 1 of 2026.
  const backups = [backup('2025-12-28T04:00'), backup('2025-12-29T04:00'), backup('2026-01-04T04:00')];
  assert.deepEqual(kept({ weekly: 2 }, backups), ['2025-12-28T04:00', '2026-01-04T04:00']);
});

test('of two of the same second one is the newer, always the same', () => {
  const twins = [
    { ...backup('2026-01-14T04:00'), name: 'a' },
    { ...backup('2026-01-14T04:00'), name: 'b' },
  ];
  assert.deepEqual(surplusOf(twins, { last: 1 }, { now, timeZone: 'UTC' }), ['a']);
  assert.deepEqual(surplusOf(twins.toReversed(), { last: 1 }, { now, timeZone: 'UTC' }), ['a']);
});

test('nothing is taken from nothing', () => {
  assert.deepEqual(surplusOf([], { last: 1 }, { now, timeZone: 'UTC' }), []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExpiredError } from '../../src/store/errors.ts';
import { forgetThrough, type HistoryEntry, isOverLimit, knownRevision } from '../../src/store/history.ts';

const limits = { count: 10, bytes: 1_000, ageMs: 60_000 };
const now = 10_000_000;

function entries(count: number, part: (index: number) => Partial<HistoryEntry> = () => ({})): HistoryEntry[] {
  return Array.from({ length: count }, (_, index) => ({ revision: index + 1, bytes: 10, at: now, ...part(index) }));
}

function forget(list: HistoryEntry[]): number | undefined {
  const bytes = list.reduce((sum, entry) => sum + entry.bytes, 0);
  return forgetThrough(list, { count: list.length, bytes }, limits, now);
}

test('forgets nothing at the limits, and a tenth below them once beyond', () => {
  assert.equal(forget([]), undefined);
  assert.equal(forget(entries(10)), undefined);
  assert.equal(forget(entries(11)), 2);
  assert.equal(forget(entries(10, () => ({ bytes: 100 }))), undefined);
  assert.equal(forget(entries(10, () => ({ bytes: 101 }))), 2);
});

test('forgets even the newest change when it alone is too large', () => {
  assert.equal(forget(entries(1, () => ({ bytes: 1_001 }))), 1);
});

test('forgets what is too old, with everything before it whatever its date', () => {
  assert.equal(forget(entries(3, (index) => ({ at: index === 0 ? now - 60_001 : now }))), 1);
  assert.equal(forget(entries(3, (index) => ({ at: index === 1 ? now - 60_001 : now + 1e9 }))), 2);
  assert.equal(forget(entries(3, () => ({ at: now - 60_000 }))), undefined);
});

test('says when a limit is passed', () => {
  assert.equal(isOverLimit({ count: 10, bytes: 1_000 }, limits), false);
  assert.equal(isOverLimit({ count: 11, bytes: 0 }, limits), true);
  assert.equal(isOverLimit({ count: 0, bytes: 1_001 }, limits), true);
});

test('knows the revisions from the newest forgotten one to the newest', () => {
  assert.equal(knownRevision('5', 5, 9), 5);
  assert.equal(knownRevision('9', 5, 9), 9);
  for (const from of ['4', '10', '', 'x', '-5', '5.0', '6 ', '9'.repeat(40)]) {
    assert.throws(() => knownRevision(from, 5, 9), ExpiredError, from);
  }
});

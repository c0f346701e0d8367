import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slots } from '../../src/runtime/slots.ts';

function askedOf(slots: Slots) {
  const woken: string[] = [];
  return { woken, take: (key: string) => slots.take(key, () => woken.push(key)) };
}

test('so many have a place, the next ones wait in the order in which they asked', () => {
  const slots = new Slots(2);
  const { woken, take } = askedOf(slots);
  assert.deepEqual(['a', 'b', 'c', 'd'].map(take), [true, true, false, false]);
  assert.deepEqual([slots.running, slots.waiting], [2, 2]);
  slots.release('b');
  assert.deepEqual(woken, ['c']);
  assert.equal(take('c'), true);
  slots.release('a');
  slots.release('c');
  assert.deepEqual(woken, ['c', 'd']);
});

test('asking again neither takes a second place nor loses the turn', () => {
  const slots = new Slots(1);
  const { woken, take } = askedOf(slots);
  assert.deepEqual([take('a'), take('a'), take('b'), take('c'), take('b')], [true, true, false, false, false]);
  slots.release('a');
  assert.deepEqual(woken, ['b']);
});

test('a place that is set aside is nobody else’s, and is passed on by one who does not want it any more', () => {
  const slots = new Slots(1);
  const { woken, take } = askedOf(slots);
  take('a');
  take('b');
  slots.release('a');
  assert.equal(take('c'), false);
  slots.release('b');
  assert.deepEqual(woken, ['b', 'c']);
  assert.equal(take('c'), true);
});

test('one who leaves the line is not woken', () => {
  const slots = new Slots(1);
  const { woken, take } = askedOf(slots);
  take('a');
  take('b');
  take('c');
  slots.release('b');
  slots.release('a');
  assert.deepEqual(woken, ['c']);
  slots.release('nobody');
  assert.equal(slots.running, 1);
});

test('a limit of nothing still lets one run', () => {
  assert.equal(askedOf(new Slots(0)).take('a'), true);
});

// Places for the servers of a node that comes back: who asks the Panel holds none, and nobody overtakes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartPlaces } from '../../../controllers/server/start-places.ts';
import { settle } from '../../support/fake-clock.ts';

const never = new AbortController().signal;
const names = (count: number) => Array.from({ length: count }, (_, index) => `s${index + 1}`);

function some(atATime: number) {
  const woken: string[] = [];
  const started: string[] = [];
  const places = new StartPlaces(atATime, (name) => woken.push(name));
  /** As its job does when it has asked. */
  const take = (name: string, signal = never) => places.take(name, signal).then(() => started.push(name));
  return { places, woken, started, take };
}

test('so many start at a time, in the order in which they were ready, however many ask', async () => {
  const { places, started, take } = some(2);
  for (const name of names(6)) assert.equal(places.admit(name), true);
  for (const name of ['s6', 's5', 's1', 's2']) void take(name);
  await settle();
  assert.deepEqual(started, ['s6', 's5']);
  places.leave('s5');
  await settle();
  assert.deepEqual(started, ['s6', 's5', 's1']);
  places.leave('s6');
  places.leave('s1');
  await settle();
  assert.deepEqual(started, ['s6', 's5', 's1', 's2']);
});

test('a few are admitted, and the others one by one as room comes', async () => {
  const { places, woken, take } = some(4);
  const admitted = names(12).filter((name) => places.admit(name));
  assert.deepEqual(admitted, names(8));
  assert.equal(places.admit('s1'), true, 'asked twice');
  await take('s3');
  assert.deepEqual(woken, ['s9'], 'who has a place asks no more');
  places.admit('s9');
  places.leave('s1');
  assert.deepEqual(woken, ['s9', 's10']);
  places.leave('s11');
  places.leave('s2');
  assert.deepEqual(woken, ['s9', 's10', 's12'], 'who is gone is not woken');
});

test('one that somebody asks for waits no longer, and takes nobody’s place', async () => {
  const { places, started, take } = some(1);
  for (const name of names(3)) places.admit(name);
  for (const name of names(3)) void take(name);
  await settle();
  places.hurry('s3');
  places.hurry('unknown');
  await settle();
  assert.deepEqual(started, ['s1', 's3']);
  places.leave('s3');
  await settle();
  assert.deepEqual(started, ['s1', 's3']);
  places.leave('s1');
  await settle();
  assert.deepEqual(started, ['s1', 's3', 's2']);
});

test('whoever was not admitted needs no place, and a cancelled one leaves the line', async () => {
  const { places, started, take } = some(1);
  for (const name of ['s1', 's2', 's3']) places.admit(name);
  await take('s1');
  await take('requested');
  const stop = new AbortController();
  const left = assert.rejects(take('s2', stop.signal), /stopped/);
  void take('s3');
  stop.abort(new Error('stopped'));
  await left;
  places.leave('s2');
  places.leave('s1');
  await settle();
  assert.deepEqual(started, ['s1', 'requested', 's3']);
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { Bus } from '../../src/bus/bus.ts';

const unexpected = (error: unknown) => assert.fail(String(error));
const line = (text: string) => ({ source: 'output', text }) as const;

test('a subscriber hears its server and topic, in order, until it ends', () => {
  const bus = new Bus(unexpected);
  const heard: string[] = [];
  const end = bus.subscribe('a', 'console', ({ text }) => heard.push(text));
  bus.publish('a', 'console', line('1'));
  bus.publish('b', 'console', line('of another'));
  bus.publish('a', 'state', { previous: 'offline', state: 'starting', cause: 'Request' });
  bus.publish('a', 'console', line('2'));
  end();
  bus.publish('a', 'console', line('3'));
  assert.deepEqual(heard, ['1', '2']);
});

test('a subscriber of every server hears which one it was', () => {
  const bus = new Bus(unexpected);
  const heard: string[] = [];
  bus.subscribe(undefined, 'console', ({ text }, uuid) => heard.push(`${uuid} ${text}`));
  bus.publish('a', 'console', line('1'));
  bus.publish('b', 'console', line('2'));
  assert.deepEqual(heard, ['a 1', 'b 2']);
});

test('a subscriber that throws is told of and harms no other', () => {
  const errors: unknown[] = [];
  const bus = new Bus((error) => errors.push(error));
  const heard: string[] = [];
  const failure = new Error('broken');
  bus.subscribe('a', 'console', () => {
    throw failure;
  });
  bus.subscribe('a', 'console', ({ text }) => heard.push(text));
  bus.publish('a', 'console', line('1'));
  assert.deepEqual(heard, ['1']);
  assert.deepEqual(errors, [failure]);
});

// The record of what a user did: always in a form that a Panel takes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { activityOf, bareAddress } from '../../../src/activity/activity.ts';
import { anActor } from '../../support/activity.ts';
import { anyUuid } from '../../support/builders.ts';

const now = Date.parse('2026-11-20T20:24:46.514Z');
const base = { server: anyUuid, event: 'server:power.start' };

const addresses: Record<string, string | undefined> = {
  '203.0.113.7': '203.0.113.7',
  '203.0.113.7:40012': '203.0.113.7',
  '::1': '::1',
  '[::1]:22': '::1',
  '[2001:db8::7]': '2001:db8::7',
  '2001:db8::7': '2001:db8::7',
  'fe80::1%eth0': 'fe80::1',
  '[fe80::1%eth0]:22': 'fe80::1',
  '::ffff:203.0.113.7': '203.0.113.7',
  '[::ffff:203.0.113.7]:22': '203.0.113.7',
  ' 203.0.113.7 ': '203.0.113.7',
  '203.0.113.7:': undefined,
  'example.com': undefined,
  '300.0.0.1': undefined,
  '': undefined,
};

for (const [text, expected] of Object.entries(addresses)) {
  test(`the address in "${text}" is ${expected} (activity 8.6) (covers: SEC-110)`, () => {
    assert.equal(bareAddress(text), expected);
  });
}

test('a record names everything, whatever was left out (covers: SEC-110)', () => {
  assert.deepEqual(activityOf(base, now), {
    ...{ ...base, user: null, metadata: {}, ip: '127.0.0.1' },
    timestamp: '2026-11-20T20:24:46.514Z',
  });
});

test('a record has the time at which it was asked for (covers: SEC-110)', () => {
  const record = activityOf({ ...base, user: anActor, ip: '[::1]:22', at: now - 600_000 }, now);
  assert.deepEqual(record, {
    ...{ ...base, user: anActor, metadata: {}, ip: '::1' },
    timestamp: '2026-11-20T20:14:46.514Z',
  });
});

test('who is no user of a Panel is nobody', () => {
  for (const user of ['', 'admin', null]) assert.equal(activityOf({ ...base, user }, now)?.user, null);
});

test('what no Panel could take makes no record', () => {
  assert.equal(activityOf({ ...base, server: 'demo' }, now), undefined);
  assert.equal(activityOf({ ...base, event: 'auth:fail' }, now), undefined);
});

test('metadata is bounded, and readable for every parser (covers: SEC-109)', () => {
  const command = 'x'.repeat(20_000);
  assert.deepEqual(activityOf({ ...base, metadata: { command } }, now)?.metadata, { command: 'x'.repeat(16_384) });
  const half = activityOf({ ...base, metadata: { command: 'a\ud83d', files: ['\udc00'] } }, now);
  assert.deepEqual(half?.metadata, { command: 'a\ufffd', files: ['\ufffd'] });
  const huge = Array.from({ length: 100 }, () => command);
  assert.deepEqual(activityOf({ ...base, metadata: { files: huge } }, now)?.metadata, {});
});

// How often a socket may speak, how many sockets there may be, which pages may open one, and what is a message at all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrustedProxies } from '../../src/http/wings/client-address.ts';
import { defaultCap } from '../../src/http/wings/connection-cap.ts';
import { FailedTries } from '../../src/http/wings/failed-tries.ts';
import { readInbound } from '../../src/http/wings/inbound.ts';
import { Origins, ownOrigins } from '../../src/http/wings/origins.ts';
import { SocketLimits, TokenBucket } from '../../src/http/wings/rate-limits.ts';
import { networkOf, SocketPlaces } from '../../src/http/wings/socket-places.ts';
import { FakeClock } from '../support/fake-clock.ts';

test('a bucket passes its burst and then as much as flows back (covers: SEC-46)', async () => {
  const clock = new FakeClock();
  const bucket = new TokenBucket({ burst: 2, refillMs: 5_000 }, clock);
  const take = () => bucket.take();
  assert.deepEqual([take(), take(), take(), take()], ['pass', 'pass', 'tell', 'refuse']);
  await clock.advance(4_999);
  assert.equal(take(), 'refuse');
  await clock.advance(1);
  assert.deepEqual([take(), take()], ['pass', 'tell'], 'told again only after one has passed');
  await clock.advance(3_600_000);
  assert.deepEqual([take(), take(), take()], ['pass', 'pass', 'tell'], 'never more than the burst');
});

test('the buckets have the figures of the contract (covers: SEC-46)', async () => {
  const clock = new FakeClock();
  const burst = (take: () => string) => {
    let passed = 0;
    while (take() === 'pass') passed += 1;
    return passed;
  };
  const limits = new SocketLimits(clock);
  assert.equal(
    burst(() => limits.takeFrame()),
    10,
  );
  const bursts = ['auth', 'send logs', 'send command', 'set state'].map((event) =>
    burst(() => limits.takeEvent(event)),
  );
  assert.deepEqual(bursts, [2, 2, 10, 4]);
  assert.equal(limits.takeEvent('send stats'), 'refuse', 'shares a bucket with set state');
  assert.equal(limits.takeEvent('__proto__'), 'refuse', 'and so does what nobody knows');
  await clock.advance(1_000);
  assert.equal(
    burst(() => limits.takeFrame()),
    5,
  );
  assert.equal(
    burst(() => limits.takeEvent('send command')),
    1,
  );
  assert.equal(
    burst(() => limits.takeEvent('constructor')),
    1,
  );
  assert.equal(
    burst(() => limits.takeEvent('auth')),
    0,
  );
});

test('a server has thirty places for those with a token, counted without a race (covers: SEC-44)', () => {
  const places = new SocketPlaces(new FakeClock());
  const taken = Array.from({ length: 31 }, (_, index) => places.take('a', `10.0.0.${index}`, () => {}));
  const inside = taken.map((place) => place.authenticated());
  assert.deepEqual(
    inside,
    taken.map((_, index) => index < 30),
  );
  assert.equal(places.hasRoom('a'), false);
  assert.equal(places.hasRoom('b'), true);
  taken[3]?.leave();
  taken[3]?.leave();
  assert.equal(places.hasRoom('a'), true);
  assert.equal(places.authenticatedCount, 29);
  assert.equal(taken[3]?.authenticated(), false, 'who has left does not come back');
  for (const place of taken) place.leave();
  assert.equal(places.authenticatedCount + places.strangerCount, 0);
});

test('strangers take places from strangers only, and the crowd pays, not who came alone (covers: SEC-44)', async () => {
  const clock = new FakeClock();
  const places = new SocketPlaces(clock);
  const evicted: string[] = [];
  const come = (server: string, address: string, name: string) =>
    places.take(server, address, () => evicted.push(name));
  for (let index = 0; index < 200; index++) come('a', '203.0.113.9', `stranger ${index}`);
  await clock.advance(1_999);
  assert.equal(evicted.length, 0, 'each has a moment to show a token');
  await clock.advance(1);
  assert.equal(places.strangerCount, 10);
  assert.deepEqual(evicted.slice(0, 2), ['stranger 0', 'stranger 1']);
  const owner = come('a', '198.51.100.7', 'owner');
  for (let index = 0; index < 200; index++) come('a', '203.0.113.9', `more ${index}`);
  await clock.advance(10_000);
  assert.equal(places.strangerCount, 10);
  assert.equal(evicted.includes('owner'), false);
  assert.equal(owner.authenticated(), true);
  assert.equal(clock.pendingTimers, 0);
});

test('an address and the node have bounds of their own (covers: SEC-44)', async () => {
  const clock = new FakeClock();
  const places = new SocketPlaces(clock);
  for (let server = 0; server < 30; server++) places.take(`server-${server}`, '203.0.113.9', () => {});
  await clock.advance(2_000);
  assert.equal(places.strangerCount, 20);
  for (let index = 0; index < 1_000; index++) places.take(`s${index}`, `10.1.${index >> 8}.${index & 255}`, () => {});
  assert.equal(places.strangerCount, 500, 'at once');
});

test('an address has 256 connections, but for this machine and proxies that are trusted (covers: SEC-56)', () => {
  const { most, isExempt } = defaultCap(new TrustedProxies(['192.0.2.0/28', '2001:db8::/64']));
  assert.equal(most, 256);
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '192.0.2.9', '2001:db8::7'])
    assert.equal(isExempt(address), true, address);
  for (const address of ['192.0.2.16', '10.0.0.1', '2001:db8:0:1::7', '::2', '172.18.0.2'])
    assert.equal(isExempt(address), false, address);
});

test('who guesses from many addresses of one network is one party (covers: SEC-31)', () => {
  const tries = new FailedTries(new FakeClock());
  for (let index = 1; index <= 20; index++) assert.equal(tries.failed(`2001:db8:0:1::${index}`), false);
  assert.equal(tries.failed('2001:db8:0:1:ffff::1'), true);
  assert.equal(tries.failed('2001:db8:0:2::1'), false);
});

test('one party is one address, or one /64', () => {
  assert.equal(networkOf('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(networkOf('192.0.2.1'), '192.0.2.1');
  assert.equal(networkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2');
  assert.equal(networkOf('2001:DB8:1:2::9'), '2001:db8:1:2');
  assert.equal(networkOf('2001:db8::9'), '2001:db8:0:0');
  assert.equal(networkOf('::1'), '0:0:0:0');
  assert.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0');
});

const listener = { host: '0.0.0.0', port: 8080 };
const withPanel = {
  remote: 'https://Panel.Example.com/',
  allowedOrigins: ['https://shop.example.com:443', 'nonsense'],
};
const origins: [what: string, origin: string | undefined, allowed: boolean][] = [
  ['the Panel', 'https://panel.example.com', true],
  ['the Panel with its default port', 'https://panel.example.com:443', true],
  ['the Panel in capitals', 'HTTPS://PANEL.EXAMPLE.COM', true],
  ['a listed one', 'https://shop.example.com', true],
  ['the Panel over http', 'http://panel.example.com', false],
  ['another port', 'https://panel.example.com:8443', false],
  ['a sub-domain', 'https://evil.panel.example.com', false],
  ['a longer name', 'https://panel.example.com.evil.org', false],
  ['a user part', 'https://panel.example.com@evil.org', false],
  ['null', 'null', false],
  ['nothing', '', false],
  ['a missing one', undefined, false],
  ['the listener, where a Panel is', 'http://127.0.0.1:8080', false],
  ['what the list has that is no origin', 'nonsense', false],
  ['a file', 'file://', false],
];

for (const [what, origin, allowed] of origins) {
  test(`the origin of ${what} is ${allowed ? 'allowed' : 'refused'} (covers: SEC-43)`, () => {
    assert.equal(new Origins(withPanel, listener).allows(origin), allowed);
  });
}

test('without a Panel the listener itself is an origin, and a missing one is not (covers: SEC-43)', () => {
  const rules = new Origins({ remote: '', allowedOrigins: [] }, listener);
  for (const origin of ['http://127.0.0.1:8080', 'http://localhost:8080', 'http://[::1]:8080']) {
    assert.equal(rules.allows(origin), true, origin);
  }
  for (const origin of [undefined, '', 'null', 'http://127.0.0.1:8081', 'http://127.0.0.1', 'http://192.0.2.1:8080']) {
    assert.equal(rules.allows(origin), false, origin);
  }
  assert.deepEqual(ownOrigins({ host: '192.0.2.1', port: 80 }), ['http://192.0.2.1']);
  assert.deepEqual(ownOrigins({ host: '2001:db8::1', port: 8080 }), ['http://[2001:db8::1]:8080']);
});

test('* allows every origin, and none at all (covers: SEC-43)', () => {
  const rules = new Origins({ remote: 'https://panel.example.com', allowedOrigins: ['*'] }, listener);
  for (const origin of [undefined, 'null', 'https://evil.org']) assert.equal(rules.allows(origin), true);
});

const inbound: [payload: string, message: unknown][] = [
  ['{"event":"send logs","args":[null]}', { event: 'send logs', text: '' }],
  ['{"event":"send logs"}', { event: 'send logs', text: '' }],
  ['{"event":"send logs","args":null}', { event: 'send logs', text: '' }],
  ['{"event":"send command","args":["a",null,"b"]}', { event: 'send command', text: 'ab' }],
  ['{"event":"auth","args":["t"],"more":1}', { event: 'auth', text: 't' }],
  ['{"event":"auth","args":"t"}', undefined],
  ['{"event":"auth","args":{"0":"t"}}', undefined],
  ['{"event":"auth","args":[1]}', undefined],
  ['{"event":"auth","args":[["t"]]}', undefined],
  ['{"event":1}', undefined],
  ['{"args":["t"]}', undefined],
  ['["auth"]', undefined],
  ['"auth"', undefined],
  ['null', undefined],
  ['', undefined],
  ['{"event":"auth"', undefined],
  ['['.repeat(30_000), undefined],
];

for (const [payload, message] of inbound) {
  test(`the message ${payload.slice(0, 50)} is ${message ? 'read' : 'ignored'}`, () => {
    assert.deepEqual(readInbound(payload), message);
  });
}

// Where a request came from, with and without proxies: a spoofed header is believed from nobody but a trusted one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientAddress, TrustedProxies } from '../../src/http/wings/client-address.ts';

const proxies = new TrustedProxies(['10.0.0.0/8', '192.0.2.1', 'fd00::/8']);

const cases: Record<string, [peer: string | undefined, headers: Record<string, string>, expected: string]> = {
  'no proxy': ['203.0.113.7', {}, '203.0.113.7'],
  'an IPv4 peer of a socket for both': ['::ffff:203.0.113.7', {}, '203.0.113.7'],
  'an IPv6 peer with a zone': ['fe80::7%eth0', {}, 'fe80::7'],
  'a stranger with a header': ['203.0.113.7', { 'x-forwarded-for': '198.51.100.1' }, '203.0.113.7'],
  'a stranger with the other header': ['203.0.113.7', { 'x-real-ip': '198.51.100.1' }, '203.0.113.7'],
  'a trusted proxy without a header': ['10.1.2.3', {}, '10.1.2.3'],
  'a trusted proxy': ['10.1.2.3', { 'x-forwarded-for': '198.51.100.1' }, '198.51.100.1'],
  'a trusted proxy, mapped': ['::ffff:10.1.2.3', { 'x-forwarded-for': '198.51.100.1' }, '198.51.100.1'],
  'a trusted proxy by its address': ['192.0.2.1', { 'x-forwarded-for': '2001:db8::1' }, '2001:db8::1'],
  'a trusted proxy in IPv6': ['fd00::1', { 'x-forwarded-for': '[2001:db8::1]:4711' }, '2001:db8::1'],
  'a chain': ['10.1.2.3', { 'x-forwarded-for': '198.51.100.1, 10.9.9.9, 192.0.2.1' }, '198.51.100.1'],
  'an invented hop in front': ['10.1.2.3', { 'x-forwarded-for': '1.1.1.1, 198.51.100.1, 10.9.9.9' }, '198.51.100.1'],
  'nonsense in front of it': ['10.1.2.3', { 'x-forwarded-for': 'nonsense, 198.51.100.1' }, '198.51.100.1'],
  'only proxies': ['10.1.2.3', { 'x-forwarded-for': '10.0.0.5, 10.0.0.6' }, '10.0.0.5'],
  'nonsense behind': ['10.1.2.3', { 'x-forwarded-for': '198.51.100.1, nonsense' }, '10.1.2.3'],
  'nonsense, and the other header': [
    '10.1.2.3',
    { 'x-forwarded-for': 'nonsense', 'x-real-ip': '198.51.100.2' },
    '198.51.100.2',
  ],
  'the other header': ['10.1.2.3', { 'x-real-ip': '198.51.100.2' }, '198.51.100.2'],
  'a peer that is gone': [undefined, { 'x-forwarded-for': '198.51.100.1' }, ''],
};

for (const [name, [peer, headers, expected]] of Object.entries(cases)) {
  test(`the address of a client: ${name} (activity 8.6) (covers: SEC-33, SEC-110)`, () => {
    assert.equal(clientAddress(peer, headers, proxies), expected);
  });
}

test('without trusted proxies no header counts (covers: SEC-33)', () => {
  assert.equal(clientAddress('10.1.2.3', { 'x-forwarded-for': '1.1.1.1' }, new TrustedProxies([])), '10.1.2.3');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostHider } from '../../../src/diagnostics/hide-hosts.ts';
import { aConfig } from '../../support/a-config.ts';

const config = aConfig('pelican', 'remote: https://panel.games.example\napi: {host: 192.0.2.7}');
const hide = hostHider(config, 'node7.games.example');
const x = '{redacted}';

for (const [said, shown] of [
  ['listen tcp4 203.0.113.5:25565: bind: address in use', `listen tcp4 ${x}:25565: bind: address in use`],
  ['lookup x on 10.0.0.2:53: no such host', `lookup ${x} on ${x}:53: no such host`],
  ['read udp 172.18.0.1:4->192.168.1.1:53: timeout', `read udp ${x}:4->${x}:53: timeout`],
  ['ip:203.0.113.5', `ip:${x}`],
  ['added:10.0.0.1, face:10.0.0.1.', `added:${x}, face:${x}.`],
  ['ip:2001:db8::1', `ip:${x}`],
  ['added:2001:db8::1', `added:${x}`],
  ['peer [2001:db8::1]:53: timeout', `peer [${x}]:53: timeout`],
  ['->2001:db8:0:0:0:0:0:1:443: timeout', `->${x}:443: timeout`],
  ['from 2001:db8::1.', `from ${x}.`],
  ['as ::ffff:203.0.113.5 and ::ffff:cb00:7105', `as ${x} and ${x}`],
  ['fe80::1%eth0', `${x}%eth0`],
  [`${'ab'.repeat(32)}:2001:db8::1`, `${'ab'.repeat(32)}:${x}`],
  ['getaddrinfo ENOTFOUND s3.internal.corp', `getaddrinfo ENOTFOUND ${x}`],
  ['getaddrinfo EAI_AGAIN storage', `getaddrinfo EAI_AGAIN ${x}`],
  ['queryA ENOTFOUND mirror.corp:443', `queryA ENOTFOUND ${x}:443`],
  ['dial tcp: lookup registry.corp: no such host', `dial tcp: lookup ${x}: no such host`],
  ["Host: a.corp. is not in the cert's altnames: DNS:*.b.corp", `Host: ${x} is not in the cert's altnames: DNS:${x}`],
  ['Panel.Games.Example answered', `${x} answered`],
  ['NODE7.games.example answered', `${x} answered`],
  ['at 192.0.2.7', `at ${x}`],
] as const)
  test(`where somebody is, is taken out: ${said.slice(-60)} (covers: SEC-116)`, () => assert.equal(hide(said), shown));

for (const text of [
  'listening on 127.0.0.1:8080, [::1]:8080, 0.0.0.0 and ::',
  'took 00:01:02.345, at 2024-01-01T10:00:00.000Z',
  'std::vector, Foo::Bar, lookup failed, the lookup of a name',
  'image sha256:0123456789abcdef, aa:bb:cc:dd:ee:ff',
  'version 1.2.3, build 1.2.3.4.5, 999.1.1.1',
  'the Panel cannot be reached',
])
  test(`what says nothing of places stays: ${text}`, () => assert.equal(hide(text), text));

test('a short name of a Panel is not taken for the word', () => {
  const short = hostHider(aConfig('pelican', 'remote: http://panel'), 'node');
  assert.equal(short('the Panel at panel'), `the Panel at ${x}`);
});

test('a long line takes no longer than its parts (covers: SEC-116)', () => {
  const started = process.cpuUsage();
  for (const part of ['1.', '1.1.1.', 'a:', '::', 'ab', 'lookup ', 'a.', '://', 'ab://[', 'DNS:', '1', ':1'])
    hide(part.repeat(Math.ceil(262_144 / part.length)));
  // Quadratic work would take minutes.
  assert.ok(process.cpuUsage(started).user < 20_000_000);
});

// What a node depends on in the systemd unit: games live on, Docker may restart, and nothing that bind mounts need is hidden.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkout } from '../support/source-files.ts';

const unit = readFileSync(join(checkout, 'manifests/deploy/aileron.service'), 'utf8');
const lines = unit.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const values = (key: string) =>
  lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));

test('games live on when the daemon stops, and a daemon that failed comes back', () => {
  assert.deepEqual(values('KillMode'), ['mixed']);
  assert.deepEqual(values('Restart'), ['on-failure']);
  const seconds = Number.parseInt(values('TimeoutStopSec')[0] ?? '', 10);
  assert.ok(seconds > 60 + 30, 'more than system.shutdown_grace and what the daemon adds');
  assert.deepEqual(values('ExecReload'), ['/bin/kill -HUP $MAINPID']);
});

test('it starts after Docker, does not end with it, and not beside Wings', () => {
  assert.match(values('After').join(' '), /\bdocker\.service\b/);
  assert.deepEqual([...values('Requires'), ...values('BindsTo'), ...values('PartOf')], []);
  assert.deepEqual(values('Conflicts'), ['wings.service']);
});

test('it has room for descriptors, and what it writes is for nobody else (covers: SEC-113)', () => {
  assert.ok(Number(values('LimitNOFILE')[0]) >= 65_536);
  assert.deepEqual(values('UMask'), ['0077']);
  assert.deepEqual(values('NoNewPrivileges'), ['yes']);
});

test('nothing hides what containers mount, or forbids the compiler in Node.js', () => {
  for (const key of [
    'ProtectSystem',
    'ProtectHome',
    'PrivateTmp',
    'PrivateMounts',
    'PrivateUsers',
    'PrivateDevices',
    'MemoryDenyWriteExecute',
  ])
    assert.deepEqual(values(key), [], key);
  for (const capability of ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_NET_BIND_SERVICE', 'CAP_KILL'])
    assert.ok(values('CapabilityBoundingSet')[0]?.split(' ').includes(capability), capability);
});

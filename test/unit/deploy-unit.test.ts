// What a node depends on in the systemd unit: games live on, Docker may restart, and the daemon has the rights that it needs
// and no more. test/integration/least-rights.test.ts runs a daemon with them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { aConfig } from '../support/a-config.ts';
import { checkout } from '../support/source-files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

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

test('it has room for descriptors, and what it writes is for nobody else (covers: SEC-113, SEC-121)', () => {
  assert.ok(Number(values('LimitNOFILE')[0]) >= 65_536);
  assert.deepEqual(values('UMask'), ['0077']);
});

test('it may do what a node needs and nothing more (covers: SEC-123)', () => {
  assert.deepEqual(values('NoNewPrivileges'), ['yes']);
  assert.deepEqual(values('ProtectSystem'), ['strict']);
  assert.deepEqual(values('PrivateTmp'), ['yes']);
  assert.deepEqual(values('ProtectHome'), ['read-only']);
  assert.deepEqual(values('CapabilityBoundingSet'), [
    'CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_NET_BIND_SERVICE',
  ]);
  assert.deepEqual(values('AmbientCapabilities'), []);
  assert.deepEqual([values('Restart'), values('RestartSec')], [['on-failure'], ['5s']]);
  assert.deepEqual([values('StartLimitIntervalSec'), values('StartLimitBurst')], [['180'], ['30']]);
});

test('whatever the daemon writes by default can be written (covers: SEC-123)', () => {
  const runtime = values('RuntimeDirectory').map((name) => `/run/${name}`);
  const named = values('ReadWritePaths').flatMap((line) => line.split(' ').map((path) => path.replace(/^-/, '')));
  const writable = [...runtime, ...named];
  const isWritable = (path: string) => writable.some((one) => `${path}/`.startsWith(`${one}/`));
  for (const flavour of ['pterodactyl', 'pelican'] as const) {
    const { system, aileron } = aConfig(flavour);
    const places = [system.rootDirectory, system.logDirectory, system.data, system.archiveDirectory];
    const more = [system.backupDirectory, system.machineId.directory, system.user.passwd.directory, aileron.store.path];
    for (const path of [...places, ...more, `/etc/${flavour}/config.yml`]) assert.ok(isWritable(path), path);
    // Docker would not find what is in a /tmp that belongs to the daemon alone: see makeDirectories.
    assert.equal(dirname(system.tmpDirectory), '/tmp');
  }
  assert.deepEqual(values('RuntimeDirectoryPreserve'), ['yes']);
});

const analyzer = spawnSync('systemd-analyze', ['--version']).error ? 'systemd-analyze is missing' : false;

test('systemd finds nothing wrong with it, and little exposed (covers: SEC-123)', { skip: analyzer }, (t) => {
  // Where the daemon is installed is looked at too.
  const file = join(temporaryDirectory(t), 'aileron.service');
  writeFileSync(file, unit.replaceAll('/opt/aileron/bin/aileron', '/bin/true'));
  const run = (...words: string[]) => spawnSync('systemd-analyze', [...words, file], { encoding: 'utf8' });
  const verified = run('verify', '--man=no');
  assert.equal(verified.stderr.includes('aileron.service'), false, verified.stderr);
  // Tenths of 10. Most of what is left is the network and being root.
  const scored = run('security', '--offline=true', '--no-pager', '--threshold=45');
  assert.equal(scored.status, 0, `${scored.stdout}${scored.stderr}`);
});

test('nothing hides what is looked at for containers, or forbids the compiler in Node.js', () => {
  for (const key of ['PrivateUsers', 'PrivateDevices', 'MemoryDenyWriteExecute'])
    assert.deepEqual(values(key), [], key);
});

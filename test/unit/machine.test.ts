// What the daemon says of the machine it runs on.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cpuPercent, disksAmong, mountOf, mountPointsOf, systemName, ticksOf } from '../../src/machine/counters.ts';
import { thisMachine } from '../../src/machine/machine.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const mounts = [
  'proc /proc proc rw 0 0',
  '/dev/vda1 / ext4 rw 0 0',
  '/dev/vdb /srv/my\\040games xfs rw 0 0',
  '/dev/vdb /copy xfs rw 0 0',
  'tmpfs /tmp tmpfs rw 0 0',
  '/dev/loop1 /snap/core squashfs ro 0 0',
  'overlay /var/lib/docker/overlay2/x/merged overlay rw 0 0',
  '',
].join('\n');

test('disks are real devices, each once; what docker makes is none', () => {
  const disks = disksAmong(mountPointsOf(mounts));
  assert.deepEqual(
    disks.map(({ device, path }) => [device, path]),
    [
      ['/dev/vda1', '/'],
      ['/dev/vdb', '/copy'],
    ],
  );
  const inContainer = disksAmong(mountPointsOf('overlay / overlay rw 0 0\n/dev/vda1 /data ext4 rw 0 0\n'));
  assert.deepEqual(
    inContainer.map(({ path }) => path),
    ['/', '/data'],
  );
});

test('a path lies on the mount that is nearest above it', () => {
  const points = mountPointsOf(mounts);
  assert.equal(mountOf('/srv/my games/a', points)?.device, '/dev/vdb');
  assert.equal(mountOf('/srv/my gamesx', points)?.device, '/dev/vda1');
  assert.equal(mountOf('/tmp', points)?.type, 'tmpfs');
});

test('CPU is the share of busy ticks between two looks', () => {
  const first = ticksOf('cpu  100 0 100 800 0 0 0 0 50 0\ncpu0 1 1 1 1\n');
  const second = ticksOf('cpu  125 0 125 830 20 0 0 0 50 0\n');
  assert.equal(cpuPercent(first, second), 50);
  assert.equal(cpuPercent(second, second), 0);
});

test('the system is called as os-release says, by either of two names', () => {
  assert.equal(
    systemName('NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'),
    'Debian GNU/Linux 12 (bookworm)',
  );
  assert.equal(systemName("NAME='Alpine Linux'\n"), 'Alpine Linux');
  assert.equal(systemName('ID=x\n'), undefined);
});

test('utilization is answered with numbers, also when files are missing', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'proc'), { recursive: true });
  writeFileSync(
    join(root, 'proc/meminfo'),
    'MemTotal:  1000 kB\nMemFree: 10 kB\nMemAvailable:  400 kB\nSwapTotal: 50 kB\nSwapFree: 20 kB\n',
  );
  writeFileSync(join(root, 'proc/loadavg'), '0.30 1.06 1.00 2/300 12345\n');
  const machine = thisMachine({ clock: new FakeClock(), log: recordedLog(), directories: {}, root });
  assert.deepEqual(await machine.utilization(), {
    memoryTotal: 1_024_000,
    memoryUsed: 614_400,
    swapTotal: 51_200,
    swapUsed: 30_720,
    load: [0.3, 1.06, 1],
    cpuPercent: 0,
    disks: [],
  });
});

test('a disk is told with the directories that lie on it', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'proc/self'), { recursive: true });
  writeFileSync(join(root, 'proc/self/mounts'), '/dev/vda1 / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n');
  const directories = { Data: '/var/lib/volumes', Temp: '/tmp/node' };
  const machine = thisMachine({ clock: new FakeClock(), log: recordedLog(), directories, root });
  const { disks } = await machine.utilization();
  assert.equal(disks.length, 1);
  const [{ device, mountPoint, tags, total, used } = assert.fail()] = disks;
  assert.deepEqual({ device, mountPoint, tags }, { device: '/dev/vda1', mountPoint: '/', tags: ['Data'] });
  assert.ok(total > 0 && used >= 0 && used <= total);
});

test('addresses are those by which others reach the machine', () => {
  const interfaces = {
    lo: [{ address: '127.0.0.1', internal: true }],
    eth0: [
      { address: '192.0.2.2', internal: false },
      { address: 'fe80::1', internal: false },
      { address: 'fd00::2', internal: false },
      { address: '169.254.3.4', internal: false },
    ],
  } as unknown as ReturnType<typeof networkInterfaces>;
  const machine = thisMachine({
    clock: new FakeClock(),
    log: recordedLog(),
    directories: {},
    interfaces: () => interfaces,
  });
  assert.deepEqual(machine.addresses(), ['192.0.2.2', 'fd00::2']);
});

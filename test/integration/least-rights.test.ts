// A daemon with the rights that its systemd unit leaves it, and no other: few capabilities, no way to more, and a file system
// that is read-only but for the directories of the node. It installs, starts, backs up, restores and deletes all the same.
import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsDocker } from '../support/docker.ts';
import { LiveNode } from '../support/live-node.ts';
import { backedUp, createRestore, restoreEnded } from '../support/operations.ts';
import { newestFirst } from '../support/owner.ts';
import { needsSmallDisk } from '../support/small-disk.ts';
import { checkout } from '../support/source-files.ts';

const skip = (await needsDocker()) || needsSmallDisk();

/** As the unit has it, for setpriv: `+chown`. */
function capabilities(): string[] {
  const unit = readFileSync(join(checkout, 'manifests/deploy/aileron.service'), 'utf8');
  const names = /^CapabilityBoundingSet=(.*)$/m.exec(unit)?.[1]?.split(' ') ?? [];
  return ['-all', ...names.map((name) => `+${name.replace('CAP_', '').toLowerCase()}`)];
}

/** ProtectSystem=strict with one ReadWritePaths=, and a /tmp that is read-only but for that. */
function under(writable: string): string[] {
  const view = 'mount --bind "$1" "$1" && mount -o remount,bind,ro / && shift && umask 0077 && exec "$@"';
  const rights = ['--no-new-privs', `--bounding-set=${capabilities().join(',')}`];
  return ['unshare', '--mount', 'sh', '-c', view, 'sh', writable, 'setpriv', ...rights];
}

test('a daemon under its unit does all that a node does (covers: SEC-123)', { skip, timeout: 120_000 }, async (t) => {
  const node = await LiveNode.make(newestFirst(t), { aileron: { diskReserve: { percent: 0, mebibytes: 0 } } });
  const daemon = await node.start({ under: under(node.directory) });
  const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8');
  const held = (name: string) => BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1]}`);
  // CHOWN, DAC_OVERRIDE, FOWNER, KILL, NET_BIND_SERVICE.
  for (const set of ['CapBnd', 'CapEff', 'CapPrm']) assert.equal(held(set), 0b100_0010_1011n, set);
  assert.match(status, /^NoNewPrivs:\s*1$/m);
  assert.match(readFileSync(`/proc/${daemon.pid}/mountinfo`, 'utf8'), /^\d+ \d+ \S+ \S+ \/ ro,/m);

  const uuid = await node.addRunning('demo');
  const root = node.volume(uuid);
  assert.equal(statSync(root).uid, node.config.system.user.uid);
  writeFileSync(join(root, 'level.dat'), 'one', { mode: 0o600 });
  mkdirSync(join(root, 'theirs'), { mode: 0o700 });
  // Neither the daemon's nor the server's.
  chownSync(join(root, 'theirs'), 54_321, 54_321);
  await backedUp(node.api, 'demo', 'before');
  writeFileSync(join(root, 'level.dat'), 'two');
  await createRestore(node.api, 'demo', 'back', { backup: 'before' });
  assert.equal((await restoreEnded(node.api, 'back')).status?.phase, 'Completed');
  assert.equal(readFileSync(join(root, 'level.dat'), 'utf8'), 'one');
  await node.api.powerAndFinish('demo', 'start');
  await node.running('demo');
  await node.api.delete('demo');
  await node.api.untilGone('demo');
  assert.equal(existsSync(root), true, 'its files are kept unless somebody says otherwise');
  assert.deepEqual(await node.containers('demo'), []);
  assert.equal(await daemon.stop(), 0);
});

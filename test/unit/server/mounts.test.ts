import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { allowedMounts, isWithin, swappedSources } from '../../../controllers/server/mounts.ts';
import type { Config } from '../../../src/config/config.ts';
import { aConfig } from '../../support/a-config.ts';
import { aServer } from '../../support/builders.ts';

describe('mounts of a spec', () => {
  let root: string;
  const socket = createServer();

  before(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'mounts-')));
    const directories = ['maps/inner', 'maps-private', 'etc', 'node/volumes', 'node/mounts', 'with-socket'];
    for (const path of directories) await mkdir(join(root, path), { recursive: true });
    await writeFile(join(root, 'maps/rules.txt'), '');
    await mkdir(join(root, 'maps/a:b'));
    await symlink(join(root, 'maps-private'), join(root, 'maps/out'));
    await symlink('inner', join(root, 'maps/in'));
    await symlink('/etc', join(root, 'maps/etc'));
    await symlink(join(root, 'maps'), join(root, 'linked-entry'));
    await symlink('loop', join(root, 'maps/loop'));
    await new Promise<void>((resolve) => socket.listen(join(root, 'with-socket/docker.sock'), resolve));
  });

  after(async () => {
    await new Promise((resolve) => socket.close(resolve));
    await rm(root, { recursive: true, force: true });
  });

  function settings(allowed: string[], changes: Partial<Config> = {}): Config {
    const base = aConfig();
    const system = { ...base.system, rootDirectory: join(root, 'node'), data: join(root, 'node/volumes') };
    const docker = { ...base.docker, socket: join(root, 'with-socket/docker.sock') };
    return { ...base, system, docker, allowedMounts: allowed, ...changes };
  }

  async function check(source: string, allowed: string[], { target = '/maps', changes = {} as Partial<Config> } = {}) {
    const server = aServer({ spec: { mounts: [{ source, target, readOnly: true }] } });
    return allowedMounts(server, settings(allowed, changes));
  }

  const accepted: [title: string, source: string, allowed: string, real: string][] = [
    ['the entry itself', 'maps', 'maps', 'maps'],
    ['below the entry', 'maps/inner', 'maps', 'maps/inner'],
    ['a file', 'maps/rules.txt', 'maps', 'maps/rules.txt'],
    ['a trailing slash on both', 'maps/', 'maps/', 'maps'],
    ['dots that stay inside', 'maps/inner/../inner', 'maps', 'maps/inner'],
    ['a link that stays inside', 'maps/in', 'maps', 'maps/inner'],
    ['an entry that is a link', 'maps/inner', 'linked-entry', 'maps/inner'],
    ['a colon in the name', 'maps/a:b', 'maps', 'maps/a:b'],
    ['a place of the operator below the root directory', 'node/mounts', 'node/mounts', 'node/mounts'],
  ];

  for (const [title, source, allowed, real] of accepted) {
    test(`allowed: ${title} (covers: SEC-83 SEC-10)`, async () => {
      // Not join(), which would normalize the path away.
      const { mounts, refused } = await check(`${root}/${source}`, [`${root}/${allowed}`]);
      assert.deepEqual(refused, []);
      assert.deepEqual(mounts, [{ Type: 'bind', Source: join(root, real), Target: '/maps', ReadOnly: true }]);
    });
  }

  const refusedSources: [title: string, source: string, allowed: string, reason: RegExp][] = [
    ['a sibling with the same beginning', 'maps-private', 'maps', /allowed_mounts/],
    ['dots that leave', 'maps/../maps-private', 'maps', /allowed_mounts/],
    ['a link that leaves', 'maps/out', 'maps', /allowed_mounts/],
    ['a link to a directory of the system', 'maps/etc', 'maps', /allowed_mounts/],
    ['above the entry', '', 'maps', /allowed_mounts/],
    ['a missing source', 'maps/none', 'maps', /does not exist/],
    ['a file as a directory', 'maps/rules.txt/x', 'maps', /does not exist/],
    ['a link to itself', 'maps/loop', 'maps', /does not exist/],
    ['the data directory', 'node/volumes', 'node', /belongs to/],
    ['the root directory', 'node', 'node', /contains/],
    ['a directory that holds the root directory', '', '', /contains/],
    ['the socket of Docker', 'with-socket/docker.sock', 'with-socket', /belongs to/],
    ['a directory with the socket of Docker', 'with-socket', 'with-socket', /contains/],
    ['an entry that is missing', 'maps', 'none', /allowed_mounts/],
  ];

  for (const [title, source, allowed, reason] of refusedSources) {
    test(`refused: ${title} (covers: SEC-83 SEC-10)`, async () => {
      const { mounts, refused } = await check(`${root}/${source}`, [`${root}/${allowed}`]);
      assert.deepEqual(mounts, []);
      assert.match(refused[0]?.reason ?? '', reason);
      assert.equal(refused[0]?.source, `${root}/${source}`);
    });
  }

  for (const source of [
    '/',
    '/etc',
    '/etc/ssl',
    '/proc',
    '/proc/self/root/etc',
    '/sys',
    '/dev',
    '/dev/null',
    '/run',
    '/var/run',
  ]) {
    test(`refused although all is allowed: ${source} (covers: SEC-83)`, async () => {
      assert.deepEqual((await check(source, ['/'])).mounts, []);
    });
  }

  test('what is neither file nor directory is refused', async () => {
    const docker = { ...aConfig().docker, socket: '' };
    const { refused } = await check(`${root}/with-socket/docker.sock`, [root], { changes: { docker } });
    assert.match(refused[0]?.reason ?? '', /neither a directory nor a regular file/);
  });

  test('an empty or relative entry allows nothing', async () => {
    for (const entry of ['', '.', 'maps']) assert.deepEqual((await check(`${root}/maps`, [entry])).mounts, []);
  });

  for (const target of [
    '/',
    '/etc',
    '/etc/passwd',
    '/proc/self',
    '/sys',
    '/dev/shm',
    '/home',
    '/home/container',
    '/home/container/maps',
    '/x/../home/container/maps',
    '/maps/../etc/cron.d',
    '/tmp',
    'relative',
    '/nul\0byte',
  ]) {
    test(`refused target: ${JSON.stringify(target)} (covers: SEC-83)`, async () => {
      const { mounts, refused } = await check(`${root}/maps`, [`${root}/maps`], { target });
      assert.deepEqual(mounts, []);
      assert.match(refused[0]?.reason ?? '', /target/);
    });
  }

  for (const [target, cleaned] of [
    ['/home/containers', '/home/containers'],
    ['/maps//x/./y/', '/maps/x/y'],
    ['/etcetera', '/etcetera'],
    ['/a:b', '/a:b'],
  ] as const) {
    test(`allowed target: ${target}`, async () => {
      const { mounts } = await check(`${root}/maps`, [`${root}/maps`], { target });
      assert.equal(mounts[0]?.Target, cleaned);
    });
  }

  test('below the base directory when the operator lets it, but never in its place', async () => {
    const changes = { blockBaseDirMount: false };
    const inside = await check(`${root}/maps`, [`${root}/maps`], { target: '/home/container/maps', changes });
    assert.equal(inside.mounts.length, 1);
    const instead = await check(`${root}/maps`, [`${root}/maps`], { target: '/home/container', changes });
    assert.match(instead.refused[0]?.reason ?? '', /taken/);
  });

  test('of two mounts at one place the first is made', async () => {
    const mounts = ['maps/inner', 'maps'].map((path) => ({
      source: join(root, path),
      target: '/maps',
      readOnly: false,
    }));
    const result = await allowedMounts(aServer({ spec: { mounts } }), settings([join(root, 'maps')]));
    assert.deepEqual(
      result.mounts.map(({ Source }) => Source),
      [join(root, 'maps/inner')],
    );
    assert.match(result.refused[0]?.reason ?? '', /taken/);
  });

  test('a link put in the path between check and start is noticed (covers: SEC-83)', async () => {
    const { mounts } = await check(`${root}/maps/inner`, [`${root}/maps`]);
    assert.deepEqual(await swappedSources(mounts), []);
    await rename(join(root, 'maps/inner'), join(root, 'maps/moved'));
    await symlink('/etc', join(root, 'maps/inner'));
    try {
      assert.deepEqual(await swappedSources(mounts), [join(root, 'maps/inner')]);
    } finally {
      await rm(join(root, 'maps/inner'));
      await rename(join(root, 'maps/moved'), join(root, 'maps/inner'));
    }
  });
});

test('containment is by whole components (covers: SEC-10)', () => {
  assert.equal(isWithin('/a/b', '/a'), true);
  assert.equal(isWithin('/a', '/a'), true);
  assert.equal(isWithin('/ab', '/a'), false);
  assert.equal(isWithin('/a', '/a/b'), false);
  assert.equal(isWithin('/anything', '/'), true);
});

import assert from 'node:assert/strict';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Config } from '../../../src/config/config.ts';
import { ConfigError } from '../../../src/config/config-error.ts';
import { makeDirectories } from '../../../src/config/directories.ts';
import { checkDirectories } from '../../../src/config/directory-rules.ts';
import { ensureLogRotation } from '../../../src/config/log-rotation.ts';
import { aConfig } from '../../support/a-config.ts';
import { newestFirst } from '../../support/owner.ts';
import { needsSmallDisk, SmallDisk } from '../../support/small-disk.ts';

let root: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'layout-')));
});

afterEach(() => rm(root, { recursive: true, force: true }));

const me = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
const isRoot = me.uid === 0;

/** `system` replaces settings of a good layout. */
async function layout(
  system: Partial<Config['system']> = {},
  store = join(root, 'lib/aileron/store.db'),
): Promise<Config> {
  const config = aConfig(
    'pelican',
    `system: {root_directory: ${root}/lib, log_directory: ${root}/log, tmp_directory: ${root}/tmp, user: {uid: 4321, passwd: {directory: ${root}/etc}}, machine_id: {directory: ${root}/etc/machine-id}}`,
  );
  await mkdir(join(root, 'etc'), { recursive: true, mode: 0o700 });
  return makeDirectories({
    ...config,
    path: join(root, 'etc/config.yml'),
    system: { ...config.system, ...system },
    aileron: { ...config.aileron, store: { path: store } },
  });
}

async function check(config: Config, user = me): Promise<string[]> {
  const warnings: string[] = [];
  await checkDirectories(config, { warn: (message) => void warnings.push(message), user });
  return warnings;
}

async function refused(config: Config, ...words: string[]): Promise<void> {
  await assert.rejects(check(config), (error: unknown) => {
    assert.ok(error instanceof ConfigError, String(error));
    for (const word of words) assert.ok(error.message.includes(word), `${word} in: ${error.message}`);
    return true;
  });
}

test('the layout of Wings is a good one (covers: SEC-12)', async () => {
  assert.deepEqual(await check(await layout()), []);
});

describe('bad layouts are refused with the reason (covers: SEC-12)', () => {
  test('one directory for two purposes', async () => {
    await refused(
      await layout({ backupDirectory: join(root, 'lib/archives') }),
      'system.archive_directory and system.backup_directory',
      'one directory',
    );
    await refused(await layout({}, join(root, 'etc/store.db')), 'the place of config.yml', 'one directory');
  });

  test('one directory by two paths', async () => {
    await symlink(join(root, 'lib'), join(root, 'alias'));
    await refused(await layout({ backupDirectory: join(root, 'alias/archives') }), 'one directory');
  });

  for (const [name, setting] of [
    ['backupDirectory', 'system.backup_directory'],
    ['archiveDirectory', 'system.archive_directory'],
    ['tmpDirectory', 'system.tmp_directory'],
    ['logDirectory', 'system.log_directory'],
  ] as const) {
    test(`${setting} inside a server's root`, async () => {
      await refused(
        await layout({ [name]: join(root, 'lib/volumes/some-server/x') }),
        setting,
        'among the directories of servers',
      );
    });

    test(`${setting} as a link`, async () => {
      await mkdir(join(root, 'elsewhere'), { mode: 0o700 });
      await symlink(join(root, 'elsewhere'), join(root, 'link'));
      await refused(await layout({ [name]: join(root, 'link') }), setting, 'which is a link');
    });

    test(`${setting} open to others`, async () => {
      const config = await layout();
      await chmod(config.system[name], 0o707);
      await refused(config, setting, 'other users may write', '0707', `chmod go-w ${config.system[name]}`);
    });
  }

  test('the state inside a server, also behind a link', async () => {
    await refused(
      await layout({}, join(root, 'lib/volumes/s/store.db')),
      'store.path of aileron.yml',
      'among the directories',
    );
    await symlink(join(root, 'lib/volumes'), join(root, 'alias'));
    await refused(
      await layout({}, join(root, 'alias/s/store.db')),
      'store.path of aileron.yml',
      'among the directories',
    );
  });

  test('the files that containers see inside a server', async () => {
    const config = await layout();
    const directory = join(root, 'lib/volumes/s');
    await mkdir(directory);
    const user = { ...config.system.user, passwd: { enable: true, directory } };
    await refused({ ...config, system: { ...config.system, user } }, 'system.user.passwd.directory');
  });

  test('data open to others, and the place of config.yml', async () => {
    const config = await layout();
    await chmod(config.system.data, 0o777);
    await refused(config, 'system.data', 'other users may write');
    await chmod(config.system.data, 0o700);
    await chmod(dirname(config.path), 0o777);
    await refused(config, 'the place of config.yml');
  });

  test('a directory of another user', { skip: !isRoot }, async () => {
    const config = await layout();
    await chown(config.system.backupDirectory, 1234, 0);
    await refused(config, 'system.backup_directory', 'belongs to user 1234', 'name another directory');
  });

  test('a directory that another group may write', { skip: !isRoot }, async () => {
    const config = await layout();
    await chown(config.system.logDirectory, 0, 1234);
    await chmod(config.system.logDirectory, 0o770);
    await refused(config, 'system.log_directory', 'other users may write');
    await chown(config.system.logDirectory, 0, me.gid);
    assert.deepEqual(await check(config), []);
  });

  test('a file where a directory belongs', async () => {
    const config = await layout();
    await rm(config.system.tmpDirectory, { recursive: true });
    await writeFile(config.system.tmpDirectory, '');
    await refused(config, 'system.tmp_directory', 'not a directory');
  });
});

test('what belongs to the user of the servers is told and taken', { skip: !isRoot }, async () => {
  const config = await layout();
  await chown(config.system.data, 4321, 4321);
  const [warning, ...more] = await check(config);
  assert.match(warning ?? '', /^system\.data is .*belongs to the user of the servers/);
  assert.deepEqual(more, []);
});

test('a link as system.data was resolved before', async () => {
  await mkdir(join(root, 'disk'), { mode: 0o700 });
  await symlink(join(root, 'disk'), join(root, 'linked'));
  const config = await layout({ data: join(root, 'linked') });
  assert.equal(config.system.data, join(root, 'disk'));
  assert.deepEqual(await check(config), []);
});

test('a sibling with a longer name is not inside', async () => {
  assert.deepEqual(await check(await layout({ backupDirectory: join(root, 'lib/volumes-backup') })), []);
});

describe('log rotation', () => {
  const path = () => join(root, 'logrotate.d/wings');

  async function ensure(config: Config): Promise<string[]> {
    const warnings: string[] = [];
    await ensureLogRotation(config, { warn: (message) => void warnings.push(message), directory: dirname(path()) });
    return warnings;
  }

  test('is set up when there is none', async () => {
    await mkdir(dirname(path()));
    assert.deepEqual(await ensure(await layout()), []);
    const text = await readFile(path(), 'utf8');
    assert.ok(text.startsWith(`"${root}/log/wings.log" {\n`));
    for (const line of [
      'size 10M',
      'compress',
      'delaycompress',
      'dateext',
      'maxage 7',
      'missingok',
      'notifempty',
      'postrotate',
    ])
      assert.match(text, new RegExp(`^ {4}${line}$`, 'm'));
    assert.match(text, /systemctl kill -s HUP aileron\.service/);
    assert.equal((await stat(path())).mode & 0o777, 0o644);
  });

  test('stays as it is when there is one, or no logrotate, or nobody wants it', async () => {
    assert.deepEqual(await ensure(await layout()), []);
    await mkdir(dirname(path()));
    await ensure(await layout({ enableLogRotate: false }));
    assert.deepEqual(await readdir(dirname(path())), []);
    await writeFile(path(), 'mine');
    await ensure(await layout());
    assert.equal(await readFile(path(), 'utf8'), 'mine');
  });

  test('that cannot be set up is told', async () => {
    await writeFile(dirname(path()), '');
    assert.match((await ensure(await layout()))[0] ?? '', /logrotate\.d\/wings cannot be written .*enable_log_rotate/);
  });
});

test('a directory that is read-only for the daemon is named before a server finds out (covers: SEC-123)', {
  skip: needsSmallDisk(),
}, async (t) => {
  const disk = SmallDisk.make(newestFirst(t), 65_536);
  const config = await layout({ data: disk.path });
  assert.deepEqual(await check(config), []);
  disk.readOnly();
  await refused(config, 'system.data', 'ReadWritePaths=');
});

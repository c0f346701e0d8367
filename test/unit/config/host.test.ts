import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Config, Flavour } from '../../../src/config/config.ts';
import { ConfigError } from '../../../src/config/config-error.ts';
import { makeDirectories } from '../../../src/config/directories.ts';
import { hostFacts } from '../../../src/config/host-facts.ts';
import { prepareHost } from '../../../src/config/prepare-host.ts';
import { resolveSystemUser, type UserSources } from '../../../src/config/system-user.ts';
import { isTimezone, resolveTimezone } from '../../../src/config/timezone.ts';
import { aConfig } from '../../support/a-config.ts';

let root: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'host-')));
});

afterEach(() => rm(root, { recursive: true, force: true }));

async function file(path: string, content = ''): Promise<string> {
  const full = join(root, path);
  await mkdir(join(full, '..'), { recursive: true });
  await writeFile(full, content);
  return full;
}

describe('system user', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/bash\npelican:x:999:987::/home/p:/sbin/nologin\nbroken:x::\n';

  async function setUp(id: string, program?: string): Promise<{ sources: UserSources; runs: string[][] }> {
    const runs: string[][] = [];
    await file('etc/os-release', `NAME="Some"\nVERSION_ID="1"\nID=${id}\n`);
    await file('etc/passwd', passwd);
    if (program) for (const name of program.split(' ')) await file(`usr/sbin/${name}`);
    const run = async (path: string, args: string[]) => {
      runs.push([path.slice(root.length), ...args]);
      if (/(useradd|adduser)$/.test(path))
        await writeFile(join(root, 'etc/passwd'), `${passwd}games2:x:980:979::/:/x\n`);
    };
    return { sources: { env: {}, flavour: 'pelican', root, run }, runs };
  }

  const system = (yaml: string, flavour: Flavour = 'pelican') => aConfig(flavour, `system: ${yaml}`).system;

  test('a user that exists is looked up', async () => {
    const { sources, runs } = await setUp('debian');
    assert.deepEqual(await resolveSystemUser(system('{username: pelican}'), sources), {
      username: 'pelican',
      uid: 999,
      gid: 987,
    });
    assert.deepEqual(runs, []);
  });

  test('a user that does not exist is made, without a shell in between (covers: SEC-84)', async () => {
    const { sources, runs } = await setUp('debian', 'useradd');
    const user = await resolveSystemUser(system('{username: games2}'), sources);
    assert.deepEqual(user, { username: 'games2', uid: 980, gid: 979 });
    assert.deepEqual(runs, [
      ['/usr/sbin/useradd', '--system', '--no-create-home', '--shell', '/usr/sbin/nologin', 'games2'],
    ]);
  });

  test('Alpine makes users in its own way', async () => {
    const { sources, runs } = await setUp('"alpine"', 'addgroup adduser');
    await resolveSystemUser(system('{username: games2}'), sources);
    assert.deepEqual(runs, [
      ['/usr/sbin/addgroup', '-S', 'games2'],
      ['/usr/sbin/adduser', '-S', '-D', '-H', '-G', 'games2', '-s', '/sbin/nologin', 'games2'],
    ]);
  });

  test('a program that fails or is missing is named with the user', async () => {
    const { sources } = await setUp('debian');
    const missing = resolveSystemUser(system('{username: games2}'), sources);
    await assert.rejects(missing, /user games2 does not exist and there is no useradd/);
    await file('usr/sbin/useradd');
    const run = async () => {
      throw Object.assign(new Error('Command failed'), { stderr: 'useradd: Permission denied.\nuseradd: more\n' });
    };
    await assert.rejects(
      resolveSystemUser(system('{username: games2}'), { ...sources, run }),
      (error: unknown) => error instanceof ConfigError && error.message.includes('(useradd: Permission denied.)'),
    );
    const nothing = resolveSystemUser(system('{username: games2}'), { ...sources, run: async () => {} });
    await assert.rejects(nothing, /was made but is not in/);
  });

  for (const name of ['-o', 'a b', 'x:y', '../x', 'a'.repeat(64)]) {
    test(`the name ${name} is refused (covers: SEC-84)`, async () => {
      const { sources, runs } = await setUp('debian', 'useradd');
      await assert.rejects(
        resolveSystemUser(system(`{username: ${JSON.stringify(name)}}`), sources),
        /system\.username/,
      );
      assert.deepEqual(runs, []);
    });
  }

  test('rootless is the user of this process', async () => {
    const { sources } = await setUp('debian');
    const currentUser = () => ({ username: 'me', uid: 1, gid: 2 });
    const user = await resolveSystemUser(system('{user: {rootless: {enabled: true}}}'), { ...sources, currentUser });
    assert.deepEqual(user, { username: 'me', uid: 1, gid: 2 });
  });

  test('in the container image there is nobody to ask', async () => {
    const { sources } = await setUp('distroless');
    assert.deepEqual(await resolveSystemUser(system('{}'), sources), { username: 'pelican', uid: 988, gid: 988 });
    const env = { WINGS_USERNAME: 'u', WINGS_UID: '5', WINGS_GID: '6' };
    assert.deepEqual(await resolveSystemUser(system('{}'), { ...sources, env }), { username: 'u', uid: 5, gid: 6 });
    await assert.rejects(resolveSystemUser(system('{}'), { ...sources, env: { WINGS_UID: 'x' } }), /WINGS_UID/);
  });

  test('a machine that does not say what it is', async () => {
    await assert.rejects(resolveSystemUser(system('{}'), { env: {}, flavour: 'pelican', root }), /os-release/);
  });
});

describe('time zone', () => {
  async function resolved(configured: string, sources: { tz?: string; file?: string; timedatectl?: string } = {}) {
    const warnings: string[] = [];
    const timezone = await resolveTimezone(configured, {
      env: { TZ: sources.tz },
      warn: (message) => void warnings.push(message),
      file: sources.file ?? join(root, 'none'),
      timedatectl: sources.timedatectl ?? join(root, 'none'),
    });
    return { timezone, warnings };
  }

  test('the configuration comes first, then TZ, then the file', async () => {
    const path = await file('etc/timezone', 'Asia/Tokyo\n');
    const sources = { tz: 'Europe/Paris', file: path };
    assert.equal((await resolved(' America/Port-au-Prince ', sources)).timezone, 'America/Port-au-Prince');
    assert.equal((await resolved('', sources)).timezone, 'Europe/Paris');
    assert.equal((await resolved('', { file: path })).timezone, 'Asia/Tokyo');
  });

  test('then timedatectl', async () => {
    const program = await file('timedatectl', '#!/bin/sh\necho "       Time zone: Etc/GMT+5 (-05, -0500)"\n');
    await chmod(program, 0o755);
    assert.deepEqual(await resolved('', { timedatectl: program }), { timezone: 'Etc/GMT+5', warnings: [] });
  });

  test('then UTC, and a program that fails is told', async () => {
    const program = await file('timedatectl', '#!/bin/sh\nexit 1\n');
    await chmod(program, 0o755);
    const { timezone, warnings } = await resolved('', { timedatectl: program });
    assert.equal(timezone, 'UTC');
    assert.match(warnings[0] ?? '', /timedatectl/);
  });

  test('an unknown zone becomes UTC with a warning', async () => {
    const { timezone, warnings } = await resolved('Europe/Nowhere');
    assert.equal(timezone, 'UTC');
    assert.match(warnings[0] ?? '', /"Europe\/Nowhere" is not known/);
  });

  for (const [name, known] of [
    ['UTC', true],
    ['Etc/UTC', true],
    ['Europe/Kyiv', true],
    ['America/Port-au-Prince', true],
    ['Etc/GMT+5', true],
    ['EST', true],
    ['europe/berlin', false],
    ['Europe/berlin', false],
    ['+01:00', false],
    ['', false],
    ['../etc/passwd', false],
    ['Nowhere', false],
  ] as const) {
    test(`${JSON.stringify(name)} is ${known ? 'a' : 'no'} zone`, () => {
      assert.equal(isTimezone(name), known);
    });
  }
});

describe('directories', () => {
  function settings(flavour: Flavour = 'pelican', yaml = ''): Config {
    const config = aConfig(
      flavour,
      `system:
  root_directory: ${root}/lib
  log_directory: ${root}/log
  tmp_directory: ${root}/tmp
  user: {uid: 5, gid: 6, passwd: {directory: ${root}/etc}}
  passwd: {directory: ${root}/etc, enabled: true}
  machine_id: {directory: ${root}/etc/machine-id}
${yaml}`,
    );
    return config;
  }

  const mode = async (path: string) => (await stat(join(root, path))).mode & 0o777;

  test('are made for the daemon alone', async () => {
    const { system } = await makeDirectories(settings());
    assert.equal(system.data, join(root, 'lib/volumes'));
    const paths = [
      'log',
      'log/install',
      'lib',
      'lib/volumes',
      'tmp',
      'lib/archives',
      'lib/backups',
      'lib/aileron',
      'etc',
      'etc/machine-id',
    ];
    for (const path of paths) assert.equal(await mode(path), 0o700, path);
  });

  test('scripts are not kept where somebody else can be first (covers: SEC-13)', async () => {
    await mkdir(join(root, 'public'));
    await chmod(join(root, 'public'), 0o1777);
    await mkdir(join(root, 'theirs'));
    const settingsWith = (tmpDirectory: string): Config => {
      const config = settings();
      return { ...config, system: { ...config.system, tmpDirectory } };
    };
    // Made by another user, or a link that leads to one: neither is looked at, and the start goes on.
    await mkdir(join(root, 'public/made'), { mode: 0o777 });
    await symlink(join(root, 'theirs'), join(root, 'public/link'));
    for (const name of ['public/made', 'public/link', 'public/new', 'public/deep/new']) {
      const { system } = await makeDirectories(settingsWith(join(root, name)));
      assert.equal(system.tmpDirectory, join(root, 'lib/tmp'), name);
    }
    assert.equal(await mode('lib/tmp'), 0o700);
    assert.deepEqual((await readdir(join(root, 'public'))).sort(), ['link', 'made']);
    const { system } = await makeDirectories(settingsWith(join(root, 'private/tmp')));
    assert.equal(system.tmpDirectory, join(root, 'private/tmp'));
  });

  test('that exist stay as they are', async () => {
    await mkdir(join(root, 'lib/volumes'), { recursive: true });
    await chmod(join(root, 'lib/volumes'), 0o755);
    await makeDirectories(settings());
    await makeDirectories(settings());
    assert.equal(await mode('lib/volumes'), 0o755);
  });

  test('a data directory behind a link is known by its real path', async () => {
    await mkdir(join(root, 'disk'));
    await symlink(join(root, 'disk'), join(root, 'linked'));
    const { system } = await makeDirectories(settings('pelican', `  data: ${root}/linked\n`));
    assert.equal(system.data, join(root, 'disk'));
  });

  test('Pelican: containers see one user', async () => {
    await makeDirectories(settings());
    assert.equal(
      await readFile(join(root, 'etc/passwd'), 'utf8'),
      'container:x:5:6::/home/container:/usr/sbin/nologin',
    );
    assert.equal(await readFile(join(root, 'etc/group'), 'utf8'), 'container:x:6:container');
    assert.equal(await mode('etc/passwd'), 0o644);
  });

  test('Pterodactyl: containers see three users, when it is switched on', async () => {
    await makeDirectories(settings('pterodactyl'));
    assert.equal(
      await readFile(join(root, 'etc/passwd'), 'utf8'),
      'root:x:0:0::/root:/bin/sh\ncontainer:x:5:6::/home/container:/bin/sh\nnobody:x:65534:65534::/var/empty:/bin/sh\n',
    );
    assert.equal(await readFile(join(root, 'etc/group'), 'utf8'), 'root:x:0:\ncontainer:x:6:\nnogroup:x:65534:');
    assert.equal(await mode('etc'), 0o755);
  });

  test('the file that containers have mounted is replaced only when it changes', async () => {
    await makeDirectories(settings());
    const { ino } = await stat(join(root, 'etc/passwd'));
    await makeDirectories(settings());
    assert.equal((await stat(join(root, 'etc/passwd'))).ino, ino);
    await writeFile(join(root, 'etc/passwd'), 'old');
    await makeDirectories(settings());
    assert.match(await readFile(join(root, 'etc/passwd'), 'utf8'), /^container/);
  });

  test('a directory that cannot be made is named', async () => {
    await file('log');
    await assert.rejects(
      makeDirectories(settings()),
      (error: unknown) => error instanceof ConfigError && error.message.includes(join(root, 'log')),
    );
  });

  test('everything that only this machine can tell is filled in', async () => {
    await file('etc/os-release', 'ID=debian\n');
    await file('etc/passwd', 'pelican:x:7:8::/:/x\n');
    const yaml = `  username: pelican\n  timezone: Europe/Berlin\n`;
    const config = await prepareHost(
      { ...settings('pelican', yaml), path: join(root, 'config.yml') },
      {
        warn: assert.fail,
        env: {},
        user: { root },
        logRotation: join(root, 'none'),
      },
    );
    assert.equal(config.system.timezone, 'Europe/Berlin');
    assert.deepEqual([config.system.user.uid, config.system.user.gid], [7, 8]);
    assert.match(await readFile(join(root, 'etc/passwd'), 'utf8'), /^container:x:7:8:/);
  });
});

describe('host facts', () => {
  test('cgroup v1 with weights and swap', async () => {
    await file('sys/fs/cgroup/blkio/blkio.weight');
    await file('sys/fs/cgroup/memory/memory.memsw.limit_in_bytes');
    await file('sys/devices/system/cpu/online', '0-2,8\n');
    assert.deepEqual(
      { ...hostFacts(root), isTimezone: 0 },
      { cpus: 4, cpuList: '0-2,8', blkioWeight: true, swapLimit: true, cgroupVersion: 1, isTimezone: 0 },
    );
  });

  test('cgroup v1 without', async () => {
    await mkdir(join(root, 'sys/fs/cgroup/blkio'), { recursive: true });
    const { blkioWeight, swapLimit, cgroupVersion, cpus } = hostFacts(root);
    assert.deepEqual([blkioWeight, swapLimit, cgroupVersion], [false, false, 1]);
    assert.ok(cpus >= 1);
  });

  for (const folder of ['system.slice/', '']) {
    test(`cgroup v2 with weights and swap in /${folder}`, async () => {
      await file('sys/fs/cgroup/cgroup.controllers');
      await file(`sys/fs/cgroup/${folder}io.weight`);
      await file(`sys/fs/cgroup/${folder}memory.swap.max`);
      const { blkioWeight, swapLimit, cgroupVersion } = hostFacts(root);
      assert.deepEqual([blkioWeight, swapLimit, cgroupVersion], [true, true, 2]);
    });
  }

  test('cgroup v2 without', async () => {
    await file('sys/fs/cgroup/cgroup.controllers');
    assert.equal(hostFacts(root).blkioWeight, false);
  });

  test('a list of CPUs that makes no sense is not believed', async () => {
    await file('sys/devices/system/cpu/online', 'x\n');
    assert.equal(hostFacts(root).cpuList, undefined);
  });
});

import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { nameOfHost } from '../../../src/config/aileron-settings.ts';
import { ConfigError } from '../../../src/config/config-error.ts';
import type { Environment } from '../../../src/config/environment.ts';
import { loadConfig } from '../../../src/config/load.ts';

let root: string;
let made = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'config-'));
});

after(() => rm(root, { recursive: true, force: true }));

interface Files {
  config: string;
  aileron?: string;
  directory?: string;
  env?: Environment;
}

async function written({ config, aileron, directory = 'node' }: Files): Promise<string> {
  made += 1;
  const folder = join(root, String(made), directory);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.yml'), config, { mode: 0o600 });
  if (aileron !== undefined) await writeFile(join(folder, 'aileron.yml'), aileron);
  return join(folder, 'config.yml');
}

async function load(files: Files) {
  const path = await written(files);
  const warnings: string[] = [];
  const config = await loadConfig({ path, env: files.env ?? {}, warn: (message) => void warnings.push(message) });
  return { config, warnings, path };
}

async function refused(files: Files, expected: RegExp): Promise<ConfigError> {
  let caught: unknown;
  try {
    await load(files);
  } catch (error) {
    caught = error;
  }
  assert.ok(caught instanceof ConfigError, `expected a ConfigError, got ${caught}`);
  assert.match(caught.message, expected);
  assert.equal(caught.message.includes('\n'), false, 'one sentence');
  return caught;
}

const pelicanFile = `debug: false
app_name: Pelican Node
uuid: 1f0b6c1e-8c0b-4b6f-9d5b-1c0a4d5e6f70
token_id: a1B2c3D4e5F6g7H8 # 16 chars
token: "64RandomLettersAndDigits"
api:
  host: 0.0.0.0
  port: 8080
  ssl:
    enabled: true
    cert: /etc/letsencrypt/live/node.example.com/fullchain.pem
    key: /etc/letsencrypt/live/node.example.com/privkey.pem
  upload_limit: 256
system:
  root_directory: /var/lib/pelican
  data: /srv/volumes
  username: pelican
  timezone: Europe/Berlin
  user:
    rootless: {enabled: false, container_uid: 0, container_gid: 0}
    uid: 988
    gid: 988
    passwd: {enable: true, directory: /etc/pelican}
  machine_id: {enable: yes, directory: /etc/pelican/machine-id}
  disk_check_interval: "90"
  check_permissions_on_boot: off
  websocket_log_count: 200
  sftp: {bind_address: 0.0.0.0, bind_port: 2022, read_only: false}
  crash_detection: {enabled: true, detect_clean_exit_as_crash: no, timeout: 30}
  backups: {write_limit: 0, compression_level: best_speed}
docker:
  network:
    interface: 172.20.0.1
    dns: [9.9.9.9]
    name: pelican_nw
    ispn: false
    IPv6: false
    driver: bridge
    network_mode: pelican_nw
    is_internal: false
    enable_icc: true
    network_mtu: 1400
    interfaces:
      v4: {subnet: 172.20.0.0/16, gateway: 172.20.0.1}
      v6: {subnet: "fdba:17c8:6c94::/64", gateway: "fdba:17c8:6c94::1011"}
  domainname: games.example
  registries:
    ghcr.io: {username: bot, password: "12345"}
    __proto__: {username: evil, password: evil}
  tmpfs_size: 128
  container_pid_limit: 256
  installer_limits: {memory: 1024, cpu: 100}
  overhead:
    override: true
    default_multiplier: 1.07
    multipliers: {"1024": 1.3, 4096: "1.2"}
  userns_mode: host
  log_config: {type: json-file, config: {max-size: 10m, max-file: 3, compress: false}}
throttles: {enabled: no, lines: 500, line_reset_interval: "250"}
remote: 'https://panel.example.com'
remote_query: {timeout: 30, boot_servers_per_page: 50}
allowed_mounts: [/srv/maps, /srv/mods]
BlockBaseDirMount: false
Search: {max_recursion_depth: 8}
allowed_origins: ['https://shop.example.com', '*']
`;

test('a Pelican configuration, as Wings writes it', async () => {
  const { config, warnings, path } = await load({ config: pelicanFile, directory: 'pelican' });
  const { aileron, ...wings } = config;
  assert.deepEqual(warnings, []);
  assert.deepEqual(wings, {
    flavour: 'pelican',
    path,
    debug: false,
    appName: 'Pelican Node',
    uuid: '1f0b6c1e-8c0b-4b6f-9d5b-1c0a4d5e6f70',
    token: { id: 'a1B2c3D4e5F6g7H8', secret: '64RandomLettersAndDigits' },
    api: {
      host: '0.0.0.0',
      port: 8080,
      ssl: {
        enabled: true,
        cert: '/etc/letsencrypt/live/node.example.com/fullchain.pem',
        key: '/etc/letsencrypt/live/node.example.com/privkey.pem',
      },
      disableRemoteDownload: false,
      remoteDownload: { maxRedirects: 10 },
      uploadLimit: 256,
      trustedProxies: [],
    },
    system: {
      rootDirectory: '/var/lib/pelican',
      logDirectory: '/var/log/pelican',
      data: '/srv/volumes',
      archiveDirectory: '/var/lib/pelican/archives',
      backupDirectory: '/var/lib/pelican/backups',
      tmpDirectory: '/tmp/pelican',
      username: 'pelican',
      timezone: 'Europe/Berlin',
      user: {
        uid: 988,
        gid: 988,
        rootless: { enabled: false, containerUid: 0, containerGid: 0 },
        passwd: { enable: true, directory: '/etc/pelican' },
      },
      machineId: { enable: true, directory: '/etc/pelican/machine-id' },
      diskCheckInterval: 90,
      quotas: { enabled: false },
      activity: { sendInterval: 60, sendCount: 100, crashLines: 2 },
      checkPermissionsOnBoot: false,
      enableLogRotate: true,
      websocketLogCount: 200,
      sftp: { host: '0.0.0.0', port: 2022, readOnly: false, keyOnly: false },
      crashDetection: { enabled: true, detectCleanExitAsCrash: false, timeout: 30 },
      backups: {
        writeLimit: 0,
        compressionLevel: 'best_speed',
        restoreHostAllowlist: [],
        removeBackupsOnServerDelete: true,
        maxConcurrent: 4,
        layout: 'per_server',
        restoreMode: 'auto',
        tarEntries: 'wings',
        format: 'gzip',
        createTimeout: 21_600,
        restoreTimeout: 14_400,
        verifyAfterCreate: true,
      },
      transfers: { downloadLimit: 0, storagePool: { enabled: false, poolName: '' } },
      shutdownGrace: 60,
    },
    docker: {
      socket: '/var/run/docker.sock',
      network: {
        interface: '172.20.0.1',
        dns: ['9.9.9.9'],
        name: 'pelican_nw',
        ispn: false,
        ipv6: false,
        driver: 'bridge',
        networkMode: 'pelican_nw',
        isInternal: false,
        enableIcc: true,
        mtu: 1400,
        v4: { subnet: '172.20.0.0/16', gateway: '172.20.0.1' },
        v6: { subnet: 'fdba:17c8:6c94::/64', gateway: 'fdba:17c8:6c94::1011' },
      },
      domainname: 'games.example',
      registries: Object.fromEntries([
        ['ghcr.io', { username: 'bot', password: '12345' }],
        ['__proto__', { username: 'evil', password: 'evil' }],
      ]),
      tmpfsSize: 128,
      containerPidLimit: 256,
      installerLimits: { memory: 1024, cpu: 100 },
      overhead: {
        override: true,
        defaultMultiplier: 1.07,
        multipliers: [
          [1024, 1.3],
          [4096, 1.2],
        ],
      },
      usernsMode: 'host',
      systemIps: [],
      logConfig: {
        type: 'json-file',
        config: { 'max-size': '10m', 'max-file': '3', compress: 'false', mode: 'non-blocking' },
      },
    },
    allowedMounts: ['/srv/maps', '/srv/mods'],
    blockBaseDirMount: false,
    remote: 'https://panel.example.com',
    remoteQuery: { timeout: 30, bootServersPerPage: 50, customHeaders: {} },
    search: {
      maxRecursionDepth: 8,
      blacklistedDirs: ['node_modules', '.git', '.wine', 'appcache', 'depotcache', 'vendor'],
    },
    allowedOrigins: ['https://shop.example.com', '*'],
    allowCorsPrivateNetwork: false,
    ignorePanelConfigUpdates: false,
    throttles: { enabled: false, lines: 500, lineResetIntervalMs: 250 },
    websocket: { forkEvents: true, forkWireNames: true, forkStatus: false, activityEvents: true },
    ignoreCertificateErrors: false,
  });
  assert.equal(({} as Record<string, unknown>)['username'], undefined, 'no prototype was touched');
  assert.equal(aileron.store.path, '/var/lib/pelican/aileron/store.db');
});

test('a Pterodactyl configuration with little in it has the defaults of Pterodactyl', async () => {
  const { config } = await load({
    config: 'token_id: id\ntoken: secret\nuuid: 1\nremote: https://panel.example.com\n',
    directory: 'pterodactyl',
  });
  assert.equal(config.flavour, 'pterodactyl');
  assert.equal(config.appName, 'Pterodactyl');
  assert.equal(config.system.data, '/var/lib/pterodactyl/volumes');
  assert.equal(config.system.logDirectory, '/var/log/pterodactyl');
  assert.equal(config.system.username, 'pterodactyl');
  assert.deepEqual(config.system.user.passwd, { enable: false, directory: '/run/wings/etc' });
  assert.deepEqual(config.system.machineId, { enable: false, directory: '/run/wings/machine-id' });
  assert.equal(config.docker.network.name, 'pterodactyl_nw');
  assert.equal(config.docker.network.networkMode, 'pterodactyl_nw');
  assert.deepEqual(config.docker.overhead, { override: false, defaultMultiplier: 1.05, multipliers: [] });
  assert.deepEqual(config.allowedOrigins, []);
  assert.deepEqual(config.throttles, { enabled: true, lines: 2000, lineResetIntervalMs: 100 });
  assert.deepEqual(config.docker.logConfig.config, {
    'max-size': '5m',
    'max-file': '1',
    compress: 'false',
    mode: 'non-blocking',
  });
});

test('a later Pterodactyl spells the user files in its own way', async () => {
  const config = `token: x\nsystem:\n  passwd: {enabled: true, directory: /run/own}\n  machine_id: {enabled: true}\n`;
  const { system } = (await load({ config, directory: 'pterodactyl' })).config;
  assert.deepEqual(system.user.passwd, { enable: true, directory: '/run/own' });
  assert.deepEqual(system.machineId, { enable: true, directory: '/run/wings/machine-id' });
});

test('null is the default, for a value and for a block', async () => {
  const { config } = await load({ config: 'token: x\napi:\nsystem: ~\ndocker: {network: null, tmpfs_size: }\n' });
  assert.deepEqual([config.api.host, config.api.port, config.api.ssl.enabled], ['0.0.0.0', 8080, false]);
  assert.equal(config.system.data, '/var/lib/pelican/volumes');
  assert.equal(config.docker.network.mtu, 1500);
  assert.equal(config.docker.tmpfsSize, 100);
});

for (const [text, value] of [
  ['yes', true],
  ['On', true],
  ['TRUE', true],
  ['"true"', true],
  ['no', false],
  ['OFF', false],
  ['False', false],
] as const) {
  test(`the truth value ${text}`, async () => {
    assert.equal((await load({ config: `token: x\ndebug: ${text}\n` })).config.debug, value);
  });
}

for (const [text, secret] of [
  ['0123456789', '0123456789'],
  ['1e5', '1e5'],
  ['yes', 'yes'],
  ['0x1F', '0x1F'],
  ['1.10', '1.10'],
] as const) {
  test(`a token that looks like something else stays as it was written: ${text}`, async () => {
    assert.equal((await load({ config: `token: ${text}\n` })).config.token.secret, secret);
  });
}

test('reading changes nothing on disk, unknown keys and comments included', async () => {
  const { path } = await load({ config: pelicanFile });
  assert.equal(await readFile(path, 'utf8'), pelicanFile);
});

test('a Panel may be below a path, and a member may be a text that looks like nothing', async () => {
  const text = 'token: x\nremote: https://panel.example/games/p@1\nallowed_mounts: ["~", 0]\n';
  const { remote, allowedMounts } = (await load({ config: text })).config;
  assert.deepEqual([remote, allowedMounts], ['https://panel.example/games/p@1', ['~', '0']]);
});

test('a slip in a key stops the start; a key of nobody is remarked on and stays', async () => {
  await refused({ config: 'token: x\nremot: y\n' }, /config\.yml, line 2: the key remot is not known; remote is meant/);
  const text = 'token: x # mine\npanel: {own: 1}\n';
  const path = await written({ config: text });
  const remarks: string[] = [];
  const remark = (message: string) => void remarks.push(message);
  await loadConfig({ path, env: {}, warn: assert.fail, remark });
  assert.deepEqual(remarks, [`Keys that are not known have no effect and stay in the file: panel (${path}, line 2).`]);
  assert.equal(await readFile(path, 'utf8'), text);
});

test('the command line turns debug on, and certificates off', async () => {
  const path = await written({ config: 'token: x\nquiet: true\n' });
  const config = await loadConfig({ path, env: {}, warn: assert.fail, debug: true, ignoreCertificateErrors: true });
  assert.deepEqual([config.debug, config.aileron.log.level, config.ignoreCertificateErrors], [true, 'debug', true]);
});

for (const [directory, config, aileron, env, expected] of [
  ['pterodactyl', '', undefined, {}, 'pterodactyl'],
  ['pelican', '', undefined, {}, 'pelican'],
  ['elsewhere', '', undefined, {}, 'pelican'],
  ['pelican', 'flavour: pterodactyl\n', undefined, {}, 'pterodactyl'],
  ['pelican', 'flavour: pelican\n', 'flavour: pterodactyl\n', {}, 'pterodactyl'],
  ['pelican', '', 'flavour: pelican\n', { AILERON_FLAVOUR: 'pterodactyl' }, 'pterodactyl'],
] as const) {
  test(`the flavour of ${JSON.stringify([directory, config, aileron, env])} is ${expected}`, async () => {
    const files = { config: `token: x\n${config}`, directory, env, ...(aileron === undefined ? {} : { aileron }) };
    assert.equal((await load(files)).config.flavour, expected);
  });
}

test('the first of the usual places is taken when none is named', async () => {
  const first = join(root, 'none/config.yml');
  const second = await written({ config: 'token: x\n', directory: 'pterodactyl' });
  const config = await loadConfig({ env: {}, warn: assert.fail, defaultPaths: [first, second] });
  assert.equal(config.path, second);
  await assert.rejects(loadConfig({ env: {}, warn: assert.fail, defaultPaths: [first] }), (error: unknown) => {
    assert.ok(error instanceof ConfigError);
    assert.ok(error.message.includes(first) && error.message.includes('--config'));
    return true;
  });
});

describe('what is wrong is named', () => {
  const table: [title: string, config: string, expected: RegExp][] = [
    ['no token', 'debug: true\n', /config\.yml: token is empty; set it/],
    ['an empty token (covers: SEC-25)', 'token: ""\n', /token is empty/],
    ['a token with a line break', 'token: "a\\nb"\n', /token must be letters, digits and signs/],
    ['a list as token', 'token: [a, b]\n', /line 1: token must be one value/],
    [
      'a port that is a word',
      'token: x\napi:\n  port: http\n',
      /line 3: api\.port must be a whole number from 0 to 65535, not "http"/,
    ],
    ['a port out of range', 'token: x\napi: {port: 70000}\n', /line 2: api\.port must be a whole number .*not "70000"/],
    ['a port with a fraction', 'token: x\napi: {port: 80.5}\n', /api\.port/],
    ['a truth value that is none', 'token: x\ndebug: maybe\n', /line 2: debug must be true or false, not "maybe"/],
    ['a list for a block', 'token: x\nsystem: [a]\n', /line 2: system must be a block of keys/],
    [
      'a word for a list',
      'token: x\nallowed_mounts: /srv\n',
      /line 2: allowed_mounts must be a list of texts, not "\/srv"/,
    ],
    ['a block in a list', 'token: x\nallowed_mounts: [{a: b}]\n', /allowed_mounts must be one value/],
    [
      'a multiplier of 0',
      'token: x\ndocker: {overhead: {multipliers: {512: 0}}}\n',
      /docker\.overhead\.multipliers\.512 must be a number above 0/,
    ],
    [
      'a multiplier for a word',
      'token: x\ndocker: {overhead: {multipliers: {big: 2}}}\n',
      /multipliers\.big is not known/,
    ],
    ['a Panel that is no URL', 'token: x\nremote: panel\n', /line 2: remote must be the URL of the Panel/],
    ['a Panel of another protocol', 'token: x\nremote: file:///etc/passwd\n', /remote must be/],
    ['a Panel with a user', 'token: x\nremote: https://me@panel.example\n', /line 2: remote must be .*without a user/],
    ['a Panel with a query', 'token: x\nremote: https://panel.example/?a=b\n', /line 2: remote must be .*a query/],
    ['a Panel with a fragment', 'token: x\nremote: https://panel.example/#a\n', /line 2: remote must be .*a fragment/],
    [
      'a member that is nothing',
      'token: x\nallowed_mounts:\n  - /srv\n  - ~\n',
      /line 4: allowed_mounts must be a list of texts, none of them empty/,
    ],
    [
      'a member that is empty',
      'token: x\nallowed_origins: ["", a]\n',
      /line 2: allowed_origins must be a list of texts, none of them empty/,
    ],
    [
      'a range that is nothing',
      'token: x\napi: {trusted_proxies: [null]}\n',
      /line 2: api\.trusted_proxies must be a list of texts, none of them empty/,
    ],
    ['an unknown flavour', 'token: x\nflavour: wings\n', /flavour must be pterodactyl or pelican, not "wings"/],
    ['a negative tmpfs', 'token: x\ndocker: {tmpfs_size: -1}\n', /docker\.tmpfs_size/],
    ['no map', '- a\n', /line 1: the settings must be a map/],
    ['no YAML', 'token: x\n a: b\n  - c', /line 1: this is not valid YAML/],
    ['a key twice', 'token: x\ntoken: y\n', /line 2: this is not valid YAML/],
    ['an alias for nothing', 'token: *none\n', /not valid YAML|alias \*none/],
    ['a NUL', 'token: x\napp_name: "a\\0b"\n', /app_name/],
    ['a text too long', `token: x\napp_name: ${'a'.repeat(5_000)}\n`, /app_name must be at most 4096 characters/],
  ];
  for (const [title, config, expected] of table) {
    test(title, async () => {
      await refused({ config }, expected);
    });
  }

  test('a message never holds a secret, nor does its cause', async () => {
    const broken = [
      'token: [topsecret]\n',
      'token: {topsecret: 1}\n',
      'token: "topsecret\n',
      'token: x\ntoken: topsecret\n',
      'token: top secret\n',
      'token: x\nremote: https://topsecret:topsecret@panel.example\n',
      'token: x\nremote: ftp://topsecret@panel.example\n',
    ];
    for (const config of broken) {
      const error = await refused({ config }, /token|YAML|remote/);
      assert.equal(
        /top ?secret/.test(`${error.message} ${(error.cause as Error | undefined)?.message}`),
        false,
        config,
      );
    }
  });

  test('a missing file', async () => {
    const path = join(root, 'missing/config.yml');
    await assert.rejects(loadConfig({ path, env: {} }), (error: unknown) => {
      assert.ok(error instanceof ConfigError && error.message.includes(path));
      return true;
    });
  });

  test('a directory', async () => {
    await assert.rejects(loadConfig({ path: root, env: {} }), /is not a regular file/);
  });

  test('what is not text', async () => {
    const path = await written({ config: 'token: x\n' });
    await writeFile(path, Buffer.from([0x74, 0xff, 0xfe]));
    await assert.rejects(loadConfig({ path, env: {} }), /is not UTF-8 text/);
  });

  test('a file without end', async () => {
    await assert.rejects(loadConfig({ path: '/dev/zero', env: {} }), /is not a regular file/);
  });
});

describe('hostile YAML ends soon and in one sentence', () => {
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
  for (let level = 1; level < 12; level += 1) {
    const alias = `*${String.fromCharCode(96 + level)}`;
    bomb.push(
      `${String.fromCharCode(97 + level)}: &${String.fromCharCode(97 + level)} [${Array(9).fill(alias).join(',')}]`,
    );
  }

  for (const [title, config, expected] of [
    [
      'a bomb of aliases where a list should be',
      `token: x\n${bomb.join('\n')}\nallowed_mounts: *l\n`,
      /allowed_mounts must be one value/,
    ],
    ['a very long list', `token: x\nallowed_mounts: [${'/a,'.repeat(50_000)}]\n`, /a list of at most 1024/],
    [
      'many keys',
      `token: x\ndocker:\n  registries:\n${Array.from({ length: 2_000 }, (_, n) => `    r${n}: {}`).join('\n')}\n`,
      /more than 1024 keys/,
    ],
    ['deep nesting', `token: x\na: ${'['.repeat(100_000)}`, /YAML/],
    ['a file too large', `token: x\n# ${'a'.repeat(1024 * 1024)}\n`, /which is more than the 1048576/],
  ] as const) {
    test(title, async () => {
      const startedAt = performance.now();
      await refused({ config }, expected);
      assert.ok(performance.now() - startedAt < 5_000);
    });
  }

  test('a bomb of aliases in keys nobody reads is not looked at', async () => {
    const { config } = await load({ config: `token: x\n${bomb.join('\n')}\n` });
    assert.equal(config.token.secret, 'x');
  });

  test('prototype keys are plain data (covers: SEC-95)', async () => {
    const text = 'token: x\n__proto__: {debug: true, polluted: true}\nconstructor: {prototype: {polluted: true}}\n';
    const { config } = await load({ config: text });
    assert.equal(config.debug, false);
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });
});

describe('tokens', () => {
  const secretFile = async (content: string, mode = 0o600) => {
    made += 1;
    const path = join(root, `token-${made}`);
    await writeFile(path, content);
    await chmod(path, mode);
    return path;
  };

  test('the environment wins over the file', async () => {
    const env = { WINGS_TOKEN_ID: 'envId', WINGS_TOKEN: 'envSecret' };
    assert.deepEqual((await load({ config: 'token_id: a\ntoken: b\n', env })).config.token, {
      id: 'envId',
      secret: 'envSecret',
    });
  });

  for (const directory of ['pelican', 'pterodactyl']) {
    test(`${directory}: variables and files are followed, line ends dropped (covers: SEC-124)`, async () => {
      const path = await secretFile('fromFile\r\n\n');
      const env = { NAME: 'fromEnv', FOLDER: root };
      const config = `token_id: \${NAME}$NAME$UNSET\ntoken: file://\${FOLDER}/${path.slice(root.length + 1)}\n`;
      assert.deepEqual((await load({ config, env, directory })).config.token, {
        id: 'fromEnvfromEnv',
        secret: 'fromFile',
      });
    });
  }

  test('a file that is missing or empty is named', async () => {
    await refused({ config: `token: file://${root}/none\n` }, /token names the file .*\/none, which does not exist/);
    await refused({ config: `token: file://${await secretFile('\r\n')}\n` }, /which is empty/);
  });

  test('a variable that is not set leaves the token empty', async () => {
    await refused({ config: 'token: $UNSET\n' }, /token is empty/);
  });

  test('files with the token are closed to others, with a warning (covers: SEC-124)', async () => {
    const token = await secretFile('abc', 0o640);
    const path = await written({ config: `token: file://${token}\n` });
    await chmod(path, 0o644);
    const warnings: string[] = [];
    await loadConfig({ path, env: {}, warn: (message) => void warnings.push(message) });
    for (const file of [path, token]) assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal(warnings.length, 2);
    assert.match(warnings[0] ?? '', /config\.yml.*mode 0644.*0600 now/);
  });

  test('a start that trusts any certificate is refused (covers: SEC-79)', async () => {
    await refused({ config: 'token: x\n', env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } }, /NODE_TLS_REJECT_UNAUTHORIZED/);
  });
});

describe('aileron.yml', () => {
  test('without one there are defaults', async () => {
    const { aileron } = (await load({ config: 'token: x\nsystem: {root_directory: /srv/wings}\n' })).config;
    assert.match(aileron.nodeName, /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
    assert.deepEqual(
      { ...aileron, nodeName: '' },
      {
        nodeName: '',
        kube: { host: '127.0.0.1', port: 8443 },
        ops: { host: '127.0.0.1', port: 9464 },
        manifests: '',
        store: { path: '/srv/wings/aileron/store.db' },
        log: { level: 'info' },
        tracing: { endpoint: '' },
        stopGraceSeconds: 30,
        startsAtATime: 4,
        imagePullTimeoutSeconds: 900,
        installTimeoutSeconds: 14_400,
        installerConfinement: 'strict',
        unscopedTokens: 'untilScoped',
        foreignTokens: 'count',
        downloadLinkUses: 1,
        panelListMinutes: 60,
        diskReserve: { percent: 5, mebibytes: 2048 },
      },
    );
  });

  test('its values are taken, relative paths from where it lies', async () => {
    const own = `nodeName: node-7.example
kube: {host: 0.0.0.0, port: "9443"}
ops: {port: 0}
manifests: ./manifests
store: {path: ../state/store.db}
log: {level: debug}
tracing: {endpoint: https://traces.example:4318/otlp}
stopGraceSeconds: 60
startsAtATime: 8
imagePullTimeoutSeconds: 60
installTimeoutSeconds: 600
installerConfinement: wings
unscopedTokens: never
foreignTokens: refuse
downloadLinkUses: 5
panelListMinutes: 0
diskReserve: {percent: 0, mebibytes: 512}
`;
    const { config, path } = await load({ config: 'token: x\n', aileron: own });
    assert.deepEqual(config.aileron, {
      nodeName: 'node-7.example',
      kube: { host: '0.0.0.0', port: 9443 },
      ops: { host: '127.0.0.1', port: 0 },
      manifests: join(path, '../manifests'),
      store: { path: join(path, '../../state/store.db') },
      log: { level: 'debug' },
      tracing: { endpoint: 'https://traces.example:4318/otlp' },
      stopGraceSeconds: 60,
      startsAtATime: 8,
      imagePullTimeoutSeconds: 60,
      installTimeoutSeconds: 600,
      installerConfinement: 'wings',
      unscopedTokens: 'never',
      foreignTokens: 'refuse',
      downloadLinkUses: 5,
      panelListMinutes: 0,
      diskReserve: { percent: 0, mebibytes: 512 },
    });
  });

  test('the environment wins', async () => {
    const env = {
      AILERON_NODE_NAME: 'env-node',
      AILERON_KUBE_HOST: '::1',
      AILERON_KUBE_PORT: '1',
      AILERON_OPS_HOST: '::2',
      AILERON_OPS_PORT: '2',
      AILERON_MANIFESTS: '/m',
      AILERON_STORE_PATH: '/s/store.db',
      AILERON_LOG_LEVEL: 'error',
      AILERON_TRACING_ENDPOINT: 'http://127.0.0.1:4318',
      AILERON_STOP_GRACE_SECONDS: '3',
      AILERON_STARTS_AT_A_TIME: '4',
      AILERON_IMAGE_PULL_TIMEOUT_SECONDS: '5',
      AILERON_INSTALL_TIMEOUT_SECONDS: '6',
      AILERON_INSTALLER_CONFINEMENT: 'wings',
      AILERON_UNSCOPED_TOKENS: 'never',
      AILERON_FOREIGN_TOKENS: 'refuse',
      AILERON_DOWNLOAD_LINK_USES: '2',
      AILERON_PANEL_LIST_MINUTES: '1440',
      AILERON_DISK_RESERVE_PERCENT: '10',
      AILERON_DISK_RESERVE_MEBIBYTES: '100',
    };
    const { aileron } = (await load({ config: 'token: x\n', aileron: 'kube: {port: 9443}\n', env })).config;
    assert.deepEqual(aileron, {
      nodeName: 'env-node',
      kube: { host: '::1', port: 1 },
      ops: { host: '::2', port: 2 },
      manifests: '/m',
      store: { path: '/s/store.db' },
      log: { level: 'error' },
      tracing: { endpoint: 'http://127.0.0.1:4318' },
      stopGraceSeconds: 3,
      startsAtATime: 4,
      imagePullTimeoutSeconds: 5,
      installTimeoutSeconds: 6,
      installerConfinement: 'wings',
      unscopedTokens: 'never',
      foreignTokens: 'refuse',
      downloadLinkUses: 2,
      panelListMinutes: 1440,
      diskReserve: { percent: 10, mebibytes: 100 },
    });
  });

  for (const [flags, level] of [
    ['debug: true\nquiet: true\n', 'debug'],
    ['quiet: true\n', 'warn'],
  ] as const) {
    test(`${JSON.stringify(flags)} of Wings makes the log level ${level}`, async () => {
      assert.equal((await load({ config: `token: x\n${flags}` })).config.aileron.log.level, level);
    });
  }

  for (const [own, expected] of [
    ['kube: {prot: 1}\n', /aileron\.yml, line 1: the key kube\.prot is not known; kube\.port is meant/],
    ['nodename: x\n', /line 1: the key nodename is not known; nodeName is meant/],
    ['kube: {door: 1}\n', /the key kube\.door is not known; known here are host, port/],
    ['port: 1\n', /aileron\.yml, line 1: the key port is not known; known here are flavour, nodeName/],
    ['__proto__: {a: 1}\n', /the key __proto__ is not known/],
    ['kube: 8443\n', /kube must be a block of keys and values, not "8443"/],
    ['kube: {port: 70000}\n', /kube\.port must be a whole number from 0 to 65535, not "70000"/],
    ['startsAtATime: 0\n', /startsAtATime must be a whole number from 1 to 64/],
    ['log: {level: loud}\n', /log\.level must be one of debug, info, warn, error, not "loud"/],
    ['nodeName: Big Node\n', /nodeName must be a name of lower-case letters/],
    ['kube: {host: ""}\n', /kube\.host must be a text that is not empty/],
    ['tracing: {endpoint: collector:4318}\n', /tracing\.endpoint must be an http or https URL/],
    [
      'tracing: {endpoint: https://me:pass@collector}\n',
      /tracing\.endpoint must be an http or https URL without a user/,
    ],
    ['flavour: wings\n', /flavour must be one of pterodactyl, pelican/],
  ] as const) {
    test(`refused: ${JSON.stringify(own)}`, async () => {
      await refused({ config: 'token: x\n', aileron: own }, expected);
    });
  }

  test('a wrong variable of the environment is named', async () => {
    await refused(
      { config: 'token: x\n', env: { AILERON_KUBE_PORT: 'x' } },
      /The environment variable AILERON_KUBE_PORT must be a whole number from 0 to 65535, not "x"/,
    );
  });

  test('a slip in a variable stops the start; a variable of nobody is remarked on', async () => {
    const expected = /variable AILERON_KUBE_PROT is not known; AILERON_KUBE_PORT is meant/;
    await refused({ config: 'token: x\n', env: { AILERON_KUBE_PROT: '1' } }, expected);
    const env = {
      ...{ AILERON_CONFIG: '/x', AILERON_NODE_OPTIONS: '-x', AILERON_API_PORT: '1', AILERON_PANEL_PORT: '2' },
      ...{ AILERON_SERVICE_HOST: '10.0.0.1', AILERON_PORT: 'tcp://10.0.0.1:1', AILERON_KUBE_PROT: '', OTHER: 'x' },
    };
    const remarks: string[] = [];
    const remark = (message: string) => void remarks.push(message);
    await loadConfig({ path: await written({ config: 'token: x\n' }), env, warn: assert.fail, remark });
    assert.deepEqual(remarks, [
      'Environment variables that are not known have no effect: AILERON_SERVICE_HOST, AILERON_PORT.',
    ]);
  });

  for (const [name, expected] of [
    ['Node_1.Example.COM', 'node-1.example.com'],
    ['-x-', 'x'],
    ['___', 'node'],
    ['', 'node'],
    ['a..b', 'a.b'],
  ] as const) {
    test(`the host name ${JSON.stringify(name)} makes the node name ${expected}`, () => {
      assert.equal(nameOfHost(name), expected);
    });
  }
});

for (const [host, socket] of [
  [undefined, '/var/run/docker.sock'],
  ['unix:///run/user/1000/docker.sock', '/run/user/1000/docker.sock'],
  ['tcp://127.0.0.1:2375', ''],
] as const) {
  test(`the socket of Docker at ${host}`, async () => {
    assert.equal((await load({ config: 'token: x\n', env: { DOCKER_HOST: host } })).config.docker.socket, socket);
  });
}

// Every key of config.yml: its default for both flavours, as the contract has them, and that another value arrives.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Config, Flavour } from '../../../src/config/config.ts';
import { ConfigError } from '../../../src/config/config-error.ts';
import { Section } from '../../../src/config/section.ts';
import { isOneSlipAway, nearest, unknownKeys } from '../../../src/config/unknown-keys.ts';
import { wingsSettings } from '../../../src/config/wings-config.ts';
import { laterSpellings, wingsKeys } from '../../../src/config/wings-keys.ts';
import { aConfig } from '../../support/a-config.ts';

type Row = [
  key: string,
  of: (config: Config) => unknown,
  pterodactyl: unknown,
  pelican: unknown,
  written: string,
  read: unknown,
];

const same = (value: unknown) => [value, value] as const;
const mib = 1_048_576;
const dirs = ['node_modules', '.git', '.wine', 'appcache', 'depotcache', 'vendor'];
const logOptions = { 'max-size': '5m', 'max-file': '1', compress: 'false', mode: 'non-blocking' };

const rows: Row[] = [
  ['debug', (c) => c.debug, ...same(false), 'true', true],
  ['app_name', (c) => c.appName, 'Pterodactyl', 'pelican', 'My Node', 'My Node'],
  ['uuid', (c) => c.uuid, ...same(''), '1', '1'],
  ['remote', (c) => c.remote, ...same(''), 'https://p.example', 'https://p.example'],
  ['api.host', (c) => c.api.host, ...same('0.0.0.0'), '127.0.0.1', '127.0.0.1'],
  ['api.port', (c) => c.api.port, ...same(8080), '"443"', 443],
  ['api.ssl.enabled', (c) => c.api.ssl.enabled, ...same(false), 'yes', true],
  ['api.ssl.cert', (c) => c.api.ssl.cert, ...same(''), '/c.pem', '/c.pem'],
  ['api.ssl.key', (c) => c.api.ssl.key, ...same(''), '/k.pem', '/k.pem'],
  ['api.disable_remote_download', (c) => c.api.disableRemoteDownload, ...same(false), 'on', true],
  ['api.remote_download.max_redirects', (c) => c.api.remoteDownload.maxRedirects, ...same(10), '3', 3],
  ['api.upload_limit', (c) => c.api.uploadLimit, ...same(100), '256', 256],
  ['api.trusted_proxies', (c) => c.api.trustedProxies, ...same([]), '[10.0.0.0/8, "::1"]', ['10.0.0.0/8', '::1']],
  [
    'system.root_directory',
    (c) => c.system.rootDirectory,
    '/var/lib/pterodactyl',
    '/var/lib/pelican',
    '/srv/x',
    '/srv/x',
  ],
  ['system.log_directory', (c) => c.system.logDirectory, '/var/log/pterodactyl', '/var/log/pelican', '/l', '/l'],
  ['system.data', (c) => c.system.data, '/var/lib/pterodactyl/volumes', '/var/lib/pelican/volumes', '/d', '/d'],
  [
    'system.archive_directory',
    (c) => c.system.archiveDirectory,
    '/var/lib/pterodactyl/archives',
    '/var/lib/pelican/archives',
    '/a',
    '/a',
  ],
  [
    'system.backup_directory',
    (c) => c.system.backupDirectory,
    '/var/lib/pterodactyl/backups',
    '/var/lib/pelican/backups',
    '/b',
    '/b',
  ],
  ['system.tmp_directory', (c) => c.system.tmpDirectory, '/tmp/pterodactyl', '/tmp/pelican', '/t', '/t'],
  ['system.username', (c) => c.system.username, 'pterodactyl', 'pelican', 'games', 'games'],
  ['system.timezone', (c) => c.system.timezone, ...same('UTC'), 'Europe/Berlin', 'Europe/Berlin'],
  ['system.user.uid', (c) => c.system.user.uid, ...same(988), '5', 5],
  ['system.user.gid', (c) => c.system.user.gid, ...same(988), '6', 6],
  ['system.user.rootless.enabled', (c) => c.system.user.rootless.enabled, ...same(false), 'true', true],
  ['system.user.rootless.container_uid', (c) => c.system.user.rootless.containerUid, ...same(0), '7', 7],
  ['system.user.rootless.container_gid', (c) => c.system.user.rootless.containerGid, ...same(0), '8', 8],
  ['system.user.passwd.enable', (c) => c.system.user.passwd.enable, false, true, 'true', true],
  ['system.user.passwd.directory', (c) => c.system.user.passwd.directory, '/run/wings/etc', '/etc/pelican', '/p', '/p'],
  ['system.machine_id.enable', (c) => c.system.machineId.enable, false, true, 'true', true],
  [
    'system.machine_id.directory',
    (c) => c.system.machineId.directory,
    '/run/wings/machine-id',
    '/etc/pelican/machine-id',
    '/m',
    '/m',
  ],
  ['system.disk_check_interval', (c) => c.system.diskCheckInterval, ...same(150), '0', 0],
  ['system.quotas.enabled', (c) => c.system.quotas.enabled, ...same(false), 'true', true],
  ['system.activity_send_interval', (c) => c.system.activity.sendInterval, ...same(60), '30', 30],
  ['system.activity_send_count', (c) => c.system.activity.sendCount, ...same(100), '10', 10],
  ['system.check_permissions_on_boot', (c) => c.system.checkPermissionsOnBoot, ...same(true), 'off', false],
  ['system.enable_log_rotate', (c) => c.system.enableLogRotate, ...same(true), 'off', false],
  ['system.websocket_log_count', (c) => c.system.websocketLogCount, ...same(150), '20', 20],
  ['system.sftp.bind_address', (c) => c.system.sftp.host, ...same('0.0.0.0'), '"::"', '::'],
  ['system.sftp.bind_port', (c) => c.system.sftp.port, ...same(2022), '22', 22],
  ['system.sftp.read_only', (c) => c.system.sftp.readOnly, ...same(false), 'true', true],
  ['system.sftp.key_only', (c) => c.system.sftp.keyOnly, ...same(false), 'true', true],
  ['system.crash_detection.enabled', (c) => c.system.crashDetection.enabled, ...same(true), 'no', false],
  [
    'system.crash_detection.detect_clean_exit_as_crash',
    (c) => c.system.crashDetection.detectCleanExitAsCrash,
    ...same(true),
    'no',
    false,
  ],
  ['system.crash_detection.timeout', (c) => c.system.crashDetection.timeout, ...same(60), '0', 0],
  ['system.crash_detection_activity_lines', (c) => c.system.activity.crashLines, ...same(2), '5', 5],
  ['system.backups.write_limit', (c) => c.system.backups.writeLimit, ...same(0), '2', 2 * mib],
  ['system.backups.compression_level', (c) => c.system.backups.compressionLevel, ...same('best_speed'), 'none', 'none'],
  [
    'system.backups.restore_host_allowlist',
    (c) => c.system.backups.restoreHostAllowlist,
    ...same([]),
    '[s3.lan]',
    ['s3.lan'],
  ],
  [
    'system.backups.remove_backups_on_server_delete',
    (c) => c.system.backups.removeBackupsOnServerDelete,
    ...same(true),
    'no',
    false,
  ],
  ['system.backups.max_concurrent', (c) => c.system.backups.maxConcurrent, ...same(4), '1', 1],
  ['system.backups.layout', (c) => c.system.backups.layout, ...same('per_server'), 'flat', 'flat'],
  ['system.backups.restore_mode', (c) => c.system.backups.restoreMode, ...same('auto'), 'staged', 'staged'],
  ['system.backups.tar_entries', (c) => c.system.backups.tarEntries, ...same('wings'), 'posix', 'posix'],
  ['system.backups.format', (c) => c.system.backups.format, ...same('gzip'), 'zstd', 'zstd'],
  ['system.backups.create_timeout', (c) => c.system.backups.createTimeout, ...same(21_600), '30m', 1_800],
  ['system.backups.restore_timeout', (c) => c.system.backups.restoreTimeout, ...same(14_400), '90', 90],
  ['system.backups.verify_after_create', (c) => c.system.backups.verifyAfterCreate, ...same(true), 'no', false],
  ['system.transfers.download_limit', (c) => c.system.transfers.downloadLimit, ...same(0), '1', mib],
  [
    'system.transfers.storage_pool.enabled',
    (c) => c.system.transfers.storagePool.enabled,
    ...same(false),
    'true',
    true,
  ],
  ['system.transfers.storage_pool.pool_name', (c) => c.system.transfers.storagePool.poolName, ...same(''), 'a', 'a'],
  ['system.shutdown_grace', (c) => c.system.shutdownGrace, ...same(60), '2m', 120],
  ['docker.network.interface', (c) => c.docker.network.interface, ...same('172.18.0.1'), '10.0.0.1', '10.0.0.1'],
  ['docker.network.dns', (c) => c.docker.network.dns, ...same(['1.1.1.1', '1.0.0.1']), '[9.9.9.9]', ['9.9.9.9']],
  ['docker.network.name', (c) => c.docker.network.name, 'pterodactyl_nw', 'pelican_nw', 'n', 'n'],
  ['docker.network.ispn', (c) => c.docker.network.ispn, ...same(false), 'true', true],
  ['docker.network.IPv6', (c) => c.docker.network.ipv6, ...same(true), 'false', false],
  ['docker.network.driver', (c) => c.docker.network.driver, ...same('bridge'), 'macvlan', 'macvlan'],
  ['docker.network.network_mode', (c) => c.docker.network.networkMode, 'pterodactyl_nw', 'pelican_nw', 'n', 'n'],
  ['docker.network.is_internal', (c) => c.docker.network.isInternal, ...same(false), 'true', true],
  ['docker.network.enable_icc', (c) => c.docker.network.enableIcc, ...same(true), 'false', false],
  ['docker.network.network_mtu', (c) => c.docker.network.mtu, ...same(1500), '1400', 1400],
  [
    'docker.network.interfaces.v4.subnet',
    (c) => c.docker.network.v4.subnet,
    ...same('172.18.0.0/16'),
    '10.1.0.0/16',
    '10.1.0.0/16',
  ],
  [
    'docker.network.interfaces.v4.gateway',
    (c) => c.docker.network.v4.gateway,
    ...same('172.18.0.1'),
    '10.1.0.1',
    '10.1.0.1',
  ],
  [
    'docker.network.interfaces.v6.subnet',
    (c) => c.docker.network.v6.subnet,
    ...same('fdba:17c8:6c94::/64'),
    '"fd00::/64"',
    'fd00::/64',
  ],
  [
    'docker.network.interfaces.v6.gateway',
    (c) => c.docker.network.v6.gateway,
    ...same('fdba:17c8:6c94::1011'),
    '"fd00::1"',
    'fd00::1',
  ],
  ['docker.domainname', (c) => c.docker.domainname, ...same(''), 'd', 'd'],
  [
    'docker.registries',
    (c) => c.docker.registries,
    ...same({}),
    '{r: {username: u, password: 1}}',
    { r: { username: 'u', password: '1' } },
  ],
  ['docker.tmpfs_size', (c) => c.docker.tmpfsSize, ...same(100), '50', 50],
  ['docker.container_pid_limit', (c) => c.docker.containerPidLimit, ...same(512), '-1', -1],
  ['docker.installer_limits.memory', (c) => c.docker.installerLimits.memory, ...same(1024), '2048', 2048],
  ['docker.installer_limits.cpu', (c) => c.docker.installerLimits.cpu, ...same(100), '0', 0],
  ['docker.overhead.override', (c) => c.docker.overhead.override, ...same(false), 'true', true],
  ['docker.overhead.default_multiplier', (c) => c.docker.overhead.defaultMultiplier, ...same(1.05), '"1.2"', 1.2],
  [
    'docker.overhead.multipliers',
    (c) => c.docker.overhead.multipliers,
    ...same([]),
    '{"512": 2, 1024: 1.5}',
    [
      [512, 2],
      [1024, 1.5],
    ],
  ],
  ['docker.userns_mode', (c) => c.docker.usernsMode, ...same(''), 'host', 'host'],
  ['docker.system_ips', (c) => c.docker.systemIps, ...same([]), '[203.0.113.1]', ['203.0.113.1']],
  ['docker.log_config.type', (c) => c.docker.logConfig.type, ...same('local'), '""', ''],
  [
    'docker.log_config.config',
    (c) => c.docker.logConfig.config,
    ...same(logOptions),
    '{max-file: 2, x: y}',
    { ...logOptions, 'max-file': '2', x: 'y' },
  ],
  ['throttles.enabled', (c) => c.throttles.enabled, ...same(true), 'false', false],
  ['throttles.lines', (c) => c.throttles.lines, ...same(2000), '5', 5],
  ['throttles.line_reset_interval', (c) => c.throttles.lineResetIntervalMs, ...same(100), '7', 7],
  ['remote_query.timeout', (c) => c.remoteQuery.timeout, ...same(30), '5', 5],
  ['remote_query.boot_servers_per_page', (c) => c.remoteQuery.bootServersPerPage, ...same(50), '10', 10],
  ['remote_query.custom_headers', (c) => c.remoteQuery.customHeaders, ...same({}), '{X-Key: 1}', { 'X-Key': '1' }],
  ['allowed_mounts', (c) => c.allowedMounts, ...same([]), '[/srv]', ['/srv']],
  ['Search.max_recursion_depth', (c) => c.search.maxRecursionDepth, ...same(8), '2', 2],
  ['Search.blacklisted_dirs', (c) => c.search.blacklistedDirs, ...same(dirs), '[x]', ['x']],
  ['BlockBaseDirMount', (c) => c.blockBaseDirMount, ...same(true), 'false', false],
  ['allowed_origins', (c) => c.allowedOrigins, ...same([]), '["*"]', ['*']],
  ['allow_cors_private_network', (c) => c.allowCorsPrivateNetwork, ...same(false), 'true', true],
  ['ignore_panel_config_updates', (c) => c.ignorePanelConfigUpdates, ...same(false), 'true', true],
  ['websocket.fork_events', (c) => c.websocket.forkEvents, ...same(true), 'false', false],
  ['websocket.fork_wire_names', (c) => c.websocket.forkWireNames, ...same(true), 'false', false],
  ['websocket.fork_status', (c) => c.websocket.forkStatus, ...same(false), 'true', true],
  ['websocket.activity_events', (c) => c.websocket.activityEvents, ...same(true), 'false', false],
];

function yamlOf(key: string, value: string): string {
  const words = key.split('.');
  return `${words.map((word, depth) => `${'  '.repeat(depth)}${word}:`).join('\n')} ${value}\n`;
}

for (const [key, of, pterodactyl, pelican, written, read] of rows) {
  test(`${key} has its defaults, and is read`, () => {
    assert.deepEqual(of(aConfig('pterodactyl')), pterodactyl);
    assert.deepEqual(of(aConfig('pelican')), pelican);
    for (const flavour of ['pterodactyl', 'pelican'] as const) {
      assert.deepEqual(of(aConfig(flavour, yamlOf(key, written))), read, flavour);
      assert.deepEqual(of(aConfig(flavour, yamlOf(key, 'null'))), of(aConfig(flavour)), `${flavour}, null`);
    }
  });
}

test('the rows above are all keys that have an effect', () => {
  const elsewhere = ['flavour', 'quiet', 'token', 'token_id'];
  const without = wingsKeys.filter(({ meaning }) => meaning === 'Has no effect.').map(({ key }) => key);
  const missing = wingsKeys.map(({ key }): string => key).filter((key) => !rows.some(([one]) => one === key));
  assert.deepEqual(
    missing.sort(),
    [...elsewhere, 'system.openat_mode', ...without.filter((key) => key !== 'system.openat_mode')].sort(),
  );
});

for (const [key, others] of Object.entries(laterSpellings)) {
  for (const other of others) {
    test(`${other} is another spelling of ${key}, and the one of the flavour wins`, () => {
      const [, of, , , written, read] = rows.find(([one]) => one === key)!;
      for (const flavour of ['pterodactyl', 'pelican'] as const)
        assert.deepEqual(of(aConfig(flavour, yamlOf(other, written))), read, flavour);
      const value = (flavour: Flavour) => (written === 'true' ? String(flavour === 'pelican') : `/${flavour}`);
      const file = JSON.stringify(merged(tree(key, value('pelican')), tree(other, value('pterodactyl'))));
      assert.equal(String(of(aConfig('pelican', file))), value('pelican'));
      assert.equal(String(of(aConfig('pterodactyl', file))), value('pterodactyl'));
    });
  }
}

interface Tree {
  [key: string]: Tree | string;
}

function tree(key: string, value: string): Tree {
  return key.split('.').reduceRight<Tree | string>((below, word) => ({ [word]: below }), value) as Tree;
}

function merged(one: Tree, other: Tree): Tree {
  const result: Tree = { ...one };
  for (const [key, value] of Object.entries(other)) {
    const before = result[key];
    result[key] = typeof value === 'object' && typeof before === 'object' ? merged(before, value) : value;
  }
  return result;
}

describe('wrong values are named with file, line and key', () => {
  for (const [yaml, expected] of [
    [
      'api: {trusted_proxies: [10.0.0.0/33]}',
      /line 1: api\.trusted_proxies must be a list of IP addresses and CIDRs, not "10\.0\.0\.0\/33"/,
    ],
    ['api: {trusted_proxies: [proxy.example]}', /api\.trusted_proxies/],
    ['api: {trusted_proxies: ["fe80::1%eth0"]}', /api\.trusted_proxies/],
    ['api:\n  ssl: {enabled: maybe}', /line 2: api\.ssl\.enabled must be true or false/],
    ['system: {sftp: {bind_port: 65536}}', /system\.sftp\.bind_port must be a whole number/],
    ['system: {openat_mode: openat3}', /system\.openat_mode must be one of auto, openat2, openat/],
    ['system: {shutdown_grace: 11m}', /system\.shutdown_grace must be a duration/],
    ['remote_query: {custom_headers: {"a b": c}}', /custom_headers\.a b is not known/],
    ['remote_query: {custom_headers: {a: "x\\r\\ny: z"}}', /custom_headers\.a must be one line/],
  ] as const) {
    test(yaml, () => {
      assert.throws(
        () => wingsSettings(Section.parse('config.yml', yaml), 'pelican', {}),
        (error: unknown) => error instanceof ConfigError && expected.test(error.message),
      );
    });
  }

  test('redirects of 0 or less are 10', () => {
    for (const written of ['0', '-1'])
      assert.equal(
        aConfig('pelican', `api: {remote_download: {max_redirects: ${written}}}`).api.remoteDownload.maxRedirects,
        10,
      );
  });
});

describe('misspelt keys', () => {
  for (const [yaml, line, wrong, right] of [
    ['token: x\nremot: y\n', 2, 'remot', 'remote'],
    ['api:\n  host: x\n  prot: 8080\n', 3, 'api.prot', 'api.port'],
    ['system:\n  sftp:\n    bind_prt: 1\n', 3, 'system.sftp.bind_prt', 'system.sftp.bind_port'],
    ['system: {backups: {write_limits: 1}}\n', 1, 'system.backups.write_limits', 'system.backups.write_limit'],
    ['allowed_mount: []\n', 1, 'allowed_mount', 'allowed_mounts'],
    ['search: {}\n', 1, 'search', 'Search'],
    ['docker: {network: {ipv6: false}}\n', 1, 'docker.network.ipv6', 'docker.network.IPv6'],
    ['debug: true\nDebug: true\n', 2, 'Debug', 'debug'],
    [
      'system: {crash_detection: {enable: true}}\n',
      1,
      'system.crash_detection.enable',
      'system.crash_detection.enabled',
    ],
    ['tokenid: x\n', 1, 'tokenid', 'token_id'],
  ] as const) {
    test(`${wrong} is taken for ${right}`, () => {
      assert.throws(
        () => unknownKeys(Section.parse('/etc/pelican/config.yml', yaml)),
        (error: unknown) =>
          error instanceof ConfigError &&
          error.message ===
            `/etc/pelican/config.yml, line ${line}: the key ${wrong} is not known; ${right} is meant, it seems. Correct or remove it.`,
      );
    });
  }

  test('what is nobody known is told with its place, and what a map has for keys is not judged', () => {
    const yaml = `panel: {}\nthrottles:\n  maximum_trigger_count: 5\nwebsockt2: 1\ndocker:\n  registries: {a: {b: c}}\n  log_config: {config: {labels: x}}\n  overhead: {multipliers: {1: 2}}\nremote_query: {custom_headers: {x: y}}\n`;
    assert.deepEqual(unknownKeys(Section.parse('c.yml', yaml)), [
      { key: 'panel', place: 'c.yml, line 1' },
      { key: 'throttles.maximum_trigger_count', place: 'c.yml, line 3' },
      { key: 'websockt2', place: 'c.yml, line 4' },
    ]);
  });

  test('every key we know is known', () => {
    for (const { key } of wingsKeys) assert.deepEqual(unknownKeys(Section.parse('c.yml', yamlOf(key, 'x'))), [], key);
    for (const key of Object.values(laterSpellings).flat())
      assert.deepEqual(unknownKeys(Section.parse('c.yml', yamlOf(key, 'x'))), [], key);
  });

  for (const [one, other, expected] of [
    ['port', 'prot', true],
    ['port', 'por', true],
    ['port', 'ports', true],
    ['port', 'pork', true],
    ['port', 'xport', true],
    ['port', 'port', false],
    ['port', 'pots', false],
    ['port', 'rpot', false],
    ['', 'a', true],
    ['ab', 'ba', true],
    ['abcd', 'badc', false],
  ] as const) {
    test(`${JSON.stringify(one)} and ${JSON.stringify(other)} are ${expected ? 'one slip' : 'not one slip'} apart`, () => {
      assert.equal(isOneSlipAway(one, other), expected);
      assert.equal(isOneSlipAway(other, one), expected);
    });
  }

  test('a word that differs in capitals only is the nearest', () => {
    assert.equal(nearest('HOST', ['hosts', 'host']), 'host');
    assert.equal(nearest('nothing', ['hosts', 'host']), undefined);
  });
});

// Keys of a Wings config.yml, with the defaults of either flavour. Keys that are not used here are left alone.
import { join, resolve } from 'node:path';
import type { BackupsConfig, Config, DockerConfig, DockerNetworkConfig, Flavour, SystemConfig } from './config.ts';
import type { Environment } from './environment.ts';
import type { Section } from './section.ts';

const names = {
  pterodactyl: {
    appName: 'Pterodactyl',
    word: 'pterodactyl',
    network: 'pterodactyl_nw',
    mountUserFiles: false,
    passwdDirectory: '/run/wings/etc',
    machineIdDirectory: '/run/wings/machine-id',
  },
  pelican: {
    appName: 'pelican',
    word: 'pelican',
    network: 'pelican_nw',
    mountUserFiles: true,
    passwdDirectory: '/etc/pelican',
    machineIdDirectory: '/etc/pelican/machine-id',
  },
} as const;

const defaultLogOptions = { 'max-size': '5m', 'max-file': '1', compress: 'false', mode: 'non-blocking' };

/** The largest number that is exact; stands for "any". */
const any = Number.MAX_SAFE_INTEGER;

export interface WingsSettings {
  debug: boolean;
  quiet: boolean;
  appName: string;
  uuid: string;
  api: { host: string; port: number };
  system: SystemConfig;
  docker: DockerConfig;
  allowedMounts: string[];
  blockBaseDirMount: boolean;
  remote: string;
  allowedOrigins: string[];
  throttles: Config['throttles'];
  websocket: Config['websocket'];
}

/** @throws ConfigError */
export function wingsSettings(config: Section, flavour: Flavour, env: Environment): WingsSettings {
  const api = config.section('api');
  return {
    debug: config.boolean('debug', false),
    quiet: config.boolean('quiet', false),
    appName: config.text('app_name', names[flavour].appName),
    uuid: config.text('uuid', ''),
    api: { host: api.text('host', '0.0.0.0'), port: api.integer('port', 8080, 0, 65_535) },
    system: systemSettings(config.section('system'), flavour),
    docker: dockerSettings(config.section('docker'), flavour, env),
    allowedMounts: config.texts('allowed_mounts', []),
    blockBaseDirMount: config.boolean('BlockBaseDirMount', true),
    remote: remoteOf(config),
    allowedOrigins: config.texts('allowed_origins', []),
    throttles: throttleSettings(config.section('throttles')),
    websocket: websocketSettings(config.section('websocket')),
  };
}

function systemSettings(system: Section, flavour: Flavour): SystemConfig {
  const { word } = names[flavour];
  // An empty path is no path, as with null; a relative one counts from the working directory, as in Wings.
  const path = (key: string, fallback: string) => resolve(system.text(key, '') || fallback);
  const rootDirectory = path('root_directory', `/var/lib/${word}`);
  const crash = system.section('crash_detection');
  return {
    rootDirectory,
    logDirectory: path('log_directory', `/var/log/${word}`),
    data: path('data', join(rootDirectory, 'volumes')),
    archiveDirectory: path('archive_directory', join(rootDirectory, 'archives')),
    backupDirectory: path('backup_directory', join(rootDirectory, 'backups')),
    tmpDirectory: path('tmp_directory', `/tmp/${word}`),
    username: system.text('username', '') || word,
    timezone: system.text('timezone', ''),
    user: userSettings(system, flavour),
    machineId: machineIdSettings(system.section('machine_id'), flavour),
    diskCheckInterval: system.integer('disk_check_interval', 150, 0, any),
    checkPermissionsOnBoot: system.boolean('check_permissions_on_boot', true),
    websocketLogCount: system.integer('websocket_log_count', 150, 0, 10_000),
    crashDetection: {
      enabled: crash.boolean('enabled', true),
      detectCleanExitAsCrash: crash.boolean('detect_clean_exit_as_crash', true),
      timeout: crash.integer('timeout', 60, 0, any),
    },
    backups: backupSettings(system.section('backups')),
    shutdownGrace: secondsOf(system, 'shutdown_grace', 60, 600),
  };
}

function backupSettings(backups: Section): BackupsConfig {
  return {
    writeLimit: Math.max(0, backups.integer('write_limit', 0, -any, 1_048_576)) * 1_048_576,
    compressionLevel: compressionLevelOf(backups.text('compression_level', '')),
    removeBackupsOnServerDelete: backups.boolean('remove_backups_on_server_delete', true),
    maxConcurrent: backups.integer('max_concurrent', 4, 1, 64),
    layout: choice(backups, 'layout', ['per_server', 'flat']),
    restoreMode: choice(backups, 'restore_mode', ['auto', 'staged', 'in_place']),
    tarEntries: choice(backups, 'tar_entries', ['wings', 'posix']),
    format: choice(backups, 'format', ['gzip', 'zstd']),
    createTimeout: secondsOf(backups, 'create_timeout', 6 * 3_600, 7 * 86_400),
    restoreTimeout: secondsOf(backups, 'restore_timeout', 4 * 3_600, 7 * 86_400),
    verifyAfterCreate: backups.boolean('verify_after_create', true),
  };
}

/** Whatever else stands there is the fastest, as in Wings. */
function compressionLevelOf(text: string): BackupsConfig['compressionLevel'] {
  return text === 'none' || text === 'best_compression' ? text : 'best_speed';
}

/** The first one is the default. */
function choice<T extends string>(section: Section, key: string, choices: readonly [T, ...T[]]): T {
  const text = section.text(key, '');
  if (text === '') return choices[0];
  const chosen = choices.find((one) => one === text);
  if (chosen === undefined) throw section.wrong(key, `one of ${choices.join(', ')}`);
  return chosen;
}

const secondsIn: Record<string, number> = { s: 1, m: 60, h: 3_600 };

/** A number of seconds, or a duration such as 90s, 30m or 6h. */
function secondsOf(section: Section, key: string, fallback: number, most: number): number {
  const text = section.text(key, '');
  if (text === '') return fallback;
  const [, digits, unit = 's'] = /^(\d{1,9})([smh])?$/.exec(text) ?? [];
  const seconds = Number(digits) * (secondsIn[unit] ?? 1);
  if (!(seconds >= 1 && seconds <= most))
    throw section.wrong(key, `a duration from 1s to ${most}s, such as 90s, 30m or 6h`);
  return seconds;
}

/** uid and gid are those of the file until the user of the host is looked up. */
function userSettings(system: Section, flavour: Flavour): SystemConfig['user'] {
  const user = system.section('user');
  const rootless = user.section('rootless');
  const id = (section: Section, key: string, fallback: number) => section.integer(key, fallback, 0, 2 ** 32 - 2);
  return {
    uid: id(user, 'uid', 988),
    gid: id(user, 'gid', 988),
    rootless: {
      enabled: rootless.boolean('enabled', false),
      containerUid: id(rootless, 'container_uid', 0),
      containerGid: id(rootless, 'container_gid', 0),
    },
    passwd: passwdSettings(system, user, flavour),
  };
}

/** Pelican has it below `user`, later Pterodactyl above it and under another name; the one of the flavour wins. */
function passwdSettings(system: Section, user: Section, flavour: Flavour): SystemConfig['user']['passwd'] {
  const { mountUserFiles, passwdDirectory } = names[flavour];
  const blocks = [user.section('passwd'), system.section('passwd')];
  if (flavour === 'pterodactyl') blocks.reverse();
  const block = blocks.find((one) => one.keys().length > 0) ?? system.section('passwd');
  return {
    enable: eitherSpelling(block, mountUserFiles),
    directory: resolve(block.text('directory', '') || passwdDirectory),
  };
}

function machineIdSettings(block: Section, flavour: Flavour): SystemConfig['machineId'] {
  const { mountUserFiles, machineIdDirectory } = names[flavour];
  return {
    enable: eitherSpelling(block, mountUserFiles),
    directory: resolve(block.text('directory', '') || machineIdDirectory),
  };
}

function eitherSpelling(block: Section, fallback: boolean): boolean {
  return block.boolean('enable', block.boolean('enabled', fallback));
}

function dockerSettings(docker: Section, flavour: Flavour, env: Environment): DockerConfig {
  return {
    socket: socketOf(env['DOCKER_HOST'] ?? ''),
    network: networkSettings(docker.section('network'), flavour),
    domainname: docker.text('domainname', ''),
    registries: registrySettings(docker.section('registries')),
    tmpfsSize: docker.integer('tmpfs_size', 100, 1, 1_048_576),
    containerPidLimit: docker.integer('container_pid_limit', 512, -1, 4_194_304),
    overhead: overheadSettings(docker.section('overhead')),
    usernsMode: docker.text('userns_mode', ''),
    logConfig: logSettings(docker.section('log_config')),
  };
}

function networkSettings(network: Section, flavour: Flavour): DockerNetworkConfig {
  const interfaces = network.section('interfaces');
  const v4 = interfaces.section('v4');
  const v6 = interfaces.section('v6');
  return {
    interface: network.text('interface', '172.18.0.1'),
    dns: network.texts('dns', ['1.1.1.1', '1.0.0.1']),
    name: network.text('name', names[flavour].network),
    ispn: network.boolean('ispn', false),
    ipv6: network.boolean('IPv6', true),
    driver: network.text('driver', '') || 'bridge',
    networkMode: network.text('network_mode', names[flavour].network),
    isInternal: network.boolean('is_internal', false),
    enableIcc: network.boolean('enable_icc', true),
    mtu: network.integer('network_mtu', 1_500, 68, 65_535),
    v4: { subnet: v4.text('subnet', '172.18.0.0/16'), gateway: v4.text('gateway', '172.18.0.1') },
    v6: { subnet: v6.text('subnet', 'fdba:17c8:6c94::/64'), gateway: v6.text('gateway', 'fdba:17c8:6c94::1011') },
  };
}

function registrySettings(registries: Section): DockerConfig['registries'] {
  const entries = registries.keys().map((registry) => {
    const account = registries.section(registry);
    return [registry, { username: account.text('username', ''), password: account.text('password', '') }] as const;
  });
  return Object.fromEntries(entries);
}

function overheadSettings(overhead: Section): DockerConfig['overhead'] {
  const multipliers = overhead.section('multipliers');
  return {
    override: overhead.boolean('override', false),
    defaultMultiplier: overhead.factor('default_multiplier', 1.05),
    multipliers: multipliers.keys().map((key) => {
      if (!/^\d{1,12}$/.test(key)) throw multipliers.unknown(key, ['memory limits in whole numbers']);
      return [Number(key), multipliers.factor(key, 1.05)];
    }),
  };
}

/** Options of the file lie over the defaults, one by one, as in Wings. An empty type is Docker's own driver. */
function logSettings(log: Section): DockerConfig['logConfig'] {
  const options = log.section('config');
  const own = options.keys().filter((key) => options.has(key));
  const config = Object.fromEntries([
    ...Object.entries(defaultLogOptions),
    ...own.map((key) => [key, options.text(key, '')] as const),
  ]);
  return { type: log.text('type', 'local'), config };
}

function throttleSettings(throttles: Section): Config['throttles'] {
  return {
    enabled: throttles.boolean('enabled', true),
    lines: throttles.integer('lines', 2_000, 0, any),
    lineResetIntervalMs: throttles.integer('line_reset_interval', 100, 0, any),
  };
}

function websocketSettings(websocket: Section): Config['websocket'] {
  return {
    forkEvents: websocket.boolean('fork_events', true),
    forkWireNames: websocket.boolean('fork_wire_names', true),
    forkStatus: websocket.boolean('fork_status', false),
  };
}

function remoteOf(config: Section): string {
  const remote = config.text('remote', '');
  if (remote === '') return '';
  const protocol = URL.canParse(remote) ? new URL(remote).protocol : '';
  if (protocol !== 'http:' && protocol !== 'https:')
    throw config.wrong('remote', 'the URL of the Panel, such as https://panel.example.com');
  return remote;
}

/** Where Docker listens, as its own variable says. */
function socketOf(dockerHost: string): string {
  if (dockerHost === '') return '/var/run/docker.sock';
  return dockerHost.startsWith('unix://') ? dockerHost.slice('unix://'.length) : '';
}

// Makes settings of what stands in a config.yml of Wings. Names, types, ranges and defaults: wings-keys.ts.
import type { BackupsConfig, Config, DockerConfig, DockerNetworkConfig, Flavour, SystemConfig } from './config.ts';
import type { Environment } from './environment.ts';
import { KeyReader } from './key-reader.ts';
import type { Section } from './section.ts';

const defaultLogOptions = { 'max-size': '5m', 'max-file': '1', compress: 'false', mode: 'non-blocking' };

const mebibyte = 1_048_576;
const defaultRedirects = 10;

/** What config.yml says by itself; the rest of the settings comes from elsewhere. */
export type WingsSettings = Omit<Config, 'flavour' | 'path' | 'token' | 'aileron' | 'ignoreCertificateErrors'> & {
  quiet: boolean;
};

/** @throws ConfigError */
export function wingsSettings(config: Section, flavour: Flavour, env: Environment): WingsSettings {
  const read = new KeyReader(config, flavour);
  const redirects = read.integer('api.remote_download.max_redirects');
  return {
    debug: read.truth('debug'),
    quiet: read.truth('quiet'),
    appName: read.text('app_name'),
    uuid: read.text('uuid'),
    api: {
      host: read.filledText('api.host'),
      port: read.integer('api.port'),
      ssl: {
        enabled: read.truth('api.ssl.enabled'),
        cert: read.path('api.ssl.cert'),
        key: read.path('api.ssl.key'),
      },
      disableRemoteDownload: read.truth('api.disable_remote_download'),
      remoteDownload: { maxRedirects: redirects > 0 ? redirects : defaultRedirects },
      uploadLimit: read.integer('api.upload_limit'),
      trustedProxies: read.ranges('api.trusted_proxies'),
    },
    system: systemSettings(read),
    docker: dockerSettings(read, env),
    allowedMounts: read.texts('allowed_mounts'),
    blockBaseDirMount: read.truth('BlockBaseDirMount'),
    remote: remoteOf(config),
    remoteQuery: {
      timeout: read.integer('remote_query.timeout'),
      bootServersPerPage: read.integer('remote_query.boot_servers_per_page'),
      customHeaders: headersOf(read.map('remote_query.custom_headers')),
    },
    search: {
      maxRecursionDepth: read.integer('Search.max_recursion_depth'),
      blacklistedDirs: read.texts('Search.blacklisted_dirs'),
    },
    allowedOrigins: read.texts('allowed_origins'),
    allowCorsPrivateNetwork: read.truth('allow_cors_private_network'),
    ignorePanelConfigUpdates: read.truth('ignore_panel_config_updates'),
    throttles: {
      enabled: read.truth('throttles.enabled'),
      lines: read.integer('throttles.lines'),
      lineResetIntervalMs: read.integer('throttles.line_reset_interval'),
    },
    websocket: {
      forkEvents: read.truth('websocket.fork_events'),
      forkWireNames: read.truth('websocket.fork_wire_names'),
      forkStatus: read.truth('websocket.fork_status'),
      activityEvents: read.truth('websocket.activity_events'),
    },
  };
}

function systemSettings(read: KeyReader): SystemConfig {
  const rootDirectory = read.path('system.root_directory');
  // Checked and without effect: files of servers are reached in one way only.
  read.choice('system.openat_mode');
  return {
    rootDirectory,
    logDirectory: read.path('system.log_directory'),
    data: read.path('system.data', rootDirectory),
    archiveDirectory: read.path('system.archive_directory', rootDirectory),
    backupDirectory: read.path('system.backup_directory', rootDirectory),
    tmpDirectory: read.path('system.tmp_directory'),
    username: read.filledText('system.username'),
    timezone: read.text('system.timezone'),
    user: userSettings(read),
    machineId: {
      enable: read.truth('system.machine_id.enable'),
      directory: read.path('system.machine_id.directory'),
    },
    diskCheckInterval: read.integer('system.disk_check_interval'),
    quotas: { enabled: read.truth('system.quotas.enabled') },
    activity: {
      sendInterval: read.integer('system.activity_send_interval'),
      sendCount: read.integer('system.activity_send_count'),
      crashLines: read.integer('system.crash_detection_activity_lines'),
    },
    checkPermissionsOnBoot: read.truth('system.check_permissions_on_boot'),
    enableLogRotate: read.truth('system.enable_log_rotate'),
    websocketLogCount: read.integer('system.websocket_log_count'),
    sftp: {
      host: read.filledText('system.sftp.bind_address'),
      port: read.integer('system.sftp.bind_port'),
      readOnly: read.truth('system.sftp.read_only'),
      keyOnly: read.truth('system.sftp.key_only'),
    },
    crashDetection: {
      enabled: read.truth('system.crash_detection.enabled'),
      detectCleanExitAsCrash: read.truth('system.crash_detection.detect_clean_exit_as_crash'),
      timeout: read.integer('system.crash_detection.timeout'),
    },
    backups: backupSettings(read),
    transfers: {
      downloadLimit: read.integer('system.transfers.download_limit') * mebibyte,
      storagePool: {
        enabled: read.truth('system.transfers.storage_pool.enabled'),
        poolName: read.text('system.transfers.storage_pool.pool_name'),
      },
    },
    shutdownGrace: read.duration('system.shutdown_grace'),
  };
}

/** uid and gid are those of the file until the user of the host is looked up. */
function userSettings(read: KeyReader): SystemConfig['user'] {
  return {
    uid: read.integer('system.user.uid'),
    gid: read.integer('system.user.gid'),
    rootless: {
      enabled: read.truth('system.user.rootless.enabled'),
      containerUid: read.integer('system.user.rootless.container_uid'),
      containerGid: read.integer('system.user.rootless.container_gid'),
    },
    passwd: {
      enable: read.truth('system.user.passwd.enable'),
      directory: read.path('system.user.passwd.directory'),
    },
  };
}

function backupSettings(read: KeyReader): BackupsConfig {
  return {
    writeLimit: Math.max(0, read.integer('system.backups.write_limit')) * mebibyte,
    compressionLevel: compressionLevelOf(read.text('system.backups.compression_level')),
    restoreHostAllowlist: read.texts('system.backups.restore_host_allowlist'),
    removeBackupsOnServerDelete: read.truth('system.backups.remove_backups_on_server_delete'),
    maxConcurrent: read.integer('system.backups.max_concurrent'),
    layout: read.choice('system.backups.layout'),
    restoreMode: read.choice('system.backups.restore_mode'),
    tarEntries: read.choice('system.backups.tar_entries'),
    format: read.choice('system.backups.format'),
    createTimeout: read.duration('system.backups.create_timeout'),
    restoreTimeout: read.duration('system.backups.restore_timeout'),
    verifyAfterCreate: read.truth('system.backups.verify_after_create'),
  };
}

/** Whatever else stands there is the fastest, as in Wings. */
function compressionLevelOf(text: string): BackupsConfig['compressionLevel'] {
  return text === 'none' || text === 'best_compression' ? text : 'best_speed';
}

function dockerSettings(read: KeyReader, env: Environment): DockerConfig {
  return {
    socket: socketOf(env['DOCKER_HOST'] ?? ''),
    network: networkSettings(read),
    domainname: read.text('docker.domainname'),
    registries: registrySettings(read.map('docker.registries')),
    tmpfsSize: read.integer('docker.tmpfs_size'),
    containerPidLimit: read.integer('docker.container_pid_limit'),
    installerLimits: {
      memory: read.integer('docker.installer_limits.memory'),
      cpu: read.integer('docker.installer_limits.cpu'),
    },
    overhead: {
      override: read.truth('docker.overhead.override'),
      defaultMultiplier: read.factor('docker.overhead.default_multiplier'),
      multipliers: multipliersOf(read.map('docker.overhead.multipliers')),
    },
    usernsMode: read.text('docker.userns_mode'),
    systemIps: read.texts('docker.system_ips'),
    logConfig: { type: read.text('docker.log_config.type'), config: logOptions(read.map('docker.log_config.config')) },
  };
}

function networkSettings(read: KeyReader): DockerNetworkConfig {
  return {
    interface: read.text('docker.network.interface'),
    dns: read.texts('docker.network.dns'),
    name: read.text('docker.network.name'),
    ispn: read.truth('docker.network.ispn'),
    ipv6: read.truth('docker.network.IPv6'),
    driver: read.filledText('docker.network.driver'),
    networkMode: read.text('docker.network.network_mode'),
    isInternal: read.truth('docker.network.is_internal'),
    enableIcc: read.truth('docker.network.enable_icc'),
    mtu: read.integer('docker.network.network_mtu'),
    v4: {
      subnet: read.text('docker.network.interfaces.v4.subnet'),
      gateway: read.text('docker.network.interfaces.v4.gateway'),
    },
    v6: {
      subnet: read.text('docker.network.interfaces.v6.subnet'),
      gateway: read.text('docker.network.interfaces.v6.gateway'),
    },
  };
}

function registrySettings(registries: Section): DockerConfig['registries'] {
  const entries = registries.keys().map((registry) => {
    const account = registries.section(registry);
    return [registry, { username: account.text('username', ''), password: account.text('password', '') }] as const;
  });
  return Object.fromEntries(entries);
}

function multipliersOf(multipliers: Section): DockerConfig['overhead']['multipliers'] {
  return multipliers.keys().map((key) => {
    if (!/^\d{1,12}$/.test(key)) throw multipliers.unknown(key, ['memory limits in whole numbers']);
    return [Number(key), multipliers.factor(key, 1.05)];
  });
}

/** Options of the file lie over the defaults, one by one, as in Wings. An empty type is Docker's own driver. */
function logOptions(options: Section): Record<string, string> {
  const own = options.keys().filter((key) => options.has(key));
  return Object.fromEntries([
    ...Object.entries(defaultLogOptions),
    ...own.map((key) => [key, options.text(key, '')] as const),
  ]);
}

/** Of HTTP: anything else would end a request before it is sent, or begin another one. */
function headersOf(headers: Section): Record<string, string> {
  const entries = headers.keys().map((name) => {
    if (!/^[\w!#$%&'*+.^`|~-]{1,128}$/.test(name)) throw headers.unknown(name, ['names of HTTP headers']);
    const value = headers.text(name, '');
    if (!/^[\t\x20-\x7e]*$/.test(value)) throw headers.wrong(name, 'one line of ASCII characters');
    return [name, value] as const;
  });
  return Object.fromEntries(entries);
}

function remoteOf(config: Section): string {
  const remote = config.text('remote', '');
  if (remote === '') return '';
  const url = URL.canParse(remote) ? new URL(remote) : undefined;
  const plain = url && !url.username && !url.password && !/[?#]/.test(remote);
  if (plain && (url.protocol === 'http:' || url.protocol === 'https:')) return remote;
  const expected = 'the URL of the Panel, such as https://panel.example.com, without a user, a query and a fragment';
  throw config.wrongSecret('remote', expected);
}

/** Where Docker listens, as its own variable says. */
function socketOf(dockerHost: string): string {
  if (dockerHost === '') return '/var/run/docker.sock';
  return dockerHost.startsWith('unix://') ? dockerHost.slice('unix://'.length) : '';
}

// The keys of config.yml, with the defaults of either flavour, in the order of docs/configuration.md.
import { dockerKeys } from './docker-keys.ts';
import { any, choice, duration, integer, map, path, ports, ranges, text, texts, truth, userIds } from './wings-key.ts';

const word = { pterodactyl: 'pterodactyl', pelican: 'pelican' } as const;
const below = (directory: string) => ({
  pterodactyl: `${directory}/pterodactyl`,
  pelican: `${directory}/pelican`,
});
/** Containers of Pelican see user files and a machine id unless told otherwise, those of Pterodactyl do not. */
const pelicanOnly = { pterodactyl: false, pelican: true } as const;

const nodeKeys = [
  text('flavour', 'by the directory', 'pterodactyl or pelican; see above.'),
  truth('debug', false, 'Log level `debug`, unless `log.level` of aileron.yml says otherwise.'),
  truth('quiet', false, 'Log level `warn`, likewise; `debug` wins.'),
  text('app_name', { pterodactyl: 'Pterodactyl', pelican: 'pelican' }, 'Name in console lines of the daemon.'),
  text('uuid', '', 'Id of the node in the Panel.'),
  text('token_id', '', 'Public part of the credentials of the node.'),
  text('token', '', 'Secret part; it may not be empty. See below.'),
  text('remote', '', 'URL of the Panel, without a user, a query and a fragment. Its pages may open consoles.'),
  text('api.host', '0.0.0.0', 'Address of the API of the node.'),
  integer('api.port', 8080, ports, 'Port of the API of the node.'),
  truth('api.ssl.enabled', false, 'Speak https.'),
  path('api.ssl.cert', '', 'PEM file with the certificate and those above it.'),
  path('api.ssl.key', '', 'PEM file with its key.'),
  truth('api.disable_remote_download', false, 'Refuse to fetch files from URLs for users.'),
  integer('api.remote_download.max_redirects', 10, [-any, any], 'Followed by such a download; 0 or less = 10.'),
  integer('api.upload_limit', 100, [0, any], 'MiB of one uploaded file.'),
  ranges('api.trusted_proxies', [], 'Addresses and CIDRs whose `X-Forwarded-For` is believed.'),
] as const;

const systemKeys = [
  path('system.root_directory', below('/var/lib'), 'State of the daemon: `<root>` in this table.'),
  path('system.log_directory', below('/var/log'), '`wings.log` and `install/`.'),
  path('system.data', '<root>/volumes', 'Directories of the servers. A link is resolved at start.'),
  path('system.archive_directory', '<root>/archives', 'For transfers.'),
  path('system.backup_directory', '<root>/backups', 'Archives of backups.'),
  path('system.tmp_directory', below('/tmp'), 'Scripts of installers.'),
  text('system.username', word, "Owner of the servers' files and user in containers. Made when it does not exist."),
  text('system.timezone', '', '`TZ` of containers; empty = that of the machine, see below.'),
  integer('system.user.uid', 988, userIds, 'Found anew at each start.'),
  integer('system.user.gid', 988, userIds, 'Found anew at each start.'),
  truth('system.user.rootless.enabled', false, "Files belong to the daemon's own user."),
  integer('system.user.rootless.container_uid', 0, userIds, 'User in containers when rootless.'),
  integer('system.user.rootless.container_gid', 0, userIds, 'Group in containers when rootless.'),
  truth('system.user.passwd.enable', pelicanOnly, 'Show containers user files. Also `system.passwd.enabled`.'),
  path(
    'system.user.passwd.directory',
    { pterodactyl: '/run/wings/etc', pelican: '/etc/pelican' },
    'Where those are. Also `system.passwd.directory`.',
  ),
  truth('system.machine_id.enable', pelicanOnly, 'Show containers a machine id. Also `system.machine_id.enabled`.'),
  path(
    'system.machine_id.directory',
    { pterodactyl: '/run/wings/machine-id', pelican: '/etc/pelican/machine-id' },
    'Where those are.',
  ),
  integer('system.disk_check_interval', 150, [0, any], "Seconds between counts of a server's disk usage; 0 = never."),
  truth('system.quotas.enabled', false, 'Let the file system limit what servers write.'),
  integer('system.activity_send_interval', 60, [1, any], 'Seconds between reports to the Panel of what users did.'),
  integer('system.activity_send_count', 100, [1, any], 'Entries of one such report.'),
  truth('system.check_permissions_on_boot', true, "Give a server's files to its user before each start."),
  truth('system.enable_log_rotate', true, 'Make a file for logrotate when there is none.'),
  integer('system.websocket_log_count', 150, [0, 10_000], 'Console lines shown to whoever connects.'),
  text('system.sftp.bind_address', '0.0.0.0', 'Address of SFTP.'),
  integer('system.sftp.bind_port', 2022, ports, 'Port of SFTP.'),
  truth('system.sftp.read_only', false, 'Nothing can be changed by SFTP.'),
  truth('system.sftp.key_only', false, 'Refuse passwords.'),
  truth('system.crash_detection.enabled', true, 'Start again after an end nobody asked for.'),
  truth('system.crash_detection.detect_clean_exit_as_crash', true, 'Also when the exit code was 0.'),
  integer('system.crash_detection.timeout', 60, [0, any], 'Once in so many seconds; 0 = always.'),
  integer('system.crash_detection_activity_lines', 2, [0, 1_000], 'Console lines that the report of a crash holds.'),
  integer(
    'system.backups.write_limit',
    0,
    [-any, 1_048_576],
    'MiB a second of an archive, written or read; 0 = no limit.',
  ),
  text('system.backups.compression_level', 'best_speed', '`none`, `best_compression`, anything else = `best_speed`.'),
  texts(
    'system.backups.restore_host_allowlist',
    [],
    'Hosts, addresses and CIDRs that a restore may fetch from although they are private.',
  ),
  truth(
    'system.backups.remove_backups_on_server_delete',
    true,
    'Whether archives go with a server that is deleted with its files.',
  ),
  integer(
    'system.backups.max_concurrent',
    4,
    [1, 64],
    'Backups and restores that run at the same time; others wait in order.',
  ),
  choice(
    'system.backups.layout',
    ['per_server', 'flat'],
    'Where new archives go: `per_server`, `flat`. Both are read.',
  ),
  choice(
    'system.backups.restore_mode',
    ['auto', 'staged', 'in_place'],
    '`staged` swaps the files in whole, `in_place` needs no room for both, `auto` stages when there is room.',
  ),
  choice(
    'system.backups.tar_entries',
    ['wings', 'posix'],
    '`posix` writes directories and links as entries too, which Wings cannot restore.',
  ),
  choice('system.backups.format', ['gzip', 'zstd'], '`zstd` is smaller and faster, and Wings cannot restore it.'),
  duration('system.backups.create_timeout', '6h', 7 * 86_400, 'Of the work; the time in the queue is not counted.'),
  duration('system.backups.restore_timeout', '4h', 7 * 86_400, 'Likewise.'),
  truth('system.backups.verify_after_create', true, 'Read each archive back before it counts.'),
  integer('system.transfers.download_limit', 0, [0, 1_048_576], 'MiB a second of a transfer; 0 = no limit.'),
  truth('system.transfers.storage_pool.enabled', false, 'The files of servers are on storage that nodes share.'),
  text('system.transfers.storage_pool.pool_name', '', 'Nodes with the same name do not copy files between them.'),
  choice('system.openat_mode', ['auto', 'openat2', 'openat'], 'Has no effect.'),
  duration(
    'system.shutdown_grace',
    '60s',
    600,
    'How long the daemon waits at its end for work that must not be parted.',
  ),
] as const;

const otherKeys = [
  truth('throttles.enabled', true, 'Whether console lines are limited.'),
  integer(
    'throttles.lines',
    2_000,
    [0, any],
    'Lines of a server that reach those who watch, in one period; the rest is dropped and named.',
  ),
  integer('throttles.line_reset_interval', 100, [0, any], 'The period in ms.'),
  integer('remote_query.timeout', 30, [1, 3_600], 'Seconds for an answer of the Panel.'),
  integer('remote_query.boot_servers_per_page', 50, [1, 10_000], 'Servers asked for at a time.'),
  map('remote_query.custom_headers', 'none', 'Headers of each request to the Panel.'),
  texts(
    'allowed_mounts',
    [],
    'Directories of the host that a server may mount, with everything below. Links are resolved first.',
  ),
  integer('Search.max_recursion_depth', 8, [0, 128], 'Directories below each other that a search looks into.'),
  texts(
    'Search.blacklisted_dirs',
    ['node_modules', '.git', '.wine', 'appcache', 'depotcache', 'vendor'],
    'Names that it does not look into.',
  ),
  truth('BlockBaseDirMount', true, 'Refuse mounts in or above `/home/container`.'),
  texts('allowed_origins', [], "Origins of pages that may open a console beside the Panel's; `*` = any."),
  truth('allow_cors_private_network', false, 'Let pages of the internet reach a node in a private network.'),
  truth('ignore_panel_config_updates', false, 'Take no configuration from the Panel.'),
  truth('websocket.fork_events', true, 'Live progress for consoles.'),
  truth('websocket.fork_wire_names', true, 'The same under its older name.'),
  truth('websocket.fork_status', false, "`backup` and `restore` as process states, which breaks Pelican's page."),
  truth('websocket.activity_events', true, 'What users do, live, for those with `activity.read`.'),
] as const;

export const wingsKeys = [...nodeKeys, ...systemKeys, ...dockerKeys, ...otherKeys] as const;

/** Where later Wings of Pterodactyl have what Pelican has elsewhere. */
export const laterSpellings = {
  'system.user.passwd.enable': ['system.passwd.enabled', 'system.passwd.enable', 'system.user.passwd.enabled'],
  'system.user.passwd.directory': ['system.passwd.directory'],
  'system.machine_id.enable': ['system.machine_id.enabled'],
} as const satisfies Partial<Record<(typeof wingsKeys)[number]['key'], readonly string[]>>;

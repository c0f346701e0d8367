// The keys of config.yml below `docker`, with their defaults.
import { any, factor, integer, map, text, texts, truth } from './wings-key.ts';

const networkName = { pterodactyl: 'pterodactyl_nw', pelican: 'pelican_nw' } as const;

export const dockerKeys = [
  text('docker.network.interface', '172.18.0.1', 'What an allocation on 127.0.0.1 is bound to.'),
  texts('docker.network.dns', ['1.1.1.1', '1.0.0.1'], 'Name servers of containers.'),
  text('docker.network.name', networkName, 'Network of the servers; made when it does not exist.'),
  truth('docker.network.ispn', false, 'Found anew at each start.'),
  truth('docker.network.IPv6', true, 'Whether a network that is made has IPv6.'),
  text('docker.network.driver', 'bridge', 'Of a network that is made.'),
  text('docker.network.network_mode', networkName, 'Network mode of containers; change it together with `name`.'),
  truth('docker.network.is_internal', false, 'A network that is made leads nowhere else.'),
  truth('docker.network.enable_icc', true, 'Servers reach each other. Of a network that is made.'),
  integer('docker.network.network_mtu', 1_500, [68, 65_535], 'Bytes of a packet.'),
  text('docker.network.interfaces.v4.subnet', '172.18.0.0/16', 'Of a network that is made.'),
  text('docker.network.interfaces.v4.gateway', '172.18.0.1', 'Its gateway.'),
  text('docker.network.interfaces.v6.subnet', 'fdba:17c8:6c94::/64', 'Of a network that is made.'),
  text('docker.network.interfaces.v6.gateway', 'fdba:17c8:6c94::1011', 'Its gateway.'),
  text('docker.domainname', '', 'Domain name in containers.'),
  map(
    'docker.registries',
    'none',
    'Registry or part of one → `username`, `password`. The longest key that holds the image counts.',
  ),
  integer('docker.tmpfs_size', 100, [1, 1_048_576], 'MiB of `/tmp` in a container.'),
  integer('docker.container_pid_limit', 512, [-1, 4_194_304], 'Processes in a container; 0 or -1 = no limit.'),
  integer('docker.installer_limits.memory', 1_024, [0, any], 'MiB of an installer whose server has less.'),
  integer('docker.installer_limits.cpu', 100, [0, any], 'Percent of one CPU, likewise; 0 = no limit.'),
  truth(
    'docker.overhead.override',
    false,
    'Use the two below instead of 15 % up to 2048 MiB, 10 % up to 4096, else 5 %.',
  ),
  factor('docker.overhead.default_multiplier', 1.05, "Memory of a container in terms of the server's limit."),
  map('docker.overhead.multipliers', 'none', 'Limit in MiB → multiplier; the smallest key that is not below counts.'),
  truth('docker.use_performant_inspect', true, 'Has no effect.'),
  text('docker.userns_mode', '', 'Empty or `host`.'),
  texts('docker.system_ips', [], 'Addresses that the Panel is offered beside those of the machine.'),
  text('docker.log_config.type', 'local', "Log driver of containers; empty = Docker's default."),
  map(
    'docker.log_config.config',
    '`max-size: 5m`, `max-file: "1"`, `compress: "false"`, `mode: non-blocking`',
    'Its options, laid over these.',
  ),
  integer('docker.cpu_period', 100_000, [0, any], 'Has no effect.'),
  truth('docker.cpu_burst.enabled', true, 'Has no effect.'),
  integer('docker.cpu_burst.percent', 100, [0, any], 'Has no effect.'),
  integer('docker.cpu_shares', 0, [0, any], 'Has no effect.'),
] as const;

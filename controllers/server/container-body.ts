// The wanted container of a server, as a pure function: the same server, settings and machine give the same body, field
// by field the one Wings makes. Only what a server may do in its container is decided here, and always the same:
// no privileges, a read-only root, fewer capabilities, a bound on processes.
import type { Config } from '../../src/config/config.ts';
import type { HostFacts } from '../../src/config/host-facts.ts';
import { containerLabels, localName } from '../../src/containers/container-labels.ts';
import { environmentOf } from '../../src/containers/environment.ts';
import { macvlanAddress } from '../../src/containers/macvlan-address.ts';
import { resourcesOf } from '../../src/containers/resources.ts';
import type { ContainerBody, HostConfig, Mount } from '../../src/docker/engine.ts';
import type { Server } from '../../src/resources/server.ts';
import { uuidOf } from './deps.ts';
import { baseMounts } from './mounts.ts';
import { portBindingsOf } from './ports.ts';

export interface ContainerInput {
  server: Server;
  config: Config;
  host: HostFacts;
  /** Those of spec.mounts that are allowed. */
  mounts: Mount[];
  /** File with the server's machine id; absent = none is mounted. */
  machineIdPath?: string | undefined;
  /** Network mode: name or id of a network. */
  network: string;
}

const droppedCapabilities = [
  'setpcap',
  'mknod',
  'audit_write',
  'net_raw',
  'dac_override',
  'fowner',
  'fsetid',
  'net_bind_service',
  'sys_chroot',
  'setfcap',
];

/** `warnings` are for the server's console. @throws UnbuildableError when no container on this node can be that */
export function containerBody(input: ContainerInput): { body: ContainerBody; warnings: string[] } {
  const { server, config, host } = input;
  const uuid = uuidOf(server);
  const environment = environmentOf({ server, config, isTimezone: host.isTimezone });
  const { hostConfig, warnings } = hostConfigOf(input, uuid);
  const body: ContainerBody = {
    Hostname: uuid,
    Domainname: config.docker.domainname,
    User: userOf(config),
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: true,
    Tty: true,
    Image: localName(server.spec.image),
    Env: environment.env,
    ExposedPorts: Object.fromEntries(Object.keys(hostConfig.PortBindings).map((port) => [port, {}])),
    Labels: containerLabels(server, config.flavour, config.aileron.nodeName),
    HostConfig: hostConfig,
    ...macvlanAddress(server, config),
  };
  return { body, warnings: [...environment.warnings, ...warnings] };
}

function hostConfigOf(input: ContainerInput, uuid: string): { hostConfig: HostConfig; warnings: string[] } {
  const { server, config, host, mounts, machineIdPath, network } = input;
  const { docker } = config;
  const { resources, warnings } = resourcesOf(server.spec.limits, docker, host);
  const { type, config: options } = docker.logConfig;
  const hostConfig: HostConfig = {
    Mounts: [...baseMounts(uuid, config, machineIdPath), ...mounts],
    PortBindings: portBindingsOf(server.spec.allocations, docker.network),
    Tmpfs: { '/tmp': `rw,exec,nosuid,size=${docker.tmpfsSize}M` },
    Dns: docker.network.dns,
    LogConfig: type === '' ? {} : { Type: type, Config: options },
    SecurityOpt: ['no-new-privileges'],
    ReadonlyRootfs: true,
    CapDrop: config.flavour === 'pelican' ? [...droppedCapabilities, 'sys_ptrace'] : droppedCapabilities,
    NetworkMode: network,
    UsernsMode: docker.usernsMode,
    OomKillDisable: !server.spec.limits.oomKiller,
    ...resources,
  };
  return { hostConfig, warnings };
}

function userOf({ system: { user } }: Config): string {
  const { enabled, containerUid, containerGid } = user.rootless;
  return enabled ? `${containerUid}:${containerGid}` : `${user.uid}:${user.gid}`;
}

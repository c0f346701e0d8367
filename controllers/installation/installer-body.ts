// The wanted container of an installer, as a pure function: the same input gives the same body, field by field the one
// Wings makes, but for what is held tighter: few capabilities, no new privileges, a bound on processes, the script read-only.
import { join } from 'node:path';
import type { Config } from '../../src/config/config.ts';
import type { HostFacts } from '../../src/config/host-facts.ts';
import { installerLabels, localName } from '../../src/containers/container-labels.ts';
import { environmentOf } from '../../src/containers/environment.ts';
import { macvlanAddress } from '../../src/containers/macvlan-address.ts';
import { resourcesOf } from '../../src/containers/resources.ts';
import type { ContainerBody, HostConfig, Mount } from '../../src/docker/engine.ts';
import type { Server, ServerSpec } from '../../src/resources/server.ts';

export interface InstallerInput {
  server: Server;
  uuid: string;
  config: Config;
  host: HostFacts;
  image: string;
  entrypoint: string;
  /** Directory of the node with `install.sh`. */
  scriptDirectory: string;
  /** uid of the object it works for. */
  installation: string;
}

/** What unpacking, giving files away and changing users takes. */
const capabilities = ['chown', 'dac_override', 'fowner', 'setuid', 'setgid', 'kill'];

/** @throws UnbuildableError when no container on this node can be that */
export function installerBody(input: InstallerInput): ContainerBody {
  const { server, config, host, image, entrypoint, installation } = input;
  const { env } = environmentOf({ server, config, isTimezone: host.isTimezone, rawIp: true });
  const { flavour, aileron } = config;
  return {
    Hostname: 'installer',
    Domainname: '',
    // That of the image: root, as a rule.
    User: '',
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: true,
    Tty: true,
    Image: localName(image),
    Cmd: [entrypoint, '/mnt/install/install.sh'],
    Env: env,
    ExposedPorts: {},
    Labels: installerLabels(server, { flavour, nodeName: aileron.nodeName, installation }),
    HostConfig: hostConfigOf(input),
    ...macvlanAddress(server, config),
  };
}

function hostConfigOf({ server, uuid, config, host, scriptDirectory }: InstallerInput): HostConfig {
  const { docker, system } = config;
  const { type, config: options } = docker.logConfig;
  const strict = config.aileron.installerConfinement === 'strict';
  const { resources } = resourcesOf(installerLimits(server.spec.limits, docker.installerLimits), docker, host);
  return {
    Mounts: [bind(join(system.data, uuid), '/mnt/server', false), bind(scriptDirectory, '/mnt/install', strict)],
    PortBindings: {},
    Tmpfs: { '/tmp': `rw,exec,nosuid,size=${docker.tmpfsSize}M` },
    Dns: docker.network.dns,
    LogConfig: type === '' ? {} : { Type: type, Config: options },
    SecurityOpt: strict ? ['no-new-privileges'] : [],
    ReadonlyRootfs: false,
    CapDrop: strict ? ['ALL'] : [],
    ...(strict ? { CapAdd: capabilities } : {}),
    NetworkMode: docker.network.networkMode,
    UsernsMode: docker.usernsMode,
    OomKillDisable: !server.spec.limits.oomKiller,
    ...resources,
  };
}

/** The larger of both; a server without a memory limit gets that of installers, one without a CPU limit none. */
function installerLimits(
  limits: ServerSpec['limits'],
  { memory, cpu }: Config['docker']['installerLimits'],
): ServerSpec['limits'] {
  const unlimitedCpu = cpu === 0 || limits.cpu === 0;
  return { ...limits, memory: Math.max(limits.memory, memory), cpu: unlimitedCpu ? 0 : Math.max(limits.cpu, cpu) };
}

function bind(source: string, target: string, readOnly: boolean): Mount {
  return { Type: 'bind', Source: source, Target: target, ReadOnly: readOnly };
}

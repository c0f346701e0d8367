// Game containers exactly as either Wings makes them, field by field, over the plain API of the engine: the daemon under
// test has no part in it. Whoever made one has attached to it before it started, and is killed afterwards.
import { mkdirSync, writeFileSync } from 'node:fs';
import { type ClientRequest, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Flavour } from '../../src/config/config.ts';
import { request, requestJson, uniqueName } from './docker.ts';
import { game, type LiveNode } from './live-node.ts';
import type { Owner } from './owner.ts';

export interface WingsContainerOptions {
  uuid: string;
  flavour: Flavour;
  /** MB or MiB, as the flavour has it. */
  memory?: number;
  /** Default: no network but the loopback of its own. */
  network?: { name: string; ip: string; port: number };
  invocation?: string;
}

const socketPath = '/var/run/docker.sock';

/** Answers its id; it does not run yet. Gone after the test. */
export async function wingsContainer(t: Owner, node: LiveNode, options: WingsContainerOptions): Promise<string> {
  mkdirSync(node.volume(options.uuid), { recursive: true });
  const body = wingsBody(node, options);
  const made = await requestJson(process.env, 'POST', `/containers/create?name=${options.uuid}`, body);
  t.after(() => request(process.env, 'DELETE', `/containers/${made['Id']}?force=1&v=1`).catch(() => undefined));
  return String(made['Id']);
}

/** Attached before the start, as Wings is. Answers the connection. */
export async function startAsWings(uuid: string): Promise<Duplex> {
  const connection = await attachAsWings(uuid);
  await request(process.env, 'POST', `/containers/${uuid}/start`);
  return connection;
}

/** The console as Wings has it: raw, both ways. */
export function attachAsWings(uuid: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const call: ClientRequest = httpRequest({
      socketPath,
      method: 'POST',
      path: `/containers/${uuid}/attach?stream=1&stdin=1&stdout=1&stderr=1`,
      headers: { Connection: 'Upgrade', Upgrade: 'tcp' },
    });
    call.on('upgrade', (_answer, socket) => resolve(socket.on('error', () => {})));
    call.on('response', (answer) => reject(new Error(`the attach was answered with ${answer.statusCode}`)));
    call.on('error', reject);
    call.end();
  });
}

/** What Wings leaves in its root directory. */
export function writeStates(node: LiveNode, states: Record<string, string> | string): void {
  const { rootDirectory } = node.config.system;
  mkdirSync(rootDirectory, { recursive: true });
  writeFileSync(join(rootDirectory, 'states.json'), typeof states === 'string' ? states : JSON.stringify(states));
}

/** The node's network as Wings makes it, but for its name and its addresses. Answers its id. */
export async function wingsNetwork(t: Owner, name: string): Promise<string> {
  const made = await requestJson(process.env, 'POST', '/networks/create', {
    Name: name,
    Driver: 'bridge',
    EnableIPv6: false,
    Internal: false,
    Options: {
      encryption: 'false',
      'com.docker.network.bridge.default_bridge': 'false',
      'com.docker.network.bridge.enable_icc': 'true',
      'com.docker.network.bridge.enable_ip_masquerade': 'true',
      'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
      'com.docker.network.bridge.name': uniqueName('a').slice(0, 14),
      'com.docker.network.driver.mtu': '1500',
    },
  });
  t.after(() => request(process.env, 'DELETE', `/networks/${made['Id']}`).catch(() => undefined));
  return String(made['Id']);
}

const droppedCapabilities =
  'setpcap mknod audit_write net_raw dac_override fowner fsetid net_bind_service sys_chroot setfcap'.split(' ');

function wingsBody(node: LiveNode, options: WingsContainerOptions): object {
  const { uuid, flavour, memory = 64, network, invocation = game() } = options;
  const pelican = flavour === 'pelican';
  const unit = pelican ? 1_048_576 : 1_000_000;
  const limit = memory === 0 ? 0 : Math.round(memory * 1.15 * unit);
  const { ip, port } = network ?? { ip: '127.0.0.1', port: 0 };
  const { uid, gid } = node.config.system.user;
  const ports = network ? [`${port}/tcp`, `${port}/udp`] : [];
  const binding = [{ HostIp: ip, HostPort: `${port}` }];
  return {
    Hostname: uuid,
    Domainname: '',
    User: `${uid}:${gid}`,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: true,
    Tty: true,
    Image: node.image,
    Env: [
      'TZ=UTC',
      `STARTUP=${invocation}`,
      `SERVER_MEMORY=${memory}`,
      `SERVER_IP=${ip}`,
      `SERVER_PORT=${port}`,
      `P_SERVER_UUID=${uuid}`,
      ...(pelican ? [] : ['P_SERVER_LOCATION=home', 'P_SERVER_ALLOCATION_LIMIT=']),
    ],
    ExposedPorts: Object.fromEntries(ports.map((one) => [one, {}])),
    Labels: { Service: pelican ? 'Pelican' : 'Pterodactyl', ContainerType: 'server_process' },
    HostConfig: {
      Mounts: [bind(node.volume(uuid), '/home/container', false), ...(pelican ? pelicanMounts(node, uuid) : [])],
      PortBindings: Object.fromEntries(ports.map((one) => [one, binding])),
      Tmpfs: { '/tmp': 'rw,exec,nosuid,size=100M' },
      Dns: node.config.docker.network.dns,
      LogConfig: {
        Type: 'local',
        Config: { 'max-size': '5m', 'max-file': '1', compress: 'false', mode: 'non-blocking' },
      },
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      CapDrop: pelican ? [...droppedCapabilities, 'sys_ptrace'] : droppedCapabilities,
      NetworkMode: network?.name ?? 'none',
      UsernsMode: '',
      Memory: limit,
      MemoryReservation: memory * unit,
      MemorySwap: limit,
      OomKillDisable: false,
      PidsLimit: 512,
      BlkioWeight: 500,
    },
  };
}

function pelicanMounts(node: LiveNode, uuid: string): object[] {
  const { directory } = node.config.system.user.passwd;
  const ids = node.config.system.machineId.directory;
  const { uid, gid } = node.config.system.user;
  for (const path of [directory, ids]) mkdirSync(path, { recursive: true });
  const [passwd, group, id] = [join(directory, 'passwd'), join(directory, 'group'), join(ids, uuid)];
  writeFileSync(passwd, `root:x:0:0::/root:/bin/sh\ncontainer:x:${uid}:${gid}::/home/container:/bin/sh\n`);
  writeFileSync(group, `root:x:0:\ncontainer:x:${gid}:\n`);
  writeFileSync(id, uuid.replaceAll('-', ''), { mode: 0o644 });
  return [bind(passwd, '/etc/passwd', true), bind(group, '/etc/group', true), bind(id, '/etc/machine-id', true)];
}

function bind(Source: string, Target: string, ReadOnly: boolean): object {
  return { Type: 'bind', Source, Target, ReadOnly };
}

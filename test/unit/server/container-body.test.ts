import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ContainerInput, containerBody } from '../../../controllers/server/container-body.ts';
import type { Flavour } from '../../../src/config/config.ts';
import { changedFields, specHash } from '../../../src/containers/container-labels.ts';
import type { ServerSpec } from '../../../src/resources/server.ts';
import { aConfig, aHost } from '../../support/a-config.ts';
import { anyUuid, aServer } from '../../support/builders.ts';

interface Parts extends Partial<Omit<ContainerInput, 'server' | 'config'>> {
  flavour?: Flavour;
  yaml?: string;
}

function bodyOf(spec: Partial<ServerSpec> = {}, { flavour = 'pelican', yaml = '', ...parts }: Parts = {}) {
  const config = aConfig(flavour, yaml);
  const network = config.docker.network.networkMode;
  return containerBody({ server: aServer({ spec }), config, host: aHost, mounts: [], network, ...parts });
}

const gameSpec: Partial<ServerSpec> = {
  image: 'ghcr.io/pelican-eggs/yolks:java_21',
  invocation: 'java -Xmx{{SERVER_MEMORY}}M -jar server.jar',
  environment: { P_SERVER_UUID: anyUuid },
  limits: { memory: 1024, swap: 0, disk: 0, cpu: 150, io: 500, oomKiller: true, memoryUnit: 'MiB' },
  allocations: { default: { ip: '0.0.0.0', port: 25565 }, additional: [], forceOutgoingIp: false },
};

const userYaml = 'system: {user: {uid: 988, gid: 988}}';

const ourLabels = (spec: Partial<ServerSpec>) => ({
  'dev.aileron/spec-hash': specHash(aServer({ spec }).spec),
  'dev.aileron/node-name': 'node-1',
  'dev.aileron/server-name': 'demo',
});

const bindings = (ip: string, port: string) => [{ HostIp: ip, HostPort: port }];

test('Pelican: the whole body of a create (covers: SEC-80 SEC-81)', () => {
  const { body, warnings } = bodyOf(gameSpec, {
    yaml: userYaml,
    machineIdPath: `/etc/pelican/machine-id/${anyUuid}`,
  });
  assert.deepEqual(warnings, []);
  assert.deepEqual(body, {
    Hostname: anyUuid,
    Domainname: '',
    User: '988:988',
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: true,
    Tty: true,
    Image: 'ghcr.io/pelican-eggs/yolks:java_21',
    Env: [
      'TZ=UTC',
      'STARTUP=java -Xmx1024M -jar server.jar',
      'SERVER_MEMORY=1024',
      'SERVER_IP=0.0.0.0',
      'SERVER_PORT=25565',
      `P_SERVER_UUID=${anyUuid}`,
    ],
    ExposedPorts: { '25565/tcp': {}, '25565/udp': {} },
    Labels: { Service: 'Pelican', ContainerType: 'server_process', ...ourLabels(gameSpec) },
    HostConfig: {
      Mounts: [
        { Type: 'bind', Source: `/var/lib/pelican/volumes/${anyUuid}`, Target: '/home/container', ReadOnly: false },
        { Type: 'bind', Source: '/etc/pelican/passwd', Target: '/etc/passwd', ReadOnly: true },
        { Type: 'bind', Source: '/etc/pelican/group', Target: '/etc/group', ReadOnly: true },
        { Type: 'bind', Source: `/etc/pelican/machine-id/${anyUuid}`, Target: '/etc/machine-id', ReadOnly: true },
      ],
      PortBindings: { '25565/tcp': bindings('0.0.0.0', '25565'), '25565/udp': bindings('0.0.0.0', '25565') },
      Tmpfs: { '/tmp': 'rw,exec,nosuid,size=100M' },
      Dns: ['1.1.1.1', '1.0.0.1'],
      LogConfig: {
        Type: 'local',
        Config: { 'max-size': '5m', 'max-file': '1', compress: 'false', mode: 'non-blocking' },
      },
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      CapDrop: [
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
        'sys_ptrace',
      ],
      NetworkMode: 'pelican_nw',
      UsernsMode: '',
      Memory: 1234803098,
      MemoryReservation: 1073741824,
      MemorySwap: 1234803098,
      OomKillDisable: false,
      PidsLimit: 512,
      BlkioWeight: 500,
      CpuQuota: 150000,
      CpuPeriod: 100000,
      CpuShares: 1024,
    },
  });
});

test('Pterodactyl: the whole body of a create (covers: SEC-80 SEC-81)', () => {
  const spec: Partial<ServerSpec> = {
    ...gameSpec,
    containerLabels: { team: 'blue', Service: 'forged', ContainerType: 'forged', 'dev.aileron/server-name': 'forged' },
    environment: { P_SERVER_UUID: anyUuid, P_SERVER_ALLOCATION_LIMIT: 5 },
    limits: { memory: 1024, swap: -1, disk: 0, cpu: 0, threads: '0-1', io: 10, oomKiller: false, memoryUnit: 'MB' },
    allocations: {
      default: { ip: '127.0.0.1', port: 25565 },
      additional: [{ ip: '203.0.113.10', port: 25575 }],
      forceOutgoingIp: false,
    },
  };
  const { body } = bodyOf(spec, { flavour: 'pterodactyl', yaml: userYaml });
  assert.deepEqual(body, {
    Hostname: anyUuid,
    Domainname: '',
    User: '988:988',
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: true,
    Tty: true,
    Image: 'ghcr.io/pelican-eggs/yolks:java_21',
    Env: [
      'TZ=UTC',
      'STARTUP=java -Xmx{{SERVER_MEMORY}}M -jar server.jar',
      'SERVER_MEMORY=1024',
      'SERVER_IP=172.18.0.1',
      'SERVER_PORT=25565',
      `P_SERVER_UUID=${anyUuid}`,
      'P_SERVER_ALLOCATION_LIMIT=5',
    ],
    ExposedPorts: { '25565/tcp': {}, '25565/udp': {}, '25575/tcp': {}, '25575/udp': {} },
    Labels: { team: 'blue', Service: 'Pterodactyl', ContainerType: 'server_process', ...ourLabels(spec) },
    HostConfig: {
      Mounts: [
        { Type: 'bind', Source: `/var/lib/pterodactyl/volumes/${anyUuid}`, Target: '/home/container', ReadOnly: false },
      ],
      PortBindings: {
        '25565/tcp': bindings('172.18.0.1', '25565'),
        '25565/udp': bindings('172.18.0.1', '25565'),
        '25575/tcp': bindings('203.0.113.10', '25575'),
        '25575/udp': bindings('203.0.113.10', '25575'),
      },
      Tmpfs: { '/tmp': 'rw,exec,nosuid,size=100M' },
      Dns: ['1.1.1.1', '1.0.0.1'],
      LogConfig: {
        Type: 'local',
        Config: { 'max-size': '5m', 'max-file': '1', compress: 'false', mode: 'non-blocking' },
      },
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      CapDrop: [
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
      ],
      NetworkMode: 'pterodactyl_nw',
      UsernsMode: '',
      Memory: 1177600000,
      MemoryReservation: 1024000000,
      MemorySwap: -1,
      OomKillDisable: true,
      PidsLimit: 512,
      BlkioWeight: 10,
      CpusetCpus: '0-1',
    },
  });
});

test('an image loses one leading ~', () => {
  assert.equal(bodyOf({ image: '~game:1' }).body.Image, 'game:1');
  assert.equal(bodyOf({ image: '~~game:1' }).body.Image, '~game:1');
});

test('rootless containers run as the user the configuration names', () => {
  const yaml = 'system: {user: {uid: 1000, gid: 1000, rootless: {enabled: true, container_uid: 7, container_gid: 8}}}';
  assert.equal(bodyOf({}, { yaml }).body.User, '7:8');
});

test('the settings of docker reach the body', () => {
  const yaml =
    'docker: {domainname: games.example, tmpfs_size: 64, userns_mode: host, log_config: {type: ""}, network: {dns: [9.9.9.9]}}';
  const { body } = bodyOf({}, { yaml, network: 'ip-192-0-2-2' });
  assert.equal(body.Domainname, 'games.example');
  assert.deepEqual(body.HostConfig.Tmpfs, { '/tmp': 'rw,exec,nosuid,size=64M' });
  assert.equal(body.HostConfig.UsernsMode, 'host');
  assert.deepEqual(body.HostConfig.LogConfig, {});
  assert.deepEqual(body.HostConfig.Dns, ['9.9.9.9']);
  assert.equal(body.HostConfig.NetworkMode, 'ip-192-0-2-2');
});

test('custom mounts stand behind those of the node', () => {
  const mount = { Type: 'bind', Source: '/srv/maps', Target: '/maps', ReadOnly: true } as const;
  assert.deepEqual(bodyOf({}, { mounts: [mount] }).body.HostConfig.Mounts.at(-1), mount);
});

test('a later Pterodactyl mounts its user files from its own place', () => {
  const yaml = 'system: {passwd: {enabled: true}}';
  const targets = bodyOf({}, { flavour: 'pterodactyl', yaml }).body.HostConfig.Mounts.map(({ Source }) => Source);
  assert.deepEqual(targets.slice(1), ['/run/wings/etc/passwd', '/run/wings/etc/group']);
});

test('Pelican gives a container on a macvlan the address of its allocation', () => {
  const yaml = 'docker: {network: {driver: macvlan, name: lan, interfaces: {v4: {gateway: 192.0.2.1}}}}';
  const allocations = { default: { ip: '192.0.2.9', port: 25565 }, additional: [], forceOutgoingIp: false };
  assert.deepEqual(bodyOf({ allocations }, { yaml }).body.NetworkingConfig, {
    EndpointsConfig: {
      lan: { IPAMConfig: { IPv4Address: '192.0.2.9' }, IPAddress: '192.0.2.9', Gateway: '192.0.2.1' },
    },
  });
  assert.equal(bodyOf({ allocations }, { yaml, flavour: 'pterodactyl' }).body.NetworkingConfig, undefined);
});

test('warnings about variables and CPUs come back with the body', () => {
  const limits = { ...aServer().spec.limits, threads: '0-63' };
  assert.equal(bodyOf({ limits, environment: { NOTHING: null } }).warnings.length, 2);
});

const address = (ip: string, port: number) => ({ ip, port });

for (const [title, additional, yaml, expected] of [
  ['nothing', [], '', {}],
  ['port 0', [address('0.0.0.0', 0)], '', {}],
  [
    'one port on two addresses',
    [address('192.0.2.1', 80), address('192.0.2.2', 80)],
    '',
    {
      '80/tcp': [...bindings('192.0.2.1', '80'), ...bindings('192.0.2.2', '80')],
      '80/udp': [...bindings('192.0.2.1', '80'), ...bindings('192.0.2.2', '80')],
    },
  ],
  [
    'the same address twice',
    [address('192.0.2.1', 80), address('192.0.2.1', 80)],
    '',
    { '80/tcp': bindings('192.0.2.1', '80'), '80/udp': bindings('192.0.2.1', '80') },
  ],
  [
    'loopback and the gateway it stands for',
    [address('127.0.0.1', 80), address('172.18.0.1', 80)],
    '',
    { '80/tcp': bindings('172.18.0.1', '80'), '80/udp': bindings('172.18.0.1', '80') },
  ],
  ['loopback on a network over nodes', [address('127.0.0.1', 80)], 'docker: {network: {ispn: true}}', {}],
  [
    'an IPv6 address',
    [address('2001:db8::1', 80)],
    '',
    { '80/tcp': bindings('2001:db8::1', '80'), '80/udp': bindings('2001:db8::1', '80') },
  ],
] as const) {
  test(`ports: ${title}`, () => {
    const allocations = { additional: [...additional], forceOutgoingIp: false };
    const { body } = bodyOf({ allocations }, { yaml });
    assert.deepEqual(body.HostConfig.PortBindings, expected);
    assert.deepEqual(Object.keys(body.ExposedPorts), Object.keys(expected));
  });
}

test('the spec hash names the fields that differ', () => {
  const { spec } = aServer();
  const label = specHash(spec);
  assert.deepEqual(changedFields(label, spec), []);
  assert.deepEqual(changedFields(label, { ...spec, image: 'other' }), ['image']);
  assert.deepEqual(changedFields(label, { ...spec, environment: { A: '1' }, invocation: 'x' }), [
    'invocation',
    'environment',
  ]);
  assert.deepEqual(changedFields(label, { ...spec, limits: { ...spec.limits, oomKiller: false } }), [
    'limits.oomKiller',
  ]);
  assert.deepEqual(changedFields(label, { ...spec, limits: { ...spec.limits, memory: 1 }, suspended: true }), []);
});

test('the spec hash does not see order, nor whether an image may be pulled', () => {
  const { spec } = aServer({ spec: { environment: { A: '1', B: '2' } } });
  const other = { ...spec, image: 'test/game:1', environment: { B: '2', A: '1' } };
  assert.deepEqual(changedFields(specHash(spec), other), []);
});

for (const label of [undefined, '', 'garbage', 'image=xyz']) {
  test(`the label ${JSON.stringify(label)} says nothing about the spec`, () => {
    assert.equal(changedFields(label, aServer().spec), undefined);
  });
}

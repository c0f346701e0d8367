// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of start commands are part of it
// What Docker says of the two containers of a server, field by field as the containers contract states it, for both
// Panels: nothing is missing, and nothing is there that the contract does not name.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeDirectories } from '../../src/config/directories.ts';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import type { NetworkBody } from '../../src/docker/engine.ts';
import { needsDocker, uniqueName } from '../support/docker.ts';
import { freePorts } from '../support/free-ports.ts';
import { httpCall } from '../support/http-call.ts';
import { bind, inspected, type Json } from '../support/inspected.ts';
import { listInstallations, scriptDirectoryOf, untilInstallationIs } from '../support/installations.ts';
import { LiveNode } from '../support/live-node.ts';
import { newestFirst } from '../support/owner.ts';
import { PanelStandIn } from '../support/panel/panel-stand-in.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 120_000 };
const patienceMs = 30_000;
const uuid = randomUUID();

/** Both have the units of their Panel: limit x overhead, limit, limit x overhead + swap. */
const flavours = {
  pelican: {
    service: 'Pelican',
    memory: { Memory: 154_350_387, MemoryReservation: 134_217_728, MemorySwap: 154_350_387 + 64 * 1_048_576 },
    installerMemory: {
      Memory: 1_234_803_098,
      MemoryReservation: 1_073_741_824,
      MemorySwap: 1_234_803_098 + 64 * 1_048_576,
    },
    startup: (port: number) =>
      `echo big 5 1.5 ${port} 128 127.0.0.1 [[\${WORLD}]] \${NOBODY}; echo Done; while read -r line; do exit 0; done`,
    fromPanel: [],
    oom: {},
    userFiles: true,
    capDrop: ['sys_ptrace'],
  },
  pterodactyl: {
    service: 'Pterodactyl',
    memory: { Memory: 147_200_000, MemoryReservation: 128_000_000, MemorySwap: 147_200_000 + 64_000_000 },
    installerMemory: {
      Memory: 1_177_600_000,
      MemoryReservation: 1_024_000_000,
      MemorySwap: 1_177_600_000 + 64_000_000,
    },
    startup: () => invocation,
    oom: { OomKillDisable: true },
    fromPanel: ['P_SERVER_LOCATION=home'],
    userFiles: false,
    capDrop: [],
  },
};

const invocation =
  'echo {{WORLD}} {{NUMBER}} ${HALF} {{SERVER_PORT}} {{SERVER_MEMORY}} {{SERVER_IP}} [[{{WORLD}}]] {{NOBODY}}; echo Done; while read -r line; do exit 0; done';

/** Docker drops the weight of block I/O where the kernel has none. */
const kernelWeighs = existsSync('/sys/fs/cgroup/blkio/blkio.weight');

for (const flavour of ['pelican', 'pterodactyl'] as const) {
  test(
    `${flavour}: inspect of a game and of its installer (containers 24.1) (covers: SEC-80, SEC-81, SEC-82, SEC-84)`,
    options,
    async (t) => {
      const golden = flavours[flavour];
      const { node, panel, network, ports, maps } = await panelAndNode(t, flavour);
      const [first, second] = ports;
      const shared = {
        Tmpfs: { '/tmp': 'rw,exec,nosuid,size=100M' },
        Dns: ['1.1.1.1', '1.0.0.1'],
        LogConfig: {
          Type: 'local',
          Config: { 'max-size': '5m', 'max-file': '1', compress: 'false', mode: 'non-blocking' },
        },
        SecurityOpt: ['no-new-privileges'],
        NetworkMode: network.name,
        PidsLimit: 512,
        CpuQuota: 150_000,
        CpuPeriod: 100_000,
        CpuShares: 1024,
        CpusetCpus: '0',
        ShmSize: 64 * 1_048_576,
        ...(kernelWeighs ? { BlkioWeight: 500 } : {}),
        ...golden.oom,
      };
      const console = { AttachStdin: true, AttachStdout: true, AttachStderr: true, OpenStdin: true, Tty: true };
      const labels = { Service: golden.service, 'dev.aileron/node-name': node.config.aileron.nodeName };
      const environment = (ip: string) => [
        'TZ=Europe/Vienna',
        `STARTUP=${golden.startup(first)}`,
        'SERVER_MEMORY=128',
        `SERVER_IP=${ip}`,
        `SERVER_PORT=${first}`,
        'WORLD=big',
        'NUMBER=5',
        'HALF=1.5',
        'FLAG=true',
        'NOTHING=',
        'LOWER=case',
        'TEXT=two\nlines $(touch /canary) "quoted"',
        ...golden.fromPanel,
        `P_SERVER_UUID=${uuid}`,
        ...(flavour === 'pterodactyl' ? ['P_SERVER_ALLOCATION_LIMIT='] : []),
      ];

      const post = (path: string, body: unknown) =>
        httpCall(node.daemon.nodePort, `/api/servers/${uuid}${path}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${panel.node.token}` },
          body,
        });
      assert.equal((await post('/install', {})).status, 202);
      const name = await until(
        'it is installed',
        patienceMs,
        async () => (await listInstallations(node))[0]?.metadata.name,
      );
      const { metadata } = await untilInstallationIs(node, name, 'Running');
      const installer = await inspected(`${uuid}_installer`);
      assert.deepEqual(installer, {
        Name: `/${uuid}_installer`,
        Config: {
          ...console,
          Hostname: 'installer',
          Image: node.image,
          Cmd: ['sh', '/mnt/install/install.sh'],
          Env: environment('127.0.0.1'),
          Labels: {
            ...labels,
            ContainerType: 'server_installer',
            'dev.aileron/installation': metadata.uid,
            'dev.aileron/server-name': uuid,
          },
        },
        HostConfig: {
          ...shared,
          ...golden.installerMemory,
          Mounts: [bind(node.volume(uuid), '/mnt/server'), bind(scriptDirectoryOf(node, uuid), '/mnt/install', true)],
          CapDrop: ['ALL'],
          CapAdd: ['chown', 'dac_override', 'fowner', 'setuid', 'setgid', 'kill'],
        },
      });
      const scripts = scriptDirectoryOf(node, uuid);
      assert.equal(statSync(scripts).mode & 0o777, 0o700);
      assert.equal(statSync(join(scripts, 'install.sh')).mode & 0o777, 0o644);
      assert.doesNotMatch(readFileSync(join(scripts, 'install.sh'), 'utf8'), /\r/);
      writeFileSync(join(node.volume(uuid), 'go'), '');
      await untilInstallationIs(node, name, 'Completed');

      assert.equal((await post('/power', { action: 'start' })).status, 202);
      await node.running(uuid, patienceMs);
      const game = await inspected(uuid);
      const { Labels } = game.Config as { Labels: Json };
      assert.match(String(Labels['dev.aileron/spec-hash']), /^image=[0-9a-f]{12} /);
      const bindings = (port: number, ip: string) => [{ HostIp: ip, HostPort: String(port) }];
      assert.deepEqual(game, {
        Name: `/${uuid}`,
        Config: {
          ...console,
          Hostname: uuid,
          Domainname: 'games.example',
          User: '988:987',
          Image: node.image,
          Cmd: ['/bin/sh', '-c', 'eval "$STARTUP"'],
          Env: environment(network.gateway),
          ExposedPorts: Object.fromEntries(
            [first, second].flatMap((port) => [`${port}/tcp`, `${port}/udp`]).map((key) => [key, {}]),
          ),
          Labels: {
            ...labels,
            ...(flavour === 'pelican' ? { team: 'blue' } : {}),
            ContainerType: 'server_process',
            'dev.aileron/server-name': uuid,
            'dev.aileron/spec-hash': Labels['dev.aileron/spec-hash'],
          },
        },
        HostConfig: {
          ...shared,
          ...golden.memory,
          Mounts: [
            bind(node.volume(uuid), '/home/container'),
            ...(golden.userFiles
              ? [
                  bind(join(node.directory, 'etc', 'passwd'), '/etc/passwd', true),
                  bind(join(node.directory, 'etc', 'group'), '/etc/group', true),
                  bind(join(node.directory, 'machine-id', uuid), '/etc/machine-id', true),
                ]
              : []),
            bind(maps, '/maps', true),
          ],
          PortBindings: {
            // The node's own loopback is the gateway to a container.
            [`${first}/tcp`]: bindings(first, network.gateway),
            [`${first}/udp`]: bindings(first, network.gateway),
            [`${second}/tcp`]: bindings(second, '127.0.0.2'),
            [`${second}/udp`]: bindings(second, '127.0.0.2'),
          },
          ReadonlyRootfs: true,
          CapDrop: [
            ...['setpcap', 'mknod', 'audit_write', 'net_raw', 'dac_override', 'fowner', 'fsetid', 'net_bind_service'],
            ...['sys_chroot', 'setfcap'],
            ...golden.capDrop,
          ],
        },
      });
      if (golden.userFiles)
        assert.equal(readFileSync(join(node.directory, 'machine-id', uuid), 'utf8'), uuid.replaceAll('-', ''));
    },
  );
}

async function panelAndNode(t: TestContext, flavour: 'pelican' | 'pterodactyl') {
  const owner = newestFirst(t);
  const panel = await PanelStandIn.start(owner, { flavour });
  const { tokenId: id, token: secret } = panel.node;
  const name = uniqueName('golden');
  const engine = createDockerEngine(process.env);
  const { id: networkId } = await engine.createNetwork(aBridge(name));
  owner.after(() => engine.removeNetwork(networkId));
  const gateway = (await engine.inspectNetwork(name))?.subnets[0]?.gateway ?? '';
  const node = await LiveNode.make(owner, {
    flavour,
    change: (config) => ({ ...config, remote: panel.url, token: { id, secret } }),
  });
  const maps = join(node.directory, 'maps');
  mkdirSync(maps);
  const { system, docker } = node.config;
  const passwd = { enable: flavour === 'pelican', directory: join(node.directory, 'etc') };
  const machineId = { ...system.machineId, enable: flavour === 'pelican' };
  Object.assign(node.config, {
    system: {
      ...system,
      timezone: 'Europe/Vienna',
      machineId,
      user: { ...system.user, uid: 988, gid: 987, passwd },
    },
    docker: {
      ...docker,
      domainname: 'games.example',
      // One that is there is used as it is; Pterodactyl's node keeps the address that its owner wrote.
      network: { ...docker.network, name, networkMode: name, interface: gateway, dns: ['1.1.1.1', '1.0.0.1'] },
    },
    allowedMounts: [maps],
  });
  await makeDirectories(node.config);
  const ports = (await freePorts(2)) as [number, number];
  const server = panel.state.addServer({
    uuid,
    image: `~${node.image}`,
    invocation,
    memory: 128,
    swap: 64,
    cpu: 150,
    threads: '0',
    oomDisabled: flavour === 'pterodactyl',
    environment: {
      WORLD: 'big',
      NUMBER: 5,
      HALF: 1.5,
      FLAG: true,
      NOTHING: null,
      lower: 'case',
      TEXT: 'two\nlines $(touch /canary) "quoted"',
      SERVER_PORT: '1',
      Tz: 'forged',
    },
    labels: { team: 'blue', Service: 'forged', ContainerType: 'forged' },
    allocations: [
      { ip: '127.0.0.1', port: ports[0] },
      { ip: '127.0.0.2', port: ports[1] },
    ],
    mounts: [
      { source: maps, target: '/maps', read_only: true },
      { source: '/etc', target: '/host', read_only: true },
    ],
  });
  server.install = {
    container_image: `~${node.image}`,
    entrypoint: 'sh',
    script: 'while [ ! -e /mnt/server/go ]; do\r\n  sleep 0.1\r\ndone\r\n',
  };
  await node.start();
  await until('the server is known', patienceMs, async () => (await node.api.get(uuid))?.status?.state === 'offline');
  return { node, panel, network: { name, gateway }, ports, maps };
}

/** A bridge with addresses of Docker's choice: two nodes cannot have one network of the default name. */
function aBridge(Name: string): NetworkBody {
  const Options = {};
  return {
    Name,
    Driver: 'bridge',
    CheckDuplicate: true,
    EnableIPv6: false,
    Internal: false,
    Attachable: false,
    Options,
  };
}

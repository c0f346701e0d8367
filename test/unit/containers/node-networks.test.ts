import assert from 'node:assert/strict';
import test from 'node:test';
import type { Flavour } from '../../../src/config/config.ts';
import { Networks, withNetwork } from '../../../src/containers/node-networks.ts';
import { DockerError, type NetworkBody, type NetworkInfo } from '../../../src/docker/engine.ts';
import { silentLogger } from '../../../src/telemetry/log.ts';
import { aConfig } from '../../support/a-config.ts';
import { aServer } from '../../support/builders.ts';
import { FakeDocker } from '../../support/fake-docker.ts';

const outgoing = aServer({
  spec: { allocations: { default: { ip: '192.0.2.2', port: 25565 }, additional: [], forceOutgoingIp: true } },
});

/** Of Docker 20.10. */
const noIpv6 =
  'could not find an available, non-overlapping IPv6 address pool among the defaults to assign to the network';

function setUp({ flavour = 'pelican' as Flavour, yaml = '', othersUseIt = false, refusal = '', ipv6 = true } = {}) {
  const docker = new FakeDocker();
  const created: NetworkBody[] = [];
  const create = docker.createNetwork.bind(docker);
  docker.createNetwork = async (body) => {
    created.push(body);
    if (refusal && body.IPAM) throw new DockerError(403, refusal);
    if (!ipv6 && body.EnableIPv6) throw new DockerError(500, noIpv6);
    return create(body);
  };
  const networks = new Networks({
    docker,
    config: aConfig(flavour, yaml),
    log: silentLogger,
    usesOutgoing: () => othersUseIt,
  });
  return { docker, networks, created };
}

test("the node's network is made once, however many servers start together", async () => {
  const { networks, created } = setUp();
  const names = await Promise.all(
    [aServer(), aServer({ name: 'b' }), aServer({ name: 'c' })].map((server) => networks.ensureFor(server)),
  );
  assert.deepEqual(names, ['pelican_nw', 'pelican_nw', 'pelican_nw']);
  assert.equal(created.length, 1);
});

test('a subnet that is taken is left to Docker', async () => {
  const { networks, created } = setUp({ refusal: 'Pool overlaps with other one on this address space' });
  await networks.ensureFor(aServer());
  assert.equal(created.length, 2);
  assert.equal(created[1]?.IPAM, undefined);
});

test('a Docker without IPv6 addresses of its own makes a network without them', async () => {
  for (const flavour of ['pelican', 'pterodactyl'] as const) {
    const refusal = 'Pool overlaps with other one on this address space';
    const { networks, created } = setUp({ flavour, refusal, ipv6: false });
    await networks.ensureFor(aServer());
    assert.deepEqual(
      created.map(({ IPAM, EnableIPv6 }) => [IPAM !== undefined, EnableIPv6]),
      [
        [true, true],
        [false, true],
        [false, false],
      ],
    );
  }
});

test('another refusal is the error of the start', async () => {
  const { networks } = setUp({ refusal: 'no space left on device' });
  await assert.rejects(networks.ensureFor(aServer()), /no space left/);
});

test('a mode that Docker knows needs no network', async () => {
  const { networks, created } = setUp({ yaml: 'docker: { network: { network_mode: host } }' });
  assert.equal(await networks.ensureFor(aServer()), 'host');
  assert.deepEqual(created, []);
});

test('an outgoing network goes with its last server', async () => {
  const { docker, networks } = setUp();
  assert.equal(await networks.ensureFor(outgoing), 'ip-192-0-2-2');
  await networks.releaseFor(outgoing);
  assert.equal(await docker.inspectNetwork('ip-192-0-2-2'), undefined);
});

test('an outgoing network stays while another server leaves through it', async () => {
  const { docker, networks } = setUp({ othersUseIt: true });
  await networks.ensureFor(outgoing);
  await networks.releaseFor(outgoing);
  assert.ok(await docker.inspectNetwork('ip-192-0-2-2'));
});

const seen = (driver: string): NetworkInfo => ({
  id: 'n',
  name: 'pelican_nw',
  driver,
  internal: false,
  labels: {},
  subnets: [
    { subnet: 'fd00::/64', gateway: 'fd00::1' },
    { subnet: '10.9.0.0/16', gateway: '10.9.0.1' },
  ],
  containers: 0,
});

const cases: [
  name: string,
  flavour: Flavour,
  driver: string,
  created: boolean,
  expected: { interface: string; ispn: boolean },
][] = [
  ['a bridge tells a Pelican node its gateway', 'pelican', 'bridge', false, { interface: '10.9.0.1', ispn: false }],
  [
    'a Pterodactyl node keeps what its owner wrote',
    'pterodactyl',
    'bridge',
    false,
    { interface: '172.18.0.1', ispn: false },
  ],
  ['a network just made tells either', 'pterodactyl', 'bridge', true, { interface: '10.9.0.1', ispn: false }],
  ['the host is reached on the loopback', 'pelican', 'host', false, { interface: '127.0.0.1', ispn: false }],
  ['an overlay has no address here', 'pelican', 'overlay', false, { interface: '', ispn: true }],
];
for (const [name, flavour, driver, created, expected] of cases) {
  test(`network in effect: ${name}`, () => {
    const { network } = withNetwork(aConfig(flavour), seen(driver), created).docker;
    assert.deepEqual({ interface: network.interface, ispn: network.ispn }, expected);
    assert.equal(network.driver, driver);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  nodeNetworkBody,
  outgoingIp,
  outgoingNetworkBody,
  outgoingNetworkName,
  withoutAddressing,
} from '../../../src/containers/networks.ts';
import { aConfig } from '../../support/a-config.ts';

const v4 = { Subnet: '172.18.0.0/16', Gateway: '172.18.0.1' };
const v6 = { Subnet: 'fdba:17c8:6c94::/64', Gateway: 'fdba:17c8:6c94::1011' };

test('Pelican: the network of the node', () => {
  assert.deepEqual(nodeNetworkBody(aConfig('pelican')), {
    Name: 'pelican_nw',
    Driver: 'bridge',
    CheckDuplicate: true,
    EnableIPv6: true,
    Internal: false,
    Attachable: false,
    Options: {
      encryption: 'false',
      'com.docker.network.bridge.default_bridge': 'false',
      'com.docker.network.bridge.enable_icc': 'true',
      'com.docker.network.bridge.enable_ip_masquerade': 'true',
      'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
      'com.docker.network.bridge.name': 'pelican0',
      'com.docker.network.driver.mtu': '1500',
    },
    IPAM: { Driver: 'default', Config: [v4, v6] },
  });
});

test('Pterodactyl: another name, another bridge, always IPv6', () => {
  const body = nodeNetworkBody(aConfig('pterodactyl', 'docker: {network: {IPv6: false}}'));
  assert.equal(body.Name, 'pterodactyl_nw');
  assert.equal(body.Options['com.docker.network.bridge.name'], 'pterodactyl0');
  assert.equal(body.EnableIPv6, true);
  assert.deepEqual(body.IPAM?.Config, [v4, v6]);
});

for (const [yaml, subnets] of [
  ['{IPv6: false}', [v4]],
  ['{interfaces: {v6: {subnet: ""}}}', [v4]],
  ['{interfaces: {v4: {subnet: ""}}}', [v6]],
  ['{IPv6: false, interfaces: {v4: {subnet: ""}}}', []],
] as const) {
  test(`Pelican: subnets of the network ${yaml}`, () => {
    const body = nodeNetworkBody(aConfig('pelican', `docker: {network: ${yaml}}`));
    assert.deepEqual(body.IPAM?.Config, subnets);
  });
}

test('the settings of the network reach the body', () => {
  const yaml =
    'docker: {network: {name: games, driver: macvlan, is_internal: yes, enable_icc: off, network_mtu: 1400}}';
  const body = nodeNetworkBody(aConfig('pelican', yaml));
  assert.deepEqual([body.Name, body.Driver, body.Internal], ['games', 'macvlan', true]);
  assert.equal(body.Options['com.docker.network.bridge.enable_icc'], 'false');
  assert.equal(body.Options['com.docker.network.driver.mtu'], '1400');
});

test('without addressing Docker chooses the subnets', () => {
  const body = nodeNetworkBody(aConfig());
  const { IPAM: _, ...rest } = body;
  assert.deepEqual(withoutAddressing(body), rest);
});

test('an outgoing address has a network of its own', () => {
  assert.equal(outgoingNetworkName('2001:db8::1'), 'ip-2001-db8--1');
  assert.deepEqual(outgoingNetworkBody('192.0.2.2'), {
    Name: 'ip-192-0-2-2',
    Driver: 'bridge',
    CheckDuplicate: true,
    EnableIPv6: false,
    Internal: false,
    Attachable: false,
    Options: {
      encryption: 'false',
      'com.docker.network.bridge.default_bridge': 'false',
      'com.docker.network.host_ipv4': '192.0.2.2',
    },
    Labels: { 'dev.aileron/outgoing-ip': '192.0.2.2' },
  });
});

for (const [flavour, forceOutgoingIp, ip, port, expected] of [
  ['pelican', true, '192.0.2.2', 25565, '192.0.2.2'],
  ['pelican', false, '192.0.2.2', 25565, undefined],
  ['pelican', true, '192.0.2.2', 0, undefined],
  ['pterodactyl', true, '192.0.2.2', 0, '192.0.2.2'],
] as const) {
  test(`${flavour}: outgoing address of ${ip}:${port} when asked ${forceOutgoingIp}`, () => {
    assert.equal(outgoingIp(aConfig(flavour), { default: { ip, port }, forceOutgoingIp }), expected);
  });
}

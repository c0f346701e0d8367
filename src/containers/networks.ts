// Bodies of the networks a node makes: one for all servers, and one for each address that outgoing traffic must leave
// from. Field by field those of Wings, so that either daemon can use what the other made.
import type { Config } from '../config/config.ts';
import type { NetworkBody } from '../docker/engine.ts';

/** On a network of ours for one outgoing address: which address. Tells what may be removed with its last server. */
export const outgoingIpLabel = 'dev.aileron/outgoing-ip';

export function nodeNetworkBody({ flavour, docker: { network } }: Config): NetworkBody {
  const { v4, v6, ipv6, enableIcc, mtu } = network;
  const pelican = flavour === 'pelican';
  const subnets = pelican ? [v4, ...(ipv6 ? [v6] : [])].filter(({ subnet }) => subnet !== '') : [v4, v6];
  return {
    Name: network.name,
    Driver: network.driver,
    CheckDuplicate: true,
    EnableIPv6: pelican ? ipv6 : true,
    Internal: network.isInternal,
    Attachable: false,
    Options: {
      encryption: 'false',
      'com.docker.network.bridge.default_bridge': 'false',
      'com.docker.network.bridge.enable_icc': String(enableIcc),
      'com.docker.network.bridge.enable_ip_masquerade': 'true',
      'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
      'com.docker.network.bridge.name': pelican ? 'pelican0' : 'pterodactyl0',
      'com.docker.network.driver.mtu': String(mtu),
    },
    IPAM: {
      Driver: 'default',
      Config: subnets.map(({ subnet, gateway }) => ({ Subnet: subnet, Gateway: gateway })),
    },
  };
}

/** The same network with addresses of Docker's choice, for when the wanted ones overlap with another network. */
export function withoutAddressing(body: NetworkBody): NetworkBody {
  const { IPAM: _, ...rest } = body;
  return rest;
}

/** `192.0.2.2` becomes `ip-192-0-2-2`. */
export function outgoingNetworkName(ip: string): string {
  return `ip-${ip.replace(/[.:]/g, '-')}`;
}

export function outgoingNetworkBody(ip: string): NetworkBody {
  return {
    Name: outgoingNetworkName(ip),
    Driver: 'bridge',
    CheckDuplicate: true,
    EnableIPv6: false,
    Internal: false,
    Attachable: false,
    Options: {
      encryption: 'false',
      'com.docker.network.bridge.default_bridge': 'false',
      'com.docker.network.host_ipv4': ip,
    },
    Labels: { [outgoingIpLabel]: ip },
  };
}

/**
 * The outgoing address a server asks for; `undefined` = it uses the node's network. A default port of 0 means that there
 * is no allocation to leave from.
 */
export function outgoingIp(config: Config, allocations: AllocationChoice): string | undefined {
  if (!allocations.forceOutgoingIp || !allocations.default?.ip) return undefined;
  if (config.flavour === 'pelican' && allocations.default.port === 0) return undefined;
  return allocations.default.ip;
}

interface AllocationChoice {
  default?: { ip: string; port: number };
  forceOutgoingIp: boolean;
}

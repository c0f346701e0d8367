// The address of a container on a macvlan network, where it has the one of its server's allocation itself.
import type { Config } from '../config/config.ts';
import type { ContainerBody } from '../docker/engine.ts';
import type { Server } from '../resources/server.ts';

/** Nothing on any other network. */
export function macvlanAddress({ spec }: Server, config: Config): Pick<ContainerBody, 'NetworkingConfig'> {
  const { network } = config.docker;
  const ip = spec.allocations.default?.ip;
  if (config.flavour !== 'pelican' || network.driver !== 'macvlan' || ip === undefined) return {};
  const endpoint = { IPAMConfig: { IPv4Address: ip }, IPAddress: ip, Gateway: network.v4.gateway };
  return { NetworkingConfig: { EndpointsConfig: { [network.name]: endpoint } } };
}

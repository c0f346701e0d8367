// The Docker networks of this node: the one all servers share, and one for each address that outgoing traffic is bound
// to. Two creations of one name would leave two of it, so they go through one lock.
import type { Config } from '../config/config.ts';
import { type DockerEngine, DockerError, type NetworkBody, type NetworkInfo } from '../docker/engine.ts';
import type { Server } from '../resources/server.ts';
import type { Logger } from '../telemetry/log.ts';
import {
  nodeNetworkBody,
  outgoingIp,
  outgoingIpLabel,
  outgoingNetworkBody,
  outgoingNetworkName,
  withoutAddressing,
} from './networks.ts';

/** Modes that Docker knows by itself; there is no network to make. */
const builtinModes = ['host', 'none', 'default', 'bridge'];

export interface NetworksOptions {
  docker: DockerEngine;
  config: Config;
  log: Logger;
  /** Whether another server still sends from this address. */
  usesOutgoing: (ip: string, except: Server) => boolean;
}

export class Networks {
  readonly #options: NetworksOptions;
  #lock: Promise<unknown> = Promise.resolve();
  #effective: Config;

  constructor(options: NetworksOptions) {
    this.#options = options;
    this.#effective = options.config;
  }

  /** The settings with what Docker says about the node's network, once it has been seen. */
  get effectiveConfig(): Config {
    return this.#effective;
  }

  /** Ensures the network a server's container joins; answers its name, the NetworkMode. @throws DockerError */
  async ensureFor(server: Server): Promise<string> {
    const ip = outgoingIp(this.#options.config, server.spec.allocations);
    if (ip) {
      await this.#exclusively(() => this.#ensure(outgoingNetworkBody(ip)));
      return outgoingNetworkName(ip);
    }
    await this.ensureNode();
    return this.#options.config.docker.network.networkMode;
  }

  /** Ensures the network of the node; one that exists is used as it is. */
  async ensureNode(): Promise<NetworkInfo | undefined> {
    const { config, docker } = this.#options;
    if (builtinModes.includes(config.docker.network.networkMode)) return undefined;
    const body = nodeNetworkBody(config);
    return this.#exclusively(async () => {
      const present = await docker.inspectNetwork(body.Name);
      const network = present ?? (await this.#createNode(body));
      this.#effective = withNetwork(config, network, present === undefined);
      return network;
    });
  }

  async #createNode(body: NetworkBody): Promise<NetworkInfo> {
    try {
      return await this.#ensure(body);
    } catch (error) {
      if (!(error instanceof DockerError) || !/pool overlaps|invalid pool request/i.test(error.message)) throw error;
      this.#options.log.warn({ err: error, network: body.Name }, 'the configured subnet is taken; Docker chooses one');
      return this.#createAnywhere(withoutAddressing(body));
    }
  }

  /** Docker before 27 has no IPv6 addresses of its own to give. */
  async #createAnywhere(body: NetworkBody): Promise<NetworkInfo> {
    try {
      return await this.#ensure(body);
    } catch (error) {
      if (!body.EnableIPv6 || !(error instanceof DockerError) || !/IPv6 address pool/i.test(error.message)) throw error;
      this.#options.log.warn(
        { err: error, network: body.Name },
        'Docker has no IPv6 addresses; the network has IPv4 alone',
      );
      return this.#ensure({ ...body, EnableIPv6: false });
    }
  }

  /** Removes the outgoing network of a server that goes away, unless another needs it. */
  async releaseFor(server: Server): Promise<void> {
    const ip = outgoingIp(this.#options.config, server.spec.allocations);
    if (!ip || this.#options.usesOutgoing(ip, server)) return;
    await this.#exclusively(async () => {
      const network = await this.#options.docker.inspectNetwork(outgoingNetworkName(ip));
      if (network?.labels[outgoingIpLabel] === ip && network.containers === 0)
        await this.#options.docker.removeNetwork(network.id);
    });
  }

  async #ensure(body: NetworkBody): Promise<NetworkInfo> {
    const { docker, log } = this.#options;
    const present = await docker.inspectNetwork(body.Name);
    if (present) return present;
    const { id } = await docker.createNetwork(body);
    log.info({ network: body.Name, id }, 'created a Docker network');
    const made = await docker.inspectNetwork(id);
    if (!made) throw new DockerError(404, `network ${body.Name} vanished after it was created`);
    return made;
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lock.then(work);
    // The next in line does not care how this one ended.
    this.#lock = turn.catch(() => undefined);
    return turn;
  }
}

/** How servers reach the node through the network as it really is; a Pterodactyl node keeps what its owner wrote. */
export function withNetwork(config: Config, { driver, subnets }: NetworkInfo, created: boolean): Config {
  const { network } = config.docker;
  const gateway = subnets.find(({ gateway: address }) => address.includes('.'))?.gateway ?? network.interface;
  const learns = config.flavour === 'pelican' || created;
  const reach =
    driver === 'host'
      ? { interface: '127.0.0.1', ispn: false }
      : driver === 'overlay' || driver === 'weavemesh'
        ? { interface: '', ispn: true }
        : { interface: learns ? gateway : network.interface, ispn: false };
  return { ...config, docker: { ...config.docker, network: { ...network, driver, ...reach } } };
}

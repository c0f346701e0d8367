// Networks: look at, make, remove.
import type { Connection } from './connection.ts';
import type { NetworkBody, NetworkInfo } from './engine.ts';
import { flag, list, object, text, textMap } from './json.ts';
import { pathSegment } from './path-segment.ts';

export async function inspectNetwork(connection: Connection, nameOrId: string): Promise<NetworkInfo | undefined> {
  const found = await connection.find({ method: 'GET', path: `/networks/${pathSegment(nameOrId)}` });
  if (found === undefined) return undefined;
  const network = object(found);
  return {
    id: text(network.Id),
    name: text(network.Name),
    driver: text(network.Driver),
    internal: flag(network.Internal),
    labels: textMap(network.Labels),
    subnets: list(object(network.IPAM).Config).map((item) => {
      const pool = object(item);
      return { subnet: text(pool.Subnet), gateway: text(pool.Gateway) };
    }),
    containers: Object.keys(object(network.Containers)).length,
  };
}

export async function createNetwork(connection: Connection, body: NetworkBody): Promise<{ id: string }> {
  const made = await connection.json({ method: 'POST', path: '/networks/create', body });
  return { id: text(object(made).Id) };
}

export async function removeNetwork(connection: Connection, id: string): Promise<void> {
  await connection.find({ method: 'DELETE', path: `/networks/${pathSegment(id)}` });
}

// A client of the node for as long as some work takes.
import type { Io } from './io.ts';
import { KubeClient } from './kube-client.ts';
import { type AccessOptions, nodeAccess } from './node-access.ts';

export async function withClient<T>(
  io: Io,
  options: AccessOptions,
  work: (client: KubeClient) => Promise<T>,
): Promise<T> {
  const client = new KubeClient(await nodeAccess(io, options));
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

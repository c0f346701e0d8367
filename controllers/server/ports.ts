// Which addresses of the node reach the ports of a container. The container's port is always the node's port.
import type { DockerNetworkConfig } from '../../src/config/config.ts';
import type { PortBinding } from '../../src/docker/engine.ts';
import type { ServerSpec } from '../../src/resources/server.ts';

/** `<port>/tcp` and `<port>/udp` of every allocation; port 0 publishes nothing. */
export function portBindingsOf(
  allocations: ServerSpec['allocations'],
  network: DockerNetworkConfig,
): Record<string, PortBinding[]> {
  const bindings = new Map<string, PortBinding[]>();
  const all = allocations.default ? [allocations.default, ...allocations.additional] : allocations.additional;
  for (const { ip, port } of all) {
    if (port < 1 || port > 65_535) continue;
    // A network over several nodes has no address of this one to bind to.
    if (ip === '127.0.0.1' && network.ispn) continue;
    const hostIp = ip === '127.0.0.1' ? network.interface : ip;
    for (const key of [`${port}/tcp`, `${port}/udp`]) {
      const present = bindings.get(key) ?? [];
      if (present.some(({ HostIp }) => HostIp === hostIp)) continue;
      bindings.set(key, [...present, { HostIp: hostIp, HostPort: String(port) }]);
    }
  }
  return Object.fromEntries(bindings);
}

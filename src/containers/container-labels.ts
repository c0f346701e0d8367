// Labels of a game container and of an installer. Service and ContainerType are those of Wings, so that it can take the container over; ours
// stand below one prefix and say what the container was made from.
import { createHash } from 'node:crypto';
import type { Flavour } from '../config/config.ts';
import type { Server, ServerSpec } from '../resources/server.ts';

export const specHashLabel = 'dev.aileron/spec-hash';
export const nodeNameLabel = 'dev.aileron/node-name';
export const serverNameLabel = 'dev.aileron/server-name';
export const installationLabel = 'dev.aileron/installation';

/** What tells an installer, whoever made it. */
export const installerType = { ContainerType: 'server_installer' } as const;

/** Fields of spec that only a new container gets, and what of the spec each stands for. */
const hashedFields = {
  image: ({ image }) => localName(image),
  invocation: ({ invocation }) => invocation,
  environment: ({ environment }) => environment,
  containerLabels: ({ containerLabels }) => containerLabels,
  allocations: ({ allocations }) => allocations,
  mounts: ({ mounts }) => mounts,
  'limits.oomKiller': ({ limits }) => limits.oomKiller,
} as const satisfies Record<string, (spec: ServerSpec) => unknown>;

export function containerLabels(server: Server, flavour: Flavour, nodeName: string): Record<string, string> {
  return {
    ...server.spec.containerLabels,
    Service: serviceOf(flavour),
    ContainerType: 'server_process',
    [specHashLabel]: specHash(server.spec),
    [nodeNameLabel]: nodeName,
    [serverNameLabel]: server.metadata.name,
  };
}

/** `installation`: uid of the object it works for. */
export function installerLabels(
  server: Server,
  { flavour, nodeName, installation }: { flavour: Flavour; nodeName: string; installation: string },
): Record<string, string> {
  return {
    ...installerType,
    Service: serviceOf(flavour),
    [installationLabel]: installation,
    [nodeNameLabel]: nodeName,
    [serverNameLabel]: server.metadata.name,
  };
}

export function installerName(serverUuid: string): string {
  return `${serverUuid}_installer`;
}

function serviceOf(flavour: Flavour): string {
  return flavour === 'pterodactyl' ? 'Pterodactyl' : 'Pelican';
}

/** An image as Docker knows it: one leading `~` only means that it is never pulled. */
export function localName(image: string): string {
  return image.startsWith('~') ? image.slice(1) : image;
}

/** One short hash a field, such as `image=1f0b6c1e8c0b mounts=…`, so that a difference can be named. */
export function specHash(spec: ServerSpec): string {
  return Object.entries(hashedFields)
    .map(([field, valueIn]) => `${field}=${hashOf(valueIn(spec))}`)
    .join(' ');
}

/** Names of the fields whose hash differs. `undefined`: `label` is not a hash of ours and says nothing. */
export function changedFields(label: string | undefined, spec: ServerSpec): string[] | undefined {
  const recorded = parsed(label);
  if (recorded.size === 0) return undefined;
  return [...parsed(specHash(spec))].filter(([field, hash]) => recorded.get(field) !== hash).map(([field]) => field);
}

function parsed(label: string | undefined): Map<string, string> {
  const pairs = (label ?? '').split(' ').map((pair) => /^([A-Za-z.]+)=([0-9a-f]{12})$/.exec(pair) ?? []);
  return new Map(pairs.flatMap(([, field, hash]) => (field && hash ? [[field, hash]] : [])));
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 12);
}

/** JSON with sorted keys: the order in which somebody wrote them is no difference. */
function canonical(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(',')}}`;
}

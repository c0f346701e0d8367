// Where the API of this node for Panels and consoles is, what it wants to hear as Origin, and a token it takes.
import type { Config } from '../config/config.ts';
import { ownOrigins } from '../http/wings/origins.ts';
import { mintToken } from '../http/wings/token.ts';
import { apiTrust } from './api-trust.ts';
import type { ConsoleTarget } from './console/connection.ts';
import { addressOf } from './node-access.ts';

/** `http://127.0.0.1:8080`, or with https. */
export function apiOrigin(config: Pick<Config, 'api'>): string {
  return `${config.api.ssl.enabled ? 'https' : 'http'}://${addressOf(config.api)}`;
}

export function socketUrl(config: Pick<Config, 'api'>, uuid: string): string {
  return `${apiOrigin(config).replace(/^http/, 'ws')}/api/servers/${uuid}/ws`;
}

/** The Panel's own when there is one: a node takes sockets from its pages alone. */
export function socketOrigin(config: Pick<Config, 'api' | 'remote'>): string {
  if (config.remote !== '') return new URL(config.remote).origin;
  return ownOrigins(config.api)[0] ?? apiOrigin(config);
}

/** Where and how to open the console of a server. `name` is for messages. */
export function consoleTarget(config: Config, name: string, uuid: string): ConsoleTarget {
  return {
    name,
    url: socketUrl(config, uuid),
    origin: socketOrigin(config),
    trust: () => apiTrust(config),
    token: () => consoleToken(config, uuid),
  };
}

/** Everything; `*` alone leaves out what is for administrators. */
export const everything = [
  '*',
  'admin.websocket.errors',
  'admin.websocket.install',
  'admin.websocket.transfer',
] as const;

/** Stands for whoever has a shell on the node: no account of a Panel. */
export const localUser = '00000000-0000-0000-0000-000000000000';

const ttlSeconds = 600;

/** A fresh token for a console; make one for each connection, because a restart of the node voids those before it. */
export function consoleToken(config: Pick<Config, 'token'>, serverUuid: string): Promise<string> {
  const { secret } = config.token;
  return mintToken({ secret, serverUuid, userUuid: localUser, permissions: everything, ttlSeconds, now: Date.now() });
}

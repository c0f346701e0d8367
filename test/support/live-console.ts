// A console of a live node: a token made with the node's secret, the Origin that a node without a Panel takes.
import type { Config } from '../../src/config/config.ts';
import { ownOrigins } from '../../src/http/wings/origins.ts';
import { mintToken } from '../../src/http/wings/token.ts';
import { ConsoleClient } from './console-client.ts';
import type { Owner } from './owner.ts';

const everything = ['*', 'admin.websocket.errors', 'admin.websocket.install'];

/** Connected, not yet authenticated; gone after the test. */
export async function openConsole(
  t: Owner,
  port: number,
  uuid: string,
  origin = ownOrigins({ host: '127.0.0.1', port })[0],
): Promise<ConsoleClient> {
  const client = await ConsoleClient.open({ port, uuid, origin });
  t.after(() => client.close());
  return client;
}

export function consoleToken(
  { token }: Pick<Config, 'token'>,
  serverUuid: string,
  permissions: readonly string[] = everything,
): Promise<string> {
  return mintToken({
    secret: token.secret,
    serverUuid,
    userUuid: '0b9a1f6e-2d7c-4c52-9b8e-5c3a7d1e4f60',
    permissions,
    ttlSeconds: 600,
    now: Date.now(),
  });
}

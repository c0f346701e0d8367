// `aileron token`: a token for the WebSocket of one server, as a Panel would make it.

import { maxLifetimeSeconds, mintToken } from '../../http/wings/token.ts';
import { serverKind } from '../../resources/kinds.ts';
import type { Server } from '../../resources/server.ts';
import { CliError, type ExitCode, exitCodes, usageError } from '../exit-codes.ts';
import { type Io, print } from '../io.ts';
import { serverName } from '../kind-words.ts';
import { KubeClient } from '../kube-client.ts';
import { localConfig, nodeAccess } from '../node-access.ts';
import { localUser, socketOrigin, socketUrl } from '../wings-door.ts';

export interface TokenOptions {
  config?: string;
  server: string;
  permission?: string[];
  /** ms */
  expires: number;
  user?: string;
  json?: boolean;
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const connect = 'websocket.connect';

export async function printToken(io: Io, options: TokenOptions): Promise<ExitCode> {
  const { user = localUser, expires } = options;
  if (!uuidPattern.test(user)) throw usageError('--user is a uuid in lower case.');
  if (expires < 1_000 || expires > maxLifetimeSeconds * 1_000)
    throw usageError(`--expires is from 1s to ${maxLifetimeSeconds / 60}m: the node takes no token that lives longer.`);
  const config = await localConfig(io, options);
  const serverUuid = await uuidOf(io, options);
  const token = await mintToken({
    secret: config.token.secret,
    serverUuid,
    userUuid: user,
    // Without this one the node lets nobody in.
    permissions: options.permission ? [...new Set([connect, ...options.permission])] : ['*'],
    ttlSeconds: expires / 1_000,
    now: Date.now(),
  });
  const socket = socketUrl(config, serverUuid);
  print(io, options.json ? JSON.stringify({ token, socket, origin: socketOrigin(config) }) : token);
  return exitCodes.ok;
}

/** A uuid is taken as it is, so that it works while the node is down. */
async function uuidOf(io: Io, options: TokenOptions): Promise<string> {
  if (uuidPattern.test(options.server)) return options.server;
  const client = new KubeClient(await nodeAccess(io, options));
  try {
    const { spec } = await client.get<Server>(serverKind, serverName(options.server));
    if (spec.uuid) return spec.uuid;
    throw new CliError(`${options.server} has no uuid yet; try again in a moment.`);
  } finally {
    client.close();
  }
}

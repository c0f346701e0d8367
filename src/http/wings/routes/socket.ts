// GET /api/servers/:server/ws up to its upgrade: who may open a console socket at all. Who speaks on it is decided there.
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ConsoleSockets } from '../console-sockets.ts';
import { RequestRefused, refusals } from '../http-errors.ts';
import type { Origins } from '../origins.ts';
import { type RouteDeps, type ServerParams, serverAt } from '../route-deps.ts';
import type { SocketPlaces } from '../socket-places.ts';

export interface SocketRouteDeps extends Pick<RouteDeps, 'servers' | 'clock'> {
  sockets: ConsoleSockets;
  places: SocketPlaces;
  origins: () => Origins;
}

export const socketHeaders = { 'content-security-policy': "default-src 'self'", 'x-frame-options': 'DENY' };

/** Whether the connection of a request may be taken from HTTP: nothing but this route knows how to go on with it. */
export function asksForConsole({ method, url = '', headers }: IncomingMessage): boolean {
  const isConsole = method === 'GET' && /^\/api\/servers\/[\w-]+\/ws(\?|$)/.test(url);
  return isConsole && headers.upgrade?.toLowerCase() === 'websocket';
}

export function socketRoute(app: FastifyInstance, deps: SocketRouteDeps): void {
  app.get<ServerParams>(
    '/api/servers/:server/ws',
    {
      websocket: true,
      config: { open: true },
      preValidation: async (request, reply) => {
        reply.headers(socketHeaders);
        await check(deps, request);
      },
    },
    (socket, request) => deps.sockets.open(request.params.server, socket, request.raw),
  );
}

/** In the order of the contract. A suspended server is no reason here: a browser can read a close code, not a status. */
async function check(deps: SocketRouteDeps, request: FastifyRequest<ServerParams>): Promise<void> {
  const { server } = request.params;
  await serverAt(deps, server);
  if (!deps.places.hasRoom(server)) throw new RequestRefused(refusals.tooManySockets);
  if (!isHandshake(request)) throw new RequestRefused(refusals.noHandshake);
  if (!deps.origins().allows(request.headers.origin)) throw new RequestRefused(refusals.wrongOrigin);
}

function isHandshake({ ws, headers }: FastifyRequest<ServerParams>): boolean {
  return (
    ws && headers['sec-websocket-version'] === '13' && /^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')
  );
}

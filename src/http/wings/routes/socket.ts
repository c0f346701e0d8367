// GET /api/servers/:server/ws up to its upgrade: who may open a console socket at all. Who speaks on it is decided there.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ConsoleSockets } from '../console-sockets.ts';
import { isComplete } from '../handshake.ts';
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
  if (!request.ws || !isComplete(request.raw)) throw new RequestRefused(refusals.noHandshake);
  if (!deps.origins().allows(request.headers.origin)) throw new RequestRefused(refusals.wrongOrigin);
}

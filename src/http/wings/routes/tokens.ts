// Revocations by the Panel: tokens of a user, and tokens by their id. What is revoked ends wherever it is in use.
import type { FastifyInstance } from 'fastify';
import { readFields } from '../json-body.ts';
import { forServer, knownServers, type RouteDeps, type ServerParams } from '../route-deps.ts';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function tokenRoutes(app: FastifyInstance, deps: Pick<RouteDeps, 'clock' | 'servers' | 'revocations'>): void {
  const { clock, servers, revocations } = deps;

  app.post('/api/deauthorize-user', async (request, reply) => {
    const body = await readFields(request.raw, clock);
    // The Pelican Panel puts everything below `json`.
    const fields = body.has('json') ? body.object('json') : body;
    const user = fields.text('user').toLowerCase();
    const named = fields.texts('servers');
    await knownServers(deps);
    const known = named.filter((uuid) => servers.byUuid(uuid));
    // No server at all means every one; names that are all strange here mean none.
    const meansSomething = named.length === 0 || known.length > 0;
    if (uuidPattern.test(user) && meansSomething) await revocations.denyUser(user, known);
    return reply.code(204).send();
  });

  app.post<ServerParams>(
    '/api/servers/:server/ws/deny',
    forServer<ServerParams>(deps, async (_server, request, reply) => {
      const jtis = (await readFields(request.raw, clock)).texts('jtis');
      // A token without an id is never taken.
      await revocations.denyTokens(jtis.filter((jti) => jti !== ''));
      return reply.code(204).send();
    }),
  );
}

// POST …/install and …/reinstall: each becomes an Installation, which asks the Panel again what is to be installed and
// always reports how it ended. DELETE …/install calls off the one that is under way.
import type { FastifyInstance } from 'fastify';
import type { Server } from '../../../resources/server.ts';
import { RequestRefused, refusals } from '../http-errors.ts';
import { forServer, panelContext, type RouteDeps, type ServerParams } from '../route-deps.ts';

type InstallDeps = Pick<RouteDeps, 'admission' | 'clock' | 'config' | 'log' | 'servers'>;

export function installationRoutes(app: FastifyInstance, deps: InstallDeps): void {
  const { admission } = deps;
  const route = (url: string, reinstall: boolean) =>
    app.post<ServerParams>(
      url,
      forServer<ServerParams>(deps, async (server, _request, reply) => {
        if (reinstall && isBusy(server)) throw new RequestRefused(refusals.reinstallWhileBusy);
        const { name } = server.metadata;
        const object = { metadata: { generateName: `${name}-` }, spec: { serverRef: { name }, reinstall } };
        await admission.create('Installation', object, panelContext(deps, server));
        return reply.code(202).send();
      }),
    );
  route('/api/servers/:server/install', false);
  route('/api/servers/:server/reinstall', true);

  app.delete<ServerParams>(
    '/api/servers/:server/install',
    forServer<ServerParams>(deps, async (server, _request, reply) => {
      const { claim } = server.status ?? {};
      if (claim?.kind !== 'Installation') throw new RequestRefused(refusals.noInstallation);
      await admission.patch('Installation', claim.name, { spec: { cancel: true } }, panelContext(deps, server));
      return reply.code(202).send();
    }),
  );
}

/** A power action is under way, whoever asked for it. */
function isBusy({ spec, status }: Server): boolean {
  const request = spec.power.request?.id;
  const isAsked = request !== undefined && request !== status?.power?.finishedRequest;
  return isAsked || status?.operation !== undefined;
}

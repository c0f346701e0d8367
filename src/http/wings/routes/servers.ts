// Servers as the Panel makes, looks at, changes and removes them. What it asks for becomes desired state, and the answer
// says that it is recorded; what follows is the work of the controllers.
import type { FastifyInstance } from 'fastify';
import { OperationConflictError } from '../../../resources/errors.ts';
import { installationRunningText } from '../../../resources/operation-admission.ts';
import type { Server } from '../../../resources/server.ts';
import { AlreadyExistsError } from '../../../store/errors.ts';
import { RequestRefused, refusals } from '../http-errors.ts';
import { readFields } from '../json-body.ts';
import { forServer, knownServers, panelContext, type RouteDeps, type ServerParams } from '../route-deps.ts';
import { seen } from '../seen.ts';
import { ServerAnswers } from '../server-answers.ts';

type ServerDeps = Pick<
  RouteDeps,
  'admission' | 'clock' | 'closing' | 'config' | 'log' | 'panel' | 'servers' | 'store' | 'usage'
>;

const jsonType = 'application/json; charset=utf-8';
const uuidOfVersion4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export function serverRoutes(app: FastifyInstance, deps: ServerDeps): void {
  const { admission, clock, config, servers, store, usage } = deps;
  const answers = new ServerAnswers({ usage, crashDetection: () => config.system.crashDetection.enabled });

  app.get('/api/servers', async (_request, reply) => {
    await knownServers(deps);
    const there = servers.list().filter(({ metadata }) => !metadata.deletionTimestamp);
    return reply.type(jsonType).send(answers.all(there));
  });

  app.get<ServerParams>(
    '/api/servers/:server',
    forServer<ServerParams>(deps, async (server, _request, reply) => reply.type(jsonType).send(answers.one(server))),
  );

  app.post('/api/servers', async (request, reply) => {
    const fields = await readFields(request.raw, clock);
    const [uuid, startOnCompletion] = [fields.text('uuid'), fields.flag('start_on_completion')];
    if (!uuidOfVersion4.test(uuid)) throw new RequestRefused(refusals.invalidData);
    await refresh(deps, uuid, { created: true });
    const server = await store.get<Server>('Server', uuid);
    if (!server) throw new Error('what the Panel says of this server was not taken');
    await install(deps, server, { startOnCompletion });
    await seen(deps, server);
    return reply.code(202).send();
  });

  app.post<ServerParams>(
    '/api/servers/:server/sync',
    forServer<ServerParams>(deps, async (server, _request, reply) => {
      if (deps.panel) await refresh(deps, server.spec.uuid ?? '');
      const now = await store.get<Server>('Server', server.metadata.name);
      if (now) await seen(deps, now);
      return reply.code(204).send();
    }),
  );

  app.delete<ServerParams>(
    '/api/servers/:server',
    forServer<ServerParams>(deps, async (server, _request, reply) => {
      const { name } = server.metadata;
      const context = panelContext(deps, server);
      // What a Panel removes is not to be kept, whoever may have said so. Servers of others say it themselves.
      if (context.owner.kind === 'Panel' && server.spec.reclaimPolicy !== 'Delete')
        await admission.patch('Server', name, { spec: { reclaimPolicy: 'Delete' } }, context);
      const deleted = await admission.delete('Server', name, {}, context);
      await seen(deps, deleted as Server);
      return reply.code(204).send();
    }),
  );
}

/** The Panel waits for our answer while it answers this: nothing is held meanwhile. */
async function refresh({ panel, closing }: ServerDeps, uuid: string, options = { created: false }): Promise<void> {
  if (!panel) throw new Error('this node has no Panel that could describe the server');
  if ((await panel.refresh(uuid, closing, options)) === 'stale')
    throw new Error('the Panel did not describe the server');
}

/** The first one of a server bears its name: asked for again it is the same one. */
async function install(
  deps: ServerDeps,
  server: Server,
  { startOnCompletion }: { startOnCompletion: boolean },
): Promise<void> {
  const { name } = server.metadata;
  const spec = { serverRef: { name }, startOnCompletion };
  try {
    await deps.admission.create('Installation', { metadata: { name }, spec }, panelContext(deps, server));
  } catch (error) {
    const isUnderWay = error instanceof OperationConflictError && error.message === installationRunningText;
    if (!isUnderWay && !(error instanceof AlreadyExistsError)) throw error;
  }
}

// Which path and method leads to which handler, for every kind alike.
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import type { KindDefinition } from '../../resources/kinds.ts';
import type { Handler, KubeDeps, RouteFacts } from './context.ts';
import { createObject } from './handlers/create.ts';
import { deleteObject } from './handlers/delete.ts';
import { getObject } from './handlers/get.ts';
import { listObjects } from './handlers/list.ts';
import { patchObject, patchStatus } from './handlers/patch.ts';
import { updateObject, updateStatus } from './handlers/update.ts';
import { watchObjects } from './handlers/watch.ts';
import { queryFlag } from './query.ts';
import { methodNotAllowed, StatusError } from './status.ts';
import type { Subresource } from './subresources.ts';
import { inSpan } from './tracing.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type Routes = Partial<Record<Method, { verb: RouteFacts['verb']; handler: Handler }>>;

const methods: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

const listOrWatch: Handler = (deps, kind, request, reply) => {
  return (queryFlag(request, 'watch') ? watchObjects : listObjects)(deps, kind, request, reply);
};

const collection: Routes = {
  GET: { verb: 'LIST', handler: listOrWatch },
  POST: { verb: 'POST', handler: createObject },
};
/** Also a namespaced kind across all namespaces: it is written in its namespace only. */
const collectionToRead: Routes = { GET: { verb: 'LIST', handler: listOrWatch } };
const object: Routes = {
  GET: { verb: 'GET', handler: getObject },
  PUT: { verb: 'PUT', handler: updateObject },
  PATCH: { verb: 'PATCH', handler: patchObject },
  DELETE: { verb: 'DELETE', handler: deleteObject },
};
const objectToRead: Routes = { GET: { verb: 'GET', handler: getObject } };
const status: Routes = {
  GET: { verb: 'GET', handler: getObject },
  PUT: { verb: 'PUT', handler: updateStatus },
  PATCH: { verb: 'PATCH', handler: patchStatus },
};

/** `/apis/GROUP/VERSION`, or `/api/VERSION` of the core group. */
export function groupVersionPath({ group, version }: Pick<KindDefinition, 'group' | 'version'>): string {
  return group ? `/apis/${group}/${version}` : `/api/${version}`;
}

export function registerKind(
  app: FastifyInstance,
  deps: KubeDeps,
  kind: KindDefinition,
  subresources: readonly Subresource[],
): void {
  const base = groupVersionPath(kind);
  const path = kind.namespaced ? `${base}/namespaces/:namespace/${kind.plural}` : `${base}/${kind.plural}`;
  if (kind.namespaced) register(app, deps, kind, `${base}/${kind.plural}`, collectionToRead);
  register(app, deps, kind, path, kind.readOnly ? collectionToRead : collection);
  register(app, deps, kind, `${path}/:name`, kind.readOnly ? objectToRead : object);
  if (kind.statusSubresource) register(app, deps, kind, `${path}/:name/status`, status, 'status');
  for (const { name, handler } of subresources.filter((one) => one.kind === kind.kind))
    register(app, deps, kind, `${path}/:name/${name}`, { GET: { verb: 'CONNECT', handler } }, name);
}

function register(
  app: FastifyInstance,
  deps: KubeDeps,
  kind: KindDefinition,
  url: string,
  routes: Routes,
  subresource?: string,
): void {
  const facts = (verb: RouteFacts['verb']): RouteFacts => ({ kind, verb, ...(subresource ? { subresource } : {}) });
  for (const method of methods) {
    const route = routes[method];
    if (!route) continue;
    const kube = facts(route.verb);
    app.route({
      method,
      url,
      config: { kube },
      handler: (request: FastifyRequest, reply: FastifyReply) => {
        return inSpan(kube, request, reply, () => route.handler(deps, kind, request, reply));
      },
    });
  }
  const others: HTTPMethods[] = methods.filter((method) => !routes[method]);
  app.route({
    method: others,
    url,
    config: { kube: facts('GET') },
    handler: async () => {
      throw new StatusError(methodNotAllowed(kind));
    },
  });
}

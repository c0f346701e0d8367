// The OpenAPI v3 documents, one for each group and version. kubectl reads from them which query parameters a PATCH
// takes (without `dryRun` and `fieldValidation` there it refuses to apply) and what `kubectl explain` prints.
import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { KindDefinition } from '../../resources/kinds.ts';
import { componentSchemas, schemaName } from '../../resources/openapi.ts';
import { jsonPatchType, mergePatchType } from './handlers/patch.ts';
import { jsonType, negotiate, yamlType } from './negotiation.ts';
import { queryText } from './query.ts';
import { sendEncoded } from './respond.ts';
import { groupVersionPath } from './routes.ts';
import type { Subresource } from './subresources.ts';

type Json = Record<string, unknown>;

const parameter = (name: string, type: string, description: string): Json => ({
  name,
  in: 'query',
  description,
  schema: { type, uniqueItems: true },
});

const writeParameters = [
  parameter('dryRun', 'string', 'All: run every check and store nothing.'),
  parameter('fieldManager', 'string', 'Who changes fields; accepted and not kept.'),
];
const validatedParameters = [
  ...writeParameters,
  parameter('fieldValidation', 'string', 'What to do about unknown and repeated fields: Strict, Warn or Ignore.'),
];
const listParameters = [
  parameter('allowWatchBookmarks', 'boolean', 'Send events that only say how far the watch has come.'),
  parameter('continue', 'string', 'The next page, as the previous one named it.'),
  parameter('fieldSelector', 'string', 'Restrict by fields, such as metadata.name=demo.'),
  parameter('labelSelector', 'string', 'Restrict by labels.'),
  parameter('limit', 'integer', 'Objects on a page.'),
  parameter('resourceVersion', 'string', 'Where a watch begins, or how new a list must be.'),
  parameter('resourceVersionMatch', 'string', 'How resourceVersion is meant: Exact or NotOlderThan.'),
  parameter('sendInitialEvents', 'boolean', 'Begin a watch with everything there is and a bookmark.'),
  parameter('timeoutSeconds', 'integer', 'When a watch ends.'),
  parameter('watch', 'boolean', 'Stream changes instead of listing.'),
];
const pathParameter = (name: string, description: string): Json => ({
  name,
  in: 'path',
  required: true,
  description,
  schema: { type: 'string', uniqueItems: true },
});

export function registerOpenApi(
  app: FastifyInstance,
  kinds: readonly KindDefinition[],
  subresources: readonly Subresource[],
): void {
  const paths: Record<string, { serverRelativeURL: string }> = {};
  for (const [base, members] of Map.groupBy(kinds, groupVersionPath)) {
    const document = documentOf(members, subresources);
    const hash = createHash('sha512').update(JSON.stringify(document)).digest('hex').toUpperCase();
    const url = `/openapi/v3${base}`;
    // The hash is part of the address, so that a client keeps its copy until something changes.
    paths[base.slice(1)] = { serverRelativeURL: `${url}?hash=${hash}` };
    app.get(url, (request, reply) => {
      const representation = negotiate(request.headers.accept, new Set());
      reply.header('etag', `"${hash}"`);
      if (queryText(request, 'hash') === hash) reply.header('cache-control', 'private, immutable, max-age=31536000');
      return sendEncoded(reply, representation, document, 200);
    });
  }
  app.get('/openapi/v3', (request, reply) => {
    return sendEncoded(reply, negotiate(request.headers.accept, new Set()), { paths }, 200);
  });
}

const objectTypes = [jsonType, yamlType];
const patchTypes = [mergePatchType, jsonPatchType];

/** @param kinds all of one group and version */
export function documentOf(kinds: readonly KindDefinition[], subresources: readonly Subresource[]): Json {
  const paths = Object.assign({}, ...kinds.map((kind) => pathsOf(kind, subresources))) as Json;
  return {
    openapi: '3.0.0',
    info: { title: 'Aileron', version: kinds[0]?.version ?? '' },
    paths,
    components: { schemas: componentSchemas(kinds) },
  };
}

function pathsOf(kind: KindDefinition, subresources: readonly Subresource[]): Json {
  const base = groupVersionPath(kind);
  const namespace = kind.namespaced ? [pathParameter('namespace', 'Only default exists.')] : [];
  const root = kind.namespaced ? `${base}/namespaces/{namespace}/${kind.plural}` : `${base}/${kind.plural}`;
  const named = [...namespace, pathParameter('name', `Name of the ${kind.kind}.`)];
  const operation = operationMaker(kind);
  return {
    ...(kind.namespaced
      ? { [`${base}/${kind.plural}`]: { get: operation('listAllNamespaces', 'list', { query: listParameters }) } }
      : {}),
    [root]: {
      get: operation('list', 'list', { query: listParameters }),
      ...(kind.readOnly
        ? {}
        : { post: operation('create', 'post', { query: validatedParameters, body: objectTypes }) }),
      ...(namespace.length > 0 ? { parameters: namespace } : {}),
    },
    [`${root}/{name}`]: {
      get: operation('read', 'get', { query: [] }),
      ...(kind.readOnly
        ? {}
        : {
            put: operation('replace', 'put', { query: validatedParameters, body: objectTypes }),
            patch: operation('patch', 'patch', { query: validatedParameters, body: patchTypes }),
            delete: operation('delete', 'delete', { query: writeParameters }),
          }),
      parameters: named,
    },
    ...(kind.statusSubresource
      ? {
          [`${root}/{name}/status`]: {
            get: operation('readStatus', 'get', { query: [] }),
            put: operation('replaceStatus', 'put', { query: validatedParameters, body: objectTypes }),
            patch: operation('patchStatus', 'patch', { query: validatedParameters, body: patchTypes }),
            parameters: named,
          },
        }
      : {}),
    ...Object.fromEntries(
      subresources
        .filter((one) => one.kind === kind.kind)
        .map((one) => [`${root}/{name}/${one.name}`, { get: bytesOperation(kind, one), parameters: named }]),
    ),
  };
}

function bytesOperation({ kind, group, version }: KindDefinition, subresource: Subresource): Json {
  const { name, description, mediaTypes, query } = subresource;
  return {
    operationId: `read${kind}${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    description,
    tags: [group || 'core'],
    parameters: query.map((one) => ({ ...parameter(one.name, 'string', one.description), required: one.required })),
    responses: { 200: { description: 'OK', content: contentOf(mediaTypes, { type: 'string', format: 'binary' }) } },
    'x-kubernetes-action': 'connect',
    'x-kubernetes-group-version-kind': { group, version, kind },
  };
}

function operationMaker(kind: KindDefinition) {
  const { group, version } = kind;
  const referenceTo = (name: string) => ({ $ref: `#/components/schemas/${name}` });
  const one = referenceTo(schemaName(kind));
  const answers: Record<string, Json> = {
    list: referenceTo(`${schemaName(kind)}List`),
    delete: referenceTo('io.k8s.apimachinery.pkg.apis.meta.v1.Status'),
  };
  return (id: string, action: string, { query, body }: { query: Json[]; body?: string[] }): Json => {
    const patch = action === 'patch';
    const schema = patch ? { description: 'A JSON merge patch (RFC 7396) or a JSON patch (RFC 6902).' } : one;
    return {
      operationId: `${id}${kind.kind}`,
      tags: [group || 'core'],
      parameters: query,
      ...(body ? { requestBody: { required: true, content: contentOf(body, schema) } } : {}),
      responses: { 200: { description: 'OK', content: contentOf([jsonType], answers[action] ?? one) } },
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': { group, version, kind: kind.kind },
    };
  };
}

function contentOf(types: readonly string[], schema: Json): Json {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

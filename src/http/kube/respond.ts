// Sends one object, a list or a Status in the form the client accepts.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { stringify } from 'yaml';
import type { KindDefinition } from '../../resources/kinds.ts';
import type { StoredObject } from '../../resources/object.ts';
import type { KubeDeps } from './context.ts';
import { negotiate, type Representation } from './negotiation.ts';
import type { Page } from './paging.ts';
import { queryText } from './query.ts';
import type { Status } from './status.ts';
import { type ListMetadata, metadataOf, parseIncludeObject, tableOf } from './table.ts';

const objectForms: ReadonlySet<Representation['as']> = new Set(['table', 'metadata']);
const plainForm: ReadonlySet<Representation['as']> = new Set();

/** Reads the Accept header of a request for objects, so that 406 comes before anything is written. */
export function objectRepresentation(request: FastifyRequest): Representation {
  return negotiate(request.headers.accept, objectForms);
}

export function sendObject(
  deps: KubeDeps,
  kind: KindDefinition,
  request: FastifyRequest,
  reply: FastifyReply,
  object: StoredObject,
  code = 200,
): FastifyReply {
  const representation = objectRepresentation(request);
  const body = () => {
    if (representation.as === 'metadata') return metadataOf(object);
    if (representation.as !== 'table') return object;
    const include = parseIncludeObject(queryText(request, 'includeObject'));
    return tableOf(
      kind,
      [object],
      { resourceVersion: object.metadata.resourceVersion },
      { include, clock: deps.clock },
    );
  };
  return sendEncoded(reply, representation, body(), code);
}

export function sendList(
  deps: KubeDeps,
  kind: KindDefinition,
  request: FastifyRequest,
  reply: FastifyReply,
  page: Page,
): FastifyReply {
  const representation = objectRepresentation(request);
  const metadata: ListMetadata = {
    resourceVersion: page.resourceVersion,
    ...(page.continue ? { continue: page.continue } : {}),
    ...(page.remaining ? { remainingItemCount: page.remaining } : {}),
  };
  const body = () => {
    switch (representation.as) {
      case 'table': {
        const include = parseIncludeObject(queryText(request, 'includeObject'));
        return tableOf(kind, page.items, metadata, { include, clock: deps.clock });
      }
      case 'metadata':
        return {
          kind: 'PartialObjectMetadataList',
          apiVersion: 'meta.k8s.io/v1',
          metadata,
          items: page.items.map(metadataOf),
        };
      default: {
        const apiVersion = kind.group ? `${kind.group}/${kind.version}` : kind.version;
        return { kind: `${kind.kind}List`, apiVersion, metadata, items: page.items };
      }
    }
  };
  return sendEncoded(reply, representation, body(), 200);
}

/** A document that is neither object nor list (discovery, version, OpenAPI). */
export function sendDocument(request: FastifyRequest, reply: FastifyReply, document: unknown): FastifyReply {
  return sendEncoded(reply, negotiate(request.headers.accept, plainForm), document, 200);
}

export function sendStatus(reply: FastifyReply, status: Status): FastifyReply {
  return sendEncoded(reply, { encoding: 'json', as: 'object', contentType: 'application/json' }, status, status.code);
}

export function sendEncoded(
  reply: FastifyReply,
  { encoding, contentType }: Representation,
  body: unknown,
  code: number,
): FastifyReply {
  const text = encoding === 'yaml' ? stringify(body, { aliasDuplicateObjects: false }) : JSON.stringify(body);
  // A buffer, because Fastify would add a charset to a text, and clients compare the media type as a whole.
  return reply.code(code).header('content-type', contentType).send(Buffer.from(text));
}

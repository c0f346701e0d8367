// DELETE of an object. With finalizers it stays, marked, and is the answer; without, a Status says that it is gone.
import type { FastifyRequest } from 'fastify';
import type { KindDefinition } from '../../../resources/kinds.ts';
import type { Preconditions } from '../../../store/store.ts';
import { decodeObject } from '../body.ts';
import { type Handler, namedTarget } from '../context.ts';
import { queryText } from '../query.ts';
import { objectRepresentation, sendEncoded, sendObject } from '../respond.ts';
import { badRequest, deleted, invalid, StatusError } from '../status.ts';
import { readWrite } from '../write-context.ts';

export const deleteObject: Handler = async (deps, kind, request, reply) => {
  const representation = objectRepresentation(request);
  const name = namedTarget(request, kind);
  const options = readDeleteOptions(request);
  const write = readWrite(request, options['dryRun']);
  const finalizer = finalizerFor(kind, request, options);
  const preconditions = readPreconditions(options['preconditions']);
  const object = await deps.admission.delete(
    kind.kind,
    name,
    { preconditions, ...(finalizer ? { finalizer } : {}) },
    write.context,
  );
  write.sendWarnings(reply);
  if (object.metadata.finalizers?.length) return sendObject(deps, kind, request, reply, object);
  const { encoding, contentType } = representation;
  return sendEncoded(reply, { encoding, as: 'object', contentType }, deleted(kind, name, object.metadata.uid), 200);
};

function readDeleteOptions(request: FastifyRequest): Record<string, unknown> {
  if (!Buffer.isBuffer(request.body) || request.body.length === 0) return {};
  const { value } = decodeObject(request.body, request.headers['content-type']);
  const { kind } = value;
  if (kind !== undefined && kind !== 'DeleteOptions') {
    throw new StatusError(badRequest(`the body of a delete must be DeleteOptions, not ${JSON.stringify(kind)}`));
  }
  return value;
}

/** Which finalizer makes the garbage collector do as the client wishes; none for Background. */
function finalizerFor(
  kind: KindDefinition,
  request: FastifyRequest,
  options: Record<string, unknown>,
): 'foregroundDeletion' | 'orphan' | undefined {
  const given = options['propagationPolicy'] ?? queryText(request, 'propagationPolicy') ?? 'Background';
  const policy = options['orphanDependents'] === true ? 'Orphan' : given;
  // Nothing is ever owned by an Event, and nobody would take the finalizer off again.
  const collected = kind.kind !== 'Event';
  switch (policy) {
    case 'Background':
      return undefined;
    case 'Foreground':
      return collected ? 'foregroundDeletion' : undefined;
    case 'Orphan':
      return collected ? 'orphan' : undefined;
  }
  const message = `Unsupported value: ${JSON.stringify(policy)}: supported values: "Background", "Foreground", "Orphan"`;
  const cause = { reason: 'FieldValueNotSupported', field: 'propagationPolicy', message };
  throw new StatusError(invalid({ kind: 'DeleteOptions', group: 'meta.k8s.io' }, '', [cause]));
}

function readPreconditions(value: unknown): Preconditions {
  if (value === undefined || value === null) return {};
  const { uid, resourceVersion } = value as Record<string, unknown>;
  for (const text of [uid, resourceVersion]) {
    if (text !== undefined && text !== null && typeof text !== 'string') {
      throw new StatusError(badRequest('preconditions.uid and preconditions.resourceVersion must be strings'));
    }
  }
  return {
    ...(typeof uid === 'string' ? { uid } : {}),
    ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
  };
}

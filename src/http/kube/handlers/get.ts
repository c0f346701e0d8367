// GET of one object; its `status` subresource answers the same.
import { type Handler, namedTarget } from '../context.ts';
import { objectRepresentation, sendObject } from '../respond.ts';
import { notFound, StatusError } from '../status.ts';

export const getObject: Handler = async (deps, kind, request, reply) => {
  objectRepresentation(request);
  const name = namedTarget(request, kind);
  const object = await deps.store.get(kind.kind, name);
  if (!object) throw new StatusError(notFound(kind, name));
  return sendObject(deps, kind, request, reply, object);
};

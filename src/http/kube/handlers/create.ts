// POST to a collection.
import { type Handler, requireNamespace } from '../context.ts';
import { objectRepresentation, sendObject } from '../respond.ts';
import { withTraceparent } from '../tracing.ts';
import { readWrite } from '../write-context.ts';
import { readInput } from './input.ts';

export const createObject: Handler = async (deps, kind, request, reply) => {
  objectRepresentation(request);
  requireNamespace(request);
  const write = readWrite(request);
  const input = readInput(request, kind, undefined, write.context);
  request.objectName = input.metadata.name;
  const object = await deps.admission.create(kind.kind, withTraceparent(request, input), write.context);
  write.sendWarnings(reply);
  return sendObject(deps, kind, request, reply, object, 201);
};

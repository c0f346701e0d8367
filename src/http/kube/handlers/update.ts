// PUT of an object, or of its `status` alone.
import { type Handler, namedTarget } from '../context.ts';
import { objectRepresentation, sendObject } from '../respond.ts';
import { withTraceparent } from '../tracing.ts';
import { readWrite } from '../write-context.ts';
import { readInput } from './input.ts';

export const updateObject: Handler = async (deps, kind, request, reply) => {
  objectRepresentation(request);
  const name = namedTarget(request, kind);
  const write = readWrite(request);
  const input = readInput(request, kind, name, write.context);
  const object = await deps.admission.update(kind.kind, name, withTraceparent(request, input), write.context);
  write.sendWarnings(reply);
  return sendObject(deps, kind, request, reply, object);
};

export const updateStatus: Handler = async (deps, kind, request, reply) => {
  objectRepresentation(request);
  const name = namedTarget(request, kind);
  const write = readWrite(request);
  const input = readInput(request, kind, name, write.context);
  const object = await deps.admission.updateStatus(kind.kind, name, input, write.context);
  write.sendWarnings(reply);
  return sendObject(deps, kind, request, reply, object);
};

// POST to a collection.
import { randomBytes } from 'node:crypto';
import type { ObjectInput } from '../../../resources/object.ts';
import { type Handler, requireNamespace } from '../context.ts';
import { objectRepresentation, sendObject } from '../respond.ts';
import { readWrite } from '../write-context.ts';
import { readInput } from './input.ts';

export const createObject: Handler = async (deps, kind, request, reply) => {
  objectRepresentation(request);
  requireNamespace(request);
  const write = readWrite(request);
  const input = withGeneratedName(readInput(request, kind, undefined, write.context));
  request.objectName = input.metadata.name;
  const object = await deps.admission.create(kind.kind, input, write.context);
  write.sendWarnings(reply);
  return sendObject(deps, kind, request, reply, object, 201);
};

/** `generateName` is the client's wish for a name nobody has yet; the store never sees it. */
function withGeneratedName(input: ObjectInput): ObjectInput {
  const { generateName, ...metadata } = input.metadata as ObjectInput['metadata'] & { generateName?: unknown };
  if (metadata.name || typeof generateName !== 'string' || generateName === '') return { ...input, metadata };
  return {
    ...input,
    metadata: { ...metadata, name: `${generateName.slice(0, 240)}${randomBytes(4).toString('hex')}` },
  };
}

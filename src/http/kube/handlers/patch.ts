// PATCH with a JSON merge patch, of an object or of its `status` alone. The other three patch formats are refused by name.
import type { FastifyRequest } from 'fastify';
import type { WriteContext } from '../../../resources/admission.ts';
import type { KindDefinition } from '../../../resources/kinds.ts';
import { decodeJson, essence, textOf } from '../body.ts';
import { type Handler, namedTarget } from '../context.ts';
import { objectRepresentation, sendObject } from '../respond.ts';
import { badRequest, StatusError, unsupportedMediaType } from '../status.ts';
import { withTraceparent } from '../tracing.ts';
import { readWrite, reportDuplicates } from '../write-context.ts';
import { checkNames } from './input.ts';

export const mergePatchType = 'application/merge-patch+json';

const refusals: Record<string, string> = {
  'application/apply-patch+yaml':
    'server-side apply is not available here: use kubectl apply without --server-side, which sends a merge patch',
  'application/strategic-merge-patch+json':
    'strategic merge patch is not available for this kind: use kubectl patch --type=merge',
  'application/json-patch+json': 'JSON patch is not available here: use kubectl patch --type=merge',
};

export const patchObject: Handler = async (deps, kind, request, reply) => {
  objectRepresentation(request);
  const name = namedTarget(request, kind);
  const write = readWrite(request);
  const patch = readPatch(request, kind, name, write.context);
  const object = await deps.admission.patch(kind.kind, name, withTraceparent(request, patch), write.context);
  write.sendWarnings(reply);
  return sendObject(deps, kind, request, reply, object);
};

export const patchStatus: Handler = async (deps, kind, request, reply) => {
  objectRepresentation(request);
  const name = namedTarget(request, kind);
  const write = readWrite(request);
  const patch = readPatch(request, kind, name, write.context);
  const object = await deps.admission.patchStatus(kind.kind, name, patch, write.context);
  write.sendWarnings(reply);
  return sendObject(deps, kind, request, reply, object);
};

function readPatch(
  request: FastifyRequest,
  kind: KindDefinition,
  name: string,
  context: WriteContext,
): Record<string, unknown> {
  const type = essence(request.headers['content-type']);
  if (type !== mergePatchType) {
    const accepted = `the body of the request was in an unknown format - accepted media types include: ${mergePatchType}`;
    throw new StatusError(unsupportedMediaType(refusals[type] ?? accepted));
  }
  const { value, duplicates } = decodeJson(textOf(request.body));
  reportDuplicates(kind, duplicates, context);
  const { metadata } = value;
  if (metadata === undefined) return value;
  if (metadata === null || typeof metadata !== 'object' || Array.isArray(metadata)) {
    throw new StatusError(badRequest('metadata is not an object'));
  }
  const checked = { ...(metadata as Record<string, unknown>) };
  checkNames(checked, kind, name);
  delete checked['name'];
  delete checked['namespace'];
  return { ...value, metadata: checked };
}

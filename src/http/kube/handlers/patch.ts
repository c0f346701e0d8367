// PATCH of an object or of its `status` alone, with a JSON merge patch or a JSON patch. The formats that need to know who
// owns which field are refused by name.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { WriteContext } from '../../../resources/admission.ts';
import type { KindDefinition } from '../../../resources/kinds.ts';
import type { StoredObject } from '../../../resources/object.ts';
import { ConflictError, NotFoundError } from '../../../store/errors.ts';
import { decodeJson, essence, textOf } from '../body.ts';
import { type Handler, type KubeDeps, namedTarget } from '../context.ts';
import { mergePatchOf, readJsonPatch } from '../json-patch.ts';
import { objectRepresentation, sendObject } from '../respond.ts';
import { badRequest, StatusError, unsupportedMediaType } from '../status.ts';
import { withTraceparent } from '../tracing.ts';
import { readWrite, reportDuplicates } from '../write-context.ts';
import { checkNames } from './input.ts';

export const mergePatchType = 'application/merge-patch+json';
export const jsonPatchType = 'application/json-patch+json';

/** A JSON patch is made for the object as it was read; when that changed meanwhile, it is made anew this often. */
const maxAttempts = 8;

type MergePatch = Record<string, unknown>;

const refusals: Record<string, string> = {
  'application/apply-patch+yaml':
    'server-side apply is not available here: use kubectl apply without --server-side, which sends a merge patch',
  'application/strategic-merge-patch+json':
    'strategic merge patch is not available for this kind: use kubectl patch --type=merge',
};

export const patchObject: Handler = (deps, kind, request, reply) => {
  return patchBy(deps, kind, request, reply, (name, patch, context) => {
    return deps.admission.patch(kind.kind, name, withTraceparent(request, patch), context);
  });
};

export const patchStatus: Handler = (deps, kind, request, reply) => {
  return patchBy(deps, kind, request, reply, (name, patch, context) => {
    return deps.admission.patchStatus(kind.kind, name, patch, context);
  });
};

async function patchBy(
  deps: KubeDeps,
  kind: KindDefinition,
  request: FastifyRequest,
  reply: FastifyReply,
  write: (name: string, patch: MergePatch, context: WriteContext) => Promise<StoredObject>,
): Promise<unknown> {
  objectRepresentation(request);
  const name = namedTarget(request, kind);
  const { context, sendWarnings } = readWrite(request);
  const object =
    essence(request.headers['content-type']) === jsonPatchType
      ? await applyJsonPatch(deps, kind, name, request, (patch) => write(name, patch, context))
      : await write(name, readPatch(request, kind, name, context), context);
  sendWarnings(reply);
  return sendObject(deps, kind, request, reply, object);
}

async function applyJsonPatch(
  { store }: KubeDeps,
  { kind }: KindDefinition,
  name: string,
  request: FastifyRequest,
  write: (patch: MergePatch) => Promise<StoredObject>,
): Promise<StoredObject> {
  const operations = readJsonPatch(textOf(request.body));
  for (let attempts = 1; ; attempts++) {
    const current = await store.get(kind, name);
    if (!current) throw new NotFoundError(kind, name);
    const patch = mergePatchOf(operations, current);
    const { resourceVersion } = current.metadata;
    try {
      return await write({ ...patch, metadata: { resourceVersion, ...(patch['metadata'] as MergePatch | undefined) } });
    } catch (error) {
      if (!(error instanceof ConflictError) || attempts >= maxAttempts) throw error;
    }
  }
}

function readPatch(
  request: FastifyRequest,
  kind: KindDefinition,
  name: string,
  context: WriteContext,
): Record<string, unknown> {
  const type = essence(request.headers['content-type']);
  if (type !== mergePatchType) {
    const types = `${mergePatchType}, ${jsonPatchType}`;
    const accepted = `the body of the request was in an unknown format - accepted media types include: ${types}`;
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

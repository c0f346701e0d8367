// The object in the body of a create or update, checked against the path it was sent to.
import type { FastifyRequest } from 'fastify';
import type { WriteContext } from '../../../resources/admission.ts';
import { eventNamespace } from '../../../resources/event.ts';
import type { KindDefinition } from '../../../resources/kinds.ts';
import type { ObjectInput } from '../../../resources/object.ts';
import { decodeObject } from '../body.ts';
import { badRequest, StatusError } from '../status.ts';
import { reportDuplicates } from '../write-context.ts';

/**
 * @param name from the path; undefined on create
 * @throws StatusError 400 when the body is no object of this kind, or of another name or namespace
 */
export function readInput(
  request: FastifyRequest,
  kind: KindDefinition,
  name: string | undefined,
  context: WriteContext,
): ObjectInput {
  const { value, duplicates } = decodeObject(request.body, request.headers['content-type']);
  requireSame('kind', value['kind'], kind.kind);
  requireSame('API version', value['apiVersion'], kind.group ? `${kind.group}/${kind.version}` : kind.version);
  reportDuplicates(kind, duplicates, context);
  const metadata = metadataOf(value['metadata']);
  checkNames(metadata, kind, name);
  return { ...value, metadata } as ObjectInput;
}

function requireSame(what: string, given: unknown, expected: string): void {
  if (given === expected) return;
  const said = typeof given === 'string' ? given : '';
  throw new StatusError(
    badRequest(`the ${what} in the data (${said}) does not match the expected ${what} (${expected})`),
  );
}

/** A copy without the fields that a server makes and a client sends back unread. */
function metadataOf(value: unknown): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new StatusError(badRequest('metadata is not an object'));
  const { managedFields, selfLink, ...metadata } = value as Record<string, unknown>;
  if (metadata['creationTimestamp'] === null) delete metadata['creationTimestamp'];
  return metadata;
}

/** Also for a merge patch, which may not rename or move what it patches. */
export function checkNames(metadata: Record<string, unknown>, kind: KindDefinition, name: string | undefined): void {
  if (name !== undefined) {
    metadata['name'] ??= name;
    if (metadata['name'] !== name) {
      const given = String(metadata['name']);
      throw new StatusError(
        badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`),
      );
    }
  }
  if (!kind.namespaced) {
    if (metadata['namespace'] === '' || metadata['namespace'] === null) delete metadata['namespace'];
    if (metadata['namespace'] !== undefined) {
      throw new StatusError(badRequest(`namespace may not be set on the cluster-scoped kind ${kind.kind}`));
    }
    return;
  }
  metadata['namespace'] ??= eventNamespace;
  if (metadata['namespace'] !== eventNamespace) {
    const given = String(metadata['namespace']);
    const message = `the namespace of the provided object does not match the namespace sent on the request (${given})`;
    throw new StatusError(badRequest(message));
  }
}

// GET of a collection: everything that matches, or a page of it, with the revision it is true at.
import type { FastifyRequest } from 'fastify';
import type { ListOptions } from '../../../store/store.ts';
import { type Handler, namespaceExists } from '../context.ts';
import { queryNumber, queryText } from '../query.ts';
import { objectRepresentation, sendList } from '../respond.ts';
import { parseFieldSelector, parseLabelSelector } from '../selectors.ts';
import { badRequest, expired, StatusError } from '../status.ts';

export const listObjects: Handler = async (deps, kind, request, reply) => {
  objectRepresentation(request);
  const limit = queryNumber(request, 'limit') ?? 0;
  const token = queryText(request, 'continue');
  const labels = queryText(request, 'labelSelector') ?? '';
  const fields = queryText(request, 'fieldSelector') ?? '';
  const question = JSON.stringify([kind.kind, labels, fields]);
  if (token !== undefined) {
    if (queryText(request, 'resourceVersionMatch') !== undefined) {
      throw new StatusError(badRequest('resourceVersionMatch is forbidden when continue is given'));
    }
    return sendList(deps, kind, request, reply, deps.snapshots.nextPage(token, limit, question));
  }

  const byLabel = parseLabelSelector(labels);
  const byField = parseFieldSelector(fields, kind.kind);
  const options: ListOptions = byField?.name === undefined ? {} : { name: byField.name };
  const list = await deps.store.list(kind.kind, options);
  requireExactRevision(request, list.resourceVersion);
  const items = namespaceExists(request)
    ? list.items.filter((object) => (byLabel?.(object) ?? true) && (byField?.matches(object) ?? true))
    : [];
  return sendList(deps, kind, request, reply, deps.snapshots.firstPage(items, list.resourceVersion, limit, question));
};

/** The store knows the present only: a list at an exact revision is either that or expired. */
function requireExactRevision(request: FastifyRequest, current: string): void {
  const match = queryText(request, 'resourceVersionMatch');
  const wanted = queryText(request, 'resourceVersion');
  if (match === undefined) return;
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    throw new StatusError(
      badRequest(`resourceVersionMatch must be Exact or NotOlderThan, not ${JSON.stringify(match)}`),
    );
  }
  if (wanted === undefined) {
    throw new StatusError(badRequest('resourceVersionMatch is forbidden unless resourceVersion is given'));
  }
  if (match === 'Exact' && wanted !== current) {
    throw new StatusError(
      expired(`The resourceVersion for the provided list is too old: ${wanted} is not the current one`),
    );
  }
}

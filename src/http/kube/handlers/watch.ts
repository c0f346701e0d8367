// GET of a collection with `watch`: a stream of changes, one JSON object a line, from a known revision on or from a
// snapshot. It ends at the client's timeout, when the client goes, when the server stops, or with Expired.
import type { FastifyRequest } from 'fastify';
import type { KindDefinition } from '../../../resources/kinds.ts';
import { ExpiredError, StoreClosedError } from '../../../store/errors.ts';
import type { WatchEvent } from '../../../store/store.ts';
import { type Handler, type KubeDeps, namespaceExists } from '../context.ts';
import { statusOf } from '../error-handler.ts';
import { queryFlag, queryNumber, queryText } from '../query.ts';
import { objectRepresentation } from '../respond.ts';
import { parseFieldSelector, parseLabelSelector } from '../selectors.ts';
import { invalid, notAcceptable, StatusError } from '../status.ts';
import { parseIncludeObject } from '../table.ts';
import { type WatchEncoder, watchEncoder } from '../watch/encoder.ts';
import { type EventFilter, fixedFilter, selectedNames, trackingFilter } from '../watch/filter.ts';
import { writeLine } from '../watch/line-writer.ts';

/** Seconds; what a client that names no end gets, so that a forgotten stream ends by itself. */
const defaultTimeoutSeconds = 3600;
const maxTimeoutSeconds = 86_400;
/** ms to wait for the store's first word, so that a forgotten revision is a plain 410 rather than one in the stream. */
const firstEventMs = 100;

interface Start {
  /** Undefined: begin with a snapshot. */
  from: string | undefined;
  /** The client waits for the bookmark that ends the snapshot. */
  announceEnd: boolean;
}

export const watchObjects: Handler = async (deps, kind, request, reply) => {
  const { encoding, as } = objectRepresentation(request);
  if (encoding !== 'json') throw new StatusError(notAcceptable(['application/json']));
  const encoder = watchEncoder(kind, as, parseIncludeObject(queryText(request, 'includeObject')), deps.clock);
  const bookmarks = queryFlag(request, 'allowWatchBookmarks');
  const seconds = Math.min(queryNumber(request, 'timeoutSeconds') || defaultTimeoutSeconds, maxTimeoutSeconds);
  const start = await readStart(deps, kind, request);
  const filter = await readFilter(deps, kind, request, start);

  const { abort, leave } = deps.watches.enter();
  const response = reply.raw;
  const onClose = () => abort.abort();
  response.on('close', onClose);
  // A write may still be under way when the client resets the connection; `close` follows and ends the watch.
  response.on('error', onClose);
  const cancelTimeout = deps.clock.after(seconds * 1000, onClose);
  const labels = { verb: 'WATCH', group: kind.group, version: kind.version, resource: kind.plural };
  deps.metrics?.longRunning.inc(labels);
  try {
    const options = { signal: abort.signal, ...(start.from === undefined ? {} : { from: start.from }) };
    const events = deps.store.listAndWatch(kind.kind, options)[Symbol.asyncIterator]();
    const first = events.next();
    // Awaited in `pump`; until then a failure must not count as unhandled.
    first.catch(() => {});
    await settledWithin(deps, first);
    reply.hijack();
    // A quiet watch is no stalled one: the line writer looks after readers that take nothing.
    response.socket?.setTimeout(0);
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
    response.flushHeaders();
    await pump(first, events, async (event) => {
      const line = lineFor(event, { encoder, filter, bookmarks, start });
      if (line !== undefined) await writeLine(response, line, deps.clock);
    }).catch(async (error: unknown) => {
      if (error instanceof StoreClosedError) return;
      if (!(error instanceof ExpiredError)) deps.log.error({ err: error, kind: kind.kind }, 'a watch failed');
      await writeLine(response, encoder.error(statusOf(error, { kind })), deps.clock);
    });
    response.end();
  } finally {
    abort.abort();
    cancelTimeout();
    leave();
    deps.metrics?.longRunning.dec(labels);
  }
  return reply;
};

async function pump(
  first: Promise<IteratorResult<WatchEvent>>,
  events: AsyncIterator<WatchEvent>,
  take: (event: WatchEvent) => Promise<void>,
): Promise<void> {
  for (let next = await first; !next.done; next = await events.next()) await take(next.value);
}

/** Throws what the store throws at once; resolves when it has answered, or after a moment when it has nothing to say. */
async function settledWithin(deps: KubeDeps, first: Promise<unknown>): Promise<void> {
  let cancel = () => {};
  const moment = new Promise<void>((resolve) => {
    cancel = deps.clock.after(firstEventMs, resolve);
  });
  await Promise.race([first, moment]).finally(cancel);
}

interface Stream {
  encoder: WatchEncoder;
  filter: EventFilter;
  bookmarks: boolean;
  start: Start;
}

function lineFor(event: WatchEvent, stream: Stream): string | undefined {
  if (event.type === 'BOOKMARK') {
    const initialEnd = stream.start.announceEnd;
    stream.start.announceEnd = false;
    return stream.bookmarks || initialEnd ? stream.encoder.bookmark(event.resourceVersion, initialEnd) : undefined;
  }
  const shown = stream.filter(event);
  return shown ? stream.encoder.event(shown) : undefined;
}

async function readStart(deps: KubeDeps, kind: KindDefinition, request: FastifyRequest): Promise<Start> {
  const version = queryText(request, 'resourceVersion');
  const match = queryText(request, 'resourceVersionMatch');
  const fromNow = version === undefined || version === '0';
  if (queryText(request, 'sendInitialEvents') === undefined) {
    if (match !== undefined)
      throw forbidden('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
    return { from: fromNow ? undefined : version, announceEnd: false };
  }
  if (match !== 'NotOlderThan') {
    throw forbidden('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  }
  if (queryFlag(request, 'sendInitialEvents')) return { from: undefined, announceEnd: true };
  return { from: fromNow ? (await deps.store.list(kind.kind)).resourceVersion : version, announceEnd: false };
}

async function readFilter(
  deps: KubeDeps,
  kind: KindDefinition,
  request: FastifyRequest,
  { from }: Start,
): Promise<EventFilter> {
  if (!namespaceExists(request)) return () => undefined;
  const byLabel = parseLabelSelector(queryText(request, 'labelSelector') ?? '');
  const byField = parseFieldSelector(queryText(request, 'fieldSelector') ?? '', kind.kind);
  if (!byLabel) return byField ? fixedFilter(byField.matches) : (event) => event;
  const matches = byField
    ? (object: Parameters<typeof byLabel>[0]) => byField.matches(object) && byLabel(object)
    : byLabel;
  if (from === undefined) return trackingFilter(matches, new Set());
  // What matched at `from` is known if nothing has happened since; mostly the client has listed a moment ago.
  const list = await deps.store.list(kind.kind);
  return trackingFilter(matches, list.resourceVersion === from ? selectedNames(list.items, matches) : undefined);
}

function forbidden(message: string): StatusError {
  const cause = { reason: 'FieldValueForbidden', field: 'resourceVersionMatch', message: `Forbidden: ${message}` };
  return new StatusError(invalid({ kind: 'ListOptions', group: 'meta.k8s.io' }, '', [cause]));
}

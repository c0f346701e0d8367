// The kube API without its listener: who may come in, how requests are read, answered, counted and refused.
import type { RequestListener } from 'node:http';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import Fastify, {
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyRequest,
  type RawServerDefault,
} from 'fastify';
import type { KindDefinition } from '../../resources/kinds.ts';
import { registerAccessReview } from './access-review.ts';
import type { Authenticate } from './auth.ts';
import { maxBodyBytes } from './body.ts';
import type { KubeDeps } from './context.ts';
import { registerDiscovery } from './discovery.ts';
import { errorHandler } from './error-handler.ts';
import type { RequestLabels } from './metrics.ts';
import { registerOpenApi } from './openapi.ts';
import { queryFlag } from './query.ts';
import { sendStatus } from './respond.ts';
import { registerKind } from './routes.ts';
import { badRequest, noSuchPath, requestTimedOut, type Status, StatusError } from './status.ts';
import type { Subresource } from './subresources.ts';

export interface KubeAppOptions extends KubeDeps {
  kinds: readonly KindDefinition[];
  subresources: readonly Subresource[];
  authenticate: Authenticate;
  version: string | undefined;
  /** Makes the listener; absent in tests that inject requests. */
  createListener?: (handler: RequestListener) => Server;
}

const maxHeaderFields = 100;
/** Their time is their reader's affair, and in no histogram. */
const longRunning: ReadonlySet<string> = new Set(['WATCH', 'CONNECT']);
/** Longest name is 253; an escape may triple it. */
const maxParamLength = 1024;

export function createKubeApp(options: KubeAppOptions): FastifyInstance {
  const { kinds, subresources, log, metrics, authenticate, createListener } = options;
  const settings: FastifyHttpOptions<RawServerDefault> = {
    logger: false,
    bodyLimit: maxBodyBytes,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength },
    clientErrorHandler: refuseBrokenRequest,
    ...(createListener
      ? { serverFactory: (handler) => createListener(handler as RequestListener) as unknown as RawServerDefault }
      : {}),
  };
  const app: FastifyInstance = Fastify(settings);

  // The body stays bytes until a handler knows what it expects: no parser is chosen by what the client claims.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  app.decorateRequest('user', undefined);
  app.decorateRequest('objectName', undefined);
  app.decorateRequest('traceparent', undefined);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-cache, private').header('x-content-type-options', 'nosniff');
    if (request.raw.rawHeaders.length > 2 * maxHeaderFields) {
      throw new StatusError(badRequest(`the request has more than ${maxHeaderFields} header fields`));
    }
    request.user = authenticate(request.raw);
  });
  app.addHook('onResponse', async (request, reply) => {
    const labels = labelsOf(request);
    metrics?.requests.inc({ ...labels, code: String(reply.statusCode) });
    if (!longRunning.has(labels.verb)) metrics?.duration.observe(labels, reply.elapsedTime / 1000);
  });
  app.setErrorHandler(errorHandler(log));
  app.setNotFoundHandler((_request, reply) => sendStatus(reply, noSuchPath()));

  registerDiscovery(app, kinds, subresources, options.version);
  registerOpenApi(app, kinds, subresources);
  registerAccessReview(app);
  for (const kind of kinds) registerKind(app, options, kind, subresources);
  return app;
}

/** Bounded: what is no known route is counted under one name. */
function labelsOf(request: FastifyRequest): RequestLabels {
  const facts = request.routeOptions.config.kube;
  if (!facts?.kind) return { verb: request.method === 'GET' ? 'GET' : 'OTHER', group: '', version: '', resource: '' };
  const { group, version, plural } = facts.kind;
  return { verb: facts.verb === 'LIST' && isWatch(request) ? 'WATCH' : facts.verb, group, version, resource: plural };
}

function isWatch(request: FastifyRequest): boolean {
  try {
    return queryFlag(request, 'watch');
  } catch {
    // Not a yes or no: the handler has refused it, and it was no watch.
    return false;
  }
}

/** What Node's parser refused: too slow, too many header bytes, or not HTTP. The socket may be gone already. */
function refuseBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const [line, status] = refusalOf(error.code);
  const body = JSON.stringify(status);
  const head = `HTTP/1.1 ${line}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  socket.end(`${head}Connection: close\r\n\r\n${body}`);
}

function refusalOf(code: string | undefined): [line: string, status: Status] {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return ['408 Request Timeout', requestTimedOut()];
    case 'HPE_HEADER_OVERFLOW': {
      const status = badRequest('the header fields of the request are too large');
      return ['431 Request Header Fields Too Large', { ...status, code: 431 }];
    }
    default:
      return ['400 Bad Request', badRequest('the request is not valid HTTP')];
  }
}

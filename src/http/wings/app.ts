// The node API without its parts: what every request goes through, and the one route there is, the console socket. The
// order of the checks is the one that clients of Wings see.
import { randomUUID } from 'node:crypto';
import websocket from '@fastify/websocket';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { type Clock, sleep } from '../../clock/clock.ts';
import type { Logger } from '../../telemetry/log.ts';
import { judgeBearer } from './bearer.ts';
import type { ConsoleSockets } from './console-sockets.ts';
import { crossOriginHeaders } from './cross-origin.ts';
import { type HttpRefusal, refusals } from './http-errors.ts';
import type { Origins } from './origins.ts';
import type { ServerLookup } from './server-lookup.ts';
import type { SocketPlaces } from './socket-places.ts';

export interface WingsAppOptions {
  clock: Clock;
  log: Logger;
  servers: ServerLookup;
  sockets: ConsoleSockets;
  places: SocketPlaces;
  /** Known when the listener is. */
  origins: () => Origins;
  secret: () => string;
}

/** ms. No route takes a streamed body, so one deadline covers the whole of a request. */
const limits = { headers: 15_000, wholeRequest: 30_000, idleKeepAlive: 75_000, silence: 60_000, check: 1_000 };
const maxHeaderBytes = 16 * 1024;
const maxHeaderFields = 100;
/** Thirty sockets each for more servers than a node has, and some. */
const maxConnections = 8_192;
/** ms for the store to tell the servers of the node after a start. */
const patienceMs = 10_000;

/** Bytes of a message after inflation. */
const maxMessageBytes = 32_768;
const maxFragments = 16;
/** Pieces in which a message may arrive. */
const maxChunks = 1_024;
/** Messages that are inflated at one time. */
const inflationsAtATime = 4;

const socketHeaders = { 'content-security-policy': "default-src 'self'", 'x-frame-options': 'DENY' };

export async function createWingsApp(options: WingsAppOptions): Promise<FastifyInstance> {
  const { sockets, log, origins } = options;
  const app: FastifyInstance = Fastify({
    logger: false,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    requestTimeout: limits.wholeRequest,
    keepAliveTimeout: limits.idleKeepAlive,
    connectionTimeout: limits.silence,
    routerOptions: { maxParamLength: 1024 },
    http: {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: limits.headers,
      connectionsCheckingInterval: limits.check,
      insecureHTTPParser: false,
    },
  });
  app.server.maxConnections = maxConnections;
  // No route reads a body: what comes is not parsed, whatever it claims to be.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, done) => done(null));

  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'x-request-id': randomUUID(), ...crossOriginHeaders(origins(), request.headers.origin) });
    if (request.raw.rawHeaders.length > 2 * maxHeaderFields) return refuse(reply, refusals.badRequest);
    if (request.method === 'OPTIONS') return reply.code(204).send();
  });
  app.setNotFoundHandler((request, reply) => {
    const verdict = judgeBearer(request.raw, options.secret());
    if (verdict === 'missing') return refuse(reply, refusals.noToken);
    return refuse(reply, verdict === 'wrong' ? refusals.wrongToken : refusals.noSuchPath);
  });
  app.setErrorHandler((error: { statusCode?: number }, request, reply) => {
    const isClients = error.statusCode !== undefined && error.statusCode < 500;
    if (isClients) return refuse(reply, refusals.badRequest);
    log.error({ err: error, path: request.url.split('?', 1)[0] }, 'a request to the node API failed');
    return refuse(reply, refusals.internal);
  });

  await app.register(websocket, {
    options: {
      maxPayload: maxMessageBytes,
      maxFragments,
      maxBufferedChunks: maxChunks,
      // Understood when a client compresses; what goes out is not.
      perMessageDeflate: {
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
        concurrencyLimit: inflationsAtATime,
      },
      clientTracking: false,
    },
    // The library closes the socket with the code that says what was wrong.
    errorHandler: (error) => log.debug({ err: error }, 'a client broke the rules of its console socket'),
    preClose: (done) => void sockets.close().then(() => done(), done),
  });
  app.websocketServer.on('headers', (headers) => {
    for (const [name, value] of Object.entries(socketHeaders)) headers.push(`${name}: ${value}`);
  });
  app.get<{ Params: { server: string } }>(
    '/api/servers/:server/ws',
    {
      websocket: true,
      preValidation: async (request, reply) => {
        reply.headers(socketHeaders);
        const refusal = await refusalOf(options, request);
        if (refusal) return refuse(reply, refusal);
      },
    },
    (socket, request) => sockets.open(request.params.server, socket, request.raw),
  );
  return app;
}

/** In the order of the contract. A suspended server is no reason here: a browser can read a close code, not a status. */
async function refusalOf(
  { servers, places, origins, clock }: WingsAppOptions,
  request: FastifyRequest<{ Params: { server: string } }>,
): Promise<HttpRefusal | undefined> {
  if (!(await knowsItsServers(servers, clock))) return refusals.notReady;
  const { server } = request.params;
  const known = servers.byUuid(server);
  if (!known || known.metadata.deletionTimestamp) return refusals.noSuchServer;
  if (!places.hasRoom(server)) return refusals.tooManySockets;
  if (!isHandshake(request)) return refusals.noHandshake;
  return origins().allows(request.headers.origin) ? undefined : refusals.wrongOrigin;
}

async function knowsItsServers(servers: ServerLookup, clock: Clock): Promise<boolean> {
  const patience = new AbortController();
  const late = sleep(clock, patienceMs, patience.signal).then(
    () => false,
    () => false,
  );
  const known = servers.synced().then(
    () => true,
    () => false,
  );
  const answer = await Promise.race([known, late]);
  patience.abort();
  return answer;
}

function isHandshake({ ws, headers }: FastifyRequest): boolean {
  return (
    ws &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === '13' &&
    /^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')
  );
}

function refuse(reply: FastifyReply, { code, body, headers = {} }: HttpRefusal): FastifyReply {
  reply.code(code).headers(headers);
  return typeof body === 'string' ? reply.type('text/plain; charset=utf-8').send(body) : reply.send(body);
}

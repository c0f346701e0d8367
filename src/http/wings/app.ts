// The node API as an application of its framework: what bounds a connection, what every request goes through, and its
// routes, one module for each sort of thing.
import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { SecureContextOptions } from 'node:tls';
import websocket from '@fastify/websocket';
import Fastify, { type FastifyInstance } from 'fastify';
import { type ConnectionCap, capConnections, defaultCap } from './connection-cap.ts';
import { asksForConsole } from './handshake.ts';
import { createPipeline, type PipelineOptions, silenceMs } from './pipeline.ts';
import type { RouteDeps } from './route-deps.ts';
import { backupOperationRoutes } from './routes/backup-operations.ts';
import { backupRoutes } from './routes/backups.ts';
import { downloadRoutes } from './routes/downloads.ts';
import { installationRoutes } from './routes/installations.ts';
import { logRoutes } from './routes/logs.ts';
import { powerRoutes } from './routes/power.ts';
import { serverRoutes } from './routes/servers.ts';
import { type SocketRouteDeps, socketHeaders, socketRoute } from './routes/socket.ts';
import { systemRoutes } from './routes/system.ts';
import { tokenRoutes } from './routes/tokens.ts';
import { updateRoute } from './routes/update.ts';
import { answerUnreadableRequest } from './unreadable-request.ts';

export interface WingsAppOptions extends RouteDeps, Omit<PipelineOptions, 'clock' | 'log'>, SocketRouteDeps {
  /** Undefined: plain HTTP. */
  tls: SecureContextOptions | undefined;
  /** Of one party. */
  connections?: ConnectionCap;
}

/** ms. Bodies and answers have deadlines of their own where they are read and written: some take hours. */
const limits = { handshake: 15_000, headers: 15_000, wholeRequest: 0, idleKeepAlive: 75_000, check: 1_000 };
const maxHeaderBytes = 16 * 1024;
/** Thirty sockets each for more servers than a node has, and some. */
const maxConnections = 8_192;

/** Bytes of a message after inflation. */
const maxMessageBytes = 32_768;
const maxFragments = 16;
/** Pieces in which a message may arrive. */
const maxChunks = 1_024;
/** Messages that are inflated at one time. */
const inflationsAtATime = 4;

export async function createWingsApp(options: WingsAppOptions): Promise<FastifyInstance> {
  const { sockets, log, tls } = options;
  const pipeline = createPipeline(options);
  const listener = {
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: limits.headers,
    connectionsCheckingInterval: limits.check,
    insecureHTTPParser: false,
    // All else that offers to speak another protocol is answered in this one. So is who comes while the node stops: the
    // framework refuses it before anything of ours could end a connection that was taken from HTTP.
    shouldUpgradeCallback: (request: IncomingMessage) => !options.closing.aborted && asksForConsole(request),
  };
  const app = Fastify({
    logger: false,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    requestTimeout: limits.wholeRequest,
    keepAliveTimeout: limits.idleKeepAlive,
    connectionTimeout: silenceMs,
    routerOptions: { maxParamLength: 1024 },
    genReqId: pipeline.newId,
    frameworkErrors: pipeline.answerUnreadable,
    clientErrorHandler: answerUnreadableRequest,
    ...(tls ? { https: { ...listener, ...tls, handshakeTimeout: limits.handshake } } : { http: listener }),
  }) as unknown as FastifyInstance;
  (app.server as HttpServer).maxConnections = maxConnections;
  capConnections(app.server as HttpServer, options.connections ?? defaultCap(options.proxies));
  // What comes is not parsed, whatever it claims to be: routes that want a body read it themselves.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, done) => done(null));
  pipeline.attach(app);

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
  socketRoute(app, options);
  systemRoutes(app, options);
  updateRoute(app, options);
  tokenRoutes(app, options);
  serverRoutes(app, options);
  powerRoutes(app, options);
  logRoutes(app, options);
  installationRoutes(app, options);
  backupRoutes(app, options);
  backupOperationRoutes(app, options);
  downloadRoutes(app, options);
  return app;
}

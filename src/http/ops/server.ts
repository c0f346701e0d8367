// Plain HTTP for machines that watch this one: metrics and health, nothing else, no secrets. Reads only.
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import type { Registry } from 'prom-client';
import { type Clock, systemClock } from '../../clock/clock.ts';
import type { Logger } from '../../telemetry/log.ts';
import { bearerOf } from '../bearer.ts';
import { type HealthCheck, runChecks } from './health.ts';

export interface OpsServerOptions {
  registry: Registry;
  /** For /readyz: does the daemon do its work? */
  checks: readonly HealthCheck[];
  /** For /livez: would a restart help? Without any it is healthy while it answers. */
  liveness?: readonly HealthCheck[];
  /** Asked of every request, where others than this machine can reach the listener. */
  token?: string | undefined;
  clock?: Clock;
  log: Logger;
}

export interface OpsServer {
  /** `port` 0 takes a free one; the one taken is the answer. @throws the listen error, such as EADDRINUSE */
  listen(address: { host: string; port: number }): Promise<{ port: number }>;
  close(): Promise<void>;
}

/** ms. Requests here are one line long. */
const requestTimeoutMs = 10_000;
const keepAliveMs = 75_000;
const maxConnections = 128;
const closeGraceMs = 2_000;

export function createOpsServer({
  registry,
  checks,
  liveness = [],
  token,
  clock = systemClock,
  log,
}: OpsServerOptions): OpsServer {
  const app = Fastify({
    logger: false,
    bodyLimit: 1024,
    exposeHeadRoutes: false,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveMs,
    forceCloseConnections: 'idle',
    http: { maxHeaderSize: 16 * 1024, headersTimeout: requestTimeoutMs, connectionsCheckingInterval: 1_000 },
  });
  app.server.maxConnections = maxConnections;

  if (token !== undefined) {
    const bearing = bearerOf(token);
    app.addHook('onRequest', async (request, reply) => {
      if (bearing(request.raw) === 'right') return;
      await reply
        .code(401)
        .header('www-authenticate', 'Bearer realm="aileron"')
        .type('text/plain')
        .send('unauthorized\n');
    });
  }
  app.get('/metrics', async (_request, reply) => {
    return reply.header('content-type', registry.contentType).send(await registry.metrics());
  });
  for (const [endpoint, named] of [
    ['livez', liveness],
    ['readyz', checks],
  ] as const) {
    app.get(`/${endpoint}`, async (request, reply) => {
      const { healthy, text } = await runChecks(endpoint, named, clock);
      const verbose = 'verbose' in (request.query as Record<string, unknown>);
      reply.code(healthy ? 200 : 503).header('content-type', 'text/plain; charset=utf-8');
      // A failure always says which check it was.
      return reply.header('cache-control', 'no-store').send(healthy && !verbose ? 'ok' : text);
    });
  }
  app.setNotFoundHandler((_request, reply) => reply.code(404).type('text/plain').send('404 page not found\n'));
  app.setErrorHandler((error: { statusCode?: number }, request, reply) => {
    const code = error.statusCode !== undefined && error.statusCode < 500 ? error.statusCode : 500;
    if (code === 500) log.error({ err: error, path: request.url.split('?', 1)[0] }, 'an ops request failed');
    return reply
      .code(code)
      .type('text/plain')
      .send(code === 500 ? 'internal error\n' : 'bad request\n');
  });

  return {
    async listen({ host, port }) {
      await app.listen({ host, port });
      const taken = (app.server.address() as AddressInfo).port;
      log.info({ host, port: taken }, 'metrics and health listen');
      return { port: taken };
    },
    async close() {
      const cancel = clock.after(closeGraceMs, () => app.server.closeAllConnections());
      await app.close();
      cancel();
    },
  };
}

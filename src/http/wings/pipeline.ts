// What every request to the node API goes through before and after its route, in the order that clients of Wings see: an
// id, the headers for pages of the Panel, the end of every OPTIONS, then the node's token, which unknown paths ask for
// too. Each request is logged with the secret of a signed link taken out.
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../clock/clock.ts';
import type { Logger } from '../../telemetry/log.ts';
import { judgeBearer } from './bearer.ts';
import { clientAddress, type TrustedProxies } from './client-address.ts';
import { crossOriginHeaders } from './cross-origin.ts';
import { FailedTries } from './failed-tries.ts';
import { asksForConsole } from './handshake.ts';
import { RequestRefused, refusals } from './http-errors.ts';
import type { Origins } from './origins.ts';
import { redactedUrl } from './redacted-url.ts';
import { refusalOf, refuse } from './refusal-of.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whoever asks shows something else than the node's token, or nothing. */
    open?: true;
    /** A known path with one slash too many. */
    slashed?: true;
  }
}

export interface PipelineOptions {
  clock: Clock;
  log: Logger;
  proxies: TrustedProxies;
  /** Known when the listener is. */
  origins: () => Origins;
  privateNetwork: boolean;
  /** The node's token as it is now. */
  token: () => { id: string; secret: string };
  /** `0.1.0` or `develop`. */
  version: string;
}

const maxHeaderFields = 100;

/** A connection without a byte, ms. While a request is worked on nobody is to send one. */
export const silenceMs = 60_000;

/** For the rest of a body that nobody reads, ms. */
const drainMs = 5_000;

export type Pipeline = ReturnType<typeof createPipeline>;

export function createPipeline(options: PipelineOptions) {
  const { clock, log, proxies, origins, privateNetwork, token, version } = options;
  const tries = new FailedTries(clock);
  const addressOf = ({ raw }: FastifyRequest) => clientAddress(raw.socket.remoteAddress, raw.headers, proxies);

  /** Answers true when the request is over. */
  const begin = (request: FastifyRequest, reply: FastifyReply): boolean => {
    // Taken from HTTP already: when an answer comes instead of an upgrade, nobody else ends the connection.
    if (asksForConsole(request.raw)) reply.raw.once('finish', () => request.raw.socket.destroy());
    reply.headers({
      'x-request-id': request.id,
      ...crossOriginHeaders(origins(), request.headers.origin, privateNetwork),
    });
    if (request.raw.rawHeaders.length > 2 * maxHeaderFields) refuse(reply, refusals.badRequest, request.id);
    else if (request.method === 'OPTIONS') reply.code(204).send();
    else return false;
    return true;
  };

  /** @throws RequestRefused */
  const authenticate = (request: FastifyRequest, reply: FastifyReply): void => {
    const { id, secret } = token();
    reply.header('user-agent', `Pelican Wings/v${version} (id:${id.replaceAll(/\W/g, '')})`);
    const verdict = judgeBearer(request.raw, secret);
    if (verdict === 'right') return;
    if (verdict === 'missing') throw new RequestRefused(refusals.noToken);
    throw new RequestRefused(tries.failed(addressOf(request)) ? refusals.tooManyTries : refusals.wrongToken);
  };

  const answerError = (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const isClients =
      !(error instanceof RequestRefused) && ((error as { statusCode?: number }).statusCode ?? 500) < 500;
    const refusal = isClients ? refusals.badRequest : refusalOf(error);
    if (refusal === refusals.internal) {
      const facts = { err: error, requestId: request.id, method: request.method, path: redactedUrl(request.url) };
      log.error(facts, 'a request to the node API failed');
    }
    return refuse(reply, refusal, request.id);
  };

  const end = (request: FastifyRequest, reply: FastifyReply, client: string): void => {
    const ms = Math.round(reply.elapsedTime);
    const { id, method } = request;
    const facts = { client, status: reply.raw.statusCode, ms, requestId: id, method };
    log.debug({ ...facts, path: redactedUrl(request.url) }, 'the node API answered');
    if (!request.raw.complete) cutAfterDrain(request, clock);
  };

  return {
    newId: () => randomUUID(),

    /** A path that cannot even be read is an unknown one. */
    answerUnreadable(_error: unknown, request: FastifyRequest, reply: FastifyReply): void {
      if (begin(request, reply)) return;
      try {
        authenticate(request, reply);
        refuse(reply, refusals.noSuchPath, request.id);
      } catch (error) {
        answerError(error, request, reply);
      }
    },

    attach(app: FastifyInstance): void {
      app.addHook('onRoute', ({ method, url, config }) => {
        if (config?.slashed || url.endsWith('/')) return;
        app.route({ method, url: `${url}/`, config: { slashed: true, open: true }, handler: redirect });
      });
      app.addHook('onRequest', async (request, reply) => {
        request.raw.socket.setTimeout(0);
        // Also of an answer that was cut short, which the framework's own hook does not hear of.
        const client = addressOf(request);
        reply.raw.once('close', () => end(request, reply, client));
        // The media type decides nothing here, and the router refuses what it cannot read.
        if (!request.headers['content-type']?.startsWith('multipart/')) delete request.raw.headers['content-type'];
        if (begin(request, reply)) return reply;
        if (!request.routeOptions.config?.open) authenticate(request, reply);
      });
      app.addHook('onSend', async (request) => {
        request.raw.socket.setTimeout(silenceMs);
      });
      app.setNotFoundHandler((request, reply) => refuse(reply, refusals.noSuchPath, request.id));
      app.setErrorHandler(answerError);
    },
  };
}

/** To the path as it should be. */
async function redirect(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const [path = '', query] = request.url.split(/\?(.*)/s, 2);
  const target = path.replace(/\/$/, '') + (query === undefined ? '' : `?${query}`);
  return reply
    .code(request.method === 'GET' ? 301 : 307)
    .header('location', target)
    .send();
}

/** The answer is out; a client that still sends gets a moment to see it, not the connection for ever. */
function cutAfterDrain({ raw }: FastifyRequest, clock: Clock): void {
  const cancel = clock.after(drainMs, () => {
    if (!raw.complete) raw.socket.destroy();
  });
  raw.once('end', cancel).once('close', cancel).resume();
}

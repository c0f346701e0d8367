// The node API as one thing to start and stop: what a Panel, browsers and our own command line speak with. Stopping tells
// every console socket that the node will be back.
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { ActivityRecorder } from '../../activity/activity.ts';
import type { Bus } from '../../bus/bus.ts';
import type { Clock } from '../../clock/clock.ts';
import type { Config } from '../../config/config.ts';
import type { ConsoleInput } from '../../console/console-input.ts';
import type { ConsoleHistory } from '../../console/history.ts';
import { ConsoleHub } from '../../console/hub.ts';
import type { Admission } from '../../resources/admission.ts';
import type { Logger } from '../../telemetry/log.ts';
import { createWingsApp } from './app.ts';
import { TrustedProxies } from './client-address.ts';
import { ConsoleSockets } from './console-sockets.ts';
import { Origins } from './origins.ts';
import { PowerRequests } from './power-requests.ts';
import type { Revocations } from './revocations.ts';
import type { ServerLookup } from './server-lookup.ts';
import { SocketActions } from './socket-actions.ts';
import { createSocketMetrics } from './socket-metrics.ts';
import { type PlaceLimits, SocketPlaces } from './socket-places.ts';
import { textFrame } from './text-frame.ts';
import { TokenRules } from './token-rules.ts';

export interface WingsServerOptions {
  config: Pick<
    Config,
    'api' | 'appName' | 'token' | 'remote' | 'allowedOrigins' | 'throttles' | 'system' | 'websocket' | 'aileron'
  >;
  log: Logger;
  clock: Clock;
  bus: Bus;
  history: ConsoleHistory;
  input: ConsoleInput;
  activity: ActivityRecorder;
  admission: Pick<Admission, 'patch'>;
  servers: ServerLookup;
  revocations: Revocations;
  registry?: Registry;
  /** Sockets at one time. */
  places?: PlaceLimits;
}

export interface WingsServer {
  /** `port` 0 takes a free one; the one taken is the answer. @throws the listen error, such as EADDRINUSE */
  listen(address: { host: string; port: number }): Promise<{ port: number }>;
  close(): Promise<void>;
}

/** ms for requests in flight after the doors are shut. */
const closeGraceMs = 5_000;

export function createWingsServer(options: WingsServerOptions): WingsServer {
  const { config, log, clock, bus, history, input, admission, servers, revocations, registry, activity } = options;
  const hub = new ConsoleHub({
    bus,
    history,
    clock,
    throttle: { ...config.throttles, intervalMs: config.throttles.lineResetIntervalMs },
    fork: config.websocket,
    activityEvents: config.websocket.activityEvents,
    pastLines: config.system.websocketLogCount,
    appName: config.appName,
    encode: textFrame,
    recorded: (uuid) => servers.byUuid(uuid)?.status ?? (servers.byUuid(uuid) && {}),
  });
  const power = new PowerRequests({ admission, servers, state: (uuid) => hub.state(uuid) });
  const places = new SocketPlaces(clock, options.places);
  const secret = () => config.token.secret;
  const sockets = new ConsoleSockets(
    {
      ...{ clock, log, hub, servers, revocations, secret },
      rules: new TokenRules({ revocations, clock, unscoped: config.aileron.unscopedTokens }),
      actions: new SocketActions({ hub, power, input, activity, clock }),
      appName: config.appName,
      proxies: new TrustedProxies(config.api.trustedProxies),
      metrics: createSocketMetrics(registry, places),
    },
    places,
  );
  let origins = new Origins(config, { host: '', port: 0 });
  let app: FastifyInstance | undefined;
  return {
    async listen({ host, port }) {
      app = await createWingsApp({ clock, log, servers, sockets, places, secret, origins: () => origins });
      await app.listen({ host, port });
      const taken = (app.server.address() as AddressInfo).port;
      origins = new Origins(config, { host, port: taken });
      log.info({ host, port: taken }, 'the node API listens');
      return { port: taken };
    },
    async close() {
      const cancel = clock.after(closeGraceMs, () => app?.server.closeAllConnections());
      await app?.close();
      cancel();
      power.close();
      hub.close();
    },
  };
}

// The node API as one thing to start and stop: what a Panel, browsers and our own command line speak with. Stopping tells
// every console socket that the node will be back.
import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { ActivityRecorder } from '../../activity/activity.ts';
import type { Bus } from '../../bus/bus.ts';
import type { Config } from '../../config/config.ts';
import type { ConsoleInput } from '../../console/console-input.ts';
import type { ConsoleHistory } from '../../console/history.ts';
import { ConsoleHub } from '../../console/hub.ts';
import { aileronVersion } from '../../telemetry/version.ts';
import { createWingsApp, type WingsAppOptions } from './app.ts';
import { followCertificate, loadCertificate } from './certificate-files.ts';
import { TrustedProxies } from './client-address.ts';
import type { ConnectionCap } from './connection-cap.ts';
import { ConsoleSockets } from './console-sockets.ts';
import { Origins } from './origins.ts';
import { PowerRequests } from './power-requests.ts';
import type { RouteDeps } from './route-deps.ts';
import { SignedLinks } from './signed-links.ts';
import { SocketActions } from './socket-actions.ts';
import { createSocketMetrics } from './socket-metrics.ts';
import { type PlaceLimits, SocketPlaces } from './socket-places.ts';
import { textFrame } from './text-frame.ts';
import { countForeignTokens } from './token-metrics.ts';
import { TokenRules } from './token-rules.ts';
import type { UsedTokens } from './used-tokens.ts';

export interface WingsServerOptions
  extends Pick<
    RouteDeps,
    | 'admission'
    | 'applyPanelUpdate'
    | 'archives'
    | 'backups'
    | 'clock'
    | 'diagnostics'
    | 'docker'
    | 'log'
    | 'machine'
    | 'panel'
    | 'restores'
    | 'revocations'
    | 'servers'
    | 'store'
  > {
  /** As it is now, whenever it is read. */
  config: Config;
  bus: Bus;
  history: ConsoleHistory;
  input: ConsoleInput;
  activity: ActivityRecorder;
  used: UsedTokens;
  registry?: Registry;
  /** Sockets at one time. */
  places?: PlaceLimits;
  connections?: ConnectionCap;
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
    features: (uuid) => servers.byUuid(uuid)?.spec.egg,
  });
  const power = new PowerRequests({ admission, servers, state: (uuid) => hub.state(uuid) });
  const places = new SocketPlaces(clock, options.places);
  const secret = () => config.token.secret;
  const { unscopedTokens: unscoped, foreignTokens: foreign } = config.aileron;
  const onForeign = countForeignTokens(registry);
  const rules = new TokenRules({
    ...{ revocations, clock, secret, unscoped, foreign, onForeign },
    remote: () => config.remote,
  });
  const proxies = new TrustedProxies(config.api.trustedProxies);
  const sockets = new ConsoleSockets(
    {
      ...{ clock, log, hub, servers, revocations, secret, rules, proxies },
      actions: new SocketActions({ hub, power, input, activity, clock }),
      appName: config.appName,
      metrics: createSocketMetrics(registry, places),
    },
    places,
  );
  const version = /^\d+\.\d+\.\d+$/.test(aileronVersion) ? aileronVersion : 'develop';
  const closing = new AbortController();
  let origins = new Origins(config, { host: '', port: 0 });
  const routes: Omit<WingsAppOptions, 'tls'> = {
    ...options,
    ...{ rules, proxies, version, sockets, places },
    links: new SignedLinks({ secret, rules, servers, used: options.used, log }),
    origins: () => origins,
    privateNetwork: config.allowCorsPrivateNetwork,
    token: () => config.token,
    state: (uuid) => hub.state(uuid),
    usage: (uuid) => hub.usage(uuid),
    closing: closing.signal,
  };
  let app: FastifyInstance | undefined;
  let stopFollowing = () => {};
  return {
    async listen({ host, port }) {
      const { enabled, cert, key } = config.api.ssl;
      const files = { cert, key };
      app = await createWingsApp({ ...routes, tls: enabled ? await loadCertificate(files) : undefined });
      await app.listen({ host, port });
      const listener = app.server as HttpServer | HttpsServer;
      if ('setSecureContext' in listener)
        stopFollowing = followCertificate({ files, use: (now) => listener.setSecureContext(now), clock, log });
      const taken = (listener.address() as AddressInfo).port;
      origins = new Origins(config, { host, port: taken });
      log.info({ host, port: taken, tls: enabled }, 'the node API listens');
      return { port: taken };
    },
    async close() {
      stopFollowing();
      closing.abort(new Error('the node is stopping'));
      const cancel = clock.after(closeGraceMs, () => app?.server.closeAllConnections());
      await app?.close();
      cancel();
      power.close();
      hub.close();
    },
  };
}

// What the routes of the node API are made of, and what most of them begin with: which server is meant.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Usage } from '../../bus/bus.ts';
import { type Clock, sleep } from '../../clock/clock.ts';
import type { Config } from '../../config/config.ts';
import type { ConsoleInput } from '../../console/console-input.ts';
import type { ConsoleHistory } from '../../console/history.ts';
import type { DockerEngine } from '../../docker/engine.ts';
import type { Machine } from '../../machine/machine.ts';
import type { ObjectStore } from '../../objectstore/object-store.ts';
import type { PanelSync } from '../../panel/sync.ts';
import type { Admission, WriteContext } from '../../resources/admission.ts';
import type { Backup } from '../../resources/backup.ts';
import type { Restore } from '../../resources/restore.ts';
import type { ProcessState, Server } from '../../resources/server.ts';
import type { Store } from '../../store/store.ts';
import type { Logger } from '../../telemetry/log.ts';
import { RequestRefused, refusals } from './http-errors.ts';
import type { Revocations } from './revocations.ts';
import type { ServerLookup } from './server-lookup.ts';
import type { SignedLinks } from './signed-links.ts';
import type { TokenRules } from './token-rules.ts';

export interface RouteDeps {
  /** As it is now: read with each request. */
  config: Config;
  clock: Clock;
  log: Logger;
  servers: ServerLookup;
  store: Pick<Store, 'get'>;
  admission: Pick<Admission, 'create' | 'patch' | 'delete'>;
  archives: Pick<ObjectStore, 'stat' | 'read' | 'delete' | 'list'>;
  /** As far as they are known; `store` is exact. */
  backups: { list(): Backup[] };
  restores: { list(): Restore[] };
  docker: Pick<DockerEngine, 'info' | 'diskUsage' | 'pruneImages' | 'containerLogs'>;
  machine: Machine;
  history: Pick<ConsoleHistory, 'tail'>;
  input: Pick<ConsoleInput, 'has' | 'send'>;
  /** As watchers see them. */
  state(uuid: string): ProcessState;
  usage(uuid: string): Usage | undefined;
  /** Undefined: the node has no Panel. */
  panel: PanelSync | undefined;
  revocations: Revocations;
  rules: TokenRules;
  links: SignedLinks;
  applyPanelUpdate: ApplyPanelUpdate;
  diagnostics: Diagnostics;
  /** `0.1.0` or `develop`. */
  version: string;
  /** Aborted when the node stops. */
  closing: AbortSignal;
}

/** @throws RequestRefused when the Panel sent what cannot be taken, anything else when it could not be kept */
export type ApplyPanelUpdate = (body: unknown) => Promise<{ applied: boolean }>;

export interface DiagnosticsOptions {
  endpoints: boolean;
  logs: boolean;
  logLines: number;
}

export type Diagnostics = (options: DiagnosticsOptions) => Promise<string>;

export interface ServerParams {
  Params: { server: string };
}

/** ms for the store to tell the servers of the node after a start. */
const patienceMs = 10_000;

/** The server of a path, byte for byte; one that is being deleted is not there any more. @throws RequestRefused */
export async function serverAt(
  { servers, clock }: Pick<RouteDeps, 'servers' | 'clock'>,
  uuid: string,
): Promise<Server> {
  await knownServers({ servers, clock });
  const server = servers.byUuid(uuid);
  if (!server || server.metadata.deletionTimestamp) throw new RequestRefused(refusals.noSuchServer);
  return server;
}

/** Whose servers were known once: they stay so, and no later request waits. */
const known = new WeakSet<ServerLookup>();

/** @throws RequestRefused while nobody knows yet which servers there are */
export async function knownServers({ servers, clock }: Pick<RouteDeps, 'servers' | 'clock'>): Promise<void> {
  if (known.has(servers)) return;
  const patience = new AbortController();
  const late = sleep(clock, patienceMs, patience.signal).then(
    () => false,
    () => false,
  );
  const inTime = servers.synced().then(
    () => true,
    () => false,
  );
  const answer = await Promise.race([inTime, late]);
  patience.abort();
  if (!answer) throw new RequestRefused(refusals.notReady);
  known.add(servers);
}

/** A handler that begins with the server of its path. */
export function forServer<Route extends ServerParams>(
  deps: Pick<RouteDeps, 'servers' | 'clock'>,
  handle: (server: Server, request: FastifyRequest<Route>, reply: FastifyReply) => Promise<unknown>,
) {
  return async (request: FastifyRequest<Route>, reply: FastifyReply) => {
    const { server: uuid } = request.params as ServerParams['Params'];
    return handle(await serverAt(deps, uuid), request, reply);
  };
}

/**
 * Whoever has the node's token is the Panel: what is about its servers is its own. Of other servers it may ask what
 * everybody may, and they stay with whom they belong to.
 */
export function panelContext(
  { config, log }: Pick<RouteDeps, 'config' | 'log'>,
  server: Pick<Server, 'spec'>,
): WriteContext {
  const isPanels = server.spec.owner?.kind === 'Panel' && config.remote !== '';
  return {
    by: 'panel',
    owner: isPanels ? { kind: 'Panel', ref: config.remote.slice(0, 1024) } : { kind: 'User', ref: 'panel' },
    dryRun: false,
    fieldValidation: 'Strict',
    warn: (warning) => log.debug({ warning }, 'a wish of the Panel was taken with a warning'),
  };
}

// Installers that nobody looks after: Wings' own, left behind when it was stopped in the middle, and those of a store that
// was lost, get an Installation, which has the server from its first moment and brings them to their end; those whose
// Installation has ended are removed. One of a server that is not of this node is left alone.
import type { Clock } from '../../src/clock/clock.ts';
import {
  installationLabel,
  installerName,
  installerType,
  nodeNameLabel,
} from '../../src/containers/container-labels.ts';
import type { ContainerSummary, DockerEngine } from '../../src/docker/engine.ts';
import type { Admission } from '../../src/resources/admission.ts';
import { InvalidError, OperationConflictError } from '../../src/resources/errors.ts';
import { type Installation, isFinishedInstallation } from '../../src/resources/installation.ts';
import type { Server } from '../../src/resources/server.ts';
import { takeClaim } from '../../src/runtime/claims.ts';
import type { Informer } from '../../src/runtime/informer.ts';
import { AlreadyExistsError } from '../../src/store/errors.ts';
import type { Store } from '../../src/store/store.ts';
import type { Logger } from '../../src/telemetry/log.ts';

export interface LeftoversOptions {
  store: Store;
  docker: Pick<DockerEngine, 'listContainers' | 'removeContainer'>;
  admission: Pick<Admission, 'create'>;
  /** Indexed by `uuid`. */
  servers: Pick<Informer<Server>, 'byIndex' | 'onChange'>;
  feed: { onReachable(handler: () => void): () => void };
  nodeName: string;
  clock: Clock;
  log: Logger;
}

/** Servers come many at a time: one look for all, ms. */
const gatherMs = 1_000;
const retryMs = 30_000;

const wingsServices = ['Pterodactyl', 'Pelican'];

export class Leftovers {
  readonly name = 'installation-leftovers';
  readonly #options: LeftoversOptions;
  #unsubscribe: (() => void)[] = [];
  #cancel: (() => void) | undefined;
  /** Monotonic, ms. */
  #lookAt = 0;
  #looking: Promise<void> | undefined;
  #stopped = false;
  /** A server came since the last look. */
  #due = true;

  constructor(options: LeftoversOptions) {
    this.#options = options;
  }

  /** Whether an installer may be there that no Installation speaks of yet. */
  get pending(): boolean {
    return this.#due || this.#looking !== undefined;
  }

  start(): void {
    const { servers, feed } = this.#options;
    this.#unsubscribe = [
      feed.onReachable(() => this.#soon(gatherMs)),
      servers.onChange(({ type }) => {
        if (type === 'ADDED') this.#soon(gatherMs);
      }),
    ];
    this.#soon(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#cancel?.();
    await this.#looking;
  }

  #soon(ms: number): void {
    const { clock } = this.#options;
    const at = clock.monotonic() + ms;
    this.#due = true;
    if (this.#stopped || (this.#cancel && this.#lookAt <= at)) return;
    this.#cancel?.();
    this.#lookAt = at;
    this.#cancel = clock.after(ms, () => {
      this.#cancel = undefined;
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
        if (this.#due) this.#soon(retryMs);
      });
    });
  }

  async #look(): Promise<void> {
    const { docker, log } = this.#options;
    this.#due = false;
    try {
      for (const container of await docker.listContainers(installerType)) {
        if (this.#stopped) return;
        if (!(await this.#settle(container))) this.#due = true;
      }
    } catch (error) {
      this.#due = true;
      log.debug({ err: error }, 'installers that were left behind could not be looked for');
    }
  }

  /** Answers false when it has to be looked at again. */
  async #settle(container: ContainerSummary): Promise<boolean> {
    const { store, servers, docker, nodeName, log } = this.#options;
    const { id, name, labels } = container;
    const uuid = name.slice(0, 36);
    const [server] = servers.byIndex('uuid', uuid);
    const isOthers = labels[nodeNameLabel] !== undefined && labels[nodeNameLabel] !== nodeName;
    const isKnown = wingsServices.includes(labels['Service'] ?? '') && name === installerName(uuid);
    if (!server || server.metadata.deletionTimestamp || isOthers || !isKnown) return true;
    const { items } = await store.list<Installation>('Installation');
    const ofServer = items.filter(({ spec }) => spec.serverRef.uuid === uuid);
    const unfinished = ofServer.find((installation) => !isFinishedInstallation(installation));
    if (unfinished) return this.#claimFor(unfinished);
    if (ofServer.some(({ metadata }) => metadata.uid === labels[installationLabel])) {
      await docker.removeContainer(id, { force: true });
      log.info({ server: uuid }, 'an installer that was left behind was removed');
      return true;
    }
    return this.#adopt(server, id);
  }

  async #adopt(server: Server, containerId: string): Promise<boolean> {
    const { admission, log } = this.#options;
    const { name } = server.metadata;
    const by = 'installation-leftovers';
    const object = {
      metadata: { name: `${name.slice(0, 200)}-adopted-${containerId.slice(0, 12)}` },
      spec: { serverRef: { name }, reinstall: true, adoptContainerId: containerId },
    };
    try {
      const made = await admission.create('Installation', object, {
        ...{ by, owner: server.spec.owner ?? { kind: 'User', ref: by }, dryRun: false, fieldValidation: 'Strict' },
        warn: () => {},
      });
      log.info({ server: server.spec.uuid, container: containerId }, 'an installer that was left behind is taken over');
      return await this.#claimFor(made as Installation);
    } catch (error) {
      if (error instanceof AlreadyExistsError) return true;
      if (error instanceof OperationConflictError) return false;
      if (!(error instanceof InvalidError)) throw error;
      log.warn({ err: error, server: server.spec.uuid }, 'an installer that was left behind cannot be taken over');
      return true;
    }
  }

  /** Its own controller would take the claim a moment later: in that moment the game could be started beside it. */
  async #claimFor({ metadata, spec, status }: Installation): Promise<boolean> {
    if (status?.phase !== undefined && status.phase !== 'Pending') return true;
    const { name, uid } = metadata;
    return (await takeClaim(this.#options, spec.serverRef.name, { kind: 'Installation', name, uid })).taken;
  }
}

// Writes one server of the Panel into the store through admission. Guarantees: what an older answer says never lies over a
// newer one; a server that was deleted is not made again by an answer from before, and for some minutes only when the Panel
// creates it; objects of another node are left alone; of an object whose record is bad the last good configuration stays,
// with a condition that says why.
import { isDeepStrictEqual } from 'node:util';
import { type Clock, timestamp } from '../clock/clock.ts';
import type { Flavour } from '../config/config.ts';
import type { Admission, WriteContext } from '../resources/admission.ts';
import { findCondition, removeCondition, setCondition } from '../resources/conditions.ts';
import { ForbiddenError, InvalidError, UnknownFieldsError } from '../resources/errors.ts';
import type { EventRecorder } from '../resources/event.ts';
import type { Server } from '../resources/server.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import { mutateStatus } from '../runtime/status.ts';
import { AlreadyExistsError, ConflictError, NotFoundError } from '../store/errors.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/log.ts';
import { BadRecordError, type PanelSpec, readServer, type ServerRecord, uuidOfRecord } from './server-record.ts';

export interface ServerWriterOptions {
  store: Store;
  admission: Pick<Admission, 'create' | 'update'>;
  events: EventRecorder;
  nodeName: string;
  remote: string;
  flavour: Flavour;
  clock: Clock;
  log: Logger;
}

/** `ignored`: an older answer, a server that leaves or has just left, or one of another node. */
export type WriteResult = 'written' | 'unchanged' | 'ignored';

/** Its status says why the last record of the Panel was not taken. Absent otherwise. */
export const configurationCondition = 'ConfigurationAccepted';

/** Status writes of controllers come in between. */
const maxAttempts = 16;

/** Servers that are remembered to have been deleted; answers older than that many deletions do not come any more. */
const mostDeleted = 10_000;

/** More servers than any node has. */
const mostAnswers = 20_000;

/**
 * The Panel has our answer to a deletion before it removes its own row: so long a list may still name the server. Of this
 * daemon's life: a start takes longer than the Panel does, and one that did not remove its row means to keep the server.
 */
const deletionSettlesMs = 300_000;

export class ServerWriter {
  readonly #options: ServerWriterOptions;
  readonly #context: WriteContext;
  #tickets = 0;
  /** Of the newest answer that was taken, by uuid. */
  readonly #newest = new BoundedMap<string, number>(mostAnswers);
  /** The newest ticket at that moment, and the moment, monotonic in ms. */
  readonly #deleted = new BoundedMap<string, { ticket: number; at: number }>(mostDeleted);
  /** What was said of each bad record, so that it is said once. */
  readonly #refused = new Map<string, string>();

  constructor(options: ServerWriterOptions) {
    this.#options = options;
    const { remote, log } = options;
    this.#context = {
      by: 'panel',
      owner: { kind: 'Panel', ref: remote.slice(0, 1024) },
      dryRun: false,
      fieldValidation: 'Strict',
      warn: (warning) => log.debug({ warning }, 'a server of the Panel was taken with a warning'),
    };
  }

  /** To be taken before the Panel is asked: it says how old the answer is. */
  ticket(): number {
    this.#tickets += 1;
    return this.#tickets;
  }

  /** Of the newest answer about this server, 0 = none yet. */
  newestOf(uuid: string): number {
    return this.#newest.get(uuid) ?? 0;
  }

  /** To be called for each Server that is gone. */
  gone({ spec }: Server): void {
    const { uuid } = spec;
    if (!uuid) return;
    this.#newest.delete(uuid);
    this.#refused.delete(uuid);
    this.#deleted.set(uuid, { ticket: this.#tickets, at: this.#options.clock.monotonic() });
  }

  /** Of servers that the Panel does not speak of any more. The uuid is empty for records without one. */
  forgetRefused(isGone: (uuid: string) => boolean): void {
    for (const uuid of this.#refused.keys()) if (isGone(uuid)) this.#refused.delete(uuid);
  }

  /** Servers whose last record could not be taken. */
  get refused(): number {
    return this.#refused.size;
  }

  /**
   * `created`: the Panel has just asked for this server, so one that was deleted a moment ago comes back.
   * @throws BadRecordError, and what the store throws
   */
  async write(record: unknown, ticket: number, { created = false } = {}): Promise<WriteResult> {
    const uuid = uuidOfRecord(record);
    if (uuid !== undefined) {
      if (this.#isOld(uuid, ticket)) return 'ignored';
      this.#newest.set(uuid, ticket);
    }
    try {
      const server = readServer(record, this.#options.flavour);
      const result = await this.#put(server, ticket, created);
      if (!this.#isOld(server.uuid, ticket)) await this.#accepted(server, ticket);
      return result;
    } catch (error) {
      const bad = badRecordOf(error, record);
      if (!bad) throw error;
      if (uuid !== undefined && this.#isOld(uuid, ticket)) return 'ignored';
      await this.#complain(bad, ticket);
      throw bad;
    }
  }

  #isOld(uuid: string, ticket: number): boolean {
    return ticket < this.newestOf(uuid) || ticket <= (this.#deleted.get(uuid)?.ticket ?? 0);
  }

  #hasJustLeft(uuid: string): boolean {
    const deleted = this.#deleted.get(uuid);
    return deleted !== undefined && this.#options.clock.monotonic() - deleted.at < deletionSettlesMs;
  }

  async #put(server: ServerRecord, ticket: number, created: boolean): Promise<WriteResult> {
    const { store, nodeName, log } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const current = await store.get<Server>('Server', server.uuid);
      if (this.#isOld(server.uuid, ticket)) return 'ignored';
      if (current?.metadata.deletionTimestamp) return 'ignored';
      if (!current && !created && this.#hasJustLeft(server.uuid)) return 'ignored';
      if (current && current.spec.nodeName !== undefined && current.spec.nodeName !== nodeName) {
        log.warn({ server: server.uuid, node: current.spec.nodeName }, 'a server of another node is left alone');
        return 'ignored';
      }
      try {
        return current ? await this.#update(current, server) : await this.#create(server);
      } catch (error) {
        const raced = [AlreadyExistsError, NotFoundError, ConflictError].some((kind) => error instanceof kind);
        if (!raced || attempt >= maxAttempts) throw error;
      }
    }
  }

  async #create({ uuid, spec, notes }: ServerRecord): Promise<WriteResult> {
    const { admission, log } = this.#options;
    await admission.create('Server', { metadata: { name: uuid }, spec }, this.#context);
    log.info({ server: uuid, notes }, 'a server of the Panel is new here');
    return 'written';
  }

  /** Bound to the version that was read, so that labels of somebody else are not lost. */
  async #update(current: Server, { uuid, spec, notes }: ServerRecord): Promise<WriteResult> {
    const { admission, remote, log } = this.#options;
    const { owner } = current.spec;
    if (owner?.kind === 'Panel' && owner.ref === remote.slice(0, 1024) && isSame(current, spec)) return 'unchanged';
    const { name, resourceVersion, labels, annotations, finalizers, ownerReferences } = current.metadata;
    const kept = { ...(labels && { labels }), ...(annotations && { annotations }), ...(finalizers && { finalizers }) };
    const metadata = { name, resourceVersion, ...kept, ...(ownerReferences && { ownerReferences }) };
    await admission.update('Server', name, { metadata, spec }, this.#context);
    log.info({ server: uuid, notes }, 'the Panel changed a server');
    return 'written';
  }

  async #accepted({ uuid }: ServerRecord, ticket: number): Promise<void> {
    this.#refused.delete(uuid);
    const { store } = this.#options;
    const present = await store.get<Server>('Server', uuid);
    if (!findCondition(present?.status?.conditions, configurationCondition)) return;
    await mutateStatus<Server>(store, 'Server', uuid, (status) => {
      if (status.conditions && !this.#isOld(uuid, ticket)) removeCondition(status.conditions, configurationCondition);
    });
  }

  /** Said once for each fault: log, Event, and a condition where there is an object. */
  async #complain({ uuid, message }: BadRecordError, ticket: number): Promise<void> {
    const { store, events, clock, log, nodeName } = this.#options;
    if (this.#refused.get(uuid ?? '') === message) return;
    if (this.#refused.size < mostDeleted) this.#refused.set(uuid ?? '', message);
    log.warn({ server: uuid, reason: message }, 'a server of the Panel cannot be taken as it is');
    const sentence = `The configuration that the Panel sent cannot be used: ${message}.`;
    const server = uuid ? await this.#ofThisNode(uuid) : undefined;
    if (!server) {
      const node = await store.get('Node', nodeName);
      const about = { apiVersion: 'aileron.dev/v1', kind: 'Node', name: nodeName, uid: node?.metadata.uid ?? '' };
      events.event(about, 'Warning', 'PanelServerRefused', `Server ${uuid ?? 'without a uuid'}: ${sentence}`);
      return;
    }
    const { name, uid, generation: observedGeneration } = server.metadata;
    await mutateStatus<Server>(store, 'Server', name, (status) => {
      if (this.#isOld(server.spec.uuid ?? '', ticket)) return;
      status.conditions ??= [];
      const condition = { type: configurationCondition, status: 'False', reason: 'Refused' } as const;
      setCondition(status.conditions, { ...condition, message: sentence, observedGeneration }, timestamp(clock));
    });
    const about = { apiVersion: server.apiVersion, kind: server.kind, name, uid };
    events.event(about, 'Warning', 'ConfigurationRefused', sentence);
  }

  async #ofThisNode(uuid: string): Promise<Server | undefined> {
    const { store, nodeName } = this.#options;
    const server = await store.get<Server>('Server', uuid);
    return server && (server.spec.nodeName ?? nodeName) === nodeName ? server : undefined;
  }
}

/** What the Panel does not say was made here. An order of variables alone is no change, to the store neither. */
function isSame({ spec }: Server, wanted: PanelSpec): boolean {
  const { power: _power, nodeName: _node, owner: _owner, ...present } = spec;
  return isDeepStrictEqual(present, wanted);
}

/** Faults of what was sent, as against faults of the store. */
function badRecordOf(error: unknown, record: unknown): BadRecordError | undefined {
  if (error instanceof BadRecordError) return error;
  const isRefusal = [InvalidError, ForbiddenError, UnknownFieldsError].some((kind) => error instanceof kind);
  return isRefusal ? new BadRecordError(uuidOfRecord(record), (error as Error).message.slice(0, 900)) : undefined;
}

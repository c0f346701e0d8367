// The source of a Panel's servers over a store in memory, with a Panel that says what a test puts there and a clock that a
// test turns.
import type { TestContext } from 'node:test';
import { Registry } from 'prom-client';
import type { Flavour } from '../../../src/config/config.ts';
import type { PanelApi, ServerPage } from '../../../src/panel/panel-api.ts';
import { PanelResponseError, PanelUnreachableError } from '../../../src/panel/panel-errors.ts';
import { PanelSource } from '../../../src/panel/panel-source.ts';
import { repeatedly } from '../../../src/panel/retry.ts';
import { ServerWriter } from '../../../src/panel/server-writer.ts';
import { findCondition } from '../../../src/resources/conditions.ts';
import type { Node } from '../../../src/resources/node.ts';
import type { Server } from '../../../src/resources/server.ts';
import { Informer } from '../../../src/runtime/informer.ts';
import { createRuntimeMetrics } from '../../../src/runtime/metrics.ts';
import { AdmissionBench, thisNode, uuidOf } from '../an-admission.ts';
import { settle } from '../fake-clock.ts';
import { recordedLog } from '../recorded-log.ts';
import { type RecordParts, serverRecord } from './server-record.ts';

export const remote = 'https://panel.example';

export function aRefusal(status: number, detail = 'no'): PanelResponseError {
  return new PanelResponseError(status, { code: 'HttpException', detail, fields: [] });
}

export interface SourceBenchOptions {
  flavour?: Flavour;
  perPage?: number;
  /** Default: no list without a reason. */
  listEveryMs?: number;
}

export class SourceBench {
  readonly admission = new AdmissionBench();
  readonly log = recordedLog();
  /** `name reason: message` */
  readonly events: string[] = [];
  readonly registry = new Registry();
  readonly flavour: Flavour;
  readonly servers: Informer<Server>;
  source: PanelSource;
  /** What the Panel lists, in its order. */
  records: unknown[] = [];
  /** What a page is instead of a slice of `records`. */
  page: ((page: number, signal: AbortSignal) => Promise<ServerPage>) | undefined;
  /** What a call for one server ends in instead of its record. */
  single: ((uuid: string, signal: AbortSignal) => Promise<unknown>) | undefined;
  /** Thrown by every call. */
  away: Error | undefined;
  /** Calls for one server are repeated, as the client does. */
  patient = false;
  lists = 0;
  /** Calls for one server, each try counted. */
  asked = 0;
  open = 0;
  mostOpen = 0;
  readonly #perPage: number;
  readonly #listEveryMs: number;

  private constructor({ flavour = 'pelican', perPage = 50, listEveryMs = 0 }: SourceBenchOptions) {
    const { store, clock } = this.admission;
    const metrics = createRuntimeMetrics(this.registry);
    this.flavour = flavour;
    this.#perPage = perPage;
    this.#listEveryMs = listEveryMs;
    this.servers = new Informer<Server>({
      ...{ store, clock, metrics, kind: 'Server', log: this.log },
      indexes: { uuid: ({ spec }) => [spec.uuid ?? ''] },
    });
    this.source = this.#build();
  }

  static async make(t: TestContext, options: SourceBenchOptions = {}): Promise<SourceBench> {
    const bench = new SourceBench(options);
    const { store } = bench.admission;
    await store.create({ apiVersion: 'aileron.dev/v1', kind: 'Node', metadata: { name: thisNode } });
    bench.servers.start();
    await bench.servers.synced();
    t.after(async () => {
      await bench.source.stop();
      bench.source.close();
      await bench.servers.stop();
    });
    return bench;
  }

  /** Lists once, or fails to. */
  async start(): Promise<void> {
    this.source.start();
    await this.rest();
  }

  /** As the next daemon over the same store. */
  async restart(): Promise<void> {
    await this.source.stop();
    this.source.close();
    this.source = this.#build();
    await this.start();
  }

  async rest(ms = 50): Promise<void> {
    await this.advance(ms);
  }

  /** What is under way, a list of many pages, comes to its next wait before and after. */
  async advance(ms: number): Promise<void> {
    await settle(100);
    await this.admission.clock.advance(ms);
    await settle(100);
  }

  record(number: number, parts: RecordParts = {}): Record<string, unknown> {
    const uuid = uuidOf(number);
    return { uuid, ...(serverRecord(this.flavour, { id: number, uuid, ...parts }) as object) };
  }

  server(number: number): Promise<Server | undefined> {
    return this.admission.store.get<Server>('Server', uuidOf(number));
  }

  async condition(number: number, type: string): Promise<string | undefined> {
    const found = findCondition((await this.server(number))?.status?.conditions, type);
    return found && `${found.status} ${found.reason}: ${found.message}`;
  }

  async node(): Promise<Node['status']> {
    return (await this.admission.store.get<Node>('Node', thisNode))?.status;
  }

  async reachable(): Promise<string | undefined> {
    // It is written behind everything else.
    await this.advance(1);
    const found = findCondition((await this.node())?.conditions, 'PanelReachable');
    return found && `${found.status} ${found.reason}: ${found.message}`;
  }

  #build(): PanelSource {
    const { store, clock, admission } = this.admission;
    const { log, flavour, servers } = this;
    const events = {
      event: (about: { name: string }, _type: string, reason: string, message: string) =>
        void this.events.push(`${about.name} ${reason}: ${message}`),
    };
    const parts = { store, admission, events, nodeName: thisNode, remote, flavour, clock, log };
    const writer = new ServerWriter(parts);
    return new PanelSource({
      ...{ ...parts, api: this.#api(), servers, writer, random: () => 1 },
      ...{ perPage: this.#perPage, listEveryMs: this.#listEveryMs },
    });
  }

  #api(): Pick<PanelApi, 'servers' | 'server'> {
    return {
      servers: (page, perPage, signal) =>
        this.#call(async () => {
          if (page === 0) this.lists += 1;
          if (this.page) return this.page(page, signal);
          const number = Math.max(1, page);
          const from = (number - 1) * perPage;
          return {
            records: structuredClone(this.records.slice(from, from + perPage)),
            currentPage: number,
            lastPage: Math.max(1, Math.ceil(this.records.length / perPage)),
            total: this.records.length,
          };
        }),
      server: (uuid, signal, mayRepeat = () => true) =>
        this.#repeated(mayRepeat, signal, async () => {
          if (this.single) return this.single(uuid, signal);
          const found = this.records.find((record) => (record as { uuid?: string } | null)?.uuid === uuid);
          if (!found) throw aRefusal(404);
          return structuredClone(found);
        }),
    };
  }

  /** With the pauses of the client, when `patient`. */
  #repeated<T>(mayRepeat: () => boolean, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const { clock } = this.admission;
    const attempt = () => {
      this.asked += 1;
      return this.#call(work);
    };
    if (!this.patient) return attempt();
    return repeatedly(attempt, { clock, random: () => 0.5, mayRepeat }, signal);
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    this.open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    try {
      await settle(1);
      if (this.away) throw this.away;
      return await work();
    } finally {
      this.open -= 1;
    }
  }
}

export const noAnswer = new PanelUnreachableError('the Panel cannot be reached: refused');

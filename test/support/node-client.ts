// The kube API as a program uses it: TLS with the node's authority, the bearer token, JSON. One method a verb.
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import type { Event } from '../../src/resources/event.ts';
import type { StoredObject } from '../../src/resources/object.ts';
import type { PowerAction, Server, ServerSpec } from '../../src/resources/server.ts';
import { until } from './until.ts';

export interface NodeClientOptions {
  port: number;
  /** The directory with `ca.crt` and `token`. */
  pki: string;
  /** For a daemon whose clock is another one: who signed the certificate is checked all the same. */
  ignoreTime?: boolean;
  /** Awaited behind what was waited for: resolves when whoever listens to the daemon has heard what the API told. */
  caughtUp?: () => Promise<void>;
}

/** An answer that is no success. `status` is the Kubernetes Status. */
export class ApiError extends Error {
  readonly code: number;
  readonly status: Record<string, unknown>;

  constructor(code: number, status: Record<string, unknown>) {
    super(`${code} ${JSON.stringify(status)}`);
    this.code = code;
    this.status = status;
  }
}

const servers = '/apis/aileron.dev/v1/servers';
const requestTimeoutMs = 15_000;
const patienceMs = 30_000;

export class NodeClient {
  readonly #port: number;
  readonly #token: string;
  readonly #agent: Agent;
  readonly #caughtUp: () => Promise<void>;

  constructor({ port, pki, ignoreTime = false, caughtUp = async () => {} }: NodeClientOptions) {
    this.#port = port;
    this.#caughtUp = caughtUp;
    this.#token = readFileSync(join(pki, 'token'), 'utf8').trim();
    const ca = readFileSync(join(pki, 'ca.crt'), 'utf8');
    this.#agent = new Agent({ ca, keepAlive: true, rejectUnauthorized: !ignoreTime });
  }

  /** `undefined`: there is none of that name. */
  async get(name: string): Promise<Server | undefined> {
    try {
      return (await this.call('GET', `${servers}/${name}`)) as Server;
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return undefined;
      throw error;
    }
  }

  /** Every object of a plural, such as `servers`. */
  async list(plural: 'servers' | 'nodes'): Promise<StoredObject[]> {
    return ((await this.call('GET', `/apis/aileron.dev/v1/${plural}`)) as { items: StoredObject[] }).items;
  }

  async events(): Promise<Event[]> {
    return ((await this.call('GET', '/api/v1/namespaces/default/events')) as { items: Event[] }).items;
  }

  /** Reasons of the Events about a server, in no order. */
  async reasons(name: string): Promise<string[]> {
    return (await this.events()).flatMap(({ involvedObject, reason }) =>
      involvedObject.name === name ? [reason] : [],
    );
  }

  async create(name: string, spec: ServerInput): Promise<Server> {
    const object = { apiVersion: 'aileron.dev/v1', kind: 'Server', metadata: { name }, spec };
    return (await this.call('POST', servers, object)) as Server;
  }

  async patch(name: string, patch: object): Promise<Server> {
    return (await this.call('PATCH', `${servers}/${name}`, patch)) as Server;
  }

  /** Answers the id of the request. */
  async power(name: string, action: PowerAction): Promise<string> {
    const server = await this.patch(name, { spec: { power: { request: { action } } } });
    return server.spec.power.request?.id ?? '';
  }

  async powerAndFinish(name: string, action: PowerAction, ms = patienceMs): Promise<Server> {
    const id = await this.power(name, action);
    return this.until(name, `${action} is finished`, ({ status }) => status?.power?.finishedRequest === id, ms);
  }

  async delete(name: string): Promise<void> {
    await this.call('DELETE', `${servers}/${name}`);
  }

  untilState(name: string, state: string, ms = patienceMs): Promise<Server> {
    return this.until(name, `the state is ${state}`, ({ status }) => status?.state === state, ms);
  }

  async until(name: string, what: string, wanted: (server: Server) => boolean, ms = patienceMs): Promise<Server> {
    let last: Server | undefined;
    try {
      const found = await until(what, ms, async () => {
        last = await this.get(name);
        return last !== undefined && wanted(last) && last;
      });
      await this.#caughtUp();
      return found;
    } catch (error) {
      throw new Error(`${name}: ${what}; it is ${JSON.stringify(last?.status)}`, { cause: error });
    }
  }

  async untilGone(name: string, ms = patienceMs): Promise<void> {
    await until(`${name} is gone`, ms, async () => (await this.get(name)) === undefined);
  }

  /** @throws ApiError, or what the connection says */
  call(method: string, path: string, body?: object): Promise<unknown> {
    const payload = body === undefined ? '' : JSON.stringify(body);
    const headers = {
      Authorization: `Bearer ${this.#token}`,
      'Content-Type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      'Content-Length': Buffer.byteLength(payload),
    };
    const to = { host: '127.0.0.1', port: this.#port, method, path, agent: this.#agent, timeout: requestTimeoutMs };
    return new Promise((resolve, reject) => {
      const call = request({ ...to, headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (piece: string) => {
          text += piece;
        });
        answer.on('error', reject);
        answer.on('end', () => {
          const json = JSON.parse(text) as Record<string, unknown>;
          const code = answer.statusCode ?? 0;
          if (code < 300) resolve(json);
          else reject(new ApiError(code, json));
        });
      });
      call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer`)));
      call.on('error', reject);
      call.end(payload);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** What a writer says of a server: the rest has defaults. */
export type ServerInput = Partial<Omit<ServerSpec, 'limits' | 'egg' | 'power' | 'allocations'>> & {
  limits?: Partial<ServerSpec['limits']>;
  allocations?: Partial<ServerSpec['allocations']>;
  egg?: Partial<ServerSpec['egg']>;
  power?: Partial<ServerSpec['power']>;
};

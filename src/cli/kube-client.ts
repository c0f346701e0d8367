// The kube API as the commands use it: one method a verb, answers bounded, every failure one sentence with an exit code.
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { KindDefinition } from '../resources/kinds.ts';
import type { StoredObject } from '../resources/object.ts';
import { CliError, type ExitCode, exitCodes } from './exit-codes.ts';
import type { NodeAccess } from './node-access.ts';
import { safeText } from './safe-text.ts';

export interface ListOf<T> {
  metadata: { resourceVersion: string };
  items: T[];
}

/** A Kubernetes `Table`: what a list looks like for people. */
export interface Table {
  metadata: { resourceVersion: string };
  /** Empty when an earlier table of the same watch has said it. */
  columnDefinitions: { name: string; type: string; priority: number }[];
  rows: { cells: unknown[]; object: StoredObject | null }[];
}

export interface Selection {
  labels?: string | undefined;
  fields?: string | undefined;
}

export interface WriteOptions {
  dryRun?: boolean | undefined;
}

export interface OpenOptions {
  signal: AbortSignal;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  /** ms until the node has to answer; what it has to look for first may take longer than usual. */
  patienceMs?: number;
}

export type WatchEvent<T> = { type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; object: T };

/** An answer of the API that is no success. */
export class ApiError extends CliError {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message, { exitCode: exitCodeOf(status) });
    this.name = 'ApiError';
    this.status = status;
    this.reason = reason;
  }
}

const timeoutMs = 30_000;
const keepAliveMs = 15_000;
/** A list of thousands of servers stays far below it. */
const maxAnswerBytes = 256 * 1024 * 1024;
const tableType = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const mergePatchType = 'application/merge-patch+json';

export class KubeClient {
  readonly #access: NodeAccess;
  readonly #agent: Agent;

  constructor(access: NodeAccess) {
    this.#access = access;
    const { ca, clientCertificate } = access;
    this.#agent = new Agent({
      keepAlive: true,
      minVersion: 'TLSv1.2',
      ...(ca ? { ca } : {}),
      ...(clientCertificate ? { cert: clientCertificate.certificate, key: clientCertificate.key } : {}),
    });
  }

  /** @throws ApiError; of status 404 when there is none */
  async get<T = StoredObject>(kind: KindDefinition, name: string): Promise<T> {
    return (await this.json('GET', pathOf(kind, name))) as T;
  }

  async find<T = StoredObject>(kind: KindDefinition, name: string): Promise<T | undefined> {
    try {
      return await this.get<T>(kind, name);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  async list<T = StoredObject>(kind: KindDefinition, selection: Selection = {}): Promise<ListOf<T>> {
    return (await this.json('GET', pathOf(kind) + queryOf(selection))) as ListOf<T>;
  }

  /** With the objects themselves when `objects`. */
  async table(kind: KindDefinition, selection: Selection & { objects?: boolean } = {}): Promise<Table> {
    const query = queryOf(selection, selection.objects ? { includeObject: 'Object' } : {});
    return (await this.json('GET', pathOf(kind) + query, { accept: tableType })) as Table;
  }

  async create(kind: KindDefinition, object: object, options: WriteOptions = {}): Promise<StoredObject> {
    return (await this.json('POST', pathOf(kind) + writeQuery(options), { body: object })) as StoredObject;
  }

  /** RFC 7396. */
  async patch(kind: KindDefinition, name: string, patch: object, options: WriteOptions = {}): Promise<StoredObject> {
    const path = pathOf(kind, name) + writeQuery(options);
    return (await this.json('PATCH', path, { body: patch, contentType: mergePatchType })) as StoredObject;
  }

  /** Returns when the deletion is recorded; an object with finalizers stays until its controller has done its work. */
  async delete(kind: KindDefinition, name: string, uid?: string): Promise<void> {
    const body = uid === undefined ? {} : { body: { preconditions: { uid } } };
    await this.json('DELETE', pathOf(kind, name), body);
  }

  watch(
    kind: KindDefinition,
    from: string,
    options: Selection & { signal: AbortSignal; table: true; objects?: boolean },
  ): AsyncIterable<WatchEvent<Table>>;
  watch<T = StoredObject>(
    kind: KindDefinition,
    from: string,
    options: Selection & { signal: AbortSignal },
  ): AsyncIterable<WatchEvent<T>>;
  /** Changes after a revision, until the signal or the node ends it. @throws ApiError; Expired when `from` is forgotten */
  async *watch(
    kind: KindDefinition,
    from: string,
    options: Selection & { signal: AbortSignal; table?: true; objects?: boolean },
  ): AsyncIterable<WatchEvent<unknown>> {
    const extra = {
      watch: '1',
      resourceVersion: from,
      allowWatchBookmarks: 'true',
      ...(options.objects ? { includeObject: 'Object' } : {}),
    };
    const path = pathOf(kind) + queryOf(options, extra);
    const answer = await this.#send('GET', path, {
      signal: options.signal,
      ...(options.table ? { accept: tableType } : {}),
    });
    if (answer.statusCode !== 200) throw refusal(answer, await readAll(answer));
    try {
      for await (const line of linesOf(answer)) {
        const { type, object } = JSON.parse(line) as WatchEvent<unknown> & { type: string };
        if ((type as string) === 'ERROR') throw errorOf(object, 500);
        yield { type, object };
      }
    } catch (error) {
      if (options.signal.aborted) return;
      throw error instanceof CliError ? error : this.#unreachable(error);
    } finally {
      answer.destroy();
    }
  }

  /**
   * The bytes below an object, such as the archive of a backup; read them, or abort the signal.
   * @throws ApiError, CliError (unreachable)
   */
  async open(kind: KindDefinition, name: string, subresource: string, options: OpenOptions): Promise<IncomingMessage> {
    const { query = {}, ...rest } = options;
    const path = `${pathOf(kind, name)}/${subresource}${queryOf({}, query)}`;
    const answer = await this.#send('GET', path, { accept: '*/*', ...rest });
    if ((answer.statusCode ?? 0) >= 300) throw refusal(answer, await readAll(answer));
    return answer;
  }

  /** Any path of the API. @throws ApiError, CliError (unreachable) */
  async json(
    method: string,
    path: string,
    options: { body?: object; accept?: string; contentType?: string } = {},
  ): Promise<unknown> {
    const answer = await this.#send(method, path, options);
    const text = await readAll(answer).catch((error: unknown) => {
      throw this.#unreachable(error);
    });
    if ((answer.statusCode ?? 0) >= 300) throw refusal(answer, text);
    return JSON.parse(text);
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(
    method: string,
    path: string,
    options: {
      body?: object;
      accept?: string;
      contentType?: string;
      signal?: AbortSignal;
      headers?: Record<string, string>;
      patienceMs?: number;
    },
  ): Promise<IncomingMessage> {
    const { body, accept = 'application/json', contentType = 'application/json', signal } = options;
    const { patienceMs = timeoutMs } = options;
    const bytes = body === undefined ? '' : JSON.stringify(body);
    const { origin, token } = this.#access;
    const headers = {
      accept,
      'user-agent': 'aileron-cli',
      'content-length': Buffer.byteLength(bytes),
      ...(bytes === '' ? {} : { 'content-type': contentType }),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...options.headers,
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(`${origin}${path}`, {
        method,
        headers,
        agent: this.#agent,
        ...(signal ? { signal } : {}),
      });
      const timer = setTimeout(() => outgoing.destroy(new Error(`no answer in ${patienceMs / 1_000} s`)), patienceMs);
      outgoing.on('socket', (socket) => socket.setKeepAlive(true, keepAliveMs));
      outgoing.on('close', () => clearTimeout(timer));
      outgoing.on('error', (error) => reject(this.#unreachable(error)));
      outgoing.on('response', (answer) => {
        if (signal) clearTimeout(timer); // a watch has no end, and bytes take their time
        resolve(answer);
      });
      outgoing.end(bytes);
    });
  }

  #unreachable(error: unknown): CliError {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ECONNREFUSED' ? 'nobody listens there' : message;
    const remedy = /CERT|SIGNATURE|ISSUER|ALTNAME|SELF_SIGNED/.test(code ?? '')
      ? 'its certificate is not of the authority that was given: make a new kubeconfig on the node'
      : 'is the daemon running? aileron doctor says more';
    return new CliError(`The node at ${this.#access.origin} does not answer: ${why}; ${remedy}.`, {
      exitCode: exitCodes.unreachable,
      cause: error,
    });
  }
}

function pathOf({ group, version, plural, namespaced }: KindDefinition, name?: string): string {
  const base = group ? `/apis/${group}/${version}` : `/api/${version}`;
  const collection = `${base}${namespaced ? '/namespaces/default' : ''}/${plural}`;
  return name === undefined ? collection : `${collection}/${encodeURIComponent(name)}`;
}

function queryOf({ labels, fields }: Selection, extra: Record<string, string> = {}): string {
  const query = new URLSearchParams(extra);
  if (labels) query.set('labelSelector', labels);
  if (fields) query.set('fieldSelector', fields);
  return query.size > 0 ? `?${query}` : '';
}

function writeQuery({ dryRun }: WriteOptions): string {
  return `?fieldValidation=Strict&fieldManager=aileron${dryRun ? '&dryRun=All' : ''}`;
}

function refusal(answer: IncomingMessage, text: string): ApiError {
  const code = answer.statusCode ?? 0;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // Not our API: the code alone has to do.
  }
  return errorOf(body, code);
}

function errorOf(body: unknown, fallback: number): ApiError {
  const { code, reason, message } = (body ?? {}) as { code?: unknown; reason?: unknown; message?: unknown };
  const status = typeof code === 'number' ? code : fallback;
  const said = typeof message === 'string' && message !== '' ? safeText(message) : `the node answered with ${status}`;
  const explained =
    status === 401 ? 'The node does not accept these credentials; make a new kubeconfig on the node.' : sentence(said);
  return new ApiError(status, typeof reason === 'string' ? reason : '', explained);
}

function sentence(text: string): string {
  const begun = /^[a-z]+(?:\s|$)/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

function exitCodeOf(status: number): ExitCode {
  if (status === 404) return exitCodes.notFound;
  if ([400, 401, 403, 405, 409, 413, 415, 422].includes(status)) return exitCodes.refused;
  return status === 503 ? exitCodes.unreachable : exitCodes.failed;
}

async function readAll(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer) {
    length += (chunk as Buffer).length;
    if (length > maxAnswerBytes) throw new Error(`the answer is longer than ${maxAnswerBytes} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function* linesOf(answer: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  answer.setEncoding('utf8');
  for await (const piece of answer) {
    const lines = (rest + String(piece)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maxAnswerBytes) throw new Error('a line of the watch is too long');
    for (const line of lines) if (line !== '') yield line;
  }
}

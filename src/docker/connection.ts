// Calls to one engine: API version negotiated and negotiated again after an outage, a deadline on every ordinary call,
// answers read up to a bound, and each failure told as DockerError (Docker said no) or DockerUnreachableError.
import type { Duplex, Readable } from 'node:stream';
import type { Clock } from '../clock/clock.ts';
import { abortable, destroyedBy, readAll, refusal, tieTo, unreadable } from './answer.ts';
import type { Endpoint } from './endpoint.ts';
import { DockerError, DockerUnreachableError } from './engine.ts';
import { object, text } from './json.ts';
import { type DockerRequest, Transport } from './transport.ts';

export interface Call extends DockerRequest {
  signal?: AbortSignal | undefined;
  /** No deadline of ours: the caller's signal is the only limit. */
  unlimited?: boolean;
  /** Sent without `/vX.Y` in front. */
  unversioned?: boolean;
}

/** The newest API this code was written for; an engine that is older sets its own. */
const newestApi = '1.51';
/** A list of a few thousand containers stays below it. */
const maxAnswerBytes = 16 * 1024 * 1024;
const maxErrorBytes = 64 * 1024;
const notModified = 304;

export class Connection {
  readonly #endpoint: Endpoint;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #version: Promise<string> | undefined;

  constructor(endpoint: Endpoint, clock: Clock, timeoutMs: number) {
    this.#endpoint = endpoint;
    this.#transport = new Transport(endpoint);
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** The whole answer as JSON; `undefined` when it is empty. @throws DockerError, DockerUnreachableError */
  json(call: Call): Promise<unknown> {
    return this.#limited(call, async (signal) => {
      const { status, body } = await this.#answer(call, signal);
      const answer = await readAll(body, maxAnswerBytes, status, signal);
      if (answer.length === 0) return undefined;
      try {
        return JSON.parse(answer.toString('utf8'));
      } catch (error) {
        throw unreadable(status, `Docker answered ${call.path} with something that is not JSON`, error);
      }
    });
  }

  /** As `json`, with `undefined` for a status of 404. */
  async find(call: Call): Promise<unknown> {
    try {
      return await this.json(call);
    } catch (error) {
      if (error instanceof DockerError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Gives the body to `read` while the deadline of the whole call goes on. */
  read<T>(call: Call, read: (body: AsyncIterable<Buffer>) => Promise<T>): Promise<T> {
    return this.#limited(call, async (signal) => {
      const { body } = await this.#answer(call, signal);
      return await destroyedBy(signal, body, () => read(body));
    });
  }

  /** Opens a stream: the deadline covers the head of the answer, the caller's signal all of it. */
  async open(call: Call): Promise<AsyncIterable<Buffer>> {
    const body = await this.#limited(call, async (signal) => (await this.#answer(call, signal)).body);
    // Whoever never reads it must not bring the process down when it breaks.
    body.on('error', () => {});
    if (call.signal) tieTo(call.signal, body);
    return this.#explained(body, call);
  }

  /** The raw connection behind a request that asks for it. */
  hijack(call: Call): Promise<Duplex> {
    return this.#limited(call, async (signal) => {
      const answer = await this.#transport.send(await this.#prefix(call, signal), { ...call, hijack: true }, signal);
      if (answer.upgraded) {
        answer.socket.on('error', () => {});
        return answer.socket;
      }
      const { status, body } = answer;
      throw await refusal(status, body, signal);
    });
  }

  /** Asks whether somebody answers, and which API that is. */
  async ping(signal?: AbortSignal): Promise<void> {
    this.#version = this.#negotiate();
    await this.#limited({ method: 'GET', path: '/_ping', signal }, (limited) => this.#negotiated(limited));
  }

  /** Makes of a failure below what the interface promises. What the caller aborted ends with the caller's reason. */
  explain(error: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted) return signal.reason;
    if (error instanceof DockerError) return error;
    this.#version = undefined;
    if (error instanceof DockerUnreachableError) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new DockerUnreachableError(`Docker does not answer at ${this.#endpoint.label}: ${message}`, {
      cause: error,
    });
  }

  async *#explained(body: AsyncIterable<Buffer>, call: Call): AsyncGenerator<Buffer> {
    try {
      yield* body;
    } catch (error) {
      throw this.explain(error, call.signal);
    }
  }

  async #limited<T>(call: Call, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController();
    const onAbort = () => limit.abort(call.signal?.reason);
    if (call.signal?.aborted) onAbort();
    call.signal?.addEventListener('abort', onAbort, { once: true });
    const cancel = call.unlimited
      ? undefined
      : this.#clock.after(this.#timeoutMs, () => {
          const seconds = this.#timeoutMs / 1000;
          limit.abort(
            new DockerUnreachableError(`Docker did not answer ${call.method} ${call.path} within ${seconds} s`),
          );
        });
    try {
      return await work(limit.signal);
    } catch (error) {
      throw this.explain(error, call.signal);
    } finally {
      cancel?.();
      call.signal?.removeEventListener('abort', onAbort);
    }
  }

  async #answer(call: Call, signal: AbortSignal): Promise<{ status: number; body: Readable }> {
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#transport.send(await this.#prefix(call, signal), call, signal);
      if (answer.upgraded) throw new Error('the connection was taken over unasked');
      const { status, body } = answer;
      if (status < 300 || status === notModified) return { status, body };
      const error = await refusal(status, body, signal);
      // Another engine than the one we talked to a moment ago: exchanged between two calls.
      if (attempt > 0 || !/client version \S+ is too (new|old)/.test(error.message)) throw error;
      this.#version = undefined;
    }
  }

  async #prefix(call: Call, signal: AbortSignal): Promise<string> {
    if (call.unversioned) return '';
    return `/v${this.#endpoint.apiVersion ?? (await this.#negotiated(signal))}`;
  }

  /** Callers at the same time share one question, which none of them can abort for the others. */
  #negotiated(signal: AbortSignal): Promise<string> {
    this.#version ??= this.#negotiate();
    return abortable(this.#version, signal);
  }

  #negotiate(): Promise<string> {
    const asked = this.#limited({ method: 'GET', path: '/_ping' }, (signal) => this.#askVersion(signal));
    asked.catch(() => {
      if (this.#version === asked) this.#version = undefined;
    });
    return asked;
  }

  async #askVersion(signal: AbortSignal): Promise<string> {
    const ask = async (path: string) => {
      const answer = await this.#transport.send('', { method: 'GET', path }, signal);
      if (answer.upgraded) throw new Error('the connection was taken over unasked');
      const { status, headers, body } = answer;
      if (status !== 200) throw await refusal(status, body, signal);
      return { headers, content: await readAll(body, maxErrorBytes, status, signal) };
    };
    const { headers } = await ask('/_ping');
    const theirs = text(headers['api-version']);
    if (!/^\d+\.\d+$/.test(theirs)) throw new Error('something answers there, but it is not Docker');
    if (!newerApi(theirs, newestApi)) return theirs;
    // A newer engine may have dropped what this code knows; then its oldest is the nearest.
    const { content } = await ask('/version');
    const oldest = text(object(JSON.parse(content.toString('utf8'))).MinAPIVersion);
    return newerApi(oldest, newestApi) ? oldest : newestApi;
  }
}

function newerApi(one: string, other: string): boolean {
  const [major = 0, minor = 0] = one.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number);
  return major > otherMajor || (major === otherMajor && minor > otherMinor);
}

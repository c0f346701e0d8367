// Sends spans to a collector, some at a time. Whatever the collector does – refuse, hang, lie – costs spans, which are counted,
// and nothing else: few wait, one request is open, each has a deadline, nobody waits for it, and the end of the daemon does
// so for two seconds. Certificates are checked, redirects are not followed, the redactor sees all that goes out.
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { Counter, type Registry } from 'prom-client';
import type { Clock } from '../../clock/clock.ts';
import type { Logger } from '../log.ts';
import type { Redactor } from '../redact.ts';
import { otlpTraces, type Resource } from './otlp-json.ts';
import type { FinishedSpan } from './recorded-span.ts';

export interface SpanExporterOptions {
  /** Of the collector, such as http://127.0.0.1:4318; `/v1/traces` is added. */
  endpoint: string;
  resource: Resource;
  redactor: Redactor;
  clock: Clock;
  log: Logger;
  registry: Registry;
}

/** Spans of about 0.5 KiB. */
const mostWaiting = 2_048;
const mostInOne = 512;
const waitMs = 5_000;
const deadlineMs = 10_000;
const deadlineAtEndMs = 2_000;

// Imported by name the module would show all it has, a WebSocket among it, and so load undici: 8 MB.
const http = process.getBuiltinModule('node:http');

export class SpanExporter {
  readonly #options: SpanExporterOptions;
  readonly #url: URL;
  readonly #agent: InstanceType<typeof http.Agent>;
  readonly #spans: Counter<'result'>;
  #waiting: FinishedSpan[] = [];
  #sending: Promise<void> | undefined;
  #cancel: (() => void) | undefined;
  #failing = false;
  #closed = false;

  constructor(options: SpanExporterOptions) {
    const { endpoint, registry } = options;
    this.#options = options;
    this.#url = new URL(`${endpoint.replace(/\/+$/, '')}/v1/traces`);
    const shared = { keepAlive: true, maxSockets: 1 };
    this.#agent =
      this.#url.protocol === 'https:'
        ? new https.Agent({ ...shared, rejectUnauthorized: true, minVersion: 'TLSv1.2' })
        : new http.Agent(shared);
    this.#spans = new Counter({
      name: 'aileron_trace_spans_total',
      help: 'Spans by what became of them: the collector took them, or they are lost.',
      labelNames: ['result'],
      registers: [registry],
    });
    for (const result of ['exported', 'lost']) this.#spans.inc({ result }, 0);
  }

  /** Never waits and never throws. */
  add(span: FinishedSpan): void {
    if (this.#closed || this.#waiting.length >= mostWaiting) {
      this.#spans.inc({ result: 'lost' });
      return;
    }
    this.#waiting.push(span);
    if (this.#waiting.length >= mostInOne) this.#send();
    else this.#later();
  }

  /** What waits is tried once more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    const late = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(deadlineAtEndMs, () => late.resolve());
    await Promise.race([this.#drain(), late.promise]);
    cancel();
    this.#agent.destroy();
    this.#spans.inc({ result: 'lost' }, this.#waiting.length);
    this.#waiting = [];
  }

  async #drain(): Promise<void> {
    await this.#sending;
    while (this.#waiting.length > 0 && !this.#failing) {
      this.#send();
      await this.#sending;
    }
  }

  #later(): void {
    if (this.#sending || this.#closed) return;
    this.#cancel ??= this.#options.clock.after(waitMs, () => {
      this.#cancel = undefined;
      this.#send();
    });
  }

  #send(): void {
    if (this.#sending || this.#waiting.length === 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
    const spans = this.#waiting.splice(0, mostInOne);
    this.#sending = this.#post(spans).then(
      () => this.#ended('exported', spans.length),
      (error: unknown) => this.#ended('lost', spans.length, error),
    );
  }

  #ended(result: 'exported' | 'lost', count: number, error?: unknown): void {
    const { log } = this.#options;
    this.#sending = undefined;
    this.#spans.inc({ result }, count);
    if (result === 'lost' && !this.#failing) {
      log.warn({ err: error, endpoint: this.#url.origin }, 'traces cannot be sent; what comes until they can is lost');
    } else if (result === 'exported' && this.#failing) {
      log.info({ endpoint: this.#url.origin }, 'traces are sent again');
    }
    this.#failing = result === 'lost';
    if (this.#waiting.length > 0) this.#later();
  }

  /** Resolves when the collector took them. */
  #post(spans: readonly FinishedSpan[]): Promise<void> {
    const { redactor, resource, clock } = this.#options;
    const body = Buffer.from(redactor.text(JSON.stringify(otlpTraces(spans, resource))));
    const headers = { 'content-type': 'application/json', 'content-length': String(body.length) };
    return new Promise((resolve, reject) => {
      const sender = this.#url.protocol === 'https:' ? https : http;
      const request = sender.request(this.#url, { method: 'POST', headers, agent: this.#agent });
      const cancel = clock.after(deadlineMs, () =>
        request.destroy(new Error(`the collector gave no answer in ${deadlineMs / 1_000} s`)),
      );
      request.on('response', (answer: IncomingMessage) => {
        const { statusCode = 0 } = answer;
        // Read on, for the connection; an answer without an end meets the deadline.
        answer.resume().on('error', reject);
        answer.on('end', () => {
          if (statusCode >= 200 && statusCode <= 299) resolve();
          else reject(new Error(`the collector answered with ${statusCode}`));
        });
      });
      request.on('error', reject);
      request.on('close', () => {
        cancel();
        reject(new Error('the connection to the collector was closed without an answer'));
      });
      request.end(body);
    });
  }
}

// A span while it is recorded, behind the OpenTelemetry API. What it keeps is chosen, not filtered afterwards: attributes of
// the list below, numbers, ids and the class of an error. Texts of errors, names of files and values of variables stay in
// the log, which the id of a reconcile leads to.
import type { Attributes, AttributeValue, Exception, Link, Span, SpanContext, SpanStatus } from '@opentelemetry/api';
import type { Clock } from '../../clock/clock.ts';

const allowedAttributes: ReadonlySet<string> = new Set([
  'aileron.controller',
  'aileron.key',
  'aileron.reconcile.id',
  'aileron.reconcile.result',
  'http.request.method',
  'http.response.status_code',
  'http.route',
]);

const longestText = 256;
const mostLinks = 8;
const mostExceptions = 8;

export interface FinishedSpan {
  tracer: string;
  name: string;
  kind: number;
  context: SpanContext;
  parentSpanId: string | undefined;
  /** ms since 1970. */
  startedAt: number;
  endedAt: number;
  attributes: ReadonlyMap<string, string | number | boolean>;
  links: readonly SpanContext[];
  /** Names of classes. */
  exceptions: readonly string[];
  status: number;
}

export interface SpanBeginning {
  tracer: string;
  name: string;
  kind: number;
  context: SpanContext;
  parentSpanId: string | undefined;
  attributes: Attributes | undefined;
  links: readonly Link[] | undefined;
  clock: Pick<Clock, 'now' | 'monotonic'>;
  onEnd(span: FinishedSpan): void;
}

export class RecordedSpan implements Span {
  readonly #beginning: SpanBeginning;
  readonly #startedAt: number;
  readonly #startedTick: number;
  readonly #attributes = new Map<string, string | number | boolean>();
  readonly #links: SpanContext[] = [];
  readonly #exceptions: string[] = [];
  #name: string;
  #status = 0;
  #ended = false;

  constructor(beginning: SpanBeginning) {
    this.#beginning = beginning;
    this.#name = beginning.name.slice(0, longestText);
    this.#startedAt = beginning.clock.now();
    this.#startedTick = beginning.clock.monotonic();
    this.setAttributes(beginning.attributes ?? {});
    this.addLinks([...(beginning.links ?? [])]);
  }

  spanContext(): SpanContext {
    return this.#beginning.context;
  }

  setAttribute(key: string, value: AttributeValue): this {
    if (this.#ended || !allowedAttributes.has(key)) return this;
    if (typeof value === 'string') this.#attributes.set(key, value.slice(0, longestText));
    else if (typeof value === 'number' || typeof value === 'boolean') this.#attributes.set(key, value);
    return this;
  }

  setAttributes(attributes: Attributes): this {
    for (const [key, value] of Object.entries(attributes)) if (value !== undefined) this.setAttribute(key, value);
    return this;
  }

  /** Events are words of whoever adds them. */
  addEvent(): this {
    return this;
  }

  addLink({ context }: Link): this {
    if (!this.#ended && this.#links.length < mostLinks) this.#links.push(context);
    return this;
  }

  addLinks(links: Link[]): this {
    for (const link of links) this.addLink(link);
    return this;
  }

  setStatus({ code }: SpanStatus): this {
    if (!this.#ended) this.#status = code;
    return this;
  }

  updateName(name: string): this {
    if (!this.#ended) this.#name = name.slice(0, longestText);
    return this;
  }

  recordException(exception: Exception): void {
    if (this.#ended || this.#exceptions.length >= mostExceptions) return;
    const name = typeof exception === 'object' ? exception.name : undefined;
    this.#exceptions.push((name ?? 'Error').slice(0, longestText));
  }

  isRecording(): boolean {
    return !this.#ended;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const { tracer, kind, context, parentSpanId, clock, onEnd } = this.#beginning;
    onEnd({
      ...{ tracer, kind, context, parentSpanId, name: this.#name, status: this.#status },
      ...{ attributes: this.#attributes, links: this.#links, exceptions: this.#exceptions },
      startedAt: this.#startedAt,
      endedAt: this.#startedAt + (clock.monotonic() - this.#startedTick),
    });
  }
}

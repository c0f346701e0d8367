// Makes the spans of the OpenTelemetry API real: ids, the trace of a caller who has one, and every span that ends handed on.
// A caller that does not record its trace decides the same for what follows from it.
import { randomBytes } from 'node:crypto';
import {
  type Context,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  TraceFlags,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import type { Clock } from '../../clock/clock.ts';
import { type FinishedSpan, RecordedSpan } from './recorded-span.ts';

export interface SpanRecorderOptions {
  clock: Pick<Clock, 'now' | 'monotonic'>;
  onEnd(span: FinishedSpan): void;
}

export class SpanRecorder implements TracerProvider {
  readonly #options: SpanRecorderOptions;

  constructor(options: SpanRecorderOptions) {
    this.#options = options;
  }

  getTracer(name: string): Tracer {
    const startSpan = (span: string, options: SpanOptions = {}, context: Context = ROOT_CONTEXT) =>
      this.#start(name, span, options, context);
    return {
      startSpan,
      startActiveSpan(span: string, ...rest: unknown[]) {
        const body = rest.at(-1) as (span: Span) => never;
        const [options, context] = rest.slice(0, -1) as [SpanOptions?, Context?];
        return body(startSpan(span, options, context));
      },
    };
  }

  #start(tracer: string, name: string, { root, kind, attributes, links }: SpanOptions, context: Context): Span {
    const above = root ? undefined : trace.getSpanContext(context);
    const parent = above && isSpanContextValid(above) ? above : undefined;
    if (parent && (parent.traceFlags & TraceFlags.SAMPLED) === 0) return trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
    return new RecordedSpan({
      ...{ tracer, name, attributes, links, ...this.#options },
      kind: kind ?? SpanKind.INTERNAL,
      context: {
        traceId: parent?.traceId ?? randomBytes(16).toString('hex'),
        spanId: randomBytes(8).toString('hex'),
        traceFlags: TraceFlags.SAMPLED,
      },
      parentSpanId: parent?.spanId,
    });
  }
}

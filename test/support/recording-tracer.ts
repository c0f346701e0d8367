// A tracer provider of the OpenTelemetry API that keeps the spans it made: what an SDK would see.
import {
  type Attributes,
  type Exception,
  INVALID_SPAN_CONTEXT,
  type Link,
  type Span,
  type SpanOptions,
  type SpanStatus,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';

export interface RecordedSpan {
  name: string;
  attributes: Attributes;
  links: Link[];
  exceptions: Exception[];
  status: SpanStatus | undefined;
  ended: boolean;
}

/** Becomes the global tracer provider until `release` is called. */
export function recordSpans(): { spans: RecordedSpan[]; release(): void } {
  const spans: RecordedSpan[] = [];
  const startSpan = (name: string, options: SpanOptions = {}): Span => {
    const recorded: RecordedSpan = {
      name,
      attributes: { ...options.attributes },
      links: [...(options.links ?? [])],
      exceptions: [],
      status: undefined,
      ended: false,
    };
    spans.push(recorded);
    return spanOf(recorded);
  };
  const tracer: Tracer = {
    startSpan,
    startActiveSpan(name: string, ...rest: unknown[]) {
      const body = rest.at(-1) as (span: Span) => unknown;
      const options = typeof rest[0] === 'object' ? (rest[0] as SpanOptions) : {};
      return body(startSpan(name, options)) as never;
    },
  };
  const provider: TracerProvider = { getTracer: () => tracer };
  trace.setGlobalTracerProvider(provider);
  return { spans, release: () => trace.disable() };
}

function spanOf(recorded: RecordedSpan): Span {
  const span: Span = {
    spanContext: () => INVALID_SPAN_CONTEXT,
    setAttribute(key, value) {
      recorded.attributes[key] = value;
      return span;
    },
    setAttributes(attributes) {
      Object.assign(recorded.attributes, attributes);
      return span;
    },
    addEvent: () => span,
    addLink(link) {
      recorded.links.push(link);
      return span;
    },
    addLinks(links) {
      recorded.links.push(...links);
      return span;
    },
    setStatus(status) {
      recorded.status = status;
      return span;
    },
    updateName(name) {
      recorded.name = name;
      return span;
    },
    end() {
      recorded.ended = true;
    },
    isRecording: () => !recorded.ended,
    recordException(exception) {
      recorded.exceptions.push(exception);
    },
  };
  return span;
}

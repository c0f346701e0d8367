// Spans as OTLP over HTTP wants them in JSON. Pure.
import type { FinishedSpan } from './recorded-span.ts';

export interface Resource {
  /** `service.name`, `service.version`, … */
  [attribute: string]: string;
}

export function otlpTraces(spans: readonly FinishedSpan[], resource: Resource): object {
  const byTracer = Map.groupBy(spans, ({ tracer }) => tracer);
  return {
    resourceSpans: [
      {
        resource: { attributes: Object.entries(resource).map(keyValue) },
        scopeSpans: [...byTracer].map(([name, group]) => ({ scope: { name }, spans: group.map(otlpSpan) })),
      },
    ],
  };
}

function otlpSpan(span: FinishedSpan): object {
  const { context, parentSpanId, name, kind, startedAt, endedAt, attributes, links, exceptions, status } = span;
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    // The API counts from INTERNAL = 0, the protocol from UNSPECIFIED = 0.
    kind: kind + 1,
    startTimeUnixNano: nanoseconds(startedAt),
    endTimeUnixNano: nanoseconds(endedAt),
    attributes: [...attributes].map(keyValue),
    links: links.map(({ traceId, spanId }) => ({ traceId, spanId })),
    events: exceptions.map((type) => ({
      name: 'exception',
      timeUnixNano: nanoseconds(endedAt),
      attributes: [keyValue(['exception.type', type])],
    })),
    status: { code: status },
  };
}

function keyValue([key, value]: readonly [string, string | number | boolean]): object {
  if (typeof value === 'string') return { key, value: { stringValue: value } };
  if (typeof value === 'boolean') return { key, value: { boolValue: value } };
  return { key, value: Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value } };
}

/** A text: they are more than a number of JSON holds. */
function nanoseconds(ms: number): string {
  return String(BigInt(Math.round(ms * 1_000)) * 1_000n);
}

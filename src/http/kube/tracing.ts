// One span for each request, continuing the trace of the caller, who has shown by then who it is. No other door takes a
// traceparent from anybody. Costs nothing until a tracer is set up.
import {
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { linkTo, traceparentAnnotation } from '../../runtime/tracing.ts';
import type { RouteFacts } from './context.ts';

export async function inSpan<T>(
  { kind, verb, subresource }: RouteFacts,
  request: FastifyRequest,
  reply: FastifyReply,
  run: () => Promise<T>,
): Promise<T> {
  const resource = kind ? [kind.plural, subresource].filter(Boolean).join('/') : request.routeOptions.url;
  const { traceparent } = request.headers;
  const above = linkTo(typeof traceparent === 'string' ? traceparent : undefined)?.context;
  const parent = above ? trace.setSpanContext(ROOT_CONTEXT, above) : ROOT_CONTEXT;
  const attributes = { 'http.request.method': request.method, 'http.route': request.routeOptions.url ?? '' };
  const span = trace
    .getTracer('aileron/kube')
    .startSpan(`kube ${verb} ${resource}`, { kind: SpanKind.SERVER, attributes }, parent);
  request.traceparent = traceparentOf(span.spanContext());
  try {
    return await context.with(trace.setSpan(parent, span), run);
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : 'unknown' });
    throw error;
  } finally {
    span.setAttribute('http.response.status_code', reply.statusCode);
    span.end();
  }
}

/**
 * What is to be written, with the request's span noted on it, so that the work it causes can be linked to it. Only where
 * spec is written and the trace is being recorded: nothing else is worth a change of the object.
 */
export function withTraceparent<T extends Record<string, unknown>>(request: FastifyRequest, input: T): T {
  const { traceparent } = request;
  const { metadata = {} } = input as { metadata?: { annotations?: unknown } };
  const { annotations = {} } = metadata;
  if (!traceparent || input['spec'] === undefined || typeof annotations !== 'object' || annotations === null)
    return input;
  return { ...input, metadata: { ...metadata, annotations: { ...annotations, [traceparentAnnotation]: traceparent } } };
}

function traceparentOf(span: SpanContext): string | undefined {
  if (!isSpanContextValid(span) || (span.traceFlags & TraceFlags.SAMPLED) === 0) return undefined;
  return `00-${span.traceId}-${span.spanId}-01`;
}

// One span for each request, continuing the caller's trace when it sends one. Costs nothing until a tracer is set up.
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RouteFacts } from './context.ts';

const tracer = trace.getTracer('aileron/kube');

export async function inSpan<T>(
  { kind, verb, subresource }: RouteFacts,
  request: FastifyRequest,
  reply: FastifyReply,
  run: () => Promise<T>,
): Promise<T> {
  const resource = kind ? [kind.plural, subresource].filter(Boolean).join('/') : request.routeOptions.url;
  const parent = propagation.extract(context.active(), request.headers);
  const attributes = { 'http.request.method': request.method, 'http.route': request.routeOptions.url ?? '' };
  const span = tracer.startSpan(`kube ${verb} ${resource}`, { kind: SpanKind.SERVER, attributes }, parent);
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

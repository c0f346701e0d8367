// The span of a reconcile, by the OpenTelemetry API alone: without an SDK every call here does nothing and costs nothing.
// A reconcile is no child of the request that changed the spec, for that one has long been answered; it links to it.
import { isSpanContextValid, type Link, ROOT_CONTEXT, type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import type { ReconcileResult } from './metrics.ts';

/** Annotation in which a door leaves the W3C traceparent of the request that changed the object. */
export const traceparentAnnotation = 'aileron.dev/traceparent';

export const spanNames = { reconcile: 'reconcile', job: 'job' } as const;

export const spanAttributes = {
  controller: 'aileron.controller',
  key: 'aileron.key',
  reconcileId: 'aileron.reconcile.id',
  result: 'aileron.reconcile.result',
} as const;

const tracerName = 'aileron/runtime';
const traceparentForm = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

export function startReconcileSpan(
  run: { controller: string; key: string; reconcileId: string },
  traceparent: string | undefined,
): Span {
  const link = linkTo(traceparent);
  return trace.getTracer(tracerName).startSpan(
    `${spanNames.reconcile} ${run.controller}`,
    {
      attributes: {
        [spanAttributes.controller]: run.controller,
        [spanAttributes.key]: run.key,
        [spanAttributes.reconcileId]: run.reconcileId,
      },
      links: link ? [link] : [],
    },
    ROOT_CONTEXT,
  );
}

export function endReconcileSpan(span: Span, result: ReconcileResult, error?: Error): void {
  span.setAttribute(spanAttributes.result, result);
  if (error) {
    span.recordException(error);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}

/** Runs long work in a span of its own, linked to the request that asked for it. */
export async function inJobSpan<T>(
  job: { name: string; key: string },
  traceparent: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const link = linkTo(traceparent);
  const attributes = { [spanAttributes.key]: job.key };
  const options = { attributes, links: link ? [link] : [] };
  const span = trace.getTracer(tracerName).startSpan(`${spanNames.job} ${job.name}`, options, ROOT_CONTEXT);
  try {
    return await work();
  } catch (error) {
    span.recordException(error instanceof Error ? error : new Error(String(error)));
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

/** What a W3C traceparent points at; `undefined` for anything that is not one. */
export function linkTo(traceparent: string | undefined): Link | undefined {
  const [, traceId, spanId, flags] = traceparent?.match(traceparentForm) ?? [];
  if (!traceId || !spanId || !flags) return undefined;
  const context = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(context) ? { context } : undefined;
}

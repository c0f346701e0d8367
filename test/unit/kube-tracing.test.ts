import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type Span, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import { systemClock } from '../../src/clock/clock.ts';
import type { FinishedSpan } from '../../src/telemetry/tracing/recorded-span.ts';
import { SpanRecorder } from '../../src/telemetry/tracing/span-recorder.ts';
import { type Kube, openKube, serverManifest, serversPath } from '../support/kube.ts';
import { sourceFiles } from '../support/source-files.ts';

const annotation = 'aileron.dev/traceparent';
const traceId = '0af7651916cd43dd8448eb211c80319c';
const demo = `${serversPath}/demo`;
const merge = { 'content-type': 'application/merge-patch+json' };

let kube: Kube;
let spans: { name: string; failed: boolean; ended: boolean }[];
let traceFlags: number;
beforeEach(async () => {
  spans = [];
  traceFlags = 1;
  trace.setGlobalTracerProvider({ getTracer: () => tracer });
  kube = await openKube();
});
afterEach(async () => {
  trace.disable();
  await kube.close();
});

const tracer = {
  startSpan(name: string): Span {
    const recorded = { name, failed: false, ended: false };
    spans.push(recorded);
    const spanId = String(spans.length).padStart(16, '0');
    const span = trace.wrapSpanContext({ traceId, spanId, traceFlags });
    return Object.assign(Object.create(span) as Span, {
      setStatus: ({ code }: { code: SpanStatusCode }) => {
        recorded.failed = code === SpanStatusCode.ERROR;
        return span;
      },
      end: () => {
        recorded.ended = true;
      },
    });
  },
} as unknown as Tracer;

const noted = async () => (await kube.store.get('Server', 'demo'))?.metadata.annotations?.[annotation];

test('a request is a span, and a write of spec notes it on the object', async () => {
  await kube.call('POST', serversPath, { body: serverManifest('demo', {}, { annotations: { mine: 'x' } }) });
  assert.equal(await noted(), `00-${traceId}-0000000000000001-01`);
  assert.equal((await kube.store.get('Server', 'demo'))?.metadata.annotations?.['mine'], 'x');
  await kube.call('PATCH', demo, { headers: merge, body: { metadata: { labels: { a: 'b' } } } });
  assert.equal(await noted(), `00-${traceId}-0000000000000001-01`, 'labels are no wish');
  await kube.call('PATCH', demo, { headers: merge, body: { spec: { suspended: true } } });
  assert.equal(await noted(), `00-${traceId}-0000000000000003-01`);
  await kube.call('GET', `${serversPath}/none`);
  assert.deepEqual(
    spans.map(({ name, failed, ended }) => [name, failed, ended]),
    [
      ['kube POST servers', false, true],
      ['kube PATCH servers', false, true],
      ['kube PATCH servers', false, true],
      ['kube GET servers', true, true],
    ],
  );
});

test('a trace that is not recorded changes no object', async () => {
  traceFlags = 0;
  await kube.call('POST', serversPath, { body: serverManifest('demo') });
  assert.equal(await noted(), undefined);
});

test('a traceparent counts when its sender has shown who it is, and no other does (covers: SEC-115)', async () => {
  const ended: FinishedSpan[] = [];
  trace.disable();
  trace.setGlobalTracerProvider(new SpanRecorder({ clock: systemClock, onEnd: (span) => void ended.push(span) }));
  const theirs = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;
  const create = (name: string, traceparent: string | string[], authorization?: string | null) =>
    kube.call('POST', serversPath, {
      headers: { traceparent },
      body: serverManifest(name),
      ...(authorization === undefined ? {} : { authorization }),
    });
  assert.equal((await create('stranger', theirs, null)).code, 401);
  assert.equal((await create('liar', theirs, 'Bearer wrong')).code, 401);
  assert.equal(ended.length, 0, 'a request that is refused is no span at all');
  assert.equal((await create('demo', theirs)).code, 201);
  assert.equal((await create('twice', [theirs, theirs])).code, 201);
  assert.equal((await create('odd', `00-${'0'.repeat(32)}-${'d'.repeat(16)}-01`)).code, 201);
  assert.deepEqual(
    ended.map(({ parentSpanId, context }) => [parentSpanId, context.traceId === 'c'.repeat(32)]),
    [
      ['d'.repeat(16), true],
      [undefined, false],
      [undefined, false],
    ],
  );
  assert.equal(await noted(), `00-${'c'.repeat(32)}-${ended[0]?.context.spanId}-01`);
  const [span] = ended;
  assert.deepEqual(Object.fromEntries(span?.attributes ?? []), {
    'http.request.method': 'POST',
    'http.route': serversPath,
    'http.response.status_code': 201,
  });
});

test('no other door looks for a traceparent (covers: SEC-115)', () => {
  const doors = sourceFiles('src', 'controllers').filter(({ code }) =>
    /headers[^\n]*traceparent|\btraceparent\b[^\n]*headers|propagation\b/.test(code),
  );
  assert.deepEqual(
    doors.map(({ path }) => path),
    ['src/http/kube/tracing.ts'],
  );
});

// Traces against collectors of every kind: what is in a span, what goes out, and what a bad collector costs.
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { Registry } from 'prom-client';
import { type Clock, systemClock } from '../../../src/clock/clock.ts';
import { ensurePki } from '../../../src/http/kube/pki/pki.ts';
import { Redactor } from '../../../src/telemetry/redact.ts';
import { startTracing } from '../../../src/telemetry/tracing/start-tracing.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { metricValue } from '../../support/metric-value.ts';
import { recordedLog } from '../../support/recorded-log.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { until } from '../../support/until.ts';

const patienceMs = 30_000;

interface Received {
  path: string | undefined;
  body: string;
}

/** Keeps what it gets; `answer` may keep silent. */
async function collector(
  t: TestContext,
  answer = (_: IncomingMessage, response: ServerResponse) => void response.end('{}'),
) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (piece: string) => {
      body += piece;
    });
    request.on('end', () => {
      received.push({ path: request.url, body });
      answer(request, response);
    });
  });
  return { received, url: `http://127.0.0.1:${await listening(t, server)}` };
}

async function listening(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // cut off by whoever calls
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function tracing(t: TestContext, endpoint: string, clock: Clock = systemClock) {
  const registry = new Registry();
  const redactor = new Redactor();
  const log = recordedLog();
  const resource = { 'service.name': 'aileron' };
  const started = startTracing({ endpoint, resource, redactor, clock, log, registry });
  t.after(() => started.close());
  const count = (result: string) => metricValue(registry, 'aileron_trace_spans_total', { result });
  const span = (name = 'x') => trace.getTracer('aileron/test').startSpan(name).end();
  return { started, redactor, log, count, span };
}

test('a span has what the list allows and no text of anybody else (covers: SEC-115, SEC-112)', async (t) => {
  const { received, url } = await collector(t);
  const { started, redactor } = tracing(t, `${url}/otlp/`);
  redactor.add('the-node-token');
  const above = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
  const span = trace.getTracer('aileron/test').startSpan('reconcile server', {
    kind: SpanKind.SERVER,
    attributes: { 'aileron.key': 'k'.repeat(500), 'http.route': '/x?token=abcdefgh', 'server.environment': 'canary-1' },
    links: [{ context: above, attributes: { said: 'canary-2' } }],
  });
  span.setAttributes({ 'http.response.status_code': 200, 'exception.message': 'canary-3' });
  span.setAttribute('aileron.reconcile.id', 'the-node-token');
  span.addEvent('canary-4', { said: 'canary-5' });
  span.recordException(Object.assign(new TypeError('canary-6'), { stack: 'canary-7' }));
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'canary-8' });
  span.end();
  await started.close();
  assert.equal(received.length, 1);
  const [{ path, body } = { path: '', body: '' }] = received;
  assert.equal(path, '/otlp/v1/traces');
  assert.doesNotMatch(body, /canary|the-node-token|abcdefgh/);
  const { resource, scopeSpans } = JSON.parse(body).resourceSpans[0];
  assert.deepEqual(resource.attributes, [{ key: 'service.name', value: { stringValue: 'aileron' } }]);
  assert.equal(scopeSpans[0].scope.name, 'aileron/test');
  const [sent] = scopeSpans[0].spans;
  const { traceId, spanId, startTimeUnixNano, endTimeUnixNano, events, ...rest } = sent;
  assert.match(`${traceId} ${spanId}`, /^[0-9a-f]{32} [0-9a-f]{16}$/);
  assert.ok(BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano) && BigInt(startTimeUnixNano) > 10n ** 18n);
  assert.deepEqual(
    events.map((event: { name: string; attributes: unknown }) => [event.name, event.attributes]),
    [['exception', [{ key: 'exception.type', value: { stringValue: 'TypeError' } }]]],
  );
  assert.deepEqual(rest, {
    name: 'reconcile server',
    kind: 2,
    attributes: [
      { key: 'aileron.key', value: { stringValue: 'k'.repeat(256) } },
      { key: 'http.route', value: { stringValue: '/x?token=***' } },
      { key: 'http.response.status_code', value: { intValue: '200' } },
      { key: 'aileron.reconcile.id', value: { stringValue: '***' } },
    ],
    links: [{ traceId: above.traceId, spanId: above.spanId }],
    status: { code: 2 },
  });
});

test('spans go out together after some seconds, and at once when there are many (covers: SEC-115)', async (t) => {
  const { received, url } = await collector(t);
  const clock = new FakeClock();
  const { span, count } = tracing(t, url, clock);
  const spansOf = ({ body }: Received) => JSON.parse(body).resourceSpans[0].scopeSpans[0].spans.length;
  span();
  span();
  await settle();
  assert.equal(received.length, 0);
  await clock.advance(5_000);
  await until('both came', patienceMs, async () => (await count('exported')) === 2);
  for (let n = 0; n < 512; n += 1) span();
  await until('all came', patienceMs, async () => (await count('exported')) === 514);
  assert.deepEqual(received.map(spansOf), [2, 512]);
});

test('a collector that hangs costs spans: few wait, nobody is held up, and the end is soon (covers: SEC-115)', async (t) => {
  const { received, url } = await collector(t, () => {});
  const clock = new FakeClock();
  const { started, span, count, log } = tracing(t, url, clock);
  for (let n = 0; n < 10_000; n += 1) span();
  await until('it was asked', patienceMs, async () => received.length === 1);
  // 512 are on their way, 2,048 wait.
  assert.equal(await count('lost'), 10_000 - 512 - 2_048);
  await clock.advance(10_000);
  await until('it was given up', patienceMs, async () => (await count('lost')) === 10_000 - 2_048);
  assert.equal(log.find({ level: 'warn' }).length, 1);
  await clock.advance(5_000);
  await until('it was asked again', patienceMs, async () => received.length === 2);
  const closing = started.close();
  await settle();
  await clock.advance(2_000);
  await closing;
  await until('all are lost', patienceMs, async () => (await count('lost')) === 10_000);
  assert.equal(await count('exported'), 0);
});

for (const [what, answer] of [
  ['refuses', (_, response) => void response.writeHead(503).end('busy')],
  ['redirects', (_, response) => void response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end()],
  ['cuts the connection', (request) => void request.socket.destroy()],
  ['answers with nonsense', (request) => void request.socket.end('nonsense\r\n\r\n')],
] as const satisfies [string, (request: IncomingMessage, response: ServerResponse) => void][]) {
  test(`a collector that ${what} is told of once, and tried with what comes later (covers: SEC-115)`, async (t) => {
    let well = false;
    const { received, url } = await collector(t, (request, response) => {
      if (well) response.end('{}');
      else answer(request, response);
    });
    const clock = new FakeClock();
    const { span, count, log } = tracing(t, url, clock);
    for (const lost of [1, 2]) {
      span();
      await clock.advance(5_000);
      await until('it is lost', patienceMs, async () => (await count('lost')) === lost);
    }
    assert.equal(log.find({ level: 'warn' }).length, 1);
    well = true;
    span();
    await clock.advance(5_000);
    await until('it is taken', patienceMs, async () => (await count('exported')) === 1);
    assert.equal(log.find({ level: 'info' }).length, 1);
    assert.equal(received.length, 3);
  });
}

test('a certificate that nobody vouches for gets no span (covers: SEC-115)', async (t) => {
  const directory = temporaryDirectory(t);
  const { serving } = await ensurePki({ directory, host: '127.0.0.1', clock: systemClock, log: recordedLog() });
  let asked = 0;
  const server = https.createServer({ cert: serving.certificate, key: serving.key }, (_, response) => {
    asked += 1;
    response.end('{}');
  });
  const url = `https://127.0.0.1:${await listening(t, server)}`;
  const { started, span, count, log } = tracing(t, url);
  span();
  await started.close();
  assert.deepEqual([await count('lost'), await count('exported'), asked], [1, 0, 0]);
  assert.match(JSON.stringify(log.find({ level: 'warn' })[0]?.fields['err'], ['code', 'message']), /CERT|certificate/i);
});

test('a span continues the trace of its caller, who decides whether it is recorded (covers: SEC-115)', async (t) => {
  const { received, url } = await collector(t);
  const { started } = tracing(t, url);
  const tracer = trace.getTracer('aileron/test');
  const from = (traceFlags: number) =>
    trace.setSpanContext(ROOT_CONTEXT, { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags });
  tracer.startSpan('recorded', {}, from(1)).end();
  tracer.startSpan('not recorded', {}, from(0)).end();
  tracer.startActiveSpan('active', { root: true }, from(0), (span) => span.end());
  await started.close();
  const { spans } = JSON.parse(received[0]?.body ?? '').resourceSpans[0].scopeSpans[0];
  assert.deepEqual(
    spans.map((span: Record<string, string>) => [
      span['name'],
      span['parentSpanId'],
      span['traceId'] === 'a'.repeat(32),
    ]),
    [
      ['recorded', 'b'.repeat(16), true],
      ['active', undefined, false],
    ],
  );
});

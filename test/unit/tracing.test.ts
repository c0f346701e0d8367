import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpanStatusCode } from '@opentelemetry/api';
import { Registry } from 'prom-client';
import { Controller } from '../../src/runtime/controller.ts';
import { createRuntimeMetrics } from '../../src/runtime/metrics.ts';
import { after, type Reconcile } from '../../src/runtime/reconciler.ts';
import { linkTo } from '../../src/runtime/tracing.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { recordSpans } from '../support/recording-tracer.ts';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

function aController(reconcile: Reconcile, linkOf?: (key: string) => string | undefined) {
  const log = recordedLog();
  const controller = new Controller({
    name: 'server',
    reconcile,
    workers: 1,
    clock: new FakeClock(),
    log,
    metrics: createRuntimeMetrics(new Registry()),
    newId: () => 'run-1',
    ...(linkOf ? { linkOf } : {}),
  });
  controller.start();
  return { controller, log };
}

test('makes one span a reconcile, with the id that is in the log, linked to the request that changed the object', async (t) => {
  const { spans, release } = recordSpans();
  t.after(release);
  const { controller, log } = aController(
    async (_, run) => {
      run.log.info({}, 'at work');
      return after(1_000);
    },
    (key) => (key === 'minecraft' ? traceparent : undefined),
  );
  t.after(() => controller.stop());
  controller.enqueue('minecraft');
  controller.enqueue('valheim');
  await settle();

  assert.equal(spans.length, 2);
  const [linked, unlinked] = spans;
  assert.equal(linked?.name, 'reconcile server');
  assert.deepEqual(linked?.attributes, {
    'aileron.controller': 'server',
    'aileron.key': 'minecraft',
    'aileron.reconcile.id': 'run-1',
    'aileron.reconcile.result': 'requeue_after',
  });
  assert.equal(linked?.ended, true);
  assert.equal(linked?.status, undefined);
  assert.deepEqual(linked?.links, [
    {
      context: {
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: 'b7ad6b7169203331',
        traceFlags: 1,
        isRemote: true,
      },
    },
  ]);
  assert.deepEqual(unlinked?.links, []);
  assert.equal(log.find({ message: 'at work' })[0]?.fields['reconcileId'], 'run-1');
});

test('a failed reconcile is a span with the error', async (t) => {
  const { spans, release } = recordSpans();
  t.after(release);
  const error = new Error('Docker is away');
  const { controller } = aController(() => Promise.reject(error));
  t.after(() => controller.stop());
  controller.enqueue('a');
  await settle();
  assert.deepEqual(spans[0]?.exceptions, [error]);
  assert.deepEqual(spans[0]?.status, { code: SpanStatusCode.ERROR });
  assert.equal(spans[0]?.ended, true);
});

test('a link that cannot be read costs the link, not the reconcile', async (t) => {
  const { spans, release } = recordSpans();
  t.after(release);
  const { controller } = aController(
    async () => undefined,
    () => {
      throw new Error('no such object');
    },
  );
  t.after(() => controller.stop());
  controller.enqueue('a');
  await settle();
  assert.equal(spans[0]?.attributes['aileron.reconcile.result'], 'success');
});

for (const text of [
  undefined,
  '',
  'nonsense',
  `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
  `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
  traceparent.toUpperCase(),
])
  test(`is no traceparent: ${text}`, () => {
    assert.equal(linkTo(text), undefined);
  });

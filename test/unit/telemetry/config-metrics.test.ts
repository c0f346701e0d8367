import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { createConfigMetrics } from '../../../src/telemetry/config-metrics.ts';

test('what waits for a restart is 1, the other keys are 0 (covers: SEC-79)', async () => {
  const registry = new Registry();
  let pending: string[] = [];
  const facts = { keys: ['api.port', 'debug'], pendingRestart: () => pending, ignoreCertificateErrors: true };
  createConfigMetrics(registry, facts);
  assert.match(await registry.metrics(), /restart_pending\{key="api\.port"\} 0\n.*restart_pending\{key="debug"\} 0\n/);
  pending = ['api.port'];
  const text = await registry.metrics();
  assert.match(text, /restart_pending\{key="api\.port"\} 1\n.*restart_pending\{key="debug"\} 0\n/);
  assert.match(text, /^aileron_panel_certificate_checks_off 1$/m);
});

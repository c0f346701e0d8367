// The Panel's parts put together: a report has the time that its calls take, whatever the node is configured to.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import { Bus } from '../../../src/bus/bus.ts';
import { owedToPanel } from '../../../src/panel/owed.ts';
import { createPanel } from '../../../src/panel/wiring.ts';
import type { Backup } from '../../../src/resources/backup.ts';
import type { Server } from '../../../src/resources/server.ts';
import { Informer } from '../../../src/runtime/informer.ts';
import { createRuntimeMetrics } from '../../../src/runtime/metrics.ts';
import { Outbox } from '../../../src/runtime/outbox.ts';
import { aConfig } from '../../support/a-config.ts';
import { AdmissionBench, asPanel, thisNode, uuidOf } from '../../support/an-admission.ts';
import { settle } from '../../support/fake-clock.ts';
import { metricValue } from '../../support/metric-value.ts';
import { recordedLog } from '../../support/recorded-log.ts';
import { runOutbox } from '../../support/run-outbox.ts';

async function hangingPanel(t: TestContext): Promise<{ url: string; asked: Promise<unknown> }> {
  const server = createServer(() => {});
  const asked = once(server, 'request');
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

for (const seconds of [1, 30, 120]) {
  test(`a Panel that hangs for ${seconds} s is said not to answer, not left too early`, async (t) => {
    const { url, asked } = await hangingPanel(t);
    const bench = new AdmissionBench();
    const { store, admission, clock } = bench;
    const log = recordedLog();
    const registry = new Registry();
    const config = aConfig('pterodactyl', `remote: ${url}\nremote_query: { timeout: ${seconds} }\n`);
    const metrics = createRuntimeMetrics(registry);
    const servers = new Informer<Server>({ store, kind: 'Server', clock, log });
    const backups = new Informer<Backup>({ store, kind: 'Backup', clock, log });
    const events = { event: () => {} };
    const bus = new Bus((error) => {
      throw error;
    });
    const panel = createPanel({
      ...{ config, store, admission, servers, bus, events, clock, log, registry },
      ...{ version: '1', environment: {}, unsettled: () => 0 },
    });
    const outbox = new Outbox({
      ...{ store, clock, log, metrics, registry, events, sources: [backups], nodeName: thisNode },
    });
    outbox.register('Panel', panel.deliver, panel.deliveryTimeoutMs);
    await runOutbox(t, { outbox, source: backups, clock });
    t.after(() => panel.close());

    await bench.create('s', { uuid: uuidOf(1) }, asPanel);
    const made = await admission.create(
      'Backup',
      { metadata: { name: 'b' }, spec: { uuid: uuidOf(2), serverRef: { name: 's' } } },
      asPanel,
    );
    const owed = owedToPanel(made as Backup, clock.now());
    await store.updateStatus({ ...made, status: { outcome: { result: 'Failed', reason: 'x', message: 'm' }, owed } });
    await clock.advance(2_000);
    await asked;
    await clock.advance(seconds * 1_000);
    await settle(20);
    const ended = (result: string) =>
      metricValue(registry, 'aileron_panel_requests_total', { endpoint: 'backup', result });
    assert.deepEqual([await ended('unreachable'), await ended('aborted')], [1, undefined]);
    const [entry] = (await store.get<Backup>('Backup', 'b'))?.status?.owed ?? [];
    assert.equal(entry?.lastError, `the Panel gave no answer in ${seconds} s`);
    assert.ok(panel.deliveryTimeoutMs > 3 * seconds * 1_000);
  });
}

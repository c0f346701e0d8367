import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { Counter, Registry } from 'prom-client';
import type { HealthCheck } from '../../src/http/ops/health.ts';
import { runChecks } from '../../src/http/ops/health.ts';
import { createOpsServer } from '../../src/http/ops/server.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { openConnections } from '../support/open-connections.ts';
import { until } from '../support/until.ts';

async function withServer(checks: HealthCheck[], run: (url: string, port: number) => Promise<void>): Promise<void> {
  const registry = new Registry();
  new Counter({ name: 'aileron_test_total', help: 'A counter.', registers: [registry] }).inc();
  const server = createOpsServer({ registry, checks, log: silentLogger });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  try {
    await run(`http://127.0.0.1:${port}`, port);
  } finally {
    await server.close();
  }
}

const good: HealthCheck = { name: 'docker', check: async () => undefined };
const bad: HealthCheck = { name: 'store', check: async () => 'the disk\nis full' };
const broken: HealthCheck = { name: 'informers', check: async () => Promise.reject(new Error('no')) };

test('serves metrics and health, and nothing else', async () => {
  await withServer([good], async (url) => {
    const metrics = await fetch(`${url}/metrics`);
    assert.equal(metrics.status, 200);
    assert.match(await metrics.text(), /aileron_test_total 1/);
    for (const path of ['livez', 'readyz']) {
      const response = await fetch(`${url}/${path}`);
      assert.equal(response.status, 200);
      assert.equal(await response.text(), 'ok');
    }
    const verbose = await fetch(`${url}/readyz?verbose`);
    assert.equal(await verbose.text(), '[+]docker ok\nreadyz check passed\n');
    assert.equal((await fetch(`${url}/`)).status, 404);
    assert.equal((await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })).status, 404);
    assert.equal((await fetch(`${url}/metrics`, { method: 'POST', body: 'x'.repeat(5000) })).status, 413);
  });
});

test('asks for the token where others can reach it (covers: SEC-61)', async (t) => {
  const server = createOpsServer({
    registry: new Registry(),
    checks: [good],
    token: 'the-right-one',
    log: silentLogger,
  });
  t.after(() => server.close());
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const ask = (path: string, authorization?: string) =>
    fetch(`http://127.0.0.1:${port}${path}`, { headers: authorization ? { authorization } : {} });
  for (const path of ['/metrics', '/livez', '/readyz', '/nothing']) {
    assert.equal((await ask(path)).status, 401);
    assert.equal((await ask(path, 'Bearer the-wrong-one')).status, 401);
    assert.equal((await ask(path, 'Basic the-right-one')).status, 401);
  }
  assert.equal((await ask('/metrics', 'Bearer the-right-one')).status, 200);
});

test('names the checks that fail, and is not ready; being alive is another question', async () => {
  await withServer([good, bad, broken], async (url) => {
    const response = await fetch(`${url}/readyz`);
    assert.equal(response.status, 503);
    const expected = '[+]docker ok\n[-]store failed: the disk is full\n[-]informers failed: no\nreadyz check failed\n';
    assert.equal(await response.text(), expected);
    assert.equal((await fetch(`${url}/livez`)).status, 200);
  });
});

test('a note is shown where nothing is wrong, and changes no verdict', async () => {
  const note = () => 'a.yaml:9\nis wrong';
  const report = await runChecks(
    'readyz',
    [
      { ...good, note },
      { ...bad, note },
    ],
    new FakeClock(),
  );
  const text = '[+]docker ok: a.yaml:9 is wrong\n[-]store failed: the disk is full\nreadyz check failed\n';
  assert.deepEqual(report, { healthy: false, text });
  assert.equal((await runChecks('readyz', [{ ...good, note }], new FakeClock())).healthy, true);
});

test('a check that hangs has failed after five seconds', async () => {
  const clock = new FakeClock();
  const report = runChecks('readyz', [{ name: 'docker', check: () => new Promise(() => {}) }], clock);
  await clock.advance(5_000);
  assert.deepEqual(await report, {
    healthy: false,
    text: '[-]docker failed: no answer within 5 s\nreadyz check failed\n',
  });
});

test('survives what is not HTTP (covers: SEC-120)', async () => {
  await withServer([good], async (url, port) => {
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.end('\x00\xff\r\n\r\n'));
      socket
        .on('close', () => resolve())
        .on('error', () => {})
        .resume();
    });
    assert.equal((await fetch(`${url}/livez`)).status, 200);
  });
});

test('who offers another protocol gets an answer in this one, and keeps nothing (covers: SEC-52)', async () => {
  await withServer([good], async (_url, port) => {
    for (const start of ['GET /livez', 'OPTIONS /livez', 'GET /%zz', 'CONNECT x:1']) {
      const before = openConnections();
      for (let index = 0; index < 5; index++) {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => {}).resume(); // To be cut off is an answer, too.
        socket.end(`${start} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
      }
      await until(`${start}: nothing is left`, 30_000, async () => openConnections() <= before);
    }
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(30_000) });
    assert.match(String(answer), /^HTTP\/1\.1 200 /);
    // It goes on holding its end while the server closes.
  });
});

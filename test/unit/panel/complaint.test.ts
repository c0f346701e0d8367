// What the Panel says of a call that it refuses: read as far as it is worth, parsed within bounds, and shown on one line.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Registry } from 'prom-client';
import { systemClock } from '../../../src/clock/clock.ts';
import { complaintOf } from '../../../src/panel/complaint.ts';
import { PanelClient } from '../../../src/panel/panel-client.ts';
import { PanelResponseError } from '../../../src/panel/panel-errors.ts';
import { createPanelMetrics } from '../../../src/panel/panel-metrics.ts';
import { silentLogger } from '../../../src/telemetry/log.ts';

const bound = 65_536;
const nothing = '_MissingResponseCode';

test('a complaint is one line of bounded length, with the fields that it is about', () => {
  const error = { code: 'A\nB', detail: 'x'.repeat(5_000), meta: { source_field: 'data.3.ip' } };
  const { code, detail, fields } = complaintOf(Buffer.from(JSON.stringify({ errors: [error, { meta: 7 }] })));
  assert.deepEqual([code, detail.length, fields], ['A B', 1_000, ['data.3.ip']]);
});

test('what is deeper or has more values than a complaint is not parsed (covers: SEC-117)', () => {
  const first = '{"errors":[{"code":"C","detail":"d"}';
  const codeOf = (text: string) => complaintOf(Buffer.from(text)).code;
  assert.equal(codeOf(`${first}]}`), 'C');
  assert.equal(codeOf(`${first},${'['.repeat(30)}${']'.repeat(30)}]}`), nothing);
  assert.equal(codeOf(`${first}${',[]'.repeat(10_000)}]}`), nothing);
});

/** A Panel that says no with this content, and how much of it went away before the client hung up. */
async function refusing(t: TestContext, content: Buffer, { pieces = 1, headers = {} } = {}) {
  const sent = { bytes: 0, closed: Promise.withResolvers<void>() };
  const server = createServer((_, response) => {
    response.writeHead(403, headers);
    let left = pieces;
    const next = () => {
      while (left > 0) {
        left -= 1;
        sent.bytes += content.length;
        if (!response.write(content)) return void response.once('drain', next);
      }
      response.end();
    };
    response.on('close', () => sent.closed.resolve());
    next();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new PanelClient({
    ...{ remote: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, flavour: 'pelican', version: '1' },
    ...{ credentials: () => ({ id: 'i', secret: 's' }), timeoutMs: 30_000, customHeaders: {}, environment: {} },
    ...{ ignoreCertificateErrors: false, clock: systemClock, log: silentLogger },
    metrics: createPanelMetrics(new Registry()),
  });
  t.after(() => {
    client.close();
    server.close();
  });
  const error = await client.servers(0, 50, new AbortController().signal).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof PanelResponseError, `${error}`);
  return { error, sent };
}

test('of an endless complaint 64 KiB are read, and its status counts all the same (covers: SEC-117)', async (t) => {
  const endless = await refusing(t, Buffer.alloc(bound, 'x'), { pieces: 1_000 });
  await endless.sent.closed.promise;
  assert.deepEqual([endless.error.status, endless.error.code], [403, nothing]);
  // The rest lay in buffers of the system.
  assert.ok(endless.sent.bytes < 500 * bound, `${endless.sent.bytes}`);
  const bomb = await refusing(t, gzipSync(Buffer.alloc(64 * 1_048_576)), { headers: { 'Content-Encoding': 'gzip' } });
  assert.deepEqual([bomb.error.status, bomb.error.code], [403, nothing]);
});

test('a complaint of exactly 64 KiB is read', async (t) => {
  const text = JSON.stringify({ errors: [{ code: 'C', detail: 'd' }] });
  const { error } = await refusing(t, Buffer.from(text.padEnd(bound)));
  assert.deepEqual([error.status, error.code, error.detail], [403, 'C', 'd']);
});

// Requests on the wire of the node API: how long the listener waits, what it does not take for one request, and how many
// connections one party may hold.
import assert from 'node:assert/strict';
import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { apiDoor, of } from '../support/api-door.ts';
import { anyUuid } from '../support/builders.ts';
import type { ConsoleNode } from '../support/console-node.ts';
import { httpCall } from '../support/http-call.ts';
import { nodeSecret } from '../support/signed-token.ts';
import { until } from '../support/until.ts';

/** What came back when the other side, or this one after it, had ended. */
async function answerTo(port: number, bytes: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {}); // To be cut off is one answer.
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
  });
  socket.end(bytes, 'latin1');
  await untilClosed(socket);
  return text;
}

async function untilClosed(socket: Socket): Promise<void> {
  await until('the connection is closed', 30_000, async () => socket.closed);
}

/** The listener that answers, as Node tells whoever observes it. */
async function listenerOf(t: TestContext, node: ConsoleNode): Promise<Server> {
  const started = channel('http.server.request.start');
  let server: Server | undefined;
  const look = (message: unknown) => {
    server ??= (message as { server: Server }).server;
  };
  started.subscribe(look);
  t.after(() => started.unsubscribe(look));
  await httpCall(node.port, '/');
  return server ?? assert.fail('nobody told of a request');
}

test('the limits of the framework do not count, those of the contract do (traps 8) (covers: SEC-52, SEC-56)', async (t) => {
  const { node, ask } = await apiDoor(t);
  const server = await listenerOf(t, node);
  assert.equal(server.requestTimeout, 0, 'uploads take longer than any figure');
  assert.equal(server.headersTimeout, 15_000);
  assert.equal(server.keepAliveTimeout, 75_000);
  assert.equal(server.timeout, 60_000, 'without a byte, before a request begins');
  assert.equal(server.maxConnections, 8_192);
  const notHere = await ask(of('', 'x'.repeat(1_000)));
  assert.deepEqual(
    [notHere.status, notHere.body],
    [404, '{"error":"The requested resource does not exist on this instance."}'],
    'a parameter of a thousand characters is one',
  );
  // A head that does not come, with less patience than everywhere else.
  server.headersTimeout = 100;
  const socket = connect({ host: '127.0.0.1', port: node.port });
  let text = '';
  socket.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  socket.write('GET / HTTP/1.1\r\nHost: node\r\nX-Slow: ');
  await untilClosed(socket);
  assert.match(text, /^HTTP\/1\.1 408 /);
});

const head = `POST ${of('/power')} HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer ${nodeSecret}\r\n`;
const body = '{"action":"kill"}';
const ambiguous: [what: string, bytes: string][] = [
  ['both lengths', `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n${body}\r\n0\r\n\r\n`],
  ['both, the other way round', `${head}Transfer-Encoding: chunked\r\nContent-Length: 17\r\n\r\n${body}`],
  ['two lengths', `${head}Content-Length: 17\r\nContent-Length: 3\r\n\r\n${body}`],
  ['a list of lengths', `${head}Content-Length: 17, 17\r\n\r\n${body}`],
  ['a length with a sign', `${head}Content-Length: +17\r\n\r\n${body}`],
  ['a length in hex', `${head}Content-Length: 0x11\r\n\r\n${body}`],
  ['a blank before the colon', `${head}Content-Length : 17\r\n\r\n${body}`],
  ['a folded header', `${head}X-A: b\r\n c\r\nContent-Length: 17\r\n\r\n${body}`],
  ['a folded encoding', `${head}Transfer-Encoding:\r\n chunked\r\n\r\n11\r\n${body}\r\n0\r\n\r\n`],
  ['chunked first', `${head}Transfer-Encoding: chunked, gzip\r\n\r\n11\r\n${body}\r\n0\r\n\r\n`],
  ['chunked, misspelt', `${head}Transfer-Encoding: xchunked\r\n\r\n11\r\n${body}\r\n0\r\n\r\n`],
  ['a chunk in another notation', `${head}Transfer-Encoding: chunked\r\n\r\n0x11\r\n${body}\r\n0\r\n\r\n`],
  ['a chunk that is longer than it says', `${head}Transfer-Encoding: chunked\r\n\r\n5\r\n${body}\r\n0\r\n\r\n`],
  ['a NUL in a header', `${head}X-A: \0\r\nContent-Length: 17\r\n\r\n${body}`],
  ['lines that end in LF alone', `${head.replaceAll('\r', '')}Content-Length: 17\n\n${body}`],
  ['no host', `${head.replace('Host: node\r\n', '')}Content-Length: 17\r\n\r\n${body}`],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['HTTP/0.9', 'GET /\r\n'],
];

test('what two readers could read in two ways is read by nobody (covers: SEC-56)', async (t) => {
  const { node } = await apiDoor(t);
  for (const [what, bytes] of ambiguous) {
    const text = await answerTo(node.port, bytes);
    assert.match(text, /^HTTP\/1\.1 400 /, what);
    assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1, `${what}: one answer`);
    assert.equal((await node.server()).spec.power.request, undefined, what);
  }
  const text = await answerTo(node.port, `${head}Content-Length: 17\r\n\r\n${body}`);
  assert.match(text, /^HTTP\/1\.1 202 /);
});

test('a party has its share of connections, and what it holds takes nobody else a place (covers: SEC-56)', async (t) => {
  const address = '127.0.0.1';
  const { node } = await apiDoor(t, { connections: { most: 3, isExempt: (one) => one !== address } });
  const open: Socket[] = [];
  t.after(() => open.forEach((socket) => void socket.destroy()));
  const come = async (localAddress = address) => {
    const socket = connect({ host: '127.0.0.1', port: node.port, localAddress });
    socket.on('error', () => {}); // To be cut off is what is looked at.
    open.push(socket);
    await once(socket, 'connect');
    return socket;
  };
  const answered = async (socket: Socket) => {
    socket.write('GET / HTTP/1.1\r\nHost: node\r\n\r\n');
    await once(socket, 'readable', { signal: AbortSignal.timeout(30_000) }).catch(() => {});
    return socket.read() !== null;
  };
  const first = await come();
  for (const socket of [first, await come(), await come()]) assert.equal(await answered(socket), true);
  const fourth = await come();
  await untilClosed(fourth);
  assert.equal(await answered(await come('127.0.0.2')), true, 'of another address');
  first.destroy();
  await until('its place is free', 30_000, async () => answered(await come()));
});

test('a body counts for what the route makes of it, not for the type it claims (covers: SEC-55)', async (t) => {
  const { node, ask } = await apiDoor(t);
  const types = ['application/json\ta', ' application/json', 'application/json garbage', 'text/xml', 'a', ''];
  for (const type of types) {
    const headers = { 'content-type': type };
    const ended = await ask(of('/power'), { method: 'POST', headers, body });
    assert.equal(ended.status, 202, JSON.stringify(type));
    const polluted = '{"action":"kill","__proto__":{"x":1},"constructor":{"prototype":{"x":1}}}';
    for (const path of [of('/power'), '/api/update', '/api/deauthorize-user', '/api/servers', of('/backup')])
      assert.equal((await ask(path, { method: 'POST', headers, body: polluted })).status, 400, path);
  }
  assert.equal(({} as Record<string, unknown>)['x'], undefined);
  assert.equal(node.config.debug, false);
});

test('a body that is said to be too large is refused before a byte of it has come (covers: SEC-53)', async (t) => {
  const { node } = await apiDoor(t);
  const socket = connect({ host: '127.0.0.1', port: node.port });
  socket.on('error', () => {}); // It is cut off in the end.
  socket.write(`${head}Content-Length: 1000000000000\r\n\r\n`);
  const [bytes] = (await once(socket, 'data', { signal: AbortSignal.timeout(30_000) })) as [Buffer];
  assert.match(bytes.toString(), /^HTTP\/1\.1 413 /);
  socket.destroy();
  const long = `/download/backup?token=${'x'.repeat(1024 * 1024)}`;
  // Where the rest is still on its way, the answer may get lost with it.
  assert.match(await answerTo(node.port, `GET ${long} HTTP/1.1\r\nHost: node\r\n\r\n`), /^(HTTP\/1\.1 431 |$)/);
  const token = await httpCall(node.port, `/download/backup?token=${'x'.repeat(9 * 1024)}`);
  assert.equal(token.status, 401);
  assert.equal((await httpCall(node.port, of('', anyUuid), { headers: node.bearer })).status, 200);
});

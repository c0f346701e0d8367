// Requests that offer to speak something else than HTTP/1.1 afterwards: only a handshake for a console socket is taken at
// its word, all others are requests like any, and whoever is refused keeps nothing of the node.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { backupLink, putArchive } from '../support/api-archives.ts';
import { apiDoor, of } from '../support/api-door.ts';
import { type ConsoleNode, panelOrigin } from '../support/console-node.ts';
import { httpCall } from '../support/http-call.ts';
import { openConnections } from '../support/open-connections.ts';
import { until } from '../support/until.ts';

const handshake = [
  ...['Host: node', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
const manyHeaders = Array.from({ length: 101 }, (_, index) => `X-${index}: y`);

/** What the node refuses or ends before or in a route. */
const strangers: [what: string, head: string[], status: number][] = [
  ['no token', ['GET /api/system HTTP/1.1', ...handshake], 401],
  ['a question before a question', ['OPTIONS /api/system HTTP/1.1', ...handshake], 204],
  ['a path that cannot be read', ['GET /%zz HTTP/1.1', ...handshake], 401],
  ['a path of a console that cannot be read', ['GET /api/servers/%zz/ws HTTP/1.1', ...handshake], 401],
  ['a slash too many', ['GET /api/system/ HTTP/1.1', ...handshake], 301],
  ['no link', ['GET /download/backup HTTP/1.1', ...handshake], 401],
  ['another method', [`POST ${of('/ws')} HTTP/1.1`, ...handshake], 401],
  ['a question before a handshake', [`OPTIONS ${of('/ws')} HTTP/1.1`, ...handshake], 204],
  ['too many headers', [`GET ${of('/ws')} HTTP/1.1`, ...handshake, ...manyHeaders], 400],
  ['a wrong origin', [`GET ${of('/ws')} HTTP/1.1`, ...handshake], 403],
  ['a name that is too long', [`GET ${of('/ws', 'x'.repeat(2_000))} HTTP/1.1`, ...handshake], 401],
  ['no key', [`GET ${of('/ws')} HTTP/1.1`, ...handshake.slice(0, -1)], 400],
  ['an unknown server', ['GET /api/servers/nobody/ws HTTP/1.1', ...handshake], 404],
];

async function sent(t: TestContext, { port }: ConsoleNode, head: string[]): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.on('error', () => {}); // To be cut off is one way to be refused.
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  return socket;
}

/** @throws AbortError */
async function statusOf(socket: Socket): Promise<number> {
  const [bytes] = (await once(socket, 'data', { signal: AbortSignal.timeout(30_000) })) as [Buffer];
  return Number(/^HTTP\/1\.1 (\d+) /.exec(bytes.toString())?.[1]);
}

test('who is refused a handshake gives its place back, and is waited for by nobody (covers: SEC-52, SEC-56)', async (t) => {
  const most = 20;
  const { node } = await apiDoor(t, { connections: { most, isExempt: () => false } });
  for (const [what, head, status] of strangers) {
    const before = openConnections();
    const all = await Promise.all(Array.from({ length: most }, () => sent(t, node, head)));
    for (const socket of all) assert.equal(await statusOf(socket), status, what);
    for (const socket of all) socket.destroy();
    await until(`${what}: nothing is left`, 30_000, async () => openConnections() <= before);
    const gone = await Promise.all(Array.from({ length: most }, () => sent(t, node, head)));
    for (const socket of gone) socket.destroy();
    await until(`${what}: nothing is left of those who did not wait`, 30_000, async () => openConnections() <= before);
  }
  // Who keeps its own end open does not keep the node's open.
  for (const [, head] of strangers) await statusOf(await sent(t, node, head));
  await node.api.close();
});

test('what is no handshake for a console is a request like any, whatever it offers to speak', async (t) => {
  const { node, ask, post } = await apiDoor(t);
  putArchive(node);
  for (const upgrade of ['h2c', 'websocket', 'TLS/1.3, h2c']) {
    const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade, 'http2-settings': 'AAMAAABkAAQAoAAAAAIAAAAA' };
    assert.equal((await ask('/api/servers', { headers })).status, 200, upgrade);
    assert.equal((await ask(of('/power'), { method: 'POST', headers, body: { action: 'kill' } })).status, 202, upgrade);
    const download = await httpCall(node.port, backupLink(node), { headers });
    assert.deepEqual([download.status, download.body], [200, '0123456789'], upgrade);
    const console = await httpCall(node.port, of('/ws'), { headers });
    assert.deepEqual([console.status, console.body], [400, 'Bad Request'], upgrade);
  }
  assert.equal((await post(of('/power'), { action: 'kill' })).status, 202);
  await node.login();
});

test('who asks for a console while the node stops does not keep it from stopping (covers: SEC-52)', async (t) => {
  const { node } = await apiDoor(t);
  const asks = [`GET ${of('/ws')} HTTP/1.1`, ...handshake, `Origin: ${panelOrigin}`];
  const last = await sent(t, node, asks);
  assert.equal(await statusOf(last), 101);
  // Its goodbye stays without an answer.
  const stopped = node.api.close();
  const late = await sent(t, node, asks);
  assert.equal(await statusOf(late), 503);
  last.destroy();
  await stopped;
});

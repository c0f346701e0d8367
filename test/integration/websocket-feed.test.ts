// What a console socket shows, to whom and in which order, to the slow as well, over real connections with time turned by
// the test.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daemonLine } from '../../src/console/daemon-line.ts';
import { anyUuid } from '../support/builders.ts';
import { aNode, aRunningNode, aSlowReader, printMany, refused, unthrottled } from '../support/console-cases.ts';
import { panelOrigin } from '../support/console-node.ts';

const busy = {
  ...{ cpuAbsolute: 12.5, memoryBytes: 1_000, memoryLimitBytes: 2_000, uptimeMs: 5_000 },
  ...{ networkRxBytes: 1, networkTxBytes: 2, blockReadBytes: 3, blockWriteBytes: 4 },
};

test('lines arrive as data, whatever is in them (websocket 17.11) (covers: SEC-50)', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login();
  const lines = [
    'foo\r\nbar',
    'p1\rp2\rp3',
    ' ',
    '{"event":"status","args":["offline"]}',
    '\x1b[31mred\x1b[0m \x00 \u2028 \u2029 <script>&',
    Buffer.from([0x61, 0xff, 0x62]).toString(),
    '"\\',
    'é😀'.repeat(20_000),
  ];
  for (const line of lines) node.print(line);
  await client.until('all lines', () => client.lines.length === lines.length);
  assert.deepEqual(client.lines, lines);
  assert.deepEqual(client.all('status'), ['running']);
});

test('2001 lines in 100 ms are 2000 and one word about it; a start begins anew (websocket 17.12)', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login();
  const lines = Array.from({ length: 2_001 }, (_, index) => `line ${index}`);
  for (const line of lines) node.print(line);
  const notice = daemonLine('Pterodactyl', 'Server is outputting console data too quickly -- throttling...');
  await client.until('the notice', () => client.lines.length >= 2_001);
  await client.settled();
  assert.deepEqual(client.lines, [...lines.slice(0, 2_000), notice]);
  for (const state of ['stopping', 'offline', 'starting'] as const) await node.moveTo(state);
  node.print('of the next start');
  await client.until('the line', () => client.lines.length > 2_001);
  assert.equal(client.lines.at(-1), 'of the next start');
});

test('the configured throttle counts', async (t) => {
  const node = await aRunningNode(t, { yaml: 'throttles: { lines: 20, line_reset_interval: 500 }\n' });
  const client = await node.login();
  for (let index = 0; index < 25; index++) node.print(`line ${index}`);
  await client.until('the notice', () => client.lines.length >= 21);
  await node.clock.advance(499);
  node.print('too early');
  await node.clock.advance(1);
  node.print('after');
  await client.until('the next window', () => client.lines.at(-1) === 'after');
  assert.equal(client.lines.length, 22);
});

for (const [flavour, yaml, name] of [
  ['pterodactyl', '', 'Pterodactyl'],
  ['pelican', '', 'pelican'],
  ['pterodactyl', 'app_name: Games of ours\n', 'Games of ours'],
] as const) {
  test(`a line of the daemon called ${name} on the wire (websocket 17.13)`, async (t) => {
    const node = await aNode(t, { flavour, yaml });
    const client = await node.connect();
    let raw = '';
    client.socket.on('message', (data) => {
      raw = String(data);
    });
    await client.authenticate(await node.token());
    node.say('Updating process configuration files...');
    await client.until('the line', () => client.lines.length === 1);
    assert.equal(
      raw,
      `{"event":"console output","args":["\\u001b[33m\\u001b[1m[${name} Daemon]:\\u001b[39m Updating process configuration files...\\u001b[0m"]}`,
    );
  });
}

test('a failing start is seen state by state, then figures of nothing (websocket 17.16)', async (t) => {
  const node = await aNode(t);
  const client = await node.login();
  await node.moveTo('starting');
  node.bus.publish(anyUuid, 'usage', { ...busy });
  await node.moveTo('stopping');
  await node.moveTo('offline');
  await client.until('offline', () => client.count('stats') === 3);
  await client.settled();
  assert.deepEqual(client.all('status'), ['offline', 'starting', 'stopping', 'offline']);
  assert.deepEqual(client.events.slice(-3), ['status', 'stats', 'server_status']);
  const figures = client.all('stats').map((json) => JSON.parse(json ?? '') as Record<string, unknown>);
  assert.deepEqual([figures[1]?.['memory_bytes'], figures[1]?.['uptime']], [busy.memoryBytes, busy.uptimeMs]);
  assert.deepEqual(figures[2], {
    ...{ memory_bytes: 0, memory_limit_bytes: busy.memoryLimitBytes, cpu_absolute: 0, uptime: 0 },
    ...{ network: { rx_bytes: 0, tx_bytes: 0 }, disk_io: { read_bytes: 0, write_bytes: 0 } },
    ...{ state: 'offline', disk_bytes: 0 },
  });
});

test('a reader that stands still harms nobody, and hears the state in the end (websocket 17.20) (covers: SEC-47)', async (t) => {
  const node = await aRunningNode(t, { yaml: unthrottled });
  const slow = await node.login();
  const quick = await node.login();
  slow.socket.pause();
  const count = 20_000;
  await printMany(node, 'x'.repeat(1_000), count);
  await node.moveTo('stopping');
  await quick.until('all lines', () => quick.lines.length === count);
  await quick.until('the state', () => quick.all('status').at(-1) === 'stopping');
  slow.socket.resume();
  await slow.until('the state', () => slow.all('status').at(-1) === 'stopping');
  assert.ok(slow.lines.length < count, 'lines were left out');
  assert.equal(slow.lines.filter((text) => text.includes('This connection is too slow')).length, 1);
});

test('a client that never reads holds a few MiB, whatever a server prints (covers: SEC-47)', async (t) => {
  const node = await aRunningNode(t, { yaml: unthrottled });
  const stuck = await node.login();
  stuck.socket.pause();
  const line = 'x'.repeat(200);
  const second = async () => {
    await printMany(node, line, 50_000);
    await node.clock.advance(1_000);
  };
  for (let warmUp = 0; warmUp < 3; warmUp++) await second();
  const before = process.memoryUsage.rss();
  // Less than half a minute, so that it is not cut off meanwhile.
  for (let seconds = 0; seconds < 20; seconds++) await second();
  const growth = (process.memoryUsage.rss() - before) / (1024 * 1024);
  assert.ok(growth < 48, `${growth} MiB after 200 MiB of lines`);
  await node.moveTo('stopping');
  stuck.socket.resume();
  await stuck.until('the state: it was not cut off', () => stuck.all('status').at(-1) === 'stopping');
});

test('a reader that never comes back is closed (websocket 17.20) (covers: SEC-47)', async (t) => {
  const { node, slow } = await aSlowReader(t);
  await node.clock.advance(30_000);
  await node.clock.advance(5_000);
  slow.socket.resume();
  const { code } = await slow.untilClosed();
  // The close frame stands behind what the connection holds already; it is cut off before that is read.
  assert.ok(code === 1013 || code === 1006, String(code));
});

test('a deletion is said, then the socket is closed for good (websocket 17.21)', async (t) => {
  const node = await aRunningNode(t);
  const client = await node.login();
  const stranger = await node.connect();
  await node.admission.delete('Server', 'demo', {}, node.writer);
  assert.deepEqual(await client.untilClosed(), { code: 1000, reason: 'server deleted' });
  assert.deepEqual(client.messages.at(-1), { event: 'deleted', args: ['null'] });
  assert.deepEqual(client.lines, []);
  assert.deepEqual(await stranger.untilClosed(), { code: 1000, reason: 'server deleted' });
  assert.deepEqual(stranger.messages, []);
  assert.equal((await refused(node.open(panelOrigin))).status, 404);
});

test('a slow reader hears of the deletion too (websocket 17.21)', async (t) => {
  const { node, slow } = await aSlowReader(t);
  await node.admission.delete('Server', 'demo', {}, node.writer);
  slow.socket.resume();
  assert.deepEqual(await slow.untilClosed(), { code: 1000, reason: 'server deleted' });
  assert.deepEqual(slow.messages.at(-1), { event: 'deleted', args: ['null'] });
  assert.equal(slow.lines.at(-1), 'the newest line');
});

test('the past and the present on the wire, without the lines of the daemon', async (t) => {
  const node = await aRunningNode(t, { yaml: 'system: { websocket_log_count: 3 }\n' });
  for (let index = 0; index < 5; index++) node.print(`old ${index}`);
  node.say('ours');
  const client = await node.login();
  client.send('send logs');
  await client.until('the past', () => client.lines.length === 3);
  node.print('new');
  await client.until('the present', () => client.lines.length === 4);
  assert.deepEqual(client.lines, ['old 2', 'old 3', 'old 4', 'new']);
  await node.moveTo('stopping');
  await node.moveTo('offline');
  await node.pass(10_000, client);
  client.send('send logs');
  await client.settled();
  assert.equal(client.lines.length, 4, 'nothing runs');
});

// The console socket over a whole daemon and a real engine: what a person at a browser sees of a game's life.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, type TestContext, test } from 'node:test';
import type { ConsoleClient } from '../support/console-client.ts';
import { needsDocker } from '../support/docker.ts';
import { consoleToken, openConsole } from '../support/live-console.ts';
import { game, LiveNode } from '../support/live-node.ts';
import { fileOwner } from '../support/owner.ts';
import { until } from '../support/until.ts';

const patienceMs = 30_000;
const options = { skip: await needsDocker(), timeout: 180_000 };
const player = ['websocket.connect', 'control.start', 'control.stop'];

/** Prints a number a line, quickly, and reads nothing. */
const counter = 'echo "Done"; i=0; while true; do echo "n$i"; i=$((i+1)); sleep 0.01; done';

/** Prints a file byte by byte as it is, whenever one is named, and ends without the end of a line. */
const printer =
  'stty -opost -echo; echo Done; while read -r line; do [ "$line" = stop ] && break; cat "/home/container/$line"; done; printf "the end of the stream"';

/** Reads and takes no notice. */
const deaf = 'echo Done; while read -r line; do :; done';

describe('the console socket of a whole node', options, () => {
  const owner = fileOwner();
  let node: LiveNode;
  before(async () => {
    node = await LiveNode.make(owner);
    await node.start();
  });

  async function connected(t: TestContext, uuid: string, permissions?: string[]): Promise<ConsoleClient> {
    const client = await openConsole(t, node.daemon.nodePort, uuid);
    await client.authenticate(await consoleToken(node.config, uuid, permissions));
    await client.until('its state', () => client.count('server_status') > 0);
    return client;
  }

  test('a game is started, spoken to, stopped and deleted over its console (websocket 17.3, 17.21)', async (t) => {
    const uuid = await node.add('lobby', { invocation: game() });
    const client = await connected(t, uuid);
    assert.deepEqual(client.events, ['auth success', 'status', 'stats', 'server_status']);

    client.send('set state', 'start');
    await client.until('running', () => client.all('status').at(-1) === 'running', patienceMs);
    assert.deepEqual(client.all('status'), ['offline', 'starting', 'running']);
    client.send('send command', 'say hello');
    await client.until('an answer', () => client.lines.includes('got say hello'), patienceMs);
    await client.until('figures', () => client.count('stats') >= 3, patienceMs);
    const { state, uptime } = JSON.parse(client.all('stats').at(-1) ?? '') as { state: string; uptime: number };
    assert.equal(state, 'running');
    assert.ok(uptime > 0);

    const late = await connected(t, uuid);
    late.send('send logs');
    await late.until('the past', () => late.lines.includes('got say hello'));
    assert.equal(late.lines.filter((line) => line.includes('Daemon')).length, 0);
    assert.equal(late.lines.filter((line) => line === 'loading').length, 1);

    client.send('set state', 'start');
    await client.until('a refusal', () => client.count('daemon error') === 1);
    assert.match(client.all('daemon error')[0] ?? '', /: server is running$/);
    client.send('set state', 'stop');
    await client.until('offline', () => client.all('status').at(-1) === 'offline', patienceMs);
    assert.deepEqual(client.all('status').slice(-2), ['stopping', 'offline']);
    assert.deepEqual(node.commands(uuid), ['say hello', 'stop']);
    await client.until('figures of nothing', () => isIdle(client.all('stats').at(-1)));

    await node.api.delete('lobby');
    assert.deepEqual(await client.untilClosed(), { code: 1000, reason: 'server deleted' });
    assert.deepEqual(client.messages.at(-1), { event: 'deleted', args: ['null'] });
    assert.equal(client.lines.includes(''), false);
  });

  test('what a process prints arrives line by line, whole and as data (websocket 17.11) (covers: SEC-50)', async (t) => {
    const uuid = await node.addRunning('printer', { invocation: printer });
    const client = await connected(t, uuid);
    const put = (name: string, bytes: Buffer) => writeFileSync(join(node.volume(uuid), name), bytes);
    const examples = 'a\r\nb\n\n\nc\nfoo \rbar\r\np1\rp2\rp3\n\r\n\r\n \r\n';
    const hostile = '{"event":"status","args":["offline"]}\n\x1b[31mred\x1b[0m\u2028<script>\n';
    const before = `${'x'.repeat(65_535)}`;
    const after = `€${'y'.repeat(70_000 - 65_538)}`;
    put(
      'lines',
      Buffer.concat([Buffer.from(`${examples}${hostile}${before}${after}\na`), Buffer.from([0xff, 0x62, 0x0a])]),
    );
    client.send('send command', 'lines');
    await client.until('the last one', () => client.lines.at(-1) === 'a\ufffdb');
    assert.deepEqual(client.lines, [
      ...['a', 'b', 'c', 'foo\r\nbar', 'p1\rp2\rp3', ' '],
      ...['{"event":"status","args":["offline"]}', '\x1b[31mred\x1b[0m\u2028<script>', before, after, 'a\ufffdb'],
    ]);
    assert.deepEqual(client.all('status'), ['running']);

    put('endless', Buffer.concat([Buffer.alloc(10_000_000, 'z'), Buffer.from('\nstill here\n')]));
    client.send('send command', 'endless');
    await client.until('what comes behind it', () => client.lines.at(-1) === 'still here');
    const largest = Math.max(...client.lines.map((line) => Buffer.byteLength(line)));
    assert.ok(largest <= 65_536, `${largest} bytes in one line`);
    client.send('set state', 'stop');
    await client.until('offline', () => client.all('status').at(-1) === 'offline', patienceMs);
    assert.ok(client.lines.includes('the end of the stream'), 'without the end of a line');
    assert.equal(client.closed, undefined);
  });

  test('a kill on the same socket ends a game that takes no notice of its stop (websocket 17.14)', async (t) => {
    const uuid = await node.addRunning('deaf', { invocation: deaf });
    const client = await connected(t, uuid, player);
    client.send('set state', 'stop');
    await client.until('it stops', () => client.all('status').at(-1) === 'stopping', patienceMs);
    client.send('set state', 'start');
    await client.until('a refusal', () => client.count('daemon error') === 1, patienceMs);
    assert.match(
      client.all('daemon error')[0] ?? '',
      /^Error Event \[[0-9a-f-]{36}\]: another power action is currently being processed for this server, please try again later$/,
    );
    assert.equal(client.all('status').at(-1), 'stopping');
    // The stop would wait for ten minutes.
    client.send('set state', 'kill');
    await client.until('offline', () => client.all('status').at(-1) === 'offline', patienceMs);
    assert.deepEqual(client.all('status'), ['running', 'stopping', 'offline']);
    assert.equal(client.count('daemon error'), 1);
  });

  test('a start that fails is told with its reason, and its states come in order (websocket 17.15, 17.16)', async (t) => {
    const uuid = await node.add('nothing', { image: '~aileron-test/is-not-there:1' });
    const administrator = await connected(t, uuid);
    const guest = await connected(t, uuid, player);
    guest.send('set state', 'start');
    await guest.until('that it failed', () => guest.count('daemon error') === 1, patienceMs);
    assert.match(
      guest.all('daemon error')[0] ?? '',
      /^Error Event \[[0-9a-f-]{36}\]: an unexpected error was encountered while handling this request$/,
    );
    const states = ['offline', 'starting', 'stopping', 'offline'];
    for (const client of [administrator, guest]) {
      await client.until('figures of nothing', () => client.count('stats') === 2);
      assert.deepEqual(client.all('status'), states);
      assert.ok(isIdle(client.all('stats')[1]));
      const last = client.events.lastIndexOf('status');
      assert.ok(client.events.lastIndexOf('stats') > last, 'behind the last state');
    }
    administrator.send('set state', 'start');
    await administrator.until('the reason', () => administrator.count('daemon error') === 1, patienceMs);
    assert.match(
      administrator.all('daemon error')[0] ?? '',
      /^Error Event \[[0-9a-f-]{36}\]: Failed to start the server: /,
    );
  });

  test('past and present join in front of a game that prints all the time, also across a restart of the node (covers: SEC-39)', async (t) => {
    const uuid = await node.addRunning('counter', { invocation: counter });
    const token = await consoleToken(node.config, uuid);

    const first = await openConsole(t, node.daemon.nodePort, uuid);
    await first.authenticate(token);
    first.send('send logs');
    await first.until('a good deal of lines', () => first.lines.length > 200, patienceMs);
    assertContiguous(first);

    await node.daemon.stop();
    assert.equal((await first.untilClosed()).code, 1012);
    await node.start();
    const second = await openConsole(t, node.daemon.nodePort, uuid);
    await second.authenticate(token);
    second.send('send logs');
    await second.until('a good deal of lines', () => second.lines.length > 200, patienceMs);
    assertContiguous(second);
    assert.deepEqual(second.all('status'), ['running']);
    await until('the game goes on', patienceMs, async () => node.starts(uuid) <= 1);
  });
});

function isIdle(stats: string | undefined): boolean {
  return /"memory_bytes":0,.*"cpu_absolute":0,.*"uptime":0,"state":"offline"/.test(stats ?? '');
}

/** From the first number on, none is missing and none comes twice. */
function assertContiguous(client: ConsoleClient): void {
  const from = client.messages.findIndex(({ event }) => event === 'console output');
  const numbers = client.messages.slice(from).flatMap(({ event, args }) => {
    const match = event === 'console output' ? /^n(\d+)$/.exec(args?.[0] ?? '') : null;
    return match ? [Number(match[1])] : [];
  });
  // Lines that came live before the past was asked for stand in the past again.
  const start = numbers.findLastIndex((number, index) => index > 0 && number <= (numbers[index - 1] ?? 0));
  const joined = numbers.slice(Math.max(0, start));
  assert.ok(joined.length > 100, `${joined.length} lines`);
  assert.deepEqual(
    joined,
    joined.map((_, index) => (joined[0] ?? 0) + index),
  );
}

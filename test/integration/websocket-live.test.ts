// The console socket over a whole daemon and a real engine: what a person at a browser sees of a game's life.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConsoleClient } from '../support/console-client.ts';
import { consoleToken, openConsole } from '../support/live-console.ts';
import { game, LiveNode } from '../support/live-node.ts';
import { until } from '../support/until.ts';

const patienceMs = 30_000;

/** Prints a number a line, quickly, and reads nothing. */
const counter = 'echo "Done"; i=0; while true; do echo "n$i"; i=$((i+1)); sleep 0.01; done';

async function connected(t: Parameters<typeof openConsole>[0], node: LiveNode, uuid: string): Promise<ConsoleClient> {
  const client = await openConsole(t, node.daemon.nodePort, uuid);
  await client.authenticate(await consoleToken(node.config, uuid));
  await client.until('its state', () => client.count('server_status') > 0);
  return client;
}

test('a game is started, spoken to, stopped and deleted over its console', async (t) => {
  const node = await LiveNode.make(t);
  await node.start();
  const uuid = await node.add('lobby', { invocation: game() });
  const client = await connected(t, node, uuid);
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

  const late = await connected(t, node, uuid);
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
  const zeroed = /"memory_bytes":0,.*"state":"offline"/;
  await client.until('figures of nothing', () => zeroed.test(client.all('stats').at(-1) ?? ''));

  await node.api.delete('lobby');
  assert.deepEqual(await client.untilClosed(), { code: 1000, reason: 'server deleted' });
  assert.deepEqual(client.messages.at(-1), { event: 'deleted', args: ['null'] });
});

test('a start that fails is told with its reason, and its states come in order', async (t) => {
  const node = await LiveNode.make(t);
  await node.start();
  const uuid = await node.add('lobby', { image: '~aileron-test/is-not-there:1' });
  const client = await connected(t, node, uuid);
  client.send('set state', 'start');
  await client.until('the reason', () => client.count('daemon error') === 1, patienceMs);
  assert.match(client.all('daemon error')[0] ?? '', /^Error Event \[.*\]: Failed to start the server: /);
  assert.deepEqual(client.all('status'), ['offline', 'starting', 'stopping', 'offline']);
});

test('past and present join in front of a game that prints all the time, also across a restart of the node (covers: SEC-39)', async (t) => {
  const node = await LiveNode.make(t);
  await node.start();
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
  await until('the game goes on', 5_000, async () => node.starts(uuid) <= 1);
});

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

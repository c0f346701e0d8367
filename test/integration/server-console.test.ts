// The console of a running game stays ours whatever happens to the connection: it is attached again, its gap is filled,
// no line is lost or doubled, and the game never notices.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { needsDocker } from '../support/docker.ts';
import { type DockerProxy, dockerProxy } from '../support/docker-proxy.ts';
import { game, LiveNode } from '../support/live-node.ts';
import { fileOwner } from '../support/owner.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 120_000 };

const outageMs = 5_000;

/** A number every 50 ms, and what is typed. */
const ticker =
  'i=0; echo Done; (while true; do i=$((i+1)); echo "tick $i"; sleep 0.05; done) & while read -r line; do echo "got $line"; [ "$line" = stop ] && { kill $!; exit 0; }; done';

describe('the console of a server', options, () => {
  const owner = fileOwner();
  let proxy: DockerProxy;
  let node: LiveNode;
  before(async () => {
    proxy = await dockerProxy(owner);
    node = await LiveNode.make(owner);
    await node.start({ env: proxy.env });
  });

  test('a dropped attach, twice, costs no line, no command and no state (containers 24.8)', async () => {
    const uuid = await node.addRunning('dropped', { invocation: ticker });
    for (const word of ['one', 'two']) {
      await node.daemon.untilLine(uuid, 'tick');
      assert.equal(proxy.cut('/attach'), 1);
      await node.daemon.type(uuid, word);
      await node.daemon.untilLine(uuid, `got ${word}`);
      await sleep(300);
    }
    assertGapless(node.daemon.lines(uuid));
    await stopsByCommand('dropped', uuid);
  });

  test('Docker going away for five seconds, twice, costs no line, no command and no state (containers 24.8)', async () => {
    const uuid = await node.addRunning('outage', { invocation: ticker });
    const started = await node.docker.inspectContainer(uuid);
    for (const round of [1, 2]) {
      const before = node.daemon.lines(uuid).length;
      await until('it goes on', 30_000, async () => node.daemon.lines(uuid).length > before);
      await proxy.away();
      const typed = node.daemon.type(uuid, `during ${round}`);
      await sleep(outageMs);
      await proxy.back();
      await typed;
      await node.daemon.type(uuid, `after ${round}`);
      await node.daemon.untilLine(uuid, `got after ${round}`);
    }
    const lines = node.daemon.lines(uuid);
    assertGapless(lines);
    const read = lines.filter((line) => line.startsWith('got '));
    assert.deepEqual(read, ['got during 1', 'got after 1', 'got during 2', 'got after 2']);
    const now = await node.docker.inspectContainer(uuid);
    assert.deepEqual([now?.id, now?.startedAt], [started?.id, started?.startedAt]);
    await stopsByCommand('outage', uuid);
  });

  test('a stop asked for while the console is cut is typed all the same', async () => {
    const uuid = await node.addRunning('cut', { invocation: game() });
    assert.equal(proxy.cut('/attach'), 1);
    const server = await node.api.powerAndFinish('cut', 'stop');
    assert.equal(server.status?.exit?.code, 0);
    assert.deepEqual(node.commands(uuid), ['stop']);
  });

  test('a stop that Docker going away interrupts is typed when it is back', async () => {
    const uuid = await node.addRunning('interrupted', { invocation: game() });
    await node.daemon.pauseAt('stop:stopping');
    const stop = await node.api.power('interrupted', 'stop');
    await node.daemon.paused();
    await proxy.away();
    node.daemon.goOn();
    await sleep(1_500);
    await proxy.back();
    const { status } = await node.api.until(
      'interrupted',
      'it has stopped',
      (server) => server.status?.power?.finishedRequest === stop,
    );
    assert.deepEqual([status?.power?.outcome, status?.exit?.code, status?.crashCount ?? 0], ['Succeeded', 0, 0]);
    assert.deepEqual(node.commands(uuid), ['stop']);
  });

  test('commands with the keys that detach a terminal leave the console attached (containers 24.9)', async () => {
    const egg = { done: ['Done'], stop: { type: 'command' as const, value: '\u0010\u0011save' } };
    const uuid = await node.addRunning('detach', { egg });
    await node.api.power('detach', 'stop');
    await node.daemon.untilLine(uuid, 'got save');
    for (const keys of ['\u0010\u0011', '\u0010', '\u0011']) await node.daemon.type(uuid, keys);
    await node.daemon.type(uuid, 'hello');
    await node.daemon.untilLine(uuid, 'got hello');
    // There is one attach, the first: none was cut off and made again.
    assert.equal(proxy.asked(`/containers/${await containerId('detach')}/attach`), 1);
    await node.daemon.type(uuid, '\u0010\u0011stop');
    const server = await node.api.untilState('detach', 'offline');
    assert.equal(server.status?.exit?.code, 0);
    assert.deepEqual(node.commands(uuid), ['save', 'hello', 'stop']);
  });

  async function containerId(name: string): Promise<string> {
    return (await node.api.get(name))?.status?.containerId ?? '';
  }

  async function stopsByCommand(name: string, uuid: string): Promise<void> {
    await node.daemon.showsStates(uuid, ['starting', 'running']);
    const server = await node.api.powerAndFinish(name, 'stop');
    assert.deepEqual([server.status?.exit?.code, server.status?.crashCount ?? 0], [0, 0]);
    assert.ok(node.daemon.usages(uuid).length > 0);
  }
});

/** Every number once and in order. */
function assertGapless(lines: string[]): void {
  const ticks = lines.flatMap((line) => /^tick (\d+)$/.exec(line)?.[1] ?? []).map(Number);
  assert.deepEqual(
    ticks,
    ticks.map((_, index) => index + 1),
  );
}

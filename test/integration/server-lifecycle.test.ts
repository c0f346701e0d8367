// A server's life on a real engine: starts, stops of every kind, kills at awkward moments, crashes, refusals. One daemon
// looks after all of them at once, as on a real node.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerSpec } from '../../src/resources/server.ts';
import { needsDocker, request } from '../support/docker.ts';
import { game, LiveNode } from '../support/live-node.ts';
import type { ApiError, ServerInput } from '../support/node-client.ts';
import { fileOwner } from '../support/owner.ts';
import { hangingRegistry } from '../support/registry.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), concurrency: 4, timeout: 120_000 };

/** Ends on SIGINT after a while, with a code of its own; on SIGTERM at once. */
const saver = 'trap "sleep 1.5; exit 7" INT; trap "exit 8" TERM; echo Done; while true; do sleep 0.2; done';
const deaf = 'trap "" INT TERM; echo Done; while true; do sleep 0.2; done';

describe('the life of a server', options, () => {
  const owner = fileOwner();
  let node: LiveNode;
  before(async () => {
    node = await LiveNode.make(owner);
    await node.start();
  });

  test('a start shows its lines and states in order, and 600 lines at once stay in order', async () => {
    const invocation = 'echo loading; seq 1 600; echo "Done (1s)!"; read -r line; exit 0';
    const uuid = await node.addRunning('orderly', { invocation });
    const lines = ['loading', ...Array.from({ length: 600 }, (_, n) => `${n + 1}`), 'Done (1s)!'];
    assert.deepEqual(node.daemon.lines(uuid), lines);
    assert.deepEqual(node.daemon.states(uuid), ['starting', 'running']);
    assert.ok((await node.api.reasons('orderly')).includes('Started'));
    const server = await node.api.powerAndFinish('orderly', 'stop');
    assert.deepEqual(node.daemon.states(uuid), ['starting', 'running', 'stopping', 'offline']);
    assert.deepEqual(node.daemon.lines(uuid), [...lines, 'stop']);
    assert.deepEqual([server.status?.exit?.code, server.status?.exit?.reason], [0, 'Stopped']);
  });

  const doneRules: [what: string, printed: string, egg: Partial<ServerSpec['egg']>, state: string][] = [
    ['a part of a line', 'echo "it is Done now"', { done: ['Done'] }, 'running'],
    ['an expression', 'echo "READY 17"', { done: ['regex:^(?i)ready\\s\\d+$'] }, 'running'],
    ['a coloured line without its colours', 'printf "\\033[32mDo\\033[0mne\\n"', { stripAnsi: true }, 'running'],
    ['a coloured line as it is', 'printf "\\033[32mDo\\033[0mne\\n"; echo last', { stripAnsi: false }, 'starting'],
  ];
  for (const [index, [what, printed, egg, state]] of doneRules.entries()) {
    test(`${what} says that it is ${state}`, async () => {
      const name = `done-${index}`;
      const invocation = `sleep 0.3; ${printed}; while read -r line; do exit 0; done`;
      const stop = { type: 'signal', value: 'SIGKILL' } as const;
      const uuid = await node.add(name, { invocation, egg: { done: ['Done'], stop, ...egg } });
      await node.api.powerAndFinish(name, 'start');
      if (state === 'running') await node.running(name);
      else await node.daemon.untilLine(uuid, 'last');
      assert.equal((await node.api.get(name))?.status?.state, state);
    });
  }

  const stops: [name: string, stop: ServerSpec['egg']['stop'], invocation: string, code: number][] = [
    ['interrupt', { type: 'signal', value: '^C' }, saver, 7],
    ['terminate', { type: 'signal', value: 'SIGTERM' }, saver, 8],
    ['unknown', { type: 'signal', value: 'SIGNOTHING' }, saver, 137],
    ['native', { type: 'stop', value: '' }, saver, 8],
    ['deaf', { type: 'signal', value: 'SIGINT' }, deaf, 137],
  ];
  for (const [name, stop, invocation, code] of stops) {
    test(`a stop by ${stop.type} ${stop.value} of a ${name} game ends it with ${code}`, async () => {
      const uuid = await node.addRunning(`stop-${name}`, { invocation, egg: { done: ['Done'], stop } });
      const server = await node.api.powerAndFinish(`stop-${name}`, 'stop');
      assert.deepEqual([server.status?.state, server.status?.exit?.code], ['offline', code]);
      assert.equal(server.status?.crashCount ?? 0, 0);
      assert.deepEqual(node.daemon.states(uuid).slice(2), ['stopping', 'offline']);
      const late = node.daemon.lines(uuid).includes('> Server did not stop in time, killing the process.');
      assert.equal(late, name === 'deaf');
    });
  }

  test('a kill ends a pull that hangs, while the API answers', async (t) => {
    const { image, asked } = await hangingRegistry(t);
    const uuid = await node.add('kill-pull', { image });
    await node.api.power('kill-pull', 'start');
    await node.daemon.untilLine(uuid, 'Pulling Docker container image');
    await asked;
    await node.api.powerAndFinish('kill-pull', 'kill');
    await node.api.until(
      'kill-pull',
      'it is offline',
      ({ status }) => status?.state === 'offline' && !status.operation,
    );
    assert.deepEqual(await node.containers('kill-pull'), []);
    assert.deepEqual(node.daemon.states(uuid), ['starting', 'stopping', 'offline']);
  });

  test('a kill ends a game that is stopping, and one that is paused', async () => {
    const uuid = await node.addRunning('stubborn', { egg: { done: ['Done'], stop: { type: 'command', value: 'no' } } });
    await node.api.power('stubborn', 'stop');
    await node.api.untilState('stubborn', 'stopping');
    const killed = await node.api.powerAndFinish('stubborn', 'kill');
    assert.deepEqual([killed.status?.state, killed.status?.exit?.code], ['offline', 137]);
    assert.deepEqual(node.commands(uuid), ['no']);

    await node.api.powerAndFinish('stubborn', 'start');
    await node.running('stubborn');
    await request(process.env, 'POST', `/containers/${uuid}/pause`);
    const again = await node.api.powerAndFinish('stubborn', 'kill');
    assert.deepEqual([again.status?.state, again.status?.crashCount ?? 0], ['offline', 0]);
    const idle = await node.api.powerAndFinish('stubborn', 'kill');
    assert.equal(idle.status?.power?.outcome, 'Succeeded');
  });

  test('of three starts at once one wins, and the others are told', async () => {
    const uuid = await node.add('race', { invocation: `sleep 1; ${game()}` });
    const answers = await Promise.allSettled([1, 2, 3].map(() => node.api.power('race', 'start')));
    const refused = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as ApiError] : []));
    assert.deepEqual(
      refused.map(({ code }) => code),
      [409, 409],
    );
    for (const { message } of refused) assert.match(message, /another power action is currently being processed/);
    await node.running('race');
    assert.equal(node.starts(uuid), 1);
  });

  test('a crash is restarted once in a minute, a clean exit too', async () => {
    const uuid = await node.addRunning('crashing');
    await node.daemon.type(uuid, 'crash 0');
    const restarted = await node.api.until(
      'crashing',
      'it runs again',
      ({ status }) => status?.crashCount === 1 && status.state === 'running',
    );
    assert.equal(restarted.status?.exit?.code, 0);
    await node.daemon.type(uuid, 'crash 3');
    const ended = await node.api.until('crashing', 'it gave up', ({ status }) => status?.crashCount === 2);
    assert.deepEqual([ended.status?.state, ended.status?.exit?.code], ['offline', 3]);
    assert.equal(node.starts(uuid), 2);
    assert.deepEqual(
      node.daemon.lines(uuid).filter((line) => line.startsWith('> ')),
      [
        '> ---------- Detected server process in a crashed state! ----------',
        '> Exit code: 0',
        '> Out of memory: false',
        '> ---------- Detected server process in a crashed state! ----------',
        '> Exit code: 3',
        '> Out of memory: false',
        '> Aborting automatic restart, last crash occurred less than 60 seconds ago.',
      ],
    );
  });

  test('a typed stop command is a stop, not a crash', async () => {
    const uuid = await node.addRunning('typed');
    await node.daemon.type(uuid, 'stop');
    const server = await node.api.untilState('typed', 'offline');
    assert.deepEqual([server.status?.exit?.code, server.status?.crashCount ?? 0], [0, 0]);
    assert.deepEqual(node.daemon.states(uuid), ['starting', 'running', 'stopping', 'offline']);
    assert.equal(node.starts(uuid), 1);
  });

  test('a child that takes all memory is told as out of memory', async () => {
    const eater = 'echo Done; read -r line; tail -c 200m /dev/zero; exit 5';
    const limits = { memory: 32, swap: 0 };
    const uuid = await node.addRunning('hungry', { invocation: eater, limits, restartPolicy: 'Never' });
    await node.daemon.type(uuid, 'eat');
    const server = await node.api.until('hungry', 'it ended', ({ status }) => status?.crashCount === 1);
    assert.deepEqual([server.status?.exit?.code, server.status?.exit?.oomKilled], [5, true]);
    assert.ok(node.daemon.lines(uuid).includes('> Out of memory: true'));
  });

  const failures: [name: string, spec: ServerInput, reason: RegExp][] = [
    ['image', { image: '~aileron-test/no-such-image:1' }, /is not on this node and may not be pulled/],
    ['cpus', { limits: { threads: '998-999' } }, /CPU/],
  ];
  for (const [name, spec, reason] of failures) {
    test(`a start that cannot be because of its ${name} says why and is no crash`, async () => {
      const uuid = await node.add(`fail-${name}`, spec);
      const server = await node.api.powerAndFinish(`fail-${name}`, 'start');
      assert.deepEqual([server.status?.power?.outcome, server.status?.state], ['Failed', 'offline']);
      assert.match(server.status?.power?.message ?? '', reason);
      const told = node.daemon.lines(uuid).filter((line) => line.startsWith('> Failed to start the server: '));
      assert.equal(told.length, 1);
      assert.equal(server.status?.crashCount ?? 0, 0);
      assert.equal(node.starts(uuid), 0);
    });
  }

  test('limits that Docker would refuse are made to fit: 4 MiB, and swap without memory', async () => {
    const spec = { invocation: 'echo Done; while read -r line; do exit 0; done' };
    await node.addRunning('tiny', { ...spec, limits: { memory: 4 } });
    const tiny = await node.docker.inspectContainer((await node.api.get('tiny'))?.spec.uuid ?? '');
    assert.equal(tiny?.resources.Memory, 6 * 1_048_576);
    await node.addRunning('swapper', { ...spec, limits: { memory: 0, swap: 64 } });
  });

  test('suspension stops a running game and refuses a start', async () => {
    const uuid = await node.addRunning('suspended');
    await node.api.patch('suspended', { spec: { suspended: true } });
    await node.api.untilState('suspended', 'offline');
    assert.deepEqual(node.commands(uuid), ['stop']);
    await assert.rejects(node.api.power('suspended', 'start'), /server is currently in a suspended state/);
    await node.api.patch('suspended', { spec: { suspended: false } });
    await node.api.powerAndFinish('suspended', 'start');
    await node.running('suspended');
  });

  test('a server is deleted while it starts, while it runs, and while it does not stop', async () => {
    const loading = 'echo loading; while read -r line; do true; done';
    const egg: ServerInput['egg'] = { done: ['Done'], stop: { type: 'command', value: 'no' } };
    await node.add('goes-starting', { invocation: loading, egg, reclaimPolicy: 'Delete' });
    await node.api.powerAndFinish('goes-starting', 'start');
    await node.addRunning('goes-running', { egg, reclaimPolicy: 'Delete' });
    await node.addRunning('goes-stopping', { egg, reclaimPolicy: 'Delete' });
    await node.api.power('goes-stopping', 'stop');
    await node.api.untilState('goes-stopping', 'stopping');
    for (const name of ['goes-starting', 'goes-running', 'goes-stopping']) {
      await node.api.delete(name);
      await node.api.untilGone(name);
      assert.deepEqual(await node.containers(name), []);
    }
  });

  test('a kill between creation and start leaves no process', async (t) => {
    const other = await LiveNode.make(t);
    await other.start();
    const uuid = await other.add('between');
    await other.daemon.pauseAt('start:created');
    await other.api.power('between', 'start');
    await other.daemon.paused();
    const kill = await other.api.power('between', 'kill');
    // The kill is on its way to the work that it calls off.
    await sleep(1_000);
    other.daemon.goOn();
    await other.api.until('between', 'the kill is finished', ({ status }) => status?.power?.finishedRequest === kill);
    await until('it is offline', 10_000, async () => (await other.api.get('between'))?.status?.state === 'offline');
    assert.equal(other.starts(uuid), 0);
    assert.deepEqual(
      (await other.containers('between')).filter(({ running }) => running),
      [],
    );
  });
});

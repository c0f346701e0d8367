// A server's life on a real engine: starts, stops of every kind, kills at awkward moments, suspension, deletion. One daemon
// looks after all of them at once, as on a real node.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { ServerSpec } from '../../src/resources/server.ts';
import { needsDocker, request } from '../support/docker.ts';
import { game, LiveNode } from '../support/live-node.ts';
import type { ServerInput } from '../support/node-client.ts';
import { fileOwner } from '../support/owner.ts';
import { hangingRegistry } from '../support/registry.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), concurrency: 4, timeout: 120_000 };

/** Ends on SIGINT after a while, with a code of its own; on SIGTERM at once. */
const saver = 'trap "echo saving; sleep 20; exit 7" INT; trap "exit 8" TERM; echo Done; while true; do sleep 0.2; done';
const deaf = 'trap "" INT TERM; echo Done; while true; do sleep 0.2; done';

describe('the life of a server', options, () => {
  const owner = fileOwner();
  let node: LiveNode;
  before(async () => {
    node = await LiveNode.make(owner, { aileron: { stopGraceSeconds: 30 } });
    await node.start();
  });

  test('a start shows its lines and states in order, and 600 lines at once stay in order (containers 24.2)', async () => {
    const invocation = 'echo loading; seq 1 600; echo "Done (1s)!"; read -r line; exit 0';
    const uuid = await node.addRunning('orderly', { invocation });
    const lines = ['loading', ...Array.from({ length: 600 }, (_, n) => `${n + 1}`), 'Done (1s)!'];
    await node.daemon.shows(uuid, ['= starting', ...lines, '= running']);
    assert.ok((await node.api.reasons('orderly')).includes('Started'));
    const server = await node.api.powerAndFinish('orderly', 'stop');
    const ending = ['= stopping', 'stop', '= offline'];
    await node.daemon.shows(uuid, ['= starting', ...lines, '= running', ...ending]);
    assert.deepEqual([server.status?.exit?.code, server.status?.exit?.reason], [0, 'Stopped']);
  });

  const doneRules: [what: string, printed: string, egg: Partial<ServerSpec['egg']>, state: string][] = [
    ['a part of a line', 'echo "it is Done now"', { done: ['Done'] }, 'running'],
    ['an expression', 'echo "READY 17"', { done: ['regex:^(?i)ready\\s\\d+$'] }, 'running'],
    [
      'a coloured line without its colours, by an expression',
      'printf "\\033[1;32mREADY\\033[0m 17\\n"',
      { done: ['regex:^(?i)ready\\s\\d+$'], stripAnsi: true },
      'running',
    ],
    [
      'a coloured line with its colours, by an expression',
      'printf "\\033[1;32mREADY\\033[0m 17\\n"; echo last',
      { done: ['regex:^(?i)ready\\s\\d+$'], stripAnsi: false },
      'starting',
    ],
    ['a coloured line without its colours', 'printf "\\033[32mDo\\033[0mne\\n"', { stripAnsi: true }, 'running'],
    ['a coloured line as it is', 'printf "\\033[32mDo\\033[0mne\\n"; echo last', { stripAnsi: false }, 'starting'],
  ];
  for (const [index, [what, printed, egg, state]] of doneRules.entries()) {
    test(`${what} says that it is ${state} (containers 24.2)`, async () => {
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
    ['slow', { type: 'signal', value: 'C' }, saver, 7],
    ['deaf', { type: 'signal', value: 'SIGINT' }, deaf, 137],
    ['terminated', { type: 'signal', value: 'SIGTERM' }, saver, 8],
    ['surprised', { type: 'signal', value: 'SIGNOTHING' }, saver, 137],
    ['common', { type: 'stop', value: '' }, saver, 8],
    ['listening', { type: 'command', value: 'stop' }, game({ stopSeconds: 2 }), 0],
  ];
  for (const [name, stop, invocation, code] of stops) {
    test(`a stop by ${stop.type} ${stop.value} of a ${name} game ends it with ${code} (containers 24.3)`, async () => {
      const uuid = await node.addRunning(`stop-${name}`, { invocation, egg: { done: ['Done'], stop } });
      const server = await node.api.powerAndFinish(`stop-${name}`, 'stop', 60_000);
      assert.deepEqual([server.status?.state, server.status?.exit?.code], ['offline', code]);
      assert.equal(server.status?.crashCount ?? 0, 0);
      await node.daemon.showsStates(uuid, ['starting', 'running', 'stopping', 'offline']);
      const killed = '> Server did not stop in time, killing the process.';
      const told = node.daemon.lines(uuid).filter((line) => line.startsWith('> '));
      assert.deepEqual(told, name === 'deaf' ? [killed] : []);
      assert.equal(node.daemon.lines(uuid).includes('saving'), ['slow', 'listening'].includes(name));
    });
  }

  test('a kill ends a pull that hangs, while the API answers (containers 24.4)', async (t) => {
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
    await node.daemon.showsStates(uuid, ['starting', 'stopping', 'offline']);
  });

  test('a kill ends a game that is stopping, and one that is paused; one that is offline stays so (containers 24.4)', async () => {
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
    assert.equal(again.status?.exit?.code, 137);
    const seen = node.daemon.seen(uuid);
    const life = ['starting', 'running', 'stopping', 'offline'] as const;
    await node.daemon.showsStates(uuid, [...life, ...life]);
    for (const action of ['kill', 'stop'] as const) {
      const idle = await node.api.powerAndFinish('stubborn', action);
      assert.equal(idle.status?.power?.outcome, 'Succeeded');
    }
    assert.deepEqual(node.daemon.seen(uuid), seen);
  });

  test('a typed stop command is a stop, not a crash', async () => {
    const uuid = await node.addRunning('typed');
    await node.daemon.type(uuid, 'stop');
    const server = await node.api.untilState('typed', 'offline');
    assert.deepEqual([server.status?.exit?.code, server.status?.crashCount ?? 0], [0, 0]);
    await node.daemon.showsStates(uuid, ['starting', 'running', 'stopping', 'offline']);
    assert.equal(node.starts(uuid), 1);
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

  test('a kill between creation and start leaves no process (containers 24.4)', async (t) => {
    const other = await LiveNode.make(t, { aileron: { log: { level: 'debug' } } });
    await other.start();
    const uuid = await other.add('between');
    await other.daemon.pauseAt('start:created');
    await other.api.power('between', 'start');
    await other.daemon.paused();
    const kill = await other.api.power('between', 'kill');
    await until('the start is called off', 30_000, async () =>
      other.daemon.log.some((line) => line.includes('"step":"cancel"')),
    );
    other.daemon.goOn();
    await other.api.until('between', 'the kill is finished', ({ status }) => status?.power?.finishedRequest === kill);
    await other.api.untilState('between', 'offline');
    assert.equal(other.starts(uuid), 0);
    await other.daemon.shows(uuid, ['= starting', '= stopping', '= offline']);
    assert.deepEqual(
      (await other.containers('between')).filter(({ running }) => running),
      [],
    );
  });
});

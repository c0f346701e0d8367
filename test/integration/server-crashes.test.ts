// Processes that end by themselves, and starts that cannot be, on a real engine: what is told, what is recorded, and
// whether the server comes back.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { Server } from '../../src/resources/server.ts';
import { needsDocker } from '../support/docker.ts';
import { LiveNode } from '../support/live-node.ts';
import type { ServerInput } from '../support/node-client.ts';
import { fileOwner } from '../support/owner.ts';

const options = { skip: await needsDocker(), concurrency: 4, timeout: 120_000 };
const patienceMs = 30_000;

const crashed = (code: number, outOfMemory = false) => [
  '= offline',
  '> ---------- Detected server process in a crashed state! ----------',
  `> Exit code: ${code}`,
  `> Out of memory: ${outOfMemory}`,
];
const started = ['= starting', 'loading', 'Done (1s)!', '= running'];

/** More than its memory is worth, by the process itself or by one that it began. */
const eater = (how: 'main' | 'child') =>
  `echo loading; echo "Done (1s)!"; read -r line; ${how === 'main' ? 'exec ' : ''}tail -c 200m /dev/zero; exit 5`;

describe('the end of a process that nobody asked for', options, () => {
  const owner = fileOwner();
  let node: LiveNode;
  let lenient: LiveNode;

  before(async () => {
    node = await LiveNode.make(owner);
    await node.start();
    lenient = await LiveNode.make(owner, {
      change: (config) => {
        const crashDetection = { ...config.system.crashDetection, detectCleanExitAsCrash: false };
        return { ...config, system: { ...config.system, crashDetection } };
      },
    });
    await lenient.start();
  });

  const crashes = (where: LiveNode, name: string, count: number, state: string): Promise<Server> =>
    where.api.until(
      name,
      `${count} crashes are counted, and it is ${state}`,
      ({ status }) => status?.crashCount === count && status.state === state && !status.operation,
      patienceMs,
    );

  test('with 3 is answered once in a minute (containers 24.6)', async () => {
    const uuid = await node.addRunning('crashing');
    await node.daemon.type(uuid, 'crash 3');
    const restarted = await crashes(node, 'crashing', 1, 'running');
    assert.equal(restarted.status?.exit?.code, 3);
    await node.daemon.type(uuid, 'crash 4');
    const ended = await crashes(node, 'crashing', 2, 'offline');
    assert.deepEqual([ended.status?.exit?.code, ended.status?.exit?.reason], [4, 'Crashed']);
    assert.equal(node.starts(uuid), 2);
    await node.daemon.shows(uuid, [
      ...started,
      ...['crash 3', ...crashed(3)],
      ...started,
      ...['crash 4', ...crashed(4)],
      '> Aborting automatic restart, last crash occurred less than 60 seconds ago.',
    ]);
    // A person may start it all the same.
    await node.api.powerAndFinish('crashing', 'start');
    await node.running('crashing');
  });

  test('with 0 is a crash (containers 24.6)', async () => {
    const uuid = await node.addRunning('clean');
    await node.daemon.type(uuid, 'crash 0');
    await crashes(node, 'clean', 1, 'running');
    await node.daemon.shows(uuid, [...started, 'crash 0', ...crashed(0), ...started]);
  });

  test('with 0 is none where the settings say so, and 3 is one there too (containers 24.6)', async () => {
    const uuid = await lenient.addRunning('clean');
    await lenient.daemon.type(uuid, 'crash 0');
    const { status } = await lenient.api.untilState('clean', 'offline', patienceMs);
    assert.deepEqual([status?.exit?.code, status?.exit?.reason, status?.crashCount ?? 0], [0, 'Exited', 0]);
    await lenient.daemon.shows(uuid, [...started, 'crash 0', '= offline']);
    await lenient.api.powerAndFinish('clean', 'start');
    await lenient.running('clean');
    assert.equal(lenient.starts(uuid), 2, 'not by itself');
    await lenient.daemon.type(uuid, 'crash 3');
    await crashes(lenient, 'clean', 1, 'running');
  });

  for (const [how, code] of [
    ['main', 137],
    ['child', 5],
  ] as const) {
    test(`for want of memory, of its ${how} process, is told as that (containers 24.6)`, async () => {
      const name = `hungry-${how}`;
      const uuid = await node.addRunning(name, { invocation: eater(how), limits: { memory: 32, swap: 0 } });
      await node.daemon.type(uuid, 'eat');
      const { status } = await crashes(node, name, 1, 'running');
      assert.deepEqual([status?.exit?.code, status?.exit?.oomKilled], [code, true]);
      // A shell says in its own words that its child was killed.
      const expected = [...started, 'eat', ...crashed(code, true), ...started];
      await node.daemon.shows(uuid, expected, { without: 'Killed' });
    });
  }

  test('is not answered for a server without crash detection (containers 24.6)', async () => {
    const uuid = await node.addRunning('unwatched', { crashDetectionEnabled: false });
    await node.daemon.type(uuid, 'crash 3');
    const { status } = await crashes(node, 'unwatched', 1, 'offline');
    assert.equal(status?.exit?.code, 3);
    await node.daemon.shows(uuid, [
      ...started,
      ...['crash 3', '= offline'],
      '> Aborting automatic restart, crash detection is disabled for this instance.',
    ]);
  });

  const failures: [name: string, spec: ServerInput, reason: string][] = [
    [
      'image',
      { image: '~aileron-test/no-such-image:1' },
      'image "aileron-test/no-such-image:1" is not on this node and may not be pulled',
    ],
    [
      'cpus',
      { limits: { threads: '998-999' } },
      `Requested CPUs are not available - requested 998-999, available: ${cpus()}`,
    ],
  ];
  for (const [name, spec, reason] of failures) {
    test(`a start that cannot be because of its ${name} says why and is no crash (containers 24.7)`, async () => {
      const uuid = await node.add(`fail-${name}`, spec);
      const { status } = await node.api.powerAndFinish(`fail-${name}`, 'start');
      const sentence = `Failed to start the server: ${reason}`;
      assert.deepEqual([status?.power?.outcome, status?.power?.message], ['Failed', sentence]);
      assert.deepEqual([status?.state, status?.operation, status?.restartAt], ['offline', undefined, undefined]);
      assert.equal(status?.crashCount ?? 0, 0);
      await node.daemon.shows(uuid, ['= starting', `> ${sentence}`, '= stopping', '= offline']);
    });
  }

  test('limits that Docker would refuse are made to fit: 4 MiB, and swap without memory (containers 24.7)', async () => {
    const spec = { invocation: 'echo Done; while read -r line; do exit 0; done' };
    const tiny = await node.addRunning('tiny', { ...spec, limits: { memory: 4 } });
    assert.equal((await node.docker.inspectContainer(tiny))?.resources.Memory, 6 * 1_048_576);
    const swapper = await node.addRunning('swapper', { ...spec, limits: { memory: 0, swap: 64 } });
    assert.ok(!(await node.docker.inspectContainer(swapper))?.resources.Memory);
  });

  test('a mount that is not there is left out, and the console says so once (containers 24.7)', async () => {
    const mounts = [{ source: '/srv/is-not-there', target: '/maps', readOnly: true }];
    const uuid = await node.addRunning('unmounted', { mounts });
    const line = '> The mount at /maps is not allowed on this node and was left out.';
    await node.daemon.shows(uuid, ['= starting', line, ...started.slice(1)]);
    const targets = (await node.docker.inspectContainer(uuid))?.mounts.map(({ target }) => target);
    assert.ok(!targets?.includes('/maps'));
  });
});

function cpus(): string {
  const last = navigator.hardwareConcurrency - 1;
  return last === 0 ? '0' : `0-${last}`;
}

// SIGKILL of the daemon at every place between two acts of an installation, and in the middle of the script. The next
// daemon finishes it: the script has run once, its output is whole, and there is one end.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { checkpoints } from '../support/checkpoints.ts';
import type { DaemonChild } from '../support/daemon-child.ts';
import { needsDocker } from '../support/docker.ts';
import {
  createInstallation,
  deleteInstallation,
  getInstallation,
  installer,
  inVolume,
  outputIn,
  scriptDirectoryOf,
  scriptOf,
  told,
  untilInstallationIs,
} from '../support/installations.ts';
import { LiveNode } from '../support/live-node.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 90_000 };
const places = checkpoints('install:');

describe('the daemon is killed during an installation', { concurrency: 2 }, () => {
  assert.ok(places.length >= 11, places.join());

  for (const at of places) {
    test(
      `killed at ${at}, an installation is finished by the next daemon, once (containers 24.10)`,
      options,
      async (t) => {
        const node = await LiveNode.make(t);
        const first = await node.start();
        const uuid = await node.add('demo');
        const script = scriptOf(node, 'echo one', 'echo run >> /mnt/server/runs', 'echo two', 'exit 5');
        await node.daemon.pauseAt(at);
        await createInstallation(node, 'first', { server: 'demo', startOnCompletion: true, script });
        await node.daemon.paused();
        const second = await node.killAndStart();
        const { status } = await untilInstallationIs(node, 'first', 'Completed');
        assert.equal(status?.exitCode, 5);
        await node.running('demo');
        assert.equal(inVolume(node, uuid, 'runs'), 'run\n');
        assert.equal(node.starts(uuid), 1);
        await assertEnd(node, uuid, [first, second]);
      },
    );
  }

  test(
    'killed while the script runs, its output goes on where it was, and nothing of it is told twice',
    options,
    async (t) => {
      const node = await LiveNode.make(t);
      const first = await node.start();
      const uuid = await node.add('demo');
      const waits = (name: string) => `while [ ! -e /mnt/server/${name} ]; do sleep 0.05; done`;
      const count = 'i=0; while [ $i -lt 200 ]; do echo "line $i"; i=$((i+1)); done';
      const script = scriptOf(
        node,
        'echo begun',
        waits('a'),
        count,
        waits('b'),
        'echo between',
        waits('c'),
        'echo end',
        'exit 5',
      );
      const go = (name: string) => writeFileSync(join(node.volume(uuid), name), '');
      await createInstallation(node, 'first', { server: 'demo', script });
      await until('it began', 20_000, async () => told(first.installs(uuid)).includes('> begun'));
      go('a');
      await until('lines came', 20_000, async () => told(first.installs(uuid)).includes('> line 199'));
      await node.daemon.kill();
      go('b');
      const second = await node.start();
      await until('it is taken over', 20_000, async () => told(second.installs(uuid)).includes('> between'));
      go('c');
      await untilInstallationIs(node, 'first', 'Completed');
      const numbers = Array.from({ length: 200 }, (_, number) => `line ${number}`);
      const lines = ['begun', ...numbers, 'between', 'end'];
      assert.deepEqual(
        [first, second].flatMap((daemon) => told(daemon.installs(uuid))),
        ['started', 'running', ...lines.map((line) => `> ${line}`), 'completed'],
      );
      assert.equal(outputIn(node, uuid), `${lines.join('\n')}\n\n\nExit Code: 5\n`);
    },
  );

  test('the daemon stops in order: the script runs on, and ends while nobody looks', options, async (t) => {
    const node = await LiveNode.make(t);
    const first = await node.start();
    const uuid = await node.add('demo');
    const script = scriptOf(
      node,
      'echo one',
      'while [ ! -e /mnt/server/go ]; do sleep 0.05; done',
      'echo two',
      'exit 7',
    );
    await createInstallation(node, 'first', { server: 'demo', script });
    await untilInstallationIs(node, 'first', 'Running');
    await node.daemon.stop();
    assert.equal((await installer(node, uuid))?.running, true);
    writeFileSync(join(node.volume(uuid), 'go'), '');
    await until('it ended', 20_000, async () => (await installer(node, uuid))?.running === false);
    const second = await node.start();
    const { status } = await untilInstallationIs(node, 'first', 'Completed');
    assert.equal(status?.exitCode, 7);
    assert.equal(outputIn(node, uuid), 'one\ntwo\n\n\nExit Code: 7\n');
    await assertEnd(node, uuid, [first, second]);
  });

  test('killed while a deleted server waits for its installation, nothing of either is left', options, async (t) => {
    const node = await LiveNode.make(t);
    await node.start();
    const uuid = await node.add('demo', { reclaimPolicy: 'Delete' });
    const script = scriptOf(node, 'while true; do echo x >> /mnt/server/noise; sleep 0.01; done');
    await createInstallation(node, 'first', { server: 'demo', script });
    await untilInstallationIs(node, 'first', 'Running');
    await node.daemon.pauseAt('install:outcome-recorded');
    await node.api.call('DELETE', '/apis/aileron.dev/v1/servers/demo');
    await node.daemon.paused();
    await node.killAndStart();
    await until('the server is gone', 30_000, async () => (await node.api.get('demo')) === undefined);
    await untilInstallationIs(node, 'first', 'Cancelled');
    assert.equal(await installer(node, uuid), undefined);
    assert.equal(existsSync(node.volume(uuid)), false);
    await deleteInstallation(node, 'first');
    await until('it is gone', 20_000, async () => (await getInstallation(node, 'first')) === undefined);
  });
});

async function assertEnd(node: LiveNode, uuid: string, daemons: DaemonChild[]): Promise<void> {
  const all = daemons.flatMap((daemon) => told(daemon.installs(uuid)));
  // The write that makes the end final is the last thing before it is told: a daemon that dies in between tells it nobody.
  assert.equal(all.filter((step) => step === 'completed').length, 1);
  assert.equal(await installer(node, uuid), undefined);
  assert.equal(existsSync(scriptDirectoryOf(node, uuid)), false);
  assert.equal((await node.api.get('demo'))?.status?.claim, undefined);
}

// Docker stops, dies and comes back under running servers. Nobody asked a game to end, so the games run again
// afterwards; nothing of it counts as a crash, and the daemon goes through it in one piece.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveNode } from '../support/live-node.ts';
import { needsPrivateDocker, type PrivateDocker, privateDocker } from '../support/private-docker.ts';
import { until } from '../support/until.ts';

const options = { skip: needsPrivateDocker(), timeout: 120_000 };
const games = ['one', 'two'];

test(
  'Docker is restarted in order, then killed: the games are started again without talk of a crash (covers: SEC-90)',
  options,
  async (t) => {
    const { machine, node, uuids } = await nodeWithGames(t);
    const parked = await node.add('parked');

    for (const [round, outage] of [machine.stop, machine.kill].entries()) {
      const before = await Promise.all(uuids.map((uuid) => node.docker.inspectContainer(uuid)));
      await outage();
      await dockerIsAway(node);
      for (const name of games) assert.equal((await node.api.get(name))?.status?.state, 'running');
      await machine.start();

      for (const [index, name] of games.entries()) {
        const server = await node.api.until(
          name,
          'another process runs',
          ({ status }) => status?.state === 'running' && status.startedAt !== before[index]?.startedAt,
        );
        const uuid = uuids[index] ?? '';
        assert.equal(server.status?.crashCount ?? 0, 0);
        assert.equal(node.starts(uuid), round + 2);
        assert.deepEqual(
          node.daemon.lines(uuid).filter((line) => line.startsWith('> ')),
          [],
        );
        assert.deepEqual(await containersRunning(node, name), [true]);
      }
    }
    assert.equal((await node.api.get('parked'))?.status?.state, 'offline');
    assert.equal(node.starts(parked), 0);
    assert.ok(node.daemon.running);
    await stopByCommand(node);
  },
);

test(
  'with live restore the games never notice that Docker was killed, and their consoles come back (covers: SEC-90)',
  options,
  async (t) => {
    const { machine, node, uuids } = await nodeWithGames(t, true);
    const before = await Promise.all(uuids.map((uuid) => node.docker.inspectContainer(uuid)));
    const states = uuids.map((uuid) => node.daemon.states(uuid).length);

    await machine.kill();
    await dockerIsAway(node);
    await machine.start();
    await until('Docker is back', 20_000, async () => (await readiness(node)) === 200);

    for (const [index, uuid] of uuids.entries()) {
      const after = await node.docker.inspectContainer(uuid);
      assert.deepEqual([after?.id, after?.startedAt], [before[index]?.id, before[index]?.startedAt]);
      assert.equal(node.daemon.states(uuid).length, states[index]);
      assert.equal(node.starts(uuid), 1);
    }
    await stopByCommand(node);
  },
);

async function nodeWithGames(
  t: Parameters<typeof LiveNode.make>[0],
  liveRestore = false,
): Promise<{ machine: PrivateDocker; node: LiveNode; uuids: string[] }> {
  // What is registered first ends first: the daemon goes before the engine below it.
  const ends: (() => unknown)[] = [];
  t.after(async () => {
    for (const end of ends.reverse()) await end();
  });
  const after = (end: unknown) => void ends.push(end as () => unknown);
  const machine = await privateDocker({ after }, { liveRestore });
  const node = await LiveNode.make({ after }, { docker: machine.env });
  await node.start();
  const uuids = await Promise.all(games.map((name) => node.addRunning(name)));
  return { machine, node, uuids };
}

async function dockerIsAway(node: LiveNode): Promise<void> {
  await until('the node says that Docker is away', 20_000, async () => (await readiness(node)) !== 200);
}

/** The status of `/readyz`. */
async function readiness(node: LiveNode): Promise<number> {
  return (await fetch(`http://127.0.0.1:${node.daemon.opsPort}/readyz`)).status;
}

async function containersRunning(node: LiveNode, name: string): Promise<boolean[]> {
  return (await node.containers(name)).map(({ running }) => running);
}

/** The console works: the games read their stop command and end by themselves. */
async function stopByCommand(node: LiveNode): Promise<void> {
  for (const name of games) {
    const { spec, status } = await node.api.powerAndFinish(name, 'stop');
    assert.deepEqual([status?.state, status?.exit?.code], ['offline', 0]);
    assert.deepEqual(node.commands(spec.uuid ?? ''), ['stop']);
  }
}

// What runs is taken over as it is at a boot, what died is brought back, and what belongs to somebody else is left alone.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsDocker, testBody } from '../support/docker.ts';
import { LiveNode } from '../support/live-node.ts';

const options = { skip: await needsDocker(), timeout: 60_000 };

test('a boot brings back what ran, leaves what was off, and takes over what somebody started', options, async (t) => {
  const node = await LiveNode.make(t);
  await node.start();
  const [runs, died, removed, off, byHand] = [
    await node.addRunning('runs'),
    await node.addRunning('died'),
    await node.addRunning('removed'),
    await node.addRunning('off'),
    await node.addRunning('by-hand'),
  ];
  await node.api.powerAndFinish('off', 'stop');
  await node.api.powerAndFinish('by-hand', 'stop');
  const before = await node.docker.inspectContainer(runs);
  await node.daemon.kill();

  await node.docker.killContainer(died, 'SIGKILL');
  await node.docker.removeContainer(removed, { force: true });
  await node.docker.startContainer(byHand);
  // What another daemon of old wrote there is not ours to read.
  writeFileSync(join(node.directory, 'root', 'states.json'), 'not JSON');
  await node.start();

  for (const name of ['runs', 'died', 'removed', 'by-hand']) {
    const { status } = await node.running(name);
    assert.equal(status?.crashCount ?? 0, 0);
  }
  const after = await node.docker.inspectContainer(runs);
  assert.deepEqual([after?.id, after?.startedAt], [before?.id, before?.startedAt]);
  assert.equal((await node.api.get('off'))?.status?.state, 'offline');
  assert.deepEqual(
    [runs, died, removed, off, byHand].map((uuid) => node.starts(uuid)),
    [1, 2, 2, 1, 2],
  );
  for (const uuid of [runs, died, removed, off, byHand]) {
    assert.deepEqual(
      node.daemon.lines(uuid).filter((line) => line.includes('crash')),
      [],
    );
  }
});

test('a container of somebody else with the name of a server is left alone (covers: SEC-87)', options, async (t) => {
  const node = await LiveNode.make(t);
  const uuid = randomUUID();
  const { id } = await node.docker.createContainer(uuid, testBody(node.image, 'while true; do sleep 1; done'));
  t.after(() => node.docker.removeContainer(id, { force: true }));
  await node.docker.startContainer(id);
  await node.start();
  await node.api.create('theirs', node.input({ uuid }));
  await node.api.until('theirs', 'it is told', ({ status }) =>
    Boolean(status?.conditions?.some(({ reason }) => reason === 'ForeignContainer')),
  );
  const refused = await node.api.powerAndFinish('theirs', 'start');
  assert.equal(refused.status?.power?.outcome, 'Failed');
  await node.api.delete('theirs');
  await node.api.untilGone('theirs');
  const theirs = await node.docker.inspectContainer(uuid);
  assert.deepEqual([theirs?.id, theirs?.running], [id, true]);
});

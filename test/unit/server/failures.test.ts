// What must not follow from a failure: a loop, a start nobody asked for, a stop that never ends.
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { DockerError } from '../../../src/docker/engine.ts';
import type { ServerSpec } from '../../../src/resources/server.ts';
import { anyUuid, FakeNode, gameImage } from '../../support/fake-node.ts';

async function running(t: TestContext, spec: Partial<ServerSpec> = {}): Promise<FakeNode> {
  const node = new FakeNode(t);
  node.docker.addImage(gameImage, (process) => {
    process.print('Done\n');
    process.onInput((text) => {
      if (text === 'stop\n') process.exit(0);
    });
  });
  await node.startRunning(spec);
  node.states = [];
  node.lines = [];
  return node;
}

/** From now on nothing can be typed: `write` is what becomes of a line. */
async function breakConsole(node: FakeNode, write: () => Promise<void>): Promise<void> {
  const attach = node.docker.attachContainer.bind(node.docker);
  node.docker.attachContainer = async (...args) => {
    const attached = await attach(...args);
    return { output: attached.output, close: () => attached.close(), write };
  };
  node.docker.dropConsoles(anyUuid);
  await node.clock.advance(1_000); // it is attached again
  await node.settle();
}

const deaf = () => new Promise<void>(() => {});

const failedStarts = (node: FakeNode) => node.lines.filter((line) => line.includes('Failed to start')).length;

test('a start after an outage that cannot be is tried once', async (t) => {
  const node = await running(t);
  await node.stop();
  node.docker.exit(anyUuid, 137);
  node.docker.removeImage(gameImage);
  await node.restart();
  const server = await node.untilState('offline');
  await node.clock.advance(120_000);
  assert.equal(failedStarts(node), 1);
  assert.equal(server.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'False');
});

test('a foreign container in the place of one that ran ends in offline, once', async (t) => {
  const node = await running(t);
  await node.stop();
  node.docker.exit(anyUuid, 137);
  await node.docker.removeContainer(anyUuid, { force: true });
  const body = { ...(await import('../../support/docker.ts')).testBody(gameImage, '') };
  await node.docker.createContainer(anyUuid, body);
  await node.restart();
  await node.untilState('offline');
  await node.clock.advance(60_000);
  assert.equal(failedStarts(node), 1);
});

test('a planned restart that cannot be is tried once', async (t) => {
  const node = await running(t, { restartPolicy: 'Always' });
  node.docker.removeImage(gameImage);
  node.docker.exit(anyUuid, 1);
  await node.until('the restart has failed', () => failedStarts(node) > 0);
  await node.clock.advance(600_000);
  assert.equal(failedStarts(node), 1);
  assert.equal((await node.server())?.status?.restartAt, undefined);
});

for (const action of ['stop', 'kill'] as const) {
  test(`a ${action} during the back-off gives up the planned restart`, async (t) => {
    const node = await running(t, { restartPolicy: 'Always' });
    node.docker.exit(anyUuid, 1);
    await node.until('a restart is planned', (server) => server?.status?.restartAt);
    const server = await node.requestAndFinish(action);
    assert.equal(server.status?.restartAt, undefined);
    await node.clock.advance(600_000);
    assert.equal((await node.server())?.status?.state, 'offline');
  });
}

test('a process that does not read its console is stopped all the same', async (t) => {
  const node = await running(t);
  await breakConsole(node, deaf);
  const asked = node.clock.monotonic();
  await node.requestAndFinish('stop');
  assert.ok(node.clock.monotonic() - asked < 60_000, 'Docker was asked soon');
});

test('a kill passes a stop that waits for a deaf process', async (t) => {
  const node = await running(t);
  node.docker.stopContainer = () => new Promise<void>(() => {});
  await breakConsole(node, deaf);
  await node.request('stop');
  await node.untilState('stopping');
  const asked = node.clock.monotonic();
  await node.requestAndFinish('kill');
  assert.ok(node.clock.monotonic() - asked < 10_000);
});

test('a typed stop outlives a restart of the daemon', async (t) => {
  const node = new FakeNode(t);
  node.docker.addImage(gameImage, (process) => process.print('Done\n'));
  await node.start();
  await node.add({ spec: { image: `~${gameImage}` } });
  await node.untilState('offline');
  await node.requestAndFinish('start');
  await node.untilState('running');
  await node.input.send(anyUuid, 'stop');
  await node.restart();
  await node.settle();
  assert.equal((await node.server())?.status?.state, 'stopping');
  node.docker.exit(anyUuid, 0);
  const server = await node.untilState('offline');
  await node.clock.advance(60_000);
  assert.equal(server.status?.crashCount ?? 0, 0);
  assert.equal((await node.server())?.status?.state, 'offline');
});

test('a stop command that cannot be typed leaves the state as it was', async (t) => {
  const node = await running(t);
  await breakConsole(node, async () => {
    throw new DockerError(503, 'too much is unread');
  });
  await assert.rejects(node.input.send(anyUuid, 'stop'), /unread/);
  assert.equal((await node.server())?.status?.state, 'running');
});

test('limits that Docker takes and does not keep are sent once', async (t) => {
  const node = await running(t);
  let updates = 0;
  node.docker.updateContainer = async () => {
    updates += 1;
    return { warnings: ['Your kernel does not support it. Limitation discarded.'] };
  };
  await node.store.patch('Server', 'demo', { spec: { limits: { memory: 256 } } });
  await node.until('it says that a restart is needed', (server) => server?.status?.needsRestart?.includes('limits'));
  await node.clock.advance(120_000);
  assert.equal(updates, 1);
});

test('who sees offline may start at once', async (t) => {
  const node = await running(t);
  const id = await node.request('stop');
  await node.until('offline comes with the end of the request', (server) => {
    if (server?.status?.state !== 'offline') return false;
    assert.equal(server.status.power?.finishedRequest, id);
    assert.equal(server.status.operation, undefined);
    return true;
  });
});

test('a kill that Docker answers with an error is repeated', async (t) => {
  const node = await running(t);
  const kill = node.docker.killContainer.bind(node.docker);
  let kills = 0;
  node.docker.killContainer = async (id, signal) => {
    kills += 1;
    if (kills < 3) throw new DockerError(500, 'tried to kill container, but did not receive an exit event');
    return kill(id, signal);
  };
  const server = await node.requestAndFinish('kill');
  assert.equal(server.status?.power?.outcome, 'Succeeded');
  assert.equal(kills, 3);
});

test('a clean end under Always backs off too', async (t) => {
  const node = await running(t, { restartPolicy: 'Always' });
  const waits: number[] = [];
  for (let round = 0; round < 3; round++) {
    const at = node.clock.now();
    node.docker.exit(anyUuid, 0);
    const planned = await node.until('a restart is planned', (server) => server?.status?.restartAt);
    waits.push(Math.round((Date.parse(planned) - at) / 1000));
    await node.untilState('running');
  }
  assert.ok((waits[2] ?? 0) > (waits[0] ?? 0) * 3, String(waits));
});

test('a container removed by force tells its own exit, not the last one', async (t) => {
  const node = await running(t);
  await node.requestAndFinish('stop');
  await node.requestAndFinish('start');
  await node.untilState('running');
  await node.docker.removeContainer(anyUuid, { force: true });
  const server = await node.until('it was a crash', (now) => now?.status?.crashCount === 1 && now);
  assert.deepEqual(
    { code: server.status?.exit?.code, reason: server.status?.exit?.reason },
    { code: 137, reason: 'Crashed' },
  );
});

test('work for an object that is gone does not touch the next one of its name', async (t) => {
  const node = await running(t, {
    egg: { done: ['Done'], stripAnsi: false, stop: { type: 'command', value: 'nothing' } },
  });
  await node.store.delete('Server', 'demo');
  await node.untilState('stopping');
  await node.store.patch('Server', 'demo', { metadata: { finalizers: [] } });
  await node.add({ spec: { image: `~${gameImage}`, uuid: '8d4e1a2b-1111-4222-8333-444455556666' } });
  await node.clock.advance(120_000);
  const server = await node.until('the new one is looked at', (now) => now?.status?.state === 'offline' && now);
  assert.deepEqual(server.metadata.finalizers, ['aileron.dev/server']);
});

test('a deletion that fails is tried again ever more slowly, until it succeeds', async (t) => {
  const node = await running(t);
  const remove = node.docker.removeContainer.bind(node.docker);
  let tries = 0;
  let works = false;
  node.docker.removeContainer = async (...args) => {
    tries += 1;
    if (!works) throw new DockerError(500, 'device is busy');
    return remove(...args);
  };
  await node.store.delete('Server', 'demo');
  for (let seconds = 0; seconds < 60; seconds += 4) {
    await node.clock.advance(4_000);
    await node.settle();
  }
  assert.ok(tries >= 5 && tries <= 20, `${tries} tries in a minute`);
  works = true;
  await node.until('it is gone', (server) => server === undefined);
});

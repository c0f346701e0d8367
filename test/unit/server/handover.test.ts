// What another daemon that had the node left of its servers: whoever ran there runs here, and whoever was stopped there
// stays so, whatever our own record says.
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { Handover } from '../../../controllers/server/deps.ts';
import { unlistedCondition } from '../../../src/resources/listed.ts';
import type { ProcessState, Server } from '../../../src/resources/server.ts';
import { mutateStatus } from '../../../src/runtime/status.ts';
import { testBody } from '../../support/docker.ts';
import { anyUuid, FakeNode, gameImage } from '../../support/fake-node.ts';

class Left implements Handover {
  state: ProcessState | undefined;

  firstPower(): 'Running' | 'Stopped' {
    return this.state === 'running' || this.state === 'starting' ? 'Running' : 'Stopped';
  }

  leftBehind(): ProcessState | undefined {
    return this.state;
  }
}

function nodeAfter(t: TestContext, state?: ProcessState): { node: FakeNode; left: Left } {
  const left = new Left();
  left.state = state;
  const node = new FakeNode(t, { handover: left });
  node.docker.addImage(gameImage, (process) => {
    process.print('Done\n');
    process.onInput((text) => {
      if (text === 'stop\n') process.exit(0);
    });
  });
  return { node, left };
}

async function running(t: TestContext): Promise<{ node: FakeNode; left: Left }> {
  const { node, left } = nodeAfter(t);
  await node.startRunning();
  return { node, left };
}

async function installerAtWork({ docker }: FakeNode): Promise<string> {
  docker.addImage('installer:1');
  const body = testBody('installer:1', '', { Labels: { Service: 'Pelican', ContainerType: 'server_installer' } });
  const { id } = await docker.createContainer(`${anyUuid}_installer`, body);
  await docker.startContainer(id);
  return id;
}

for (const state of ['running', 'starting'] as const) {
  test(`a server that is new here and was ${state} there is started, once`, async (t) => {
    const { node } = nodeAfter(t, state);
    await node.start();
    await node.add({ spec: { image: `~${gameImage}` } });
    await node.until('it was started', () => node.states.includes('running'));
    assert.deepEqual(node.states, ['starting', 'running']);
    await node.requestAndFinish('stop');
    await node.clock.advance(120_000);
    assert.equal((await node.server())?.status?.state, 'offline');
  });
}

for (const state of ['stopping', 'offline', undefined] as const) {
  test(`a server that is new here and was ${state ?? 'not known'} there stays offline`, async (t) => {
    const { node } = nodeAfter(t, state);
    await node.start();
    await node.add({ spec: { image: `~${gameImage}` } });
    await node.untilState('offline');
    await node.clock.advance(120_000);
    assert.deepEqual(
      node.states.filter((one) => one !== 'offline'),
      [],
    );
  });
}

test('a server that was suspended meanwhile is not started', async (t) => {
  const { node } = nodeAfter(t, 'running');
  await node.start();
  await node.add({ spec: { image: `~${gameImage}`, suspended: true } });
  await node.untilState('offline');
  await node.clock.advance(120_000);
  assert.equal(node.states.includes('starting'), false);
});

test('what was stopped there does not come back, though our record says that it ran', async (t) => {
  const { node, left } = await running(t);
  await node.stop();
  node.docker.exit(anyUuid, 0);
  left.state = 'offline';
  await node.restart();
  await node.untilState('offline');
  await node.clock.advance(120_000);
  assert.deepEqual(node.states, []);
});

test('what was started there and fell with the machine is started, though our record says offline', async (t) => {
  const { node, left } = await running(t);
  await node.requestAndFinish('stop');
  await node.stop();
  left.state = 'running';
  await node.restart();
  await node.until('it was started', () => node.states.includes('running'));
  assert.deepEqual(node.states, ['starting', 'running']);
});

test('an operation from before is forgotten with the record that it belongs to', async (t) => {
  const { node, left } = await running(t);
  await node.requestAndFinish('stop');
  await node.stop();
  await mutateStatus<Server>(node.store, 'Server', 'demo', (status) => {
    status.state = 'starting';
    status.operation = { action: 'start', cause: 'Request', startedAt: '2026-01-01T00:00:00Z' };
  });
  left.state = 'offline';
  await node.restart();
  await node.until('it is settled', (server) => server?.status?.state === 'offline' && !server.status.operation);
  await node.clock.advance(120_000);
  assert.deepEqual(node.states, []);
});

test('a process that runs is taken over, whatever was written down', async (t) => {
  const { node, left } = await running(t);
  const before = await node.docker.inspectContainer(anyUuid);
  left.state = 'offline';
  await node.restart();
  await node.settle();
  const server = await node.server();
  assert.equal(server?.status?.state, 'running');
  assert.deepEqual(node.states, []);
  assert.equal((await node.docker.inspectContainer(anyUuid))?.startedAt, before?.startedAt);
  // The record there is of the past: what happens from here on is ours to say.
  node.docker.exit(anyUuid, 3);
  await node.until('the crash was answered', (now) => now?.status?.crashCount === 1 && now.status.state === 'running');
});

test('what a Panel does not list any more is not started for what ran there', async (t) => {
  const { node, left } = await running(t);
  await node.requestAndFinish('stop');
  await node.stop();
  await mutateStatus<Server>(node.store, 'Server', 'demo', (status) => {
    status.conditions = [{ ...unlistedCondition, lastTransitionTime: '2026-01-01T00:00:00Z' }];
  });
  left.state = 'running';
  await node.restart();
  await node.clock.advance(120_000);
  await node.untilState('offline');
  assert.equal(node.states.includes('starting'), false);
});

test('a process that is paused is taken over, and has its console as soon as it goes on', async (t) => {
  const { node } = await running(t);
  node.docker.pause(anyUuid);
  await node.restart();
  await node.until('it is taken over', () => node.input.has(anyUuid));
  await node.clock.advance(30_000);
  assert.equal((await node.server())?.status?.state, 'running');
  const typed = node.input.send(anyUuid, 'say hi');
  node.docker.unpause(anyUuid);
  await node.until('the line has come', () => node.docker.stdin(anyUuid) === 'say hi\n');
  await typed;
  assert.deepEqual([node.states, node.lines], [[], ['say hi']], 'what stands in the past is no news');
  await node.requestAndFinish('stop');
  assert.deepEqual(node.states, ['stopping', 'offline']);
});

test('a server on which an installer is at work is not started, whatever our own record says and whoever asks', async (t) => {
  const { node } = await running(t);
  await node.stop();
  node.docker.exit(anyUuid, 0);
  const id = await installerAtWork(node);
  await node.restart();
  await node.untilState('offline');
  await node.settle();
  const { status } = await node.requestAndFinish('start');
  assert.deepEqual([node.states, status?.power?.outcome], [[], 'Failed']);
  assert.match(status?.power?.message ?? '', /server is currently installing/);
  // One that has ended disturbs nobody.
  node.docker.exit(`${anyUuid}_installer`, 0);
  assert.equal((await node.docker.inspectContainer(id))?.running, false);
  await node.requestAndFinish('start');
  await node.untilState('running');
});

for (const known of [false, true])
  test(`what ran there and is being installed is not started, ${known ? 'though we knew it' : 'and is new here'}`, async (t) => {
    const { node, left } = known ? await running(t) : nodeAfter(t);
    if (known) await node.requestAndFinish('stop');
    await node.stop();
    left.state = 'running';
    await installerAtWork(node);
    node.states = [];
    await node.start();
    if (!known) await node.add({ spec: { image: `~${gameImage}` } });
    await node.untilState('offline');
    await node.settle();
    assert.deepEqual(node.states, []);
  });

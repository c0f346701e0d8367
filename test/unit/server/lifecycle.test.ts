import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { DockerError } from '../../../src/docker/engine.ts';
import type { ServerSpec } from '../../../src/resources/server.ts';
import { testBody } from '../../support/docker.ts';
import { anyUuid, FakeNode, type FakeNodeOptions, gameImage } from '../../support/fake-node.ts';

/** Says that it is up, echoes nothing, ends on `stop`. */
async function nodeWithGame(
  t: TestContext,
  options: FakeNodeOptions & { spec?: Partial<ServerSpec> } = {},
): Promise<FakeNode> {
  const node = new FakeNode(t, options);
  node.docker.addImage(gameImage, (process) => {
    process.print('loading\nDone (1s)!\n');
    process.onInput((text) => {
      if (text === 'stop\n') process.exit(0);
    });
  });
  await node.start();
  await node.add({ spec: { image: `~${gameImage}`, ...options.spec } });
  await node.untilState('offline');
  return node;
}

async function running(
  t: TestContext,
  options: FakeNodeOptions & { spec?: Partial<ServerSpec> } = {},
): Promise<FakeNode> {
  const node = await nodeWithGame(t, options);
  await node.requestAndFinish('start');
  await node.untilState('running');
  node.states = [];
  node.lines = [];
  node.reasons = [];
  return node;
}

test('a start goes through starting to running, each once, and tells what it made', async (t) => {
  const node = await nodeWithGame(t);
  await node.requestAndFinish('start');
  const server = await node.untilState('running');
  assert.deepEqual(node.states, ['starting', 'running']);
  assert.equal(server.status?.power?.outcome, 'Succeeded');
  assert.equal(server.status?.operation, undefined);
  const container = await node.docker.inspectContainer(anyUuid);
  assert.equal(server.status?.containerId, container?.id);
  assert.deepEqual(node.lines, ['loading', 'Done (1s)!']);
  assert.equal(server.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
});

test('a second look writes nothing', async (t) => {
  const node = await running(t);
  await node.settle();
  const before = (await node.server())?.metadata.resourceVersion;
  await node.clock.advance(61_000); // two resyncs
  await node.settle();
  assert.equal((await node.server())?.metadata.resourceVersion, before);
});

test('a stop types the command and waits for the process; it is no crash', async (t) => {
  const node = await running(t);
  const server = await node.requestAndFinish('stop');
  assert.deepEqual(node.states, ['stopping', 'offline']);
  assert.equal(node.docker.stdin(anyUuid), 'stop\n');
  assert.deepEqual(server.status?.exit && { ...server.status.exit, finishedAt: '' }, {
    code: 0,
    oomKilled: false,
    finishedAt: '',
    reason: 'Stopped',
  });
  assert.deepEqual(node.lines, ['stop']);
});

test('the last words of a process are shown before its end is told, also without the end of a line', async (t) => {
  const node = new FakeNode(t);
  node.docker.addImage(gameImage, (process) => {
    process.print('Done (1s)!\n');
    process.onInput(() => {
      process.print('saved\nbye');
      process.exit(0);
    });
  });
  await node.start();
  await node.add({ spec: { image: `~${gameImage}` } });
  await node.untilState('offline');
  await node.requestAndFinish('start');
  await node.untilState('running');
  node.happened = [];
  await node.requestAndFinish('stop');
  assert.deepEqual(node.happened, ['stopping', 'stop', 'saved', 'bye', 'offline']);
  await node.requestAndFinish('start');
  await node.untilState('running');
  node.happened = [];
  node.docker.print(anyUuid, 'Segmentation fault');
  node.docker.exit(anyUuid, 139);
  await node.until('it crashed', ({ status } = {} as never) => status?.crashCount === 1);
  assert.deepEqual(node.happened.slice(0, 2), ['Segmentation fault', 'offline']);
});

test('the stop command typed into the console is no crash', async (t) => {
  const node = await running(t);
  await node.input.send(anyUuid, 'say hi');
  await node.input.send(anyUuid, 'stop');
  await node.untilState('offline');
  assert.equal(node.docker.stdin(anyUuid), 'say hi\nstop\n');
  assert.deepEqual(node.states, ['stopping', 'offline']);
  await assert.rejects(node.input.send(anyUuid, 'too late'), /no console/);
});

test('a process that ignores its stop command is killed after 10 minutes (containers 24.3)', async (t) => {
  const node = await running(t, {
    spec: { egg: { done: ['Done'], stripAnsi: false, stop: { type: 'command', value: 'quit' } } },
  });
  const asked = node.clock.monotonic();
  const server = await node.requestAndFinish('stop');
  assert.ok(node.clock.monotonic() - asked >= 600_000);
  assert.deepEqual(node.lines, ['quit', '> Server did not stop in time, killing the process.']);
  assert.equal(server.status?.exit?.code, 137);
  assert.deepEqual(node.states, ['stopping', 'offline']);
});

test('a stop by signal has the grace of the settings', async (t) => {
  const node = await running(t, {
    spec: { egg: { done: ['Done'], stripAnsi: false, stop: { type: 'signal', value: '^C' } } },
  });
  const server = await node.requestAndFinish('stop');
  assert.equal(server.status?.exit?.code, 130);
});

test('a restart stops and starts under one request', async (t) => {
  const node = await running(t);
  const first = (await node.server())?.status?.containerId;
  await node.requestAndFinish('restart');
  const server = await node.untilState('running');
  assert.deepEqual(node.states, ['stopping', 'offline', 'starting', 'running']);
  assert.notEqual(server.status?.containerId, first);
});

test('a restart of an offline server is a start', async (t) => {
  const node = await nodeWithGame(t);
  await node.requestAndFinish('restart');
  await node.untilState('running');
});

test('a crash restarts once; the second within the window stays offline', async (t) => {
  const node = await running(t);
  node.docker.exit(anyUuid, 3);
  const crashed = await node.until(
    'it runs again',
    (server) => server?.status?.crashCount === 1 && server.status.state === 'running' && server,
  );
  assert.deepEqual(node.states, ['offline', 'starting', 'running']);
  assert.deepEqual(node.lines.slice(0, 3), [
    '> ---------- Detected server process in a crashed state! ----------',
    '> Exit code: 3',
    '> Out of memory: false',
  ]);
  assert.equal(crashed.status?.exit?.code, 3);
  node.docker.exit(anyUuid, 4, { oomKilled: true });
  const server = await node.until(
    'it gave up',
    (now) => now?.status?.crashCount === 2 && now.status.state === 'offline' && now,
  );
  await node.clock.advance(120_000);
  assert.equal((await node.server())?.status?.state, 'offline');
  assert.ok(node.lines.includes('> Out of memory: true'));
  assert.ok(node.lines.includes('> Aborting automatic restart, last crash occurred less than 60 seconds ago.'));
  const ready = server.status?.conditions?.find(({ type }) => type === 'Ready');
  assert.equal(ready?.reason, 'Crashed');
});

test('a restart policy starts again after its back-off', async (t) => {
  const node = await running(t, { spec: { restartPolicy: 'OnFailure' } });
  const crashedAt = node.clock.monotonic();
  node.docker.exit(anyUuid, 1);
  await node.until('a restart is planned', (server) => server?.status?.restartAt);
  await node.untilState('running');
  assert.ok(node.clock.monotonic() - crashedAt >= 9_000);
});

test('a start that Docker refuses is no crash and says why', async (t) => {
  const node = await nodeWithGame(t);
  node.docker.failStart(anyUuid, 'Bind for 0.0.0.0:25565 failed: port is already allocated');
  const server = await node.requestAndFinish('start');
  assert.deepEqual(node.states, ['starting', 'stopping', 'offline']);
  assert.deepEqual(node.lines, [
    '> Failed to start the server: Bind for 0.0.0.0:25565 failed: port is already allocated',
  ]);
  assert.equal(server.status?.power?.outcome, 'Failed');
  assert.equal(server.status?.crashCount ?? 0, 0);
  await node.clock.advance(120_000);
  assert.equal((await node.server())?.status?.state, 'offline');
});

test('a kill during the pull ends the start (containers 24.4)', async (t) => {
  const node = new FakeNode(t);
  node.docker.pullBehaviour = (_reference, { signal }) =>
    new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  await node.start();
  await node.add({ spec: { image: gameImage } });
  await node.untilState('offline');
  await node.request('start');
  await node.untilState('starting');
  await node.requestAndFinish('kill');
  await node.settle();
  assert.deepEqual(node.states, ['starting', 'stopping', 'offline']);
  assert.equal(await node.docker.inspectContainer(anyUuid), undefined);
});

test('a container that somebody removed is a crash and is made again', async (t) => {
  const node = await running(t);
  await node.docker.removeContainer(anyUuid, { force: true });
  await node.until(
    'it is made again',
    (server) => server?.status?.crashCount === 1 && server.status.state === 'running',
  );
});

test('a container that somebody started is taken over', async (t) => {
  const node = await running(t);
  await node.requestAndFinish('stop');
  await node.docker.startContainer(anyUuid);
  const server = await node.untilState('running');
  assert.deepEqual(node.states, ['stopping', 'offline', 'running']);
  assert.equal(server.status?.power?.outcome, 'Succeeded');
});

test('a restart of the daemon never restarts a game', async (t) => {
  const node = await running(t);
  const before = await node.docker.inspectContainer(anyUuid);
  await node.restart();
  await node.settle();
  const after = await node.docker.inspectContainer(anyUuid);
  assert.equal(after?.id, before?.id);
  assert.equal(after?.startedAt, before?.startedAt);
  assert.deepEqual(node.states, []);
  node.docker.print(anyUuid, 'tick\n');
  await node.until('the console is attached', () => node.lines.includes('tick'));
  await node.requestAndFinish('stop');
  assert.equal(node.docker.stdin(anyUuid), 'stop\n');
});

test('a done line printed while no daemon ran is found in the log', async (t) => {
  const node = new FakeNode(t);
  node.docker.addImage(gameImage);
  await node.start();
  await node.add({ spec: { image: `~${gameImage}` } });
  await node.untilState('offline');
  await node.requestAndFinish('start');
  await node.stop();
  node.docker.print(anyUuid, 'Done at last\n');
  await node.restart();
  await node.untilState('running');
  assert.deepEqual(node.states, ['running']);
});

test('what ended while no daemon ran is started again without talk of a crash', async (t) => {
  const node = await running(t);
  await node.stop();
  node.docker.exit(anyUuid, 137);
  await node.restart();
  const server = await node.untilState('running');
  assert.equal(server.status?.crashCount ?? 0, 0);
  assert.deepEqual(
    node.lines.filter((line) => line.includes('crash')),
    [],
  );
});

test('Docker going away changes no state; what it took along is started again', async (t) => {
  const node = await running(t);
  node.docker.setReachable(false);
  await node.clock.advance(20_000);
  assert.deepEqual(node.states, []);
  node.docker.exit(anyUuid, 255);
  node.docker.forgetEvents();
  node.docker.setReachable(true);
  const server = await node.until('it was started again', (now) => node.states.includes('running') && now);
  assert.equal(server.status?.crashCount ?? 0, 0);
  assert.deepEqual(
    node.lines.filter((line) => line.includes('crash')),
    [],
  );
});

test('Docker going away and coming back with the container alive goes unnoticed', async (t) => {
  const node = await running(t);
  node.docker.setReachable(false);
  await node.clock.advance(10_000);
  node.docker.setReachable(true);
  await node.clock.advance(10_000);
  node.docker.print(anyUuid, 'still here\n');
  await node.until('the console is back', () => node.lines.includes('still here'));
  assert.deepEqual(node.states, []);
});

test('a dropped console is attached again and its gap filled, without a change of state', async (t) => {
  const node = await running(t);
  node.docker.print(anyUuid, 'before\n');
  await node.settle();
  node.docker.dropConsoles(anyUuid);
  node.docker.print(anyUuid, 'meanwhile\n');
  await node.until('the gap is filled', () => node.lines.includes('meanwhile'));
  node.docker.print(anyUuid, 'after\n');
  await node.until('lines flow again', () => node.lines.includes('after'));
  assert.deepEqual(node.lines, ['before', 'meanwhile', 'after']);
  assert.deepEqual(node.states, []);
});

test('a line printed while the gap is read stands in log and stream, and is shown once', async (t) => {
  const node = await running(t);
  node.docker.before = (method) => {
    if (method === 'containerLogs') node.docker.print(anyUuid, 'between\n');
  };
  node.docker.dropConsoles(anyUuid);
  await node.until('it is shown', () => node.lines.includes('between'));
  node.docker.before = () => {};
  node.docker.print(anyUuid, 'after\n');
  await node.until('lines flow again', () => node.lines.includes('after'));
  await node.settle();
  assert.deepEqual(node.lines, ['between', 'after']);
});

test('suspension stops the server and refuses a start', async (t) => {
  const node = await running(t);
  await node.store.patch('Server', 'demo', { spec: { suspended: true } });
  await node.untilState('offline');
  const server = await node.requestAndFinish('start');
  assert.equal(server.status?.power?.outcome, 'Refused');
  assert.deepEqual(node.states, ['stopping', 'offline']);
});

test('a foreign container with the name of a server is never touched (covers: SEC-87)', async (t) => {
  const node = new FakeNode(t);
  node.docker.addImage(gameImage);
  await node.start();
  const { id } = await node.docker.createContainer(anyUuid, testBody(gameImage, ''));
  await node.docker.startContainer(id);
  await node.add({ spec: { image: `~${gameImage}` } });
  await node.untilState('offline');
  const server = await node.requestAndFinish('start');
  assert.equal(server.status?.power?.outcome, 'Failed');
  await node.requestAndFinish('kill');
  const container = await node.docker.inspectContainer(anyUuid);
  assert.equal(container?.id, id);
  assert.equal(container?.running, true);
  await node.until('it is reported', (now) =>
    now?.status?.conditions?.some(({ reason }) => reason === 'ForeignContainer'),
  );
  await node.store.delete('Server', 'demo');
  await node.until('the object is gone', (now) => now === undefined && true);
  assert.equal((await node.docker.inspectContainer(id))?.running, true);
});

for (const [policy, setting, removed] of [
  ['Retain', true, false],
  ['Delete', true, true],
  ['Delete', false, false],
] as const) {
  test(`deletion with ${policy} and removal ${setting ? 'on' : 'off'} ${removed ? 'removes' : 'keeps'} backups (backups 15.17)`, async (t) => {
    const node = new FakeNode(t);
    node.config.system.backups.removeBackupsOnServerDelete = setting;
    await node.add({ spec: { reclaimPolicy: policy } });
    await node.start();
    await node.store.delete('Server', 'demo');
    await node.until('it is gone', (server) => server === undefined);
    assert.deepEqual(node.backupsRemoved, removed ? [anyUuid] : []);
  });
}

for (const reclaimPolicy of ['Retain', 'Delete'] as const) {
  test(`deletion with ${reclaimPolicy} removes process and container`, async (t) => {
    const node = await running(t, { spec: { reclaimPolicy } });
    const stdin = () => node.docker.stdin(anyUuid);
    let typed = '';
    node.docker.before = (method) => {
      if (method === 'removeContainer') typed = stdin();
    };
    await node.store.delete('Server', 'demo');
    await node.until('it is gone', (server) => server === undefined && true);
    assert.equal(await node.docker.inspectContainer(anyUuid), undefined);
    assert.equal(typed, reclaimPolicy === 'Retain' ? 'stop\n' : '');
    assert.deepEqual(node.states, ['stopping', 'offline']);
  });
}

test('a deletion during the pull leaves nothing behind', async (t) => {
  const node = new FakeNode(t);
  node.docker.pullBehaviour = (_reference, { signal }) =>
    new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  await node.start();
  await node.add({ spec: { image: gameImage } });
  await node.untilState('offline');
  await node.request('start');
  await node.untilState('starting');
  await node.store.delete('Server', 'demo');
  await node.until('it is gone', (server) => server === undefined && true);
  assert.equal(await node.docker.inspectContainer(anyUuid), undefined);
});

test('what was typed while Docker was away is read as soon as it is back, not at the next try of the console', async (t) => {
  const node = await running(t);
  const { clock, docker } = node;
  docker.setReachable(false);
  const typed = node.input.send(anyUuid, 'say hi');
  for (let passed = 0; passed < 5_000; passed += 10) await clock.advance(10);
  docker.setReachable(true);
  for (let passed = 0; passed < 2_000; passed += 10) await clock.advance(10);
  assert.equal(docker.stdin(anyUuid), 'say hi\n');
  await typed;
});

test('a pull that fails takes the copy on the node', async (t) => {
  const node = new FakeNode(t);
  node.docker.addImage(gameImage, (process) => process.print('Done\n'));
  node.docker.pullBehaviour = async () => {
    throw new DockerError(500, 'no such host');
  };
  await node.start();
  await node.add({ spec: { image: gameImage } });
  await node.untilState('offline');
  await node.requestAndFinish('start');
  await node.untilState('running');
  assert.ok(node.lines.includes('> Could not pull the Docker image, using the copy on this node.'));
});

test('a flood of lines leaves others their turn', async (t) => {
  const node = await running(t);
  const pieces = 20;
  const piece = 'all work and no play\n'.repeat(1_000);
  for (let n = 0; n < pieces; n++) node.docker.print(anyUuid, piece);
  let turns = 0;
  const count = () => {
    turns += 1;
    if (node.lines.length < pieces * 1_000) setImmediate(count);
  };
  setImmediate(count);
  await node.until('all is printed', () => node.lines.length >= pieces * 1_000);
  assert.equal(node.lines.length, pieces * 1_000);
  assert.ok(turns >= pieces / 2, `${turns} turns`);
});

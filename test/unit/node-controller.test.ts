// The Node object of this machine: what it says, when it is written, and when it is not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DiskSpace } from '../../controllers/node/machine.ts';
import { diskPressure, nodeReconciler } from '../../controllers/node/node-controller.ts';
import { isRuncSafe } from '../../src/docker/runc.ts';
import { findCondition } from '../../src/resources/conditions.ts';
import type { Node } from '../../src/resources/node.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeDocker } from '../support/fake-docker.ts';
import { MemoryStore } from '../support/memory-store.ts';

const gibibyte = 1024 ** 3;

function setUp() {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const docker = new FakeDocker({ clock });
  const feed: { reachable: boolean; failure: Error | undefined } = { reachable: true, failure: undefined };
  const disk: DiskSpace = { totalBytes: 100 * gibibyte, freeBytes: 50 * gibibyte };
  const machine = {
    cpus: 4,
    memoryBytes: 16 * gibibyte,
    kernel: '6.1.0',
    architecture: 'x64',
    nodeVersion: 'v24.0.0',
    aileronVersion: '0.1.0',
    disk: async () => ({ ...disk }),
  };
  const told: string[] = [];
  const events = { event: (_about: unknown, type: string, reason: string) => told.push(`${type} ${reason}`) };
  const reconcile = nodeReconciler({ store, docker, feed, machine, events, nodeName: 'here', clock });
  const run = (key = 'here') =>
    reconcile(key, { signal: new AbortController().signal, log: silentLogger, reconcileId: '1' });
  const node = async () => {
    const found = await store.get<Node>('Node', 'here');
    assert.ok(found, 'the Node exists');
    return found;
  };
  const condition = async (type: string) => findCondition((await node()).status?.conditions, type);
  return { clock, store, docker, feed, disk, machine, told, run, node, condition };
}

test('makes the Node and tells capacity, versions and conditions (covers: SEC-89)', async () => {
  const { run, node } = setUp();
  assert.deepEqual(await run(), { requeueAfter: 15_000 });
  const { status } = await node();
  assert.equal(status?.heartbeatAt, '2026-01-01T00:00:00Z');
  assert.deepEqual(status?.capacity, {
    cpus: 4,
    memoryBytes: 16 * gibibyte,
    diskBytes: 100 * gibibyte,
    diskFreeBytes: 50 * gibibyte,
  });
  assert.deepEqual(status?.versions, {
    aileron: '0.1.0',
    node: 'v24.0.0',
    kernel: '6.1.0',
    architecture: 'x64',
    os: 'Debian GNU/Linux 12 (bookworm)',
    docker: '28.0.0',
    dockerApi: '1.48',
    containerd: '2.0.0',
    runc: '1.3.3',
    cgroup: '2',
  });
  assert.deepEqual(
    status?.conditions?.map(({ type, status: value, reason }) => `${type} ${value} ${reason}`),
    ['DockerReady True Reachable', 'DiskPressure False SpaceIsFree', 'RuntimeOutdated False Patched'],
  );
});

test('writes nothing the second time, nor when the free space moves a little', async () => {
  const { clock, disk, run, node } = setUp();
  await run();
  const { resourceVersion } = (await node()).metadata;
  await run();
  disk.freeBytes -= gibibyte / 2;
  await clock.advance(59_000);
  await run();
  assert.equal((await node()).metadata.resourceVersion, resourceVersion);
});

test('gives a sign of life every 60 s, with the free space of that moment', async () => {
  const { clock, disk, run, node } = setUp();
  await run();
  disk.freeBytes -= gibibyte / 2;
  await clock.advance(60_000);
  await run();
  const { status } = await node();
  assert.equal(status?.heartbeatAt, '2026-01-01T00:01:00Z');
  assert.equal(status?.capacity?.diskFreeBytes, 49.5 * gibibyte);
});

test('gives a sign of life after the clock was set back', async () => {
  const { clock, run, node } = setUp();
  await run();
  clock.jumpWall(-3_600_000);
  await run();
  assert.equal((await node()).status?.heartbeatAt, '2025-12-31T23:00:00Z');
});

test('makes the Node again when somebody deletes it', async () => {
  const { store, run, node } = setUp();
  await run();
  await store.delete('Node', 'here');
  await run();
  assert.ok((await node()).status?.heartbeatAt);
});

test('leaves the Node of another machine alone', async () => {
  const { store, run } = setUp();
  assert.equal(await run('there'), undefined);
  assert.equal(await store.get('Node', 'there'), undefined);
});

test('says at once that Docker is away, why, and that it is back; what it said last stays', async () => {
  const { docker, feed, run, node, condition } = setUp();
  await run();
  docker.setReachable(false);
  await run(); // before the feed has noticed
  assert.deepEqual((await condition('DockerReady'))?.status, 'False');
  feed.reachable = false;
  feed.failure = new Error('Docker does not answer at unix:///var/run/docker.sock');
  await run();
  const away = await condition('DockerReady');
  assert.deepEqual(
    [away?.status, away?.reason, away?.message],
    ['False', 'Unreachable', 'Docker does not answer at unix:///var/run/docker.sock'],
  );
  assert.equal((await node()).status?.versions?.docker, '28.0.0');
  docker.setReachable(true);
  Object.assign(feed, { reachable: true, failure: undefined });
  await run();
  assert.equal((await condition('DockerReady'))?.status, 'True');
});

test('does not call Docker away before it has been asked', async () => {
  const { feed, run, condition } = setUp();
  feed.reachable = false;
  await run();
  assert.equal((await condition('DockerReady'))?.status, 'Unknown');
});

test('warns once of a runc that lets containers out (covers: SEC-89)', async () => {
  const { docker, told, run, condition } = setUp();
  docker.engineInfo.runcVersion = '1.1.5+ds1';
  await run();
  await run();
  assert.deepEqual(told, ['Warning RuntimeOutdated']);
  const outdated = await condition('RuntimeOutdated');
  assert.equal(outdated?.status, 'True');
  assert.match(outdated?.message ?? '', /1\.1\.5\+ds1.*1\.2\.8, 1\.3\.3/);
  docker.engineInfo.runcVersion = '1.2.8';
  await run();
  assert.equal((await condition('RuntimeOutdated'))?.status, 'False');
});

test('knows which versions of runc are safe (covers: SEC-89)', () => {
  const verdicts = {
    '1.0.0': false,
    '1.1.15': false,
    'v1.2.7': false,
    '1.2.8': true,
    '1.2.8+ds1': true,
    '1.3.2': false,
    '1.3.3': true,
    '1.4.0-rc.2': false,
    '1.4.0-rc.3': true,
    '1.4.0': true,
    '2.0.0': true,
    '': undefined,
    unknown: undefined,
  };
  for (const [version, safe] of Object.entries(verdicts)) assert.equal(isRuncSafe(version), safe, version);
});

test('calls the disk short below 5 % or 1 GiB', () => {
  const pressure = (totalBytes: number, freeBytes: number) => diskPressure({ totalBytes, freeBytes }).status;
  assert.equal(pressure(1000 * gibibyte, 50 * gibibyte), 'False');
  assert.equal(pressure(1000 * gibibyte, 50 * gibibyte - 1), 'True');
  assert.equal(pressure(10 * gibibyte, gibibyte), 'False');
  assert.equal(pressure(10 * gibibyte, gibibyte - 1), 'True');
});

test('tells the rest when the disk cannot be looked at', async () => {
  const { machine, run, node, condition } = setUp();
  machine.disk = async () => {
    throw new Error('ENOENT: no such file or directory');
  };
  await run();
  assert.equal((await condition('DiskPressure'))?.status, 'Unknown');
  assert.equal((await node()).status?.capacity?.cpus, 4);
});

test('objects that bear another node’s name are told of, with what to set when the host was renamed', async () => {
  const { store, clock, told, run, condition } = setUp();
  const add = (kind: string, name: string, nodeName?: string) =>
    store.create({ apiVersion: 'aileron.dev/v1', kind, metadata: { name }, spec: nodeName ? { nodeName } : {} });
  await add('Server', 'mine', 'here');
  await add('Server', 'anybodys');
  await run();
  assert.equal(await condition('ForeignObjects'), undefined);
  for (const name of ['a', 'b']) await add('Server', name, 'before');
  await add('Backup', 'c', 'before');
  await add('Schedule', 'd', 'other');
  await clock.advance(600_000);
  await run();
  await run();
  const { status, message } = (await condition('ForeignObjects')) ?? {};
  assert.equal(status, 'True');
  assert.equal(
    message,
    'Objects of other nodes are left alone here, where the node is "here": 3 of "before", 1 of "other". ' +
      'If this node was called "before" before, set nodeName: before in aileron.yml and start it again.',
  );
  assert.deepEqual(told, ['Warning ForeignObjects']);
  for (const [kind, name] of [
    ['Server', 'a'],
    ['Server', 'b'],
    ['Backup', 'c'],
    ['Schedule', 'd'],
  ] as const)
    await store.delete(kind, name, {});
  await clock.advance(600_000);
  await run();
  assert.equal(await condition('ForeignObjects'), undefined);
});

// Limits of a running server follow its spec without a restart, as far as Docker can; its disk and its ports are held
// to what was declared.
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerResources, NetworkBody } from '../../src/docker/engine.ts';
import type { ServerSpec } from '../../src/resources/server.ts';
import { needsDocker, uniqueName } from '../support/docker.ts';
import { freePorts } from '../support/free-ports.ts';
import { game, LiveNode } from '../support/live-node.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 60_000 };
const mebibyte = 1_048_576;

test('each limit reaches the running process, or is told to need a restart', options, async (t) => {
  const node = await LiveNode.make(t);
  await node.start();
  const uuid = await node.addRunning('live', { limits: { memory: 64, swap: 0 } });
  const before = await node.docker.inspectContainer(uuid);
  assert.equal(before?.resources.Memory, Math.round(64 * 1.15 * mebibyte));

  const changes: [limits: Partial<Record<keyof ServerSpec['limits'], unknown>>, wanted: Partial<ContainerResources>][] =
    [
      [{ memory: 96 }, { Memory: Math.round(96 * 1.15 * mebibyte), MemoryReservation: 96 * mebibyte }],
      [{ memory: 32 }, { Memory: Math.round(32 * 1.15 * mebibyte) }],
      [{ cpu: 50 }, { CpuQuota: 50_000, CpuPeriod: 100_000 }],
      [{ cpu: 0 }, { CpuQuota: -1 }],
      [{ threads: '0' }, { CpusetCpus: '0' }],
      [{ threads: null }, { CpusetCpus: before?.resources.CpusetCpus || allCpus() }],
      [{ swap: -1, memory: 80 }, { Memory: Math.round(80 * 1.15 * mebibyte) }],
    ];
  for (const [limits, wanted] of changes) {
    await node.api.patch('live', { spec: { limits } });
    await until(`${JSON.stringify(limits)} is applied`, 10_000, async () => {
      const { resources } = (await node.docker.inspectContainer(uuid)) ?? {};
      return Object.entries(wanted).every(([field, value]) =>
        Object.entries(resources ?? {}).some(([name, has]) => name === field && has === value),
      );
    });
  }

  await node.api.patch('live', { spec: { invocation: `echo new; ${game()}`, limits: { memory: 0 } } });
  const { status } = await node.api.until('live', 'a restart is needed', (server) =>
    Boolean(server.status?.needsRestart),
  );
  assert.deepEqual(status?.needsRestart, ['invocation', 'limits.memory']);
  assert.ok(status?.conditions?.some(({ type }) => type === 'NeedsRestart'));
  const after = await node.docker.inspectContainer(uuid);
  assert.deepEqual([after?.id, after?.startedAt], [before?.id, before?.startedAt]);

  await node.api.powerAndFinish('live', 'restart');
  await node.running('live');
  await node.api.until('live', 'nothing needs a restart', (server) => !server.status?.needsRestart);
  assert.ok(!(await node.docker.inspectContainer(uuid))?.resources.Memory);
});

test(
  'a server over its disk limit is stopped, once, and not started before there is room (containers 24.14)',
  options,
  async (t) => {
    const node = await LiveNode.make(t, {
      change: (config) => ({ ...config, system: { ...config.system, diskCheckInterval: 1 } }),
    });
    await node.start();
    const invocation = `${game().replace('stop)', 'grow) dd if=/dev/zero of=/home/container/world bs=1M count=3;; stop)')}`;
    const uuid = await node.addRunning('big', { invocation, limits: { disk: 2 } });
    await node.daemon.type(uuid, 'grow');
    const stopped = await node.api.untilState('big', 'offline');
    assert.deepEqual([stopped.status?.exit?.code, stopped.status?.crashCount ?? 0], [0, 0]);
    assert.deepEqual(node.commands(uuid), ['grow', 'stop']);
    const limitLine = '> Server is exceeding the assigned disk space limit, stopping process now.';
    assert.equal(node.daemon.lines(uuid).filter((line) => line === limitLine).length, 1);
    await node.daemon.showsStates(uuid, ['starting', 'running', 'stopping', 'offline']);

    const refused = await node.api.powerAndFinish('big', 'start');
    assert.equal(refused.status?.power?.outcome, 'Failed');
    assert.match(refused.status?.power?.message ?? '', /not enough disk space/);
    const checkLine = '> checking server disk space usage, this could take a few seconds...';
    const lines = node.daemon.lines(uuid);
    assert.deepEqual(lines.slice(-2)[0], checkLine);
    assert.match(lines.at(-1) ?? '', /^> Failed to start the server: not enough disk space/);
    assert.equal(node.starts(uuid), 1);
    await node.api.patch('big', { spec: { limits: { disk: 8 } } });
    await node.api.powerAndFinish('big', 'start');
    await node.running('big');
    await sleep(1_500);
    assert.equal((await node.api.get('big'))?.status?.state, 'running');
    assert.ok(((await node.api.get('big'))?.status?.diskBytes ?? 0) > 3 * mebibyte);
    // A start has armed the limit again.
    await node.api.patch('big', { spec: { limits: { disk: 2 } } });
    await node.api.untilState('big', 'offline');
    assert.equal(node.daemon.lines(uuid).filter((line) => line === limitLine).length, 2);
  },
);

test('two ports of a server answer on the node; one that is taken is told (containers 24.7)', options, async (t) => {
  const name = uniqueName('net');
  const node = await LiveNode.make(t, {
    change: (config) => ({
      ...config,
      docker: { ...config.docker, network: { ...config.docker.network, name, networkMode: name } },
    }),
  });
  const { id } = await node.docker.createNetwork(aBridge(name));
  t.after(() => node.docker.removeNetwork(id));
  await node.start();
  const ip = '127.0.0.2';
  const [first, second] = (await freePorts(2)) as [number, number];
  const allocations = { default: { ip, port: first }, additional: [{ ip, port: second }] };
  const listen = (port: number | string) => `(while true; do echo "this is ${port}" | nc -l -p ${port}; done) &`;
  const invocation = `${listen('$SERVER_PORT')} ${listen(second)} ${game()}`;

  const taken = createServer().listen(second, ip);
  t.after(() => taken.close());
  const uuid = await node.add('ports', { allocations, invocation });
  const refused = await node.api.powerAndFinish('ports', 'start');
  assert.equal(refused.status?.power?.outcome, 'Failed');
  assert.match(refused.status?.power?.message ?? '', /address already in use|port is already allocated/);
  assert.equal(refused.status?.crashCount ?? 0, 0);
  const reason = `> ${refused.status?.power?.message}`;
  await node.daemon.shows(uuid, ['= starting', reason, '= stopping', '= offline']);
  await new Promise((resolve) => taken.close(resolve));

  await node.api.powerAndFinish('ports', 'start');
  await node.running('ports');
  for (const port of [first, second]) {
    const said = await until(`port ${port} answers`, 10_000, () => greeting(ip, port));
    assert.equal(said, `this is ${port}\n`);
  }
});

/** With a bridge and addresses of Docker's choice; a node uses a network that is there as it is. */
function aBridge(Name: string): NetworkBody {
  return {
    Name,
    Driver: 'bridge',
    CheckDuplicate: true,
    EnableIPv6: false,
    Internal: false,
    Attachable: false,
    Options: {},
  };
}

function allCpus(): string {
  const last = navigator.hardwareConcurrency - 1;
  return last === 0 ? '0' : `0-${last}`;
}

/** `undefined`: nobody said anything. */
function greeting(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host, port });
    socket.setTimeout(2_000, () => socket.destroy());
    socket.on('data', (piece) => {
      text += piece;
      socket.end();
    });
    socket.on('error', () => resolve(undefined));
    socket.on('close', () => resolve(text || undefined));
  });
}

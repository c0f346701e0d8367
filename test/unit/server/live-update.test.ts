import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerBody } from '../../../controllers/server/container-body.ts';
import { liveUpdate, unlimitedSwap } from '../../../controllers/server/live-update.ts';
import type { HostFacts } from '../../../src/config/host-facts.ts';
import type { ContainerInfo, ContainerResources } from '../../../src/docker/engine.ts';
import type { Server, ServerSpec } from '../../../src/resources/server.ts';
import { aConfig, aHost } from '../../support/a-config.ts';
import { aServer } from '../../support/builders.ts';

const config = aConfig();

type Limits = Partial<ServerSpec['limits']>;

const withLimits = (limits: Limits) => ({ limits: { ...aServer().spec.limits, ...limits } });

/** The running container that was made from a server. */
function containerOf(server: Server, changes: Partial<ContainerInfo> = {}): ContainerInfo {
  const { body } = containerBody({ server, config, host: aHost, mounts: [], network: 'pelican_nw' });
  const { Memory, MemoryReservation, MemorySwap, CpuQuota, CpuPeriod, CpuShares, CpusetCpus, PidsLimit, BlkioWeight } =
    body.HostConfig;
  const resources = Object.fromEntries(
    Object.entries({
      Memory,
      MemoryReservation,
      MemorySwap,
      CpuQuota: CpuQuota ?? 0,
      CpuPeriod: CpuPeriod ?? 0,
      CpuShares: CpuShares ?? 0,
      CpusetCpus: CpusetCpus ?? '',
      PidsLimit,
      BlkioWeight: BlkioWeight ?? 0,
    }).filter(([, value]) => value !== undefined),
  ) as ContainerResources;
  return {
    id: 'c1',
    name: 'c1',
    labels: body.Labels,
    status: 'running',
    running: true,
    exitCode: 0,
    oomKilled: false,
    error: '',
    startedAt: '2026-01-01T00:00:00Z',
    finishedAt: '',
    image: body.Image,
    tty: true,
    command: [],
    openStdin: true,
    stdinOnce: false,
    env: ['PATH=/bin', ...body.Env],
    mounts: [],
    resources,
    networkMode: 'pelican_nw',
    ...changes,
  };
}

function updateOf(before: Partial<ServerSpec>, after: Partial<ServerSpec>, host: HostFacts = aHost) {
  const container = containerOf(aServer({ spec: before }));
  return liveUpdate({ server: aServer({ spec: after }), config, host, container });
}

const mib = 1024 * 1024;
const memory = (limit: number) => Math.round(limit * 1.15 * mib);

const table: [
  title: string,
  before: Limits,
  after: Limits,
  update: ContainerResources | undefined,
  needsRestart: string[],
][] = [
  ['nothing', {}, {}, undefined, []],
  [
    'more memory',
    { memory: 128 },
    { memory: 256 },
    { Memory: memory(256), MemoryReservation: 256 * mib, MemorySwap: memory(256) },
    [],
  ],
  [
    'less memory',
    { memory: 256 },
    { memory: 2 },
    { Memory: 6 * mib, MemoryReservation: 6 * mib, MemorySwap: 6 * mib },
    [],
  ],
  [
    'a memory limit where there was none',
    { memory: 0 },
    { memory: 128 },
    { Memory: memory(128), MemoryReservation: 128 * mib, MemorySwap: memory(128) },
    [],
  ],
  ['no memory limit any more', { memory: 128 }, { memory: 0 }, undefined, ['limits.memory']],
  [
    'swap',
    { memory: 128 },
    { memory: 128, swap: 64 },
    { Memory: memory(128), MemoryReservation: 128 * mib, MemorySwap: memory(128) + 64 * mib },
    [],
  ],
  [
    'unlimited swap',
    { memory: 128 },
    { memory: 256, swap: -1 },
    { Memory: memory(256), MemoryReservation: 256 * mib, MemorySwap: unlimitedSwap },
    [],
  ],
  ['unlimited swap as before', { memory: 128, swap: -1 }, { memory: 128, swap: -1 }, undefined, []],
  ['a CPU limit', { cpu: 0 }, { cpu: 50 }, { CpuQuota: 50_000, CpuPeriod: 100_000, CpuShares: 1_024 }, []],
  ['another CPU limit', { cpu: 100 }, { cpu: 50 }, { CpuQuota: 50_000, CpuPeriod: 100_000, CpuShares: 1_024 }, []],
  ['no CPU limit any more', { cpu: 50 }, { cpu: 0 }, { CpuQuota: -1 }, []],
  ['threads', {}, { threads: '0-1' }, { CpusetCpus: '0-1' }, []],
  ['no threads any more', { threads: '0-1' }, {}, { CpusetCpus: '0-7' }, []],
  ['threads that are all', {}, { threads: '0-7' }, undefined, []],
  ['the same threads in another form', { threads: '0-1' }, { threads: '1,0' }, undefined, []],
  ['a weight', { io: 500 }, { io: 100 }, { BlkioWeight: 100 }, []],
  ['no weight any more', { io: 500 }, { io: 0 }, undefined, ['limits.io']],
  ['the OOM killer', { oomKiller: true }, { oomKiller: false }, undefined, ['limits.oomKiller']],
];

for (const [title, before, after, update, needsRestart] of table) {
  test(`live update: ${title}`, () => {
    assert.deepEqual(updateOf(withLimits(before), withLimits(after)), {
      ...(update ? { update } : {}),
      needsRestart,
      warnings: [],
    });
  });

  test(`live update: ${title}; once is enough`, () => {
    const container = containerOf(aServer({ spec: withLimits(before) }));
    const server = aServer({ spec: withLimits(after) });
    const updated = { ...container, resources: { ...container.resources, ...update } };
    assert.equal(liveUpdate({ server, config, host: aHost, container: updated }).update, undefined);
  });
}

test('threads that do not exist change nothing and do not hold up the rest', () => {
  const { update, warnings, needsRestart } = updateOf(
    withLimits({ threads: '0-1', cpu: 50 }),
    withLimits({ threads: '20-21', cpu: 60 }),
  );
  assert.deepEqual(needsRestart, ['limits.threads'], 'the process does not have them');
  assert.deepEqual(update, { CpuQuota: 60_000, CpuPeriod: 100_000, CpuShares: 1_024 });
  assert.match(warnings[0] ?? '', /Requested CPUs are not available - requested 20-21, available: 0-7/);
});

test('some threads that do not exist are left out with a warning', () => {
  const { update, warnings } = updateOf(withLimits({}), withLimits({ threads: '6-9' }));
  assert.deepEqual(update, { CpusetCpus: '6-7' });
  assert.equal(warnings.length, 1);
});

test('a kernel that cannot limit swap is not told again and again', () => {
  const server = aServer();
  const container = containerOf(server);
  const recorded = { ...container, resources: { ...container.resources, MemorySwap: -1 } };
  const host = { ...aHost, swapLimit: false };
  assert.equal(liveUpdate({ server, config, host, container: recorded }).update, undefined);
  assert.notEqual(liveUpdate({ server, config, host: aHost, container: recorded }).update, undefined);
});

test('a kernel without weights is told none', () => {
  const host = { ...aHost, blkioWeight: false };
  const server = aServer();
  const container = containerOf(server);
  const recorded = { ...container, resources: { ...container.resources, BlkioWeight: 0 } };
  assert.equal(liveUpdate({ server, config, host, container: recorded }).update, undefined);
});

test('another bound on processes is applied, unlimited in any spelling is the same', () => {
  const server = aServer();
  const container = containerOf(server, {});
  const small = aConfig('pelican', 'docker: {container_pid_limit: 64}');
  assert.deepEqual(liveUpdate({ server, config: small, host: aHost, container }).update, { PidsLimit: 64 });
  const none = aConfig('pelican', 'docker: {container_pid_limit: -1}');
  assert.deepEqual(liveUpdate({ server, config: none, host: aHost, container }).update, { PidsLimit: 0 });
  const unlimited = { ...container, resources: { ...container.resources, PidsLimit: -1 } };
  assert.equal(liveUpdate({ server, config: none, host: aHost, container: unlimited }).update, undefined);
});

test('what only a new container gets is named and never applied', () => {
  const { update, needsRestart } = updateOf(
    {},
    {
      image: 'other:2',
      environment: { A: 'b' },
      containerLabels: { team: 'red' },
      allocations: { additional: [{ ip: '0.0.0.0', port: 1 }], forceOutgoingIp: false },
      mounts: [{ source: '/srv', target: '/srv', readOnly: true }],
    },
  );
  assert.equal(update, undefined);
  assert.deepEqual(needsRestart, ['image', 'environment', 'containerLabels', 'allocations', 'mounts']);
});

const wingsContainer = (env: string[], image = 'test/game:1') => {
  const container = containerOf(aServer());
  return { ...container, image, env, labels: { Service: 'Pelican', ContainerType: 'server_process' } };
};

const wingsEnv = [
  'PATH=/bin',
  'TZ=Europe/Berlin',
  'SERVER_MEMORY=64',
  'STARTUP=./game',
  'SERVER_IP=127.0.0.1',
  'SERVER_PORT=0',
];

for (const [title, spec, env, needsRestart] of [
  ['the same', {}, wingsEnv, []],
  ['the same with a number as Wings writes it', { environment: { SLOTS: 5 } }, [...wingsEnv, 'SLOTS=5.000000'], []],
  ['a variable it does not have', { environment: { SLOTS: 5 } }, wingsEnv, ['environment']],
  ['another start command', { invocation: './other' }, wingsEnv, ['invocation']],
  ['another image', { image: 'other' }, wingsEnv, ['image']],
  [
    'another default allocation',
    { allocations: { default: { ip: '192.0.2.1', port: 1 }, additional: [], forceOutgoingIp: false } },
    wingsEnv,
    ['allocations'],
  ],
  ['a variable that cannot be', { environment: { A: '\0' } }, wingsEnv, ['environment']],
] as [string, Partial<ServerSpec>, string[], string[]][]) {
  test(`a container that Wings made, compared by what it shows: ${title}`, () => {
    const server = aServer({ spec });
    const result = liveUpdate({ server, config, host: aHost, container: wingsContainer(env) });
    assert.deepEqual(result.needsRestart, needsRestart);
  });
}

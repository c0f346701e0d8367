import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostFacts } from '../../../src/config/host-facts.ts';
import { cpuListOf, cpusWithin } from '../../../src/containers/cpu-list.ts';
import { resourcesOf } from '../../../src/containers/resources.ts';
import { UnbuildableError } from '../../../src/containers/unbuildable.ts';
import type { ContainerResources } from '../../../src/docker/engine.ts';
import type { ServerSpec } from '../../../src/resources/server.ts';
import { aConfig, aHost } from '../../support/a-config.ts';
import { aServer } from '../../support/builders.ts';

function resources(limits: Partial<ServerSpec['limits']>, yaml = '', host: Partial<HostFacts> = {}) {
  const all = { ...aServer().spec.limits, ...limits };
  return resourcesOf(all, aConfig('pelican', yaml).docker, { ...aHost, ...host });
}

const mib = 1024 * 1024;
const pelican = 'MiB';
const pterodactyl = 'MB';

const memoryTable: [limits: Partial<ServerSpec['limits']>, expected: ContainerResources][] = [
  [
    { memory: 128, memoryUnit: pelican },
    { Memory: 154350387, MemoryReservation: 134217728, MemorySwap: 154350387 },
  ],
  [
    { memory: 128, memoryUnit: pterodactyl },
    { Memory: 147200000, MemoryReservation: 128000000, MemorySwap: 147200000 },
  ],
  [
    { memory: 1024, memoryUnit: pelican },
    { Memory: 1234803098, MemoryReservation: 1073741824, MemorySwap: 1234803098 },
  ],
  [
    { memory: 1024, memoryUnit: pterodactyl },
    { Memory: 1177600000, MemoryReservation: 1024000000, MemorySwap: 1177600000 },
  ],
  [{ memory: 2048 }, { Memory: Math.round(2048 * 1.15 * mib), MemoryReservation: 2048 * mib }],
  [{ memory: 2049 }, { Memory: Math.round(2049 * 1.1 * mib) }],
  [{ memory: 4096 }, { Memory: Math.round(4096 * 1.1 * mib) }],
  [{ memory: 4097 }, { Memory: Math.round(4097 * 1.05 * mib) }],
  [{ memory: 1024, swap: 512 }, { MemorySwap: 1234803098 + 512 * mib }],
  [{ memory: 1024, swap: 512, memoryUnit: pterodactyl }, { MemorySwap: 1177600000 + 512_000_000 }],
  [{ memory: 1024, swap: -1 }, { MemorySwap: -1 }],
  [
    { memory: 0, swap: 0 },
    { Memory: 0, MemoryReservation: 0, MemorySwap: -1 },
  ],
  [
    { memory: 0, swap: 512 },
    { Memory: 0, MemorySwap: -1 },
  ],
  [{ memory: 1 }, { Memory: 6 * mib, MemoryReservation: 6 * mib, MemorySwap: 6 * mib }],
  [{ memory: 5 }, { Memory: 6 * mib, MemoryReservation: 6 * mib }],
  [
    { memory: 6, memoryUnit: pterodactyl },
    { Memory: 6_900_000, MemoryReservation: 6 * mib },
  ],
];

for (const [limits, expected] of memoryTable) {
  test(`memory of ${JSON.stringify(limits)}`, () => {
    const made = resources(limits).resources;
    assert.deepEqual({ ...made, ...expected }, made);
  });
}

for (const [memory, multiplier] of [
  [512, 2],
  [1000, 1.5],
  [1024, 1.5],
  [4096, 1.2],
  [4097, 1.1],
] as const) {
  test(`an overridden overhead takes the smallest key that fits ${memory}`, () => {
    const yaml =
      'docker: {overhead: {override: true, default_multiplier: 1.1, multipliers: {4096: 1.2, 512: 2, "1024": 1.5}}}';
    assert.equal(resources({ memory }, yaml).resources.Memory, Math.round(memory * multiplier * mib));
  });
}

test('a multiplier below 1 lowers the reservation with the limit', () => {
  const { Memory, MemoryReservation } = resources(
    { memory: 100 },
    'docker: {overhead: {override: true, default_multiplier: 0.5}}',
  ).resources;
  assert.equal(Memory, 50 * mib);
  assert.equal(MemoryReservation, 50 * mib);
});

test('a CPU limit sets three fields', () => {
  const { CpuQuota, CpuPeriod, CpuShares } = resources({ cpu: 150 }).resources;
  assert.deepEqual([CpuQuota, CpuPeriod, CpuShares], [150_000, 100_000, 1_024]);
});

test('no CPU limit sets none of them', () => {
  const made = resources({ cpu: 0 }).resources;
  for (const field of ['CpuQuota', 'CpuPeriod', 'CpuShares', 'CpusetCpus'])
    assert.equal(Object.hasOwn(made, field), false);
});

const cpusetTable: [threads: string, host: Partial<HostFacts>, cpuset: string, warned: boolean][] = [
  ['0-1,3', {}, '0-1,3', false],
  ['3,0-1', {}, '3,0-1', false],
  ['0-7', { cpus: 2 }, '0-1', true],
  ['1,5', { cpus: 2 }, '1', true],
  ['0-999999999', { cpus: 2 }, '0-1', true],
  ['0-3', { cpus: 3, cpuList: '0,2-3' }, '0,2-3', true],
  ['2-3', { cpus: 3, cpuList: '0,2-3' }, '2-3', false],
];

for (const [threads, host, cpuset, warned] of cpusetTable) {
  test(`threads ${threads} on ${JSON.stringify(host)} are ${cpuset}`, () => {
    const made = resources({ threads }, '', host);
    assert.equal(made.resources.CpusetCpus, cpuset);
    assert.equal(made.warnings.length, warned ? 1 : 0);
  });
}

test('threads that this machine has none of are an error with the words of Docker', () => {
  assert.throws(
    () => resources({ threads: '4-7' }, '', { cpus: 2 }),
    (error: unknown) => {
      assert.ok(error instanceof UnbuildableError);
      assert.equal(error.message, 'Requested CPUs are not available - requested 4-7, available: 0-1');
      return true;
    },
  );
});

test('what is no CPU list is an error', () => {
  for (const threads of ['5-1', 'a', '1,,2', '-']) assert.throws(() => resources({ threads }), UnbuildableError);
});

for (const [io, host, expected] of [
  [500, {}, 500],
  [0, {}, undefined],
  [1, {}, 10],
  [5000, {}, 1_000],
  [500, { blkioWeight: false }, undefined],
] as const) {
  test(`the weight ${io} on ${JSON.stringify(host)} is ${expected}`, () => {
    assert.equal(resources({ io }, '', host).resources.BlkioWeight, expected);
  });
}

test('every container has a bound on processes (covers: SEC-81)', () => {
  assert.equal(resources({}).resources.PidsLimit, 512);
  assert.equal(resources({}, 'docker: {container_pid_limit: 64}').resources.PidsLimit, 64);
});

test('CPU lists are written as the kernel writes them', () => {
  assert.equal(cpuListOf([0, 1, 2, 4, 6, 7]), '0-2,4,6-7');
  assert.equal(cpuListOf([]), '');
  assert.deepEqual(cpusWithin('1-2', new Set([0, 1])), { cpus: [1], complete: false });
});

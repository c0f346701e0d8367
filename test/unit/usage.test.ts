import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uptimeAfter, uptimeAtOpen, usageOf, usageOffline } from '../../controllers/server/usage.ts';
import type { StatsSample } from '../../src/docker/engine.ts';

const sample: StatsSample = {
  read: '2026-03-01T10:00:01.500000000Z',
  preread: '2026-03-01T10:00:00.499999999Z',
  cpuTotal: 3_000_000_000,
  previousCpuTotal: 2_000_000_000,
  systemCpu: 20_000_000_000,
  previousSystemCpu: 12_000_000_000,
  onlineCpus: 4,
  memoryUsage: 1000,
  memoryLimit: 5000,
  inactiveFile: 0,
  networkRx: 11,
  networkTx: 12,
  blockRead: 13,
  blockWrite: 14,
};

test('usage is what the counters say', () => {
  assert.deepEqual(usageOf(sample, 77), {
    cpuAbsolute: 50,
    memoryBytes: 1000,
    memoryLimitBytes: 5000,
    networkRxBytes: 11,
    networkTxBytes: 12,
    blockReadBytes: 13,
    blockWriteBytes: 14,
    uptimeMs: 77,
  });
});

const cpu: { what: string; change: Partial<StatsSample>; percent: number }[] = [
  { what: 'one of four cores', change: { systemCpu: 16_000_000_000 }, percent: 100 },
  { what: 'rounded to three decimals', change: { cpuTotal: 2_012_345_678, onlineCpus: 1 }, percent: 0.154 },
  { what: 'nothing used', change: { cpuTotal: 2_000_000_000 }, percent: 0 },
  { what: 'a counter that began anew', change: { cpuTotal: 5 }, percent: 0 },
  { what: 'no time passed', change: { systemCpu: 12_000_000_000 }, percent: 0 },
  { what: 'a first sample', change: { previousCpuTotal: 0, previousSystemCpu: 0, systemCpu: 0 }, percent: 0 },
  { what: 'no number of cores', change: { onlineCpus: 0 }, percent: 0 },
];
for (const { what, change, percent } of cpu) {
  test(`processor use: ${what}`, () => assert.equal(usageOf({ ...sample, ...change }, 0).cpuAbsolute, percent));
}

const memory: { what: string; change: Partial<StatsSample>; bytes: number }[] = [
  { what: 'cgroup v1 without the cache', change: { totalInactiveFile: 300, inactiveFile: 100 }, bytes: 700 },
  { what: 'cgroup v1 without any cache', change: { totalInactiveFile: 0, inactiveFile: 100 }, bytes: 1000 },
  { what: 'cgroup v2 without the cache', change: { inactiveFile: 400 }, bytes: 600 },
  {
    what: 'more cache than use in v1 falls back to v2',
    change: { totalInactiveFile: 1000, inactiveFile: 100 },
    bytes: 900,
  },
  { what: 'more cache than use', change: { totalInactiveFile: 2000, inactiveFile: 1000 }, bytes: 1000 },
];
for (const { what, change, bytes } of memory) {
  test(`memory use: ${what}`, () => assert.equal(usageOf({ ...sample, ...change }, 0).memoryBytes, bytes));
}

test('uptime starts at the process start and follows Docker’s clock', () => {
  const now = Date.UTC(2026, 2, 1, 10, 0, 10);
  assert.equal(uptimeAtOpen('2026-03-01T10:00:00.250000000Z', now), 9_750);
  assert.equal(uptimeAtOpen('', now), 0);
  assert.equal(uptimeAtOpen('0001-01-01T00:00:00Z', now), 0);
  assert.equal(uptimeAtOpen('2026-03-01T10:00:20Z', now), 0, 'a clock behind Docker’s');
  assert.equal(uptimeAfter(5_000, sample), 6_001);
  assert.equal(uptimeAfter(5_000, { ...sample, preread: '0001-01-01T00:00:00Z' }), 5_000);
  assert.equal(uptimeAfter(5_000, { read: 'garbage', preread: '' }), 5_000);
});

test('a server that is off uses nothing and keeps its limit', () => {
  const { memoryLimitBytes, ...rest } = usageOffline(usageOf(sample, 1));
  assert.equal(memoryLimitBytes, 5000);
  assert.deepEqual(new Set(Object.values(rest)), new Set([0]));
  assert.equal(usageOffline(undefined).memoryLimitBytes, 0);
});

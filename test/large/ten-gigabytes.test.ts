// A server of 0.8 GB and one of 10 GB are backed up and restored by the program as it is installed: every byte is the same
// again, and neither the processes that do it nor the daemon need more memory for the one than for the other. Needs 30 GB
// of disk and some minutes: npm run test:large.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backup } from '../../src/resources/backup.ts';
import type { Restore } from '../../src/resources/restore.ts';
import { makeGameTree } from '../bench/support/archive-tree.ts';
import { LaunchedNode } from '../bench/support/launched-node.ts';
import { jobsOf } from '../support/backup-node.ts';
import { needsDocker } from '../support/docker.ts';
import { createBackup, createRestore, untilPhase } from '../support/operations.ts';

const options = { skip: await needsDocker(), timeout: 3_600_000 };
const mb = 1_000_000;
/** Of trees of 0.84 GB. */
const copies = 12;
const lookEveryMs = 50;
const idleMs = 6_000;
const operationMs = 1_800_000;
const ended = ['Completed', 'Failed', 'Cancelled'];

interface Cost {
  what: string;
  seconds: number;
  /** Highest resident bytes of any one job, and of the daemon. */
  job: number;
  daemon: number;
}

test('10 GB are backed up and restored in the memory of 1 GB, byte for byte (backups 15.18)', options, async (t) => {
  // Counting what a server uses is work of its own, with memory of its own, that may fall into this one.
  const node = new LaunchedNode({ system: ['disk_check_interval: 0'] });
  t.after(() => node.remove());
  await node.start(); // Makes keys, database and compile cache.
  await node.stop();
  await node.start();
  const [small, large] = ['small', 'large'].map((name) => ({ name, uuid: randomUUID() }));
  assert.ok(small && large);
  for (const { name, uuid } of [small, large]) {
    mkdirSync(join(node.directory, 'volumes', uuid), { recursive: true });
    await node.api.create(name, { image: 'none', uuid });
  }
  makeGameTree(join(node.directory, 'volumes', small.uuid, 'world-0'));
  for (let copy = 0; copy < copies; copy++) {
    const from = join(node.directory, 'volumes', small.uuid, 'world-0');
    execFileSync('/bin/cp', ['-r', from, join(node.directory, 'volumes', large.uuid, `world-${copy}`)]);
  }
  await sleep(idleMs);
  const idle = (await watched(node, 'idle', () => sleep(idleMs))).daemon;

  const costs: Cost[] = [];
  for (const { name, uuid } of [small, large]) {
    const root = join(node.directory, 'volumes', uuid);
    const then = contentOf(root);
    costs.push(await watched(node, `backup of ${name}`, () => backUp(node, name)));
    spoil(root);
    assert.notDeepEqual(contentOf(root), then);
    costs.push(await watched(node, `restore of ${name}`, () => restore(node, name)));
    assert.deepEqual(contentOf(root), then);
    rmSync(root, { recursive: true });
  }
  for (const { what, seconds, job, daemon } of costs) {
    const figures = `${seconds.toFixed(1)} s, job ${(job / mb).toFixed(1)} MB, daemon ${(daemon / mb).toFixed(1)} MB`;
    t.diagnostic(`${what}: ${figures} (idle ${(idle / mb).toFixed(1)} MB)`);
    assert.ok(daemon - idle <= 10 * mb, `${what}: the daemon needs ${daemon - idle} bytes more than idle`);
  }
  const [smallBackup, smallRestore, largeBackup, largeRestore] = costs;
  for (const [little, much] of [
    [smallBackup, largeBackup],
    [smallRestore, largeRestore],
  ]) {
    assert.ok(little && much && little.job > 0);
    assert.ok(much.job - little.job <= 20 * mb, `${much.what}: ${much.job} bytes, and ${little.job} for a tenth`);
  }
});

async function backUp({ api }: LaunchedNode, server: string): Promise<void> {
  await createBackup(api, server, `${server}-b`);
  const { status } = (await untilPhase(api, 'backups', `${server}-b`, ended, operationMs)) as Backup;
  assert.equal(status?.phase, 'Completed', JSON.stringify(status));
}

/** Until nothing is left beside the files. */
async function restore({ api }: LaunchedNode, server: string): Promise<void> {
  await createRestore(api, server, `${server}-r`, {
    backup: `${server}-b`,
    mode: 'Truncate',
    strategy: 'Staged',
  });
  const { status } = (await untilPhase(api, 'restores', `${server}-r`, ended, operationMs)) as Restore;
  assert.equal(status?.phase, 'Completed', JSON.stringify(status));
}

/** What was played: files that are gone, others, and new ones. */
function spoil(root: string): void {
  const world = join(root, 'world-0');
  const [first = '', second = ''] = readdirSync(world);
  rmSync(join(world, first), { recursive: true });
  renameSync(join(world, second), join(world, 'moved'));
  writeFileSync(join(root, 'new'), 'new');
}

async function watched(node: LaunchedNode, what: string, work: () => Promise<unknown>): Promise<Cost> {
  const began = performance.now();
  const cost = { what, seconds: 0, job: 0, daemon: 0 };
  const looking = setInterval(() => {
    const { rss, pid } = node.footprint();
    cost.daemon = Math.max(cost.daemon, rss);
    for (const job of jobsOf(pid)) cost.job = Math.max(cost.job, peakOf(job));
  }, lookEveryMs);
  try {
    await work();
  } finally {
    clearInterval(looking);
  }
  cost.seconds = (performance.now() - began) / 1000;
  return cost;
}

function peakOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0; // It has ended meanwhile.
  }
}

/** Each file with what it holds, read in pieces. */
function contentOf(root: string): Record<string, string> {
  const buffer = Buffer.allocUnsafe(4 * 1024 * 1024);
  const content: Record<string, string> = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile()) continue;
    const hash = createHash('sha1');
    const fd = openSync(path, 'r');
    for (let bytes = readSync(fd, buffer); bytes > 0; bytes = readSync(fd, buffer))
      hash.update(buffer.subarray(0, bytes));
    closeSync(fd);
    content[path.slice(root.length)] = hash.digest('hex');
  }
  return content;
}

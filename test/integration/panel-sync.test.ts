// A Panel changes a server that runs: what Docker can change is changed at once, the rest is kept for the next start and
// says so, and the process never notices.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ContainerInfo, ContainerResources } from '../../src/docker/engine.ts';
import { needsDocker, request, uniqueName } from '../support/docker.ts';
import { game } from '../support/live-node.ts';
import { newestFirst } from '../support/owner.ts';
import { LivePanel } from '../support/panel/live-panel.ts';
import type { RecordParts } from '../support/panel/server-record.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 180_000 };
const patienceMs = 30_000;
const mebibyte = 1_048_576;

const memoryOf = (mebibytes: number) => Math.round(mebibytes * 1.15 * mebibyte);

interface Row {
  what: string;
  parts: Partial<RecordParts>;
  /** Of the container that runs; what is not named stays as it was. */
  wanted?: Partial<ContainerResources>;
  needsRestart?: string[];
}

const rows: Row[] = [
  { what: 'more memory', parts: { memory: 96 }, wanted: { Memory: memoryOf(96), MemoryReservation: 96 * mebibyte } },
  { what: 'less memory', parts: { memory: 48 }, wanted: { Memory: memoryOf(48), MemoryReservation: 48 * mebibyte } },
  { what: 'a CPU limit', parts: { cpu: 50 }, wanted: { CpuQuota: 50_000, CpuPeriod: 100_000, CpuShares: 1024 } },
  { what: 'another CPU limit', parts: { cpu: 150 }, wanted: { CpuQuota: 150_000 } },
  { what: 'a CPU', parts: { threads: '0' }, wanted: { CpusetCpus: '0' } },
  { what: 'no CPU limit', parts: { cpu: 0 }, wanted: { CpuQuota: -1 } },
  { what: 'all CPUs', parts: { threads: null }, wanted: { CpusetCpus: allCpus() } },
  { what: 'swap without a limit and more memory', parts: { swap: -1, memory: 80 }, wanted: { Memory: memoryOf(80) } },
  { what: 'no memory limit', parts: { memory: 0 }, needsRestart: ['limits.memory'] },
  { what: 'a memory limit again', parts: { memory: 64, swap: 0 }, wanted: { Memory: memoryOf(64) } },
  { what: 'less memory than Docker takes', parts: { memory: 4 }, wanted: { Memory: 6 * mebibyte } },
  {
    what: 'CPUs that there are not, and more memory',
    parts: { threads: '998-999', memory: 72 },
    wanted: { Memory: memoryOf(72) },
    needsRestart: ['limits.threads'],
  },
  { what: 'weights that Docker does not take', parts: { threads: null, io: 1 } },
  { what: 'the other answer to a lack of memory', parts: { oomDisabled: false }, needsRestart: ['limits.oomKiller'] },
];

test(
  'each change that a Panel makes reaches the running process, or says that it waits (containers 24.13)',
  options,
  async (t) => {
    const owner = newestFirst(t);
    const live = await LivePanel.make(owner, {
      change: (config) => ({ ...config, allowedMounts: [join(config.system.rootDirectory, 'shared')] }),
    });
    const { node, panel } = live;
    const row = live.add({ memory: 64, oomDisabled: true });
    const { uuid } = row;
    await node.start();
    await live.known(uuid);
    await live.calls.power(uuid, 'start');
    await node.running(uuid);
    const before = await inspected(live, uuid);
    const { id, startedAt } = before;
    let expected = before.resources;

    for (const { what, parts, wanted = {}, needsRestart = [] } of rows) {
      await t.test(what, async () => {
        Object.assign(row.parts, parts);
        await live.calls.sync(uuid);
        await asWanted(live, uuid, wanted, needsRestart);
        const now = await inspected(live, uuid);
        assert.deepEqual([now.id, now.startedAt], [id, startedAt]);
        // What was not asked for did not change.
        const others = ['MemorySwap', ...Object.keys(wanted), ...(wanted.Memory ? ['MemoryReservation'] : [])];
        for (const [field, value] of Object.entries(expected))
          if (!others.includes(field)) assert.equal((now.resources as Record<string, unknown>)[field], value, field);
        expected = now.resources;
      });
    }

    await t.test('nothing: Docker is not asked, and nothing is written', async () => {
      const { resourceVersion } = (await node.api.get(uuid))?.metadata ?? {};
      await live.calls.sync(uuid);
      assert.equal((await node.api.get(uuid))?.metadata.resourceVersion, resourceVersion);
    });

    await t.test('what waits for the next start waits, but for the rule to stop by', async () => {
      const image = `aileron-test/${uniqueName('other')}`;
      await request(process.env, 'POST', `/images/${node.image}/tag?repo=${image}&tag=1`);
      owner.after(() => request(process.env, 'DELETE', `/images/${image}:1`));
      const source = join(node.config.system.rootDirectory, 'shared');
      mkdirSync(source, { recursive: true });
      Object.assign(row.parts, {
        image: `~${image}:1`,
        invocation: `echo new; ${game()}`,
        environment: { MODE: 'creative' },
        allocations: [{ ip: '127.0.0.3', port: 25_599 }],
        mounts: [{ source, target: '/shared', read_only: true }],
        labels: { team: 'blue' },
        stop: { type: 'command', value: 'crash 0' },
      } satisfies Partial<RecordParts>);
      await live.calls.sync(uuid);
      const waiting = [
        'image',
        'invocation',
        'environment',
        'containerLabels',
        'allocations',
        'mounts',
        'limits.oomKiller',
      ];
      await asWanted(live, uuid, {}, waiting);
      assert.equal(await metric(live, uuid), 1);
      const now = await inspected(live, uuid);
      assert.deepEqual([now.id, now.startedAt, now.image, now.env], [id, startedAt, before.image, before.env]);

      await live.calls.power(uuid, 'stop');
      await node.api.untilState(uuid, 'offline', patienceMs);
      assert.deepEqual(node.commands(uuid), ['crash 0'], 'by the new rule');
      // Of one that does not run, and of one without a container, there is nothing to change.
      row.parts.memory = 128;
      await live.calls.sync(uuid);
      await node.docker.removeContainer(id, { force: true });
      row.parts.memory = 100;
      await live.calls.sync(uuid);

      await live.calls.power(uuid, 'start');
      await node.running(uuid);
      await asWanted(live, uuid, { Memory: memoryOf(100) }, []);
      const after = await inspected(live, uuid);
      assert.deepEqual([after.image, after.labels['team']], [`${image}:1`, 'blue']);
      assert.ok(after.env.includes('MODE=creative') && after.env.includes('SERVER_PORT=25599'));
      assert.ok(after.mounts.some(({ target }) => target === '/shared'));
      assert.ok(node.daemon.lines(uuid).includes('new'));
      assert.equal(await metric(live, uuid), 0);
    });

    await t.test('a Panel that fails changes nothing', async () => {
      const { resources } = await inspected(live, uuid);
      row.parts.memory = 32;
      panel.weather({ when: ({ path }) => path === `/servers/${uuid}`, times: 10, answer: { status: 404 } });
      await assert.rejects(live.calls.sync(uuid));
      panel.clear();
      assert.deepEqual((await inspected(live, uuid)).resources, resources);
      assert.equal((await node.api.get(uuid))?.status?.state, 'running');
    });

    await t.test('what the node itself says of processes comes with the next daemon', async () => {
      const { id: present, startedAt: since } = await inspected(live, uuid);
      row.parts.memory = 100;
      node.config.docker.containerPidLimit = 64;
      await node.daemon.stop();
      await node.start();
      await node.running(uuid);
      await asWanted(live, uuid, { PidsLimit: 64 }, []);
      const now = await inspected(live, uuid);
      assert.deepEqual([now.id, now.startedAt], [present, since]);
    });
  },
);

async function inspected({ node }: LivePanel, uuid: string): Promise<ContainerInfo> {
  const container = await node.docker.inspectContainer(uuid);
  assert.ok(container);
  return container;
}

async function asWanted(
  live: LivePanel,
  uuid: string,
  wanted: Partial<ContainerResources>,
  needsRestart: string[],
): Promise<void> {
  await until(`${JSON.stringify(wanted)} is so, and ${needsRestart} waits`, patienceMs, async () => {
    const { resources } = await inspected(live, uuid);
    const has = resources as Record<string, unknown>;
    if (Object.entries(wanted).some(([field, value]) => has[field] !== value)) return false;
    const { status, metadata } = (await live.node.api.get(uuid)) ?? {};
    if (status?.observedGeneration !== metadata?.generation) return false;
    assert.equal((status?.needsRestart ?? []).join(), needsRestart.join());
    return true;
  });
}

async function metric({ node }: LivePanel, uuid: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${node.daemon.opsPort}/metrics`)).text();
  return Number(new RegExp(`^aileron_server_needs_restart\\{server="${uuid}"\\} (\\d)$`, 'm').exec(text)?.[1]);
}

function allCpus(): string {
  const last = navigator.hardwareConcurrency - 1;
  return last === 0 ? '0' : `0-${last}`;
}

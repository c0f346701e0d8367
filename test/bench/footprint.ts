// Memory of an idle daemon and the time until it is ready, at a second start, with the compile cache warm: alone, with a
// hundred servers that are off, and with a hundred that run. Seen from outside: what the kernel counts.
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeNameLabel } from '../../src/containers/container-labels.ts';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import { removeContainers, testImage } from '../support/docker.ts';
import { until } from '../support/until.ts';
import { figure, median } from './support/figure.ts';
import { LaunchedNode } from './support/launched-node.ts';

const servers = 100;
const starts = 3;
/** Long enough for the first collections after the start. */
const settleMs = 3_000;
/** At a start running servers have their directories counted; the threads for it leave after ten seconds. */
const settleRunningMs = 13_000;

const image = await testImage();
const node = new LaunchedNode();
try {
  await node.start(); // makes keys, database and compile cache
  await sleep(settleMs);
  await measure('alone', settleMs, { rss: 110, wings: '36 MB' });
  await addServers();
  await measure(`with ${servers} servers that are off`, settleMs, { rss: 150 });
  await startServers();
  await measure(`with ${servers} servers that run`, settleRunningMs, { rss: 150 });
} finally {
  await node.stop();
  await removeContainers(createDockerEngine(process.env), { [nodeNameLabel]: node.nodeName });
  await node.remove();
}

async function measure(when: string, ms: number, { rss, wings }: { rss: number; wings?: string }): Promise<void> {
  const ready: number[] = [];
  const resident: number[] = [];
  const anonymous: number[] = [];
  for (let start = 0; start < starts; start += 1) {
    await node.stop();
    ready.push(await node.start());
    await sleep(ms);
    const found = node.footprint();
    resident.push(found.rss / 1e6);
    anonymous.push(found.anonymous / 1e6);
  }
  figure({
    what: `idle ${when}: resident`,
    value: median(resident),
    unit: 'MB',
    aim: rss,
    ...(wings ? { wings } : {}),
  });
  figure({ what: `idle ${when}: of it not mapped from files`, value: median(anonymous), unit: 'MB' });
  figure({ what: `start to ready ${when}`, value: median(ready), unit: 'ms' });
}

async function addServers(): Promise<void> {
  const egg = { done: ['up'], stop: { type: 'signal' as const, value: 'SIGKILL' } };
  const invocation = 'echo up; exec sleep 100000';
  for (const name of names()) await node.api.create(name, { image: `~${image}`, invocation, egg });
  await until('all are off', 30_000, () => allAre('offline'));
}

async function startServers(): Promise<void> {
  for (const name of names()) await node.api.power(name, 'start');
  await until('all run', 90_000, () => allAre('running'));
}

async function allAre(state: string): Promise<boolean> {
  const found = await node.api.list('servers');
  return found.every(({ status }) => (status as { state?: string } | undefined)?.state === state);
}

function names(): string[] {
  return Array.from({ length: servers }, (_, n) => `server-${n}`);
}

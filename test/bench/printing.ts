// How long the event loop of a whole daemon is held up while servers print. Two hundred at once print into a Docker in
// memory, so that their processes do not take the machine away from what is measured; one floods a real one.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Bus } from '../../src/bus/bus.ts';
import { nodeNameLabel } from '../../src/containers/container-labels.ts';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import { startDaemon } from '../../src/main.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { removeContainers, testImage } from '../support/docker.ts';
import { FakeDocker } from '../support/fake-docker.ts';
import { NodeClient } from '../support/node-client.ts';
import { nodeConfig } from '../support/node-config.ts';
import { until } from '../support/until.ts';
import { figure } from './support/figure.ts';
import { LaunchedNode } from './support/launched-node.ts';

const servers = 200;
const linesASecond = 20; // of each: a game in a bad hour
const everyMs = 50;
const seconds = 8;
/** Contained in what the daemon itself tells of its event loop. */
const lagStepMs = 10;
const line = '[12:34:56] [Server thread/INFO]: Steve joined the game at (102.5, 64.0, -33.1)\n';

await manyServers();
await oneFlood();

async function manyServers(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'aileron-bench-'));
  const docker = new FakeDocker();
  docker.addImage('game:1', ({ print }) => print('Done\n'));
  const bus = new Bus((error) => {
    throw error;
  });
  let published = 0;
  bus.subscribe(undefined, 'console', () => {
    published += 1;
  });
  const config = nodeConfig(directory);
  const daemon = await startDaemon(config, silentLogger, { docker, bus });
  const api = new NodeClient({ port: daemon.kube.port, pki: join(directory, 'state/pki') });
  try {
    const uuids: string[] = [];
    for (let n = 0; n < servers; n += 1) {
      const spec = {
        image: '~game:1',
        invocation: 'run',
        egg: { done: ['Done'] },
        power: { desired: 'Running' as const },
      };
      uuids.push((await api.create(`server-${n}`, spec)).spec.uuid ?? '');
    }
    await until('all run', 60_000, async () => (await api.list('servers')).every(runs));
    await sleep(2_000);

    const quiet = await delayWhile(async () => sleep(3_000));
    const cpu = process.cpuUsage();
    published = 0;
    const printed = await delayWhile(async () => {
      for (let round = 0; round < (seconds * 1000) / everyMs; round += 1) {
        const begun = performance.now();
        for (const [n, uuid] of uuids.entries()) {
          docker.print(uuid, line);
          // As from so many pipes: between two of them the loop turns.
          if (n % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
        }
        await sleep(Math.max(0, everyMs - (performance.now() - begun)));
      }
    });
    const { user, system } = process.cpuUsage(cpu);
    const what = `${servers} servers print ${linesASecond} lines a second each`;
    figure({ what: `event-loop delay p99, nothing printed`, value: quiet, unit: 'ms' });
    figure({ what: `event-loop delay p99, ${what}`, value: printed, unit: 'ms' });
    figure({ what: `lines published, ${what}`, value: published / seconds, unit: '/s' });
    figure({ what: `CPU a second, ${what}`, value: (user + system) / 1e6 / seconds, unit: 'CPU s' });
  } finally {
    api.close();
    await daemon.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** As fast as a process can: what is too much is dropped or held back, and the daemon stays at hand. */
async function oneFlood(): Promise<void> {
  const image = await testImage();
  const node = new LaunchedNode();
  try {
    await node.start();
    const egg = { done: ['Done'], stop: { type: 'signal' as const, value: 'SIGKILL' } };
    const invocation = `echo Done; exec yes '${line.trim()}'`;
    await node.api.create('flood', { image: `~${image}`, invocation, egg, power: { desired: 'Running' } });
    await node.api.untilState('flood', 'running');
    await sleep(2_000);
    // Reading it begins it anew.
    await node.metric('nodejs_eventloop_lag_p99_seconds');
    const before = node.footprint().cpu;
    // This process does nothing meanwhile: what holds it up is the machine.
    const machine = await delayWhile(() => sleep(seconds * 1000));
    const p99 = await node.metric('nodejs_eventloop_lag_p99_seconds');
    const delay = Math.max(0, p99 * 1000 - lagStepMs);
    const { cpu, rss } = node.footprint();
    const what = 'one real server prints without end';
    figure({ what: `event-loop delay p99, ${what}`, value: delay, unit: 'ms' });
    figure({ what: `the same of a process that does nothing meanwhile`, value: machine, unit: 'ms' });
    figure({ what: `CPU a second, ${what}`, value: (cpu - before) / seconds, unit: 'CPU s' });
    figure({ what: `resident, ${what}`, value: rss / 1e6, unit: 'MB' });
  } finally {
    await node.stop();
    await removeContainers(createDockerEngine(process.env), { [nodeNameLabel]: node.nodeName });
    await node.remove();
  }
}

function runs({ status }: { status?: unknown }): boolean {
  return (status as { state?: string } | undefined)?.state === 'running';
}

/** ms above the timer's own step. */
async function delayWhile(work: () => Promise<void>): Promise<number> {
  const resolution = 2;
  const histogram = monitorEventLoopDelay({ resolution });
  histogram.enable();
  await work();
  histogram.disable();
  return Math.max(0, histogram.percentile(99) / 1e6 - resolution);
}

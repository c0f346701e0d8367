// What a backup and a restore of 830 MB cost the daemon that has them made, and those who use it meanwhile: memory, delay of
// the event loop, the echo of a typed line. The program as it is installed, a real engine, files on the disk.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeNameLabel } from '../../src/containers/container-labels.ts';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import type { Backup } from '../../src/resources/backup.ts';
import type { ConsoleClient } from '../support/console-client.ts';
import { removeContainers, testImage } from '../support/docker.ts';
import { consoleToken, openConsole } from '../support/live-console.ts';
import { makeGameTree } from './support/archive-tree.ts';
import { figure, percentile } from './support/figure.ts';
import { LaunchedNode } from './support/launched-node.ts';

const kinds = '/apis/aileron.dev/v1';
/** Between two typed lines; a socket may send one command a second, so several take turns. */
const typeEveryMs = 120;
const consoles = 10;
const idleMs = 6_000;
/** Contained in what the daemon itself tells of its event loop. */
const lagStepMs = 10;
const lookEveryMs = 25;

interface Load {
  echoes: number[];
  lagMs: number;
  peak: number;
}

const image = await testImage();
const node = new LaunchedNode();
const ends: (() => unknown)[] = [];
try {
  await node.start(); // makes keys, database and compile cache
  await node.stop();
  await node.start();
  const uuid = randomUUID();
  makeGameTree(join(node.directory, 'volumes', uuid));
  const invocation = 'echo Done; while read -r line; do echo "got $line"; done';
  const egg = { done: ['Done'], stop: { type: 'signal' as const, value: 'SIGKILL' } };
  await node.api.create('game', { image: `~${image}`, uuid, invocation, egg });
  await node.api.powerAndFinish('game', 'start', 60_000);
  const clients = await Promise.all(Array.from({ length: consoles }, () => client(uuid)));
  await sleep(3_000);

  const idle = await watched(clients, () => sleep(idleMs));
  const backup = await watched(clients, () => operation('backups', 'Backup', 'first', {}));
  report('a backup', backup, idle);
  const again = await watched(clients, () => operation('restores', 'Restore', 'first', { mode: 'Merge' }));
  // The process is stopped for the end of a restore: what is typed then has no echo.
  report('a restore', again, idle);
} finally {
  for (const end of ends.reverse()) await end();
  await node.stop();
  await removeContainers(createDockerEngine(process.env), { [nodeNameLabel]: node.nodeName });
  await node.remove();
}

async function client(uuid: string): Promise<ConsoleClient> {
  const opened = await openConsole({ after: (end) => ends.push(end) }, node.ports.api, uuid);
  await opened.authenticate(await consoleToken({ token: { id: 'bench', secret: 'b'.repeat(64) } }, uuid));
  return opened;
}

/** Made through the API, and watched there until its end. */
async function operation(plural: string, kind: string, name: string, spec: object): Promise<void> {
  const own = kind === 'Restore' ? { backupRef: { name } } : {};
  const object = {
    apiVersion: 'aileron.dev/v1',
    kind,
    metadata: { name },
    spec: { serverRef: { name: 'game' }, ...own, ...spec },
  };
  await node.api.call('POST', `${kinds}/${plural}`, object);
  for (;;) {
    const { status } = (await node.api.call('GET', `${kinds}/${plural}/${name}`)) as Backup;
    if (status?.phase === 'Completed') return;
    if (status?.phase === 'Failed') throw new Error(status.outcome?.message);
    await sleep(lookEveryMs);
  }
}

async function watched(clients: readonly ConsoleClient[], work: () => Promise<unknown>): Promise<Load> {
  const echoes: number[] = [];
  let peak = 0;
  let over = false;
  const looking = setInterval(() => {
    peak = Math.max(peak, node.footprint().rss);
  }, lookEveryMs);
  await node.metric('nodejs_eventloop_lag_p99_seconds'); // Begins anew with each look.
  const typing = (async () => {
    for (let round = 0; !over; round += 1) {
      const ms = await echo(clients[round % consoles], `${round}-${Math.random()}`);
      if (ms !== undefined) echoes.push(ms);
      await sleep(typeEveryMs);
    }
  })();
  await work();
  over = true;
  await typing;
  clearInterval(looking);
  const p99 = await node.metric('nodejs_eventloop_lag_p99_seconds');
  return { echoes, lagMs: Math.max(0, p99 * 1000 - lagStepMs), peak };
}

/** Undefined: there was none, the process has ended. */
async function echo(by: ConsoleClient | undefined, word: string): Promise<number | undefined> {
  if (!by) return undefined;
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const begin = performance.now();
  const listen = (data: Buffer) => data.includes(`got ${word}"`) && resolve(performance.now() - begin);
  by.socket.on('message', listen);
  by.send('send command', word);
  const limit = setTimeout(() => resolve(undefined), 2_000);
  const ms = await promise;
  clearTimeout(limit);
  by.socket.off('message', listen);
  return ms;
}

function report(what: string, load: Load, idle: Load): void {
  const ratio = percentile(load.echoes, 50) / percentile(idle.echoes, 50);
  figure({ what: `during ${what}: event-loop delay p99`, value: load.lagMs, unit: 'ms', aim: 20 });
  figure({
    what: `during ${what}: the daemon more than idle`,
    value: (load.peak - idle.peak) / 1e6,
    unit: 'MB',
    aim: 10,
  });
  figure({ what: `during ${what}: echo of a typed line, p50`, value: percentile(load.echoes, 50), unit: 'ms' });
  // Less is better, so the aim is the other way about: idle is at least half of it.
  figure({ what: `during ${what}: echo when idle, to it`, value: 1 / ratio, unit: '×', aim: 0.5 });
}

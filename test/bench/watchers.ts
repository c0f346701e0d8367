// A thousand clients of the kube API that watch servers, each over a TLS connection of its own: what they cost, and how
// long one change takes to reach the last of them. The clients run here, the daemon in a process of its own.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { figure, median, percentile } from './support/figure.ts';
import { LaunchedNode } from './support/launched-node.ts';

const watchers = 1_000;
const atATime = 25;
const changes = 10;
const path = '/apis/aileron.dev/v1/servers?watch=true&resourceVersion=0';

const node = new LaunchedNode();
try {
  await node.start();
  await node.stop();
  await node.start();
  await node.api.create('watched', { image: '~none:1', invocation: 'none' });
  await node.api.untilState('watched', 'offline');
  await sleep(2_000);
  const alone = node.footprint();

  const token = readFileSync(join(node.pki, 'token'), 'utf8').trim();
  const ca = readFileSync(join(node.pki, 'ca.crt'), 'utf8');
  const agent = new Agent({ ca, keepAlive: false });
  let heard = 0;
  let wanted = '';
  let all = Promise.withResolvers<void>();
  for (let open = 0; open < watchers; open += atATime) await Promise.all(Array.from({ length: atATime }, watch));
  await sleep(2_000);
  const full = node.footprint();

  const times: number[] = [];
  const cpuBefore = node.footprint().cpu;
  for (let change = 0; change < changes; change += 1) {
    heard = 0;
    wanted = `change-${change}-of-the-benchmark`;
    all = Promise.withResolvers();
    const begun = performance.now();
    await node.api.patch('watched', { metadata: { labels: { change: wanted } } });
    await all.promise;
    times.push(performance.now() - begun);
    await sleep(200);
  }
  const cpu = (node.footprint().cpu - cpuBefore) / changes;
  figure({ what: `${watchers} watchers: memory for all`, value: (full.rss - alone.rss) / 1e6, unit: 'MB' });
  figure({ what: `${watchers} watchers: one change to all, median`, value: median(times), unit: 'ms' });
  figure({
    what: `${watchers} watchers: one change to all, longest of ${changes}`,
    value: percentile(times, 100),
    unit: 'ms',
  });
  figure({ what: `${watchers} watchers: CPU for one change`, value: cpu, unit: 'CPU s' });
  agent.destroy();

  async function watch(): Promise<void> {
    const headers = { Authorization: `Bearer ${token}` };
    const call = request({ host: '127.0.0.1', port: node.ports.kube, path, headers, agent });
    call.on('error', () => {}); // at the end, when all are cut
    call.end();
    const [answer] = (await once(call, 'response')) as [import('node:http').IncomingMessage];
    if (answer.statusCode !== 200) throw new Error(`a watch was refused: ${answer.statusCode}`);
    answer.on('error', () => {});
    answer.on('data', (piece: Buffer) => {
      if (!wanted || !piece.includes(wanted)) return;
      heard += 1;
      if (heard === watchers) all.resolve();
    });
    await once(answer, 'data');
  }
} finally {
  await node.remove();
}

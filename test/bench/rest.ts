// What the node API does in a second with five hundred servers, at sixteen connections that stay open: one server, all of
// them, and the node itself. Beside each stands a bare node:http server that answers with the same bytes, in the same run
// and under the same load. Who asks, and who is asked, are processes of their own.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { PanelStandIn } from '../support/panel/panel-stand-in.ts';
import { until } from '../support/until.ts';
import { startBareServer } from './support/bare-server.ts';
import { figure, median } from './support/figure.ts';
import { type Load, measureLoad } from './support/http-load.ts';
import { cpuSecondsOf, LaunchedNode } from './support/launched-node.ts';

const servers = 500;
const connections = 16;
const rounds = 3;
const warmUpMs = 1_000;
/** Until V8 has compiled what is asked for all the time: for some seconds a request costs half as much again. */
const firstWarmUpMs = 5_000;
const countedMs = 2_500;
/** For the first collections after a start, and for threads that leave after ten seconds. */
const settleMs = 13_000;

interface Round {
  perSecond: number;
  p99: number;
  /** Of who answers, µs for one request. */
  cpu: number;
}

interface Aim {
  aim: number;
  wings: string;
}

const ends: (() => unknown)[] = [];
try {
  const panel = await PanelStandIn.start({ after: (end) => void ends.push(end) });
  const uuids = Array.from({ length: servers }, (_, n) => {
    const allocations = [{ ip: '127.0.0.1', port: 20_000 + n }];
    return panel.state.addServer({ uuid: randomUUID(), name: `Server ${n}`, allocations }).uuid;
  });
  const node = new LaunchedNode({ panel });
  ends.push(() => node.remove());
  await node.start(); // makes keys, objects and compile cache
  await until('all servers are off', 60_000, async () => {
    const found = await node.api.list('servers');
    return found.length === servers && found.every(({ status }) => (status as { state?: string })?.state === 'offline');
  });
  await node.stop();
  await node.start();
  await sleep(settleMs);
  figure({
    what: `idle with ${servers} servers: resident`,
    value: node.footprint().rss / 1e6,
    unit: 'MB',
    aim: 180,
    wings: '44 MB',
  });

  const each = uuids.map((uuid) => `/api/servers/${uuid}`);
  await measure(node, 'GET /api/servers/:id', each, {
    perSecond: { aim: 0.8 * 14_200, wings: '14,200/s' },
    cpu: { aim: 56 / 0.8, wings: '56 µs' },
  });
  await measure(node, 'GET /api/servers', ['/api/servers'], { perSecond: { aim: 2 * 242, wings: '242/s' } });
  await measure(node, 'GET /api/system', ['/api/system'], { perSecond: { aim: 10 * 133, wings: '133/s' } });
} finally {
  for (const end of ends.reverse()) await end();
}

async function measure(
  node: LaunchedNode,
  what: string,
  paths: readonly string[],
  aims: { perSecond: Aim; cpu?: Aim },
): Promise<void> {
  const headers = { authorization: `Bearer ${node.token.secret}` };
  const body = await (await fetch(`http://127.0.0.1:${node.ports.api}${paths[0]}`, { headers })).text();
  const bare = await startBareServer(body);
  const ours: Round[] = [];
  const theirs: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const warmUp = round === 0 ? firstWarmUpMs : warmUpMs;
    const asked = { paths, token: node.token.secret, connections, warmUpMs: warmUp, countedMs };
    ours.push(await load({ ...asked, port: node.ports.api }, node.footprint().pid));
    theirs.push(await load({ ...asked, port: bare.port }, bare.pid));
  }
  await bare.stop();
  const of = (all: Round[], field: keyof Round) => median(all.map((round) => round[field]));
  figure({ what, value: of(ours, 'perSecond'), unit: '/s', ...aims.perSecond });
  figure({ what: `${what}: p99`, value: of(ours, 'p99'), unit: 'ms' });
  figure({ what: `${what}: CPU of one`, value: of(ours, 'cpu'), unit: 'µs', ...aims.cpu });
  figure({ what: `${what}: CPU, to that of a bare server`, value: of(ours, 'cpu') / of(theirs, 'cpu'), unit: '×' });
  figure({
    what: `${what}: requests, to those of a bare server`,
    value: of(ours, 'perSecond') / of(theirs, 'perSecond'),
    unit: '×',
  });
}

async function load(asked: Load, pid: number): Promise<Round> {
  let cpu = 0;
  const found = await measureLoad(asked, (when) => {
    cpu = cpuSecondsOf(pid) - (when === 'end' ? cpu : 0);
  });
  return { perSecond: found.requests / found.seconds, p99: found.p99, cpu: (1e6 * cpu) / found.requests };
}

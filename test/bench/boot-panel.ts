// A boot of a Panel's node: from the start of the process until the last of its servers answers over the node API. With the
// Panel there, with the Panel away, from the last known state, and the first boot, when nothing is known yet. The Panel is
// a stand-in in this process, on the same cores; the node is the program as it is installed.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { PanelStandIn } from '../support/panel/panel-stand-in.ts';
import { figure, median } from './support/figure.ts';
import { LaunchedNode } from './support/launched-node.ts';

const counts = [1, 100, 500];
const boots = 3;
/** Between two looks at a server that is not known yet. */
const lookEveryMs = 5;
/** For what follows a first boot: controllers look at each server. */
const settleMs = 5_000;

interface Boot {
  seconds: number;
  /** Of the node, until the last one answers. */
  cpu: number;
}

for (const count of counts) {
  const ends: (() => unknown)[] = [];
  try {
    await measure(count, ends);
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

async function measure(count: number, ends: (() => unknown)[]): Promise<void> {
  const panel = await PanelStandIn.start({ after: (end) => void ends.push(end) });
  const uuids = Array.from({ length: count }, (_, n) => {
    const allocations = [{ ip: '127.0.0.1', port: 20_000 + n }];
    return panel.state.addServer({ uuid: randomUUID(), name: `Server ${n}`, allocations }).uuid;
  });
  const node = new LaunchedNode({ panel });
  ends.push(() => node.remove());
  await node.start(); // makes keys and compile cache

  const first = await several(async () => {
    await node.stop();
    node.forget();
    return boot(node, uuids);
  });
  const again = async () => {
    await node.stop();
    return boot(node, uuids);
  };
  await sleep(settleMs);
  const known = await several(again);
  await panel.down();
  const away = await several(again);

  const servers = count === 1 ? '1 server' : `${count} servers`;
  const aimed = count === 500;
  for (const [what, found] of Object.entries({
    [`first boot with ${servers}`]: first,
    [`boot with ${servers}`]: known,
    [`boot with ${servers}, Panel away`]: away,
  })) {
    const wings = found === known && aimed ? { wings: '0.22 s' } : {};
    figure({
      what: `${what}: the last one answers`,
      value: found.seconds,
      unit: 's',
      ...(aimed && { aim: 3 }),
      ...wings,
    });
    figure({ what: `${what}: CPU until then`, value: found.cpu, unit: 'CPU s' });
  }
}

/** From a node that is stopped. */
async function boot(node: LaunchedNode, uuids: readonly string[]): Promise<Boot> {
  const begun = performance.now();
  await node.start();
  for (const uuid of uuids) while (!(await answers(node, uuid))) await sleep(lookEveryMs);
  return { seconds: (performance.now() - begun) / 1000, cpu: node.footprint().cpu };
}

async function answers(node: LaunchedNode, uuid: string): Promise<boolean> {
  const headers = { authorization: `Bearer ${node.token.secret}` };
  const answer = await fetch(`http://127.0.0.1:${node.ports.api}/api/servers/${uuid}`, { headers });
  await answer.arrayBuffer();
  if (answer.status !== 200 && answer.status !== 404) throw new Error(`the node API answered ${answer.status}`);
  return answer.ok;
}

/** The median of each. */
async function several(work: () => Promise<Boot>): Promise<Boot> {
  const all: Boot[] = [];
  while (all.length < boots) all.push(await work());
  return { seconds: median(all.map(({ seconds }) => seconds)), cpu: median(all.map(({ cpu }) => cpu)) };
}

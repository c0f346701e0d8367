// A boot with five hundred servers that are as they should be: how long until each has been looked at, at what cost, and
// that nothing is written for it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { StoredObject } from '../../src/resources/object.ts';
import { until } from '../support/until.ts';
import { figure } from './support/figure.ts';
import { LaunchedNode } from './support/launched-node.ts';

const servers = 500;
const atATime = 20;

const node = new LaunchedNode();
try {
  await node.start();
  const names = Array.from({ length: servers }, (_, n) => `server-${n}`);
  while (names.length > 0) {
    const some = names.splice(0, atATime);
    await Promise.all(some.map((name) => node.api.create(name, { image: '~none:1', invocation: 'none' })));
  }
  await until('all are settled', 60_000, async () => (await node.api.list('servers')).every(isOff));
  await sleep(1_000);

  const before = await versions();
  await node.stop();
  const begun = performance.now();
  const ready = await node.start();
  while ((await looks()) < servers) await sleep(20);
  const seconds = (performance.now() - begun) / 1000;
  const { cpu, rss } = node.footprint();
  await sleep(2_000);
  const after = await versions();
  const written = [...after].filter(([name, version]) => before.get(name) !== version).length;

  figure({ what: `boot with ${servers} settled servers: start to ready`, value: ready, unit: 'ms' });
  figure({ what: `boot with ${servers} settled servers: all looked at`, value: seconds, unit: 's' });
  figure({ what: `boot with ${servers} settled servers: CPU until then`, value: cpu, unit: 'CPU s' });
  figure({ what: `boot with ${servers} settled servers: servers written`, value: written, unit: 'writes', aim: 0 });
  figure({ what: `boot with ${servers} settled servers: resident`, value: rss / 1e6, unit: 'MB' });
} finally {
  await node.remove();
}

/** Runs of the reconciler that came to an end. */
function looks(): Promise<number> {
  return node.metric('controller_runtime_reconcile_total', 'controller="server"');
}

function isOff({ status }: StoredObject): boolean {
  return (status as { state?: string } | undefined)?.state === 'offline';
}

async function versions(): Promise<Map<string, string>> {
  const found = await node.api.list('servers');
  return new Map(found.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
}

// Looking again changes nothing: when every object is reconciled once more, and then again by a new daemon, not one of
// them has been written.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needsDocker } from '../support/docker.ts';
import { type DockerProxy, dockerProxy } from '../support/docker-proxy.ts';
import { LiveNode } from '../support/live-node.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 60_000 };

test('two full looks in a row write nothing, nor does the next daemon', options, async (t) => {
  const proxy = await dockerProxy(t);
  const node = await LiveNode.make(t);
  await node.start({ env: proxy.env });
  const uuids = [await node.addRunning('running'), await node.add('offline')];
  await node.addRunning('stopped');
  await node.api.powerAndFinish('stopped', 'stop');
  const crashed = await node.addRunning('crashed', { restartPolicy: 'Never' });
  await node.daemon.type(crashed, 'crash 3');
  await node.api.until('crashed', 'it crashed', ({ status }) => status?.crashCount === 1);
  await node.add('refused', { image: '~aileron-test/no-such-image:1' });
  await node.api.powerAndFinish('refused', 'start');
  const published = uuids.map((uuid) => node.daemon.states(uuid).length);
  await settled(node);

  const before = await versions(node);
  for (const round of ['first', 'second']) {
    await lookAgain(node, proxy);
    assert.deepEqual(await versions(node), before, `${round} look`);
  }
  assert.deepEqual(
    uuids.map((uuid) => node.daemon.states(uuid).length),
    published,
  );

  await node.daemon.stop();
  await node.start({ env: proxy.env });
  await reconciled(node, 5);
  await settled(node);
  assert.deepEqual(await versions(node), before, 'the next daemon');
});

/** Docker coming back is a reason to look at everything. */
async function lookAgain(node: LiveNode, proxy: DockerProxy): Promise<void> {
  const looks = await reconciles(node);
  await proxy.away();
  await until('Docker is away', 10_000, async () => (await readiness(node)) !== 200);
  await proxy.back();
  await until('Docker is back', 20_000, async () => (await readiness(node)) === 200);
  await reconciled(node, looks + 5);
  await settled(node);
}

async function reconciled(node: LiveNode, looks: number): Promise<void> {
  await until('every server was looked at', 20_000, async () => (await reconciles(node)) >= looks);
}

/** Until nothing was reconciled for a while. */
async function settled(node: LiveNode): Promise<void> {
  let last = -1;
  let quietSince = Date.now();
  await until('nothing happens any more', 20_000, async () => {
    const now = await reconciles(node);
    if (now !== last) quietSince = Date.now();
    last = now;
    return Date.now() - quietSince > 1_000;
  });
}

/** Of servers, by now. */
async function reconciles(node: LiveNode): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${node.daemon.opsPort}/metrics`)).text();
  const samples = text.matchAll(/^controller_runtime_reconcile_total\{[^}]*controller="server"[^}]*\} (\d+)$/gm);
  return Array.from(samples, ([, value]) => Number(value)).reduce((sum, value) => sum + value, 0);
}

async function readiness(node: LiveNode): Promise<number> {
  return (await fetch(`http://127.0.0.1:${node.daemon.opsPort}/readyz`)).status;
}

/** Of every object but the Node, which tells that Docker was away, by kind and name. */
async function versions(node: LiveNode): Promise<Map<string, string>> {
  const events = (await node.api.events()).filter(({ involvedObject }) => involvedObject.kind !== 'Node');
  const objects = [...(await node.api.list('servers')), ...events];
  return new Map(objects.map(({ kind, metadata }) => [`${kind}/${metadata.name}`, metadata.resourceVersion ?? '']));
}

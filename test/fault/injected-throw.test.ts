// Something throws where nobody catches it. The daemon says so and ends, with a code that makes its service start it again; its
// state is whole, the game runs on, and the next daemon takes it over.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { nodeNameLabel } from '../../src/containers/container-labels.ts';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import { CliNode } from '../support/cli-node.ts';
import { needsDocker } from '../support/docker.ts';
import { NodeClient } from '../support/node-client.ts';
import { checkout } from '../support/source-files.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 180_000 };
const patienceMs = 30_000;

/** As bin/aileron runs it, with a way to have it throw. */
const script = `
import { EventEmitter } from 'node:events';
import { Worker } from 'node:worker_threads';
import { run } from ${JSON.stringify(join(checkout, 'src/main.ts'))};
const throws = {
  timer: () => setTimeout(() => { throw new Error('injected by a timer'); }, 0),
  promise: () => void Promise.reject(new Error('injected by a promise')),
  emitter: () => setImmediate(() => new EventEmitter().emit('error', new Error('injected by an emitter'))),
  thread: () => void new Worker('throw new Error("injected by a thread")', { eval: true }),
  value: () => process.nextTick(() => { throw undefined; }),
};
process.stdin.on('data', (what) => throws[String(what)]());
process.exit(await run({ configPath: process.env.AILERON_CONFIG }));
`;

async function daemonOf(t: TestContext, node: CliNode): Promise<ChildProcess> {
  const file = join(node.directory, 'daemon.mjs');
  writeFileSync(file, script);
  const child = spawn(process.execPath, [file], {
    env: node.env,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  t.after(() => child.kill('SIGKILL'));
  await until('the daemon is ready', patienceMs, async () => {
    assert.equal(child.exitCode, null);
    return (await fetch(`http://127.0.0.1:${node.ports.ops}/readyz`).catch(() => undefined))?.ok;
  });
  return child;
}

test('what nobody caught ends the daemon in order, and no game (covers: SEC-120)', options, async (t) => {
  const node = await CliNode.make(t);
  const docker = createDockerEngine(process.env);
  const containers = () => docker.listContainers({ [nodeNameLabel]: node.nodeName });
  let daemon = await daemonOf(t, node);
  const api = new NodeClient({ port: node.ports.kube, pki: join(node.state, 'pki') });
  t.after(() => api.close());
  const { spec } = JSON.parse(readFileSync(await node.manifest('demo'), 'utf8'));
  await api.create('demo', { ...spec, power: { desired: 'Running' } });
  await api.until('demo', 'it runs', ({ status }) => status?.state === 'running' && !status.operation);
  const [game] = await containers();
  const begun = (await docker.inspectContainer(game?.id ?? ''))?.startedAt;

  for (const what of ['timer', 'promise', 'emitter', 'thread', 'value']) {
    const ended = once(daemon, 'exit');
    daemon.stdin?.write(what);
    assert.deepEqual(await ended, [1, null], what);
    assert.deepEqual(
      (await containers()).map(({ id, running }) => [id, running]),
      [[game?.id, true]],
      what,
    );
    daemon = await daemonOf(t, node);
    const server = await api.until('demo', 'it runs', ({ status }) => status?.state === 'running' && !status.operation);
    assert.equal(server.status?.containerId, game?.id, what);
  }
  assert.equal((await docker.inspectContainer(game?.id ?? ''))?.startedAt, begun);
  const log = readFileSync(join(node.directory, 'log/wings.log'), 'utf8').split('\n');
  const last = log.filter((line) => line.includes('the daemon cannot go on; games run on'));
  for (const what of ['a timer', 'a promise', 'an emitter', 'a thread'])
    assert.ok(
      last.some((line) => line.includes(`injected by ${what}`)),
      what,
    );
  assert.equal(last.length, 5);
  // Nothing was set aside: each end left a state that the next one could read.
  assert.doesNotMatch(log.join('\n'), /set aside/);
  const ended = once(daemon, 'exit');
  daemon.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
});

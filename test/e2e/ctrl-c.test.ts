// Ctrl-C in the terminal of npm start ends the daemon in good order and touches no game; the next start takes them up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import type { ContainerInfo } from '../../src/docker/engine.ts';
import { needsDocker } from '../support/docker.ts';
import { cloneNode, daemonsOf, serverUuids, upText } from '../support/npm-start.ts';
import { ctrlC, needsTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';

const docker = createDockerEngine(process.env);
const skip = needsTerminal() || (await needsDocker());

test('Ctrl-C leaves the game running and says so; npm start takes it up again', {
  skip,
  timeout: 240_000,
}, async (t) => {
  const node = await cloneNode(t, { withPackages: true });
  const { folder } = node;

  const first = node.start();
  await first.waitFor(upText, { ms: 60_000 });
  const before = await until('the demo runs', 60_000, () => runningServer(folder));
  first.press(ctrlC);
  assert.equal(await first.ended, 0, first.output());
  assert.match(first.output(), /Stopping the node; games and Docker run on\./);
  assert.match(first.output(), /The node has stopped\. Games and Docker run on/);
  assert.deepEqual(await daemonsOf(folder), []);
  assertSameProcess(await docker.inspectContainer(before.name), before);

  const second = node.start();
  await second.waitFor(upText, { ms: 60_000 });
  second.press(ctrlC);
  assert.equal(await second.ended, 0, second.output());
  assert.match(second.output(), /aileron\.yml → already there/);
  assertSameProcess(await docker.inspectContainer(before.name), before);
});

async function runningServer(folder: string): Promise<ContainerInfo | undefined> {
  const [uuid] = await serverUuids(folder);
  const container = uuid ? await docker.inspectContainer(uuid) : undefined;
  return container?.running ? container : undefined;
}

function assertSameProcess(now: ContainerInfo | undefined, before: ContainerInfo): void {
  assert.equal(now?.running, true);
  assert.equal(now?.id, before.id);
  assert.equal(now?.startedAt, before.startedAt);
}

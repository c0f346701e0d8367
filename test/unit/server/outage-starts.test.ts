// A whole node that comes back: so many servers start at a time, whoever waits for the Panel holds up nobody, and what a
// person asks for does not wait behind the others.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { PanelSync, RefreshOptions } from '../../../src/panel/sync.ts';
import { mutateStatus } from '../../../src/runtime/status.ts';
import { uuidOf } from '../../support/an-admission.ts';
import { FakeNode, gameImage } from '../../support/fake-node.ts';

const owner = { kind: 'Panel', ref: 'https://panel.example' } as const;

/** `s1`, `s2`, … said "running" when the machine went down. `passed` hears of each step of a start. */
async function nodeThatComesBack(
  t: TestContext,
  count: number,
  { refresh, passed = async () => {} }: { refresh?: PanelSync['refresh']; passed?: (step: string) => Promise<void> },
) {
  const node = new FakeNode(t, { checkpoint: passed, ...(refresh ? { panel: { refresh } } : {}) });
  Object.assign(node.config.aileron, { startsAtATime: 1 });
  node.docker.addImage(gameImage, (process) => process.print('Done\n'));
  for (let number = 1; number <= count; number += 1) {
    const egg = { done: ['Done'], stripAnsi: false, stop: { type: 'command', value: 'stop' } } as const;
    const spec = { uuid: uuidOf(number), image: `~${gameImage}`, owner, egg: { ...egg, done: ['Done'] } };
    await node.add({ name: `s${number}`, spec });
    await mutateStatus(node.store, 'Server', `s${number}`, (status: { state?: string }) => {
      status.state = 'running';
    });
  }
  return node;
}

const isUp = (server: { status?: { state?: string; operation?: unknown } } | undefined) =>
  server?.status?.state === 'running' && !server.status.operation;

test('who waits for the Panel holds no place, and the others start one after another meanwhile', async (t) => {
  const held = Promise.withResolvers<'stale'>();
  const asked: (RefreshOptions | undefined)[] = [];
  let [open, mostOpen] = [0, 0];
  const node = await nodeThatComesBack(t, 20, {
    async refresh(uuid, _signal, options) {
      asked.push(options);
      return [1, 2, 3].some((number) => uuid === uuidOf(number)) ? held.promise : 'stale';
    },
    async passed(step) {
      if (step === 'start:synced') mostOpen = Math.max(mostOpen, ++open);
      if (step === 'start:started') open -= 1;
    },
  });
  await node.start();
  for (let number = 4; number <= 20; number += 1) await node.until(`s${number} is up`, isUp, `s${number}`);
  assert.equal(mostOpen, 1);
  assert.equal(await node.docker.inspectContainer(uuidOf(1)), undefined);
  held.resolve('stale');
  for (const name of ['s1', 's2', 's3']) await node.until(`${name} is up`, isUp, name);
  assert.equal(mostOpen, 1);
  assert.deepEqual(new Set(asked.map((options) => options?.whileAway)), new Set(['skip']));
});

test('what a person asks for does not wait for its turn', async (t) => {
  const gate = Promise.withResolvers<void>();
  let first = true;
  const names = Array.from({ length: 12 }, (_, index) => `s${index + 1}`);
  const asked: string[] = [];
  const node = await nodeThatComesBack(t, 12, {
    async refresh(uuid) {
      asked.push(`s${Number(uuid.slice(-3))}`);
      return 'stale';
    },
    async passed(step) {
      if (step !== 'start:synced' || !first) return;
      first = false;
      await gate.promise;
    },
  });
  await node.start();
  await node.settle();
  const started = async () => (await node.docker.listContainers({})).length;
  assert.equal(await started(), 0);
  // One that has asked and waits for its place, and one that has not begun.
  const [waits, outside] = [asked[3], names.find((name) => !asked.includes(name))];
  for (const name of [waits, outside]) await node.requestAndFinish('start', name);
  await node.settle();
  assert.equal(await started(), 2);
  gate.resolve();
  for (const name of names) await node.until(`${name} is up`, isUp, name);
});

// States told to a Pelican Panel: in order, the newest one, nothing twice, nobody else's.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Bus } from '../../../src/bus/bus.ts';
import { PanelUnreachableError } from '../../../src/panel/panel-errors.ts';
import { StatePush } from '../../../src/panel/state-push.ts';
import { unlistedCondition } from '../../../src/resources/listed.ts';
import type { ProcessState, Server } from '../../../src/resources/server.ts';
import { Informer } from '../../../src/runtime/informer.ts';
import { AdmissionBench, asManifest, asPanel, thisNode, uuidOf } from '../../support/an-admission.ts';
import { settle } from '../../support/fake-clock.ts';
import { aRefusal } from '../../support/panel/source-bench.ts';
import { recordedLog } from '../../support/recorded-log.ts';

async function aPush(t: TestContext, states: (ProcessState | undefined)[] = ['offline']) {
  const bench = new AdmissionBench();
  const { store, clock } = bench;
  const log = recordedLog();
  const bus = new Bus((error) => {
    throw error;
  });
  const setStatus = async (name: string, status: Server['status']) =>
    void (await store.updateStatus({ ...(await bench.read(name)), status }));
  for (const [index, state] of states.entries()) {
    await bench.create(`s${index + 1}`, { uuid: uuidOf(index + 1) }, asPanel);
    if (state) await setStatus(`s${index + 1}`, { state });
  }
  const servers = new Informer<Server>({
    store,
    clock,
    log,
    kind: 'Server',
    indexes: { uuid: ({ spec }) => [spec.uuid ?? ''] },
  });
  servers.start();
  await servers.synced();
  const told: string[] = [];
  const onListed: (() => void)[] = [];
  const panel = {
    /** Each push waits for it. */
    gate: Promise.resolve(),
    answer: undefined as Error | undefined,
    doubts: 0,
    open: 0,
    mostOpen: 0,
  };
  const push = new StatePush({
    api: {
      async reportState(uuid, { previous, next }) {
        panel.open += 1;
        panel.mostOpen = Math.max(panel.mostOpen, panel.open);
        await panel.gate;
        panel.open -= 1;
        told.push(`${Number(uuid.slice(-3))} ${previous}>${next}`);
        if (panel.answer) throw panel.answer;
      },
    },
    ...{ bus, servers, clock, log, nodeName: thisNode, random: () => 1 },
    onListed: (handler) => void onListed.push(handler),
    doubt: () => {
      panel.doubts += 1;
    },
  });
  push.start();
  t.after(async () => {
    await push.stop();
    await servers.stop();
  });
  const change = async (number: number, state: ProcessState) => {
    bus.publish(uuidOf(number), 'state', { previous: 'offline', state, cause: 'Test' });
    await settle(6);
  };
  const list = async () => {
    for (const handler of onListed) handler();
    await settle(10);
  };
  return { bench, clock, told, panel, push, change, list, setStatus };
}

test('after the start every state is told once, also offline, and no more than four at a time', async (t) => {
  const { told, list, panel, push } = await aPush(t, [
    ...Array.from({ length: 30 }, (): ProcessState => 'offline'),
    'running',
    undefined,
  ]);
  await settle(10);
  assert.deepEqual(told, []);
  await list();
  await settle(200);
  assert.equal(told.length, 31);
  assert.equal(new Set<string>(told).size, 31);
  assert.ok(new Set<string>(told).has('31 running>running'));
  assert.equal(panel.mostOpen, 4);
  assert.equal(push.waiting, 0);
});

test('a state that is only found later, of a new server or one that is listed again, is told too', async (t) => {
  const { bench, told, list, setStatus } = await aPush(t, [undefined, undefined]);
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  const unlisted = [{ ...unlistedCondition, lastTransitionTime }];
  await setStatus('s2', { state: 'offline', conditions: unlisted });
  await list();
  assert.deepEqual(told, []);
  await setStatus('s1', { state: 'offline' });
  await settle(10);
  await setStatus('s1', { state: 'offline', diskBytes: 5 });
  await setStatus('s2', { state: 'offline' });
  await bench.create('s3', { uuid: uuidOf(3) }, asPanel);
  await setStatus('s3', { state: 'running' });
  await settle(10);
  assert.deepEqual(told, ['1 offline>offline', '2 offline>offline', '3 running>running']);
});

test('of one server the newest state follows, in order, and what the Panel has is not told again', async (t) => {
  const { told, change, list, panel } = await aPush(t);
  await list();
  const { promise, resolve } = Promise.withResolvers<void>();
  panel.gate = promise;
  await change(1, 'starting');
  for (const state of ['running', 'stopping', 'offline', 'starting', 'running'] as const) await change(1, state);
  assert.equal(panel.open, 1);
  resolve();
  await settle(10);
  assert.deepEqual(told, ['1 offline>offline', '1 offline>starting', '1 starting>running']);
  await change(1, 'running');
  assert.equal(told.length, 3);
});

test('a change that was taken back before it was told is not told', async (t) => {
  const { told, change, list, panel } = await aPush(t);
  await list();
  const { promise, resolve } = Promise.withResolvers<void>();
  panel.gate = promise;
  await change(1, 'starting');
  await change(1, 'running');
  await change(1, 'starting');
  resolve();
  await settle(10);
  assert.deepEqual(told, ['1 offline>offline', '1 offline>starting']);
});

test('a Panel that is away is told the newest state when it is back; one that says no is not asked again', async (t) => {
  const { told, change, list, panel, clock, push } = await aPush(t, ['offline', 'offline']);
  await list();
  panel.answer = new PanelUnreachableError('away');
  await change(1, 'starting');
  await change(1, 'running');
  await clock.advance(600_000);
  const tries = told.length;
  assert.ok(tries > 8 && tries < 25, `${tries}`);
  assert.equal(push.waiting, 1);
  panel.answer = undefined;
  await clock.advance(60_000);
  assert.equal(told.at(-1), '1 offline>running');
  assert.equal(push.waiting, 0);
  panel.answer = aRefusal(404);
  await change(2, 'starting');
  await clock.advance(600_000);
  assert.deepEqual(told.slice(tries + 1), ['2 offline>starting']);
  panel.answer = undefined;
  await change(2, 'running');
  assert.equal(told.at(-1), '2 offline>running', 'from what the Panel took last');
});

test('what was refused is told again with the next list, because the token may have been another one', async (t) => {
  const { told, change, list, panel, clock, push } = await aPush(t, ['offline', 'offline']);
  await list();
  for (const status of [403, 404]) {
    panel.answer = aRefusal(status);
    await change(1, status === 403 ? 'starting' : 'stopping');
    assert.equal(push.waiting, 1, 'the Panel does not have it');
  }
  assert.equal(panel.doubts, 1, 'a list says whether the Panel knows the node');
  panel.answer = undefined;
  const before = told.length;
  await clock.advance(600_000);
  assert.equal(told.length, before);
  await list();
  assert.deepEqual(told.slice(before), ['1 offline>stopping']);
  assert.equal(push.waiting, 0);
  await list();
  assert.equal(told.length, before + 1);
});

test('a refusal of a Panel that knows the node stands until something changes, or the next list', async (t) => {
  const { told, change, list, panel } = await aPush(t);
  await list();
  panel.answer = aRefusal(403);
  await change(1, 'starting');
  const before = told.length;
  for (let round = 0; round < 5; round += 1) await change(1, 'starting');
  assert.equal(told.length, before);
  await list();
  await list();
  assert.equal(told.length, before + 2);
  assert.equal(panel.doubts, 1, 'nobody asks for lists because of one server');
});

test('one server that fails keeps no other waiting', async (t) => {
  const { told, change, list, panel } = await aPush(
    t,
    Array.from({ length: 10 }, () => 'offline' as const),
  );
  await list();
  await settle(50);
  panel.answer = new PanelUnreachableError('away');
  for (let number = 1; number <= 9; number += 1) await change(number, 'starting');
  panel.answer = undefined;
  await change(10, 'starting');
  assert.equal(told.at(-1), '10 offline>starting');
});

test('states of servers that are not the Panel’s, or of another node, are never told (covers: SEC-27)', async (t) => {
  const { bench, told, change, list, setStatus } = await aPush(t, ['offline', 'offline', 'offline']);
  await bench.create('own', { uuid: uuidOf(7) }, asManifest);
  await setStatus('own', { state: 'running' });
  const foreign = { ...(await bench.read('s3')).spec, uuid: uuidOf(8), nodeName: 'node-2' };
  await bench.store.create({ apiVersion: 'aileron.dev/v1', kind: 'Server', metadata: { name: 'far' }, spec: foreign });
  await setStatus('far', { state: 'running' });
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  await setStatus('s2', { state: 'offline', conditions: [{ ...unlistedCondition, lastTransitionTime }] });
  await settle(10);
  await list();
  for (const number of [2, 7, 8, 9]) await change(number, 'running');
  assert.deepEqual(told, ['1 offline>offline', '3 offline>offline']);
});

test('a server that is gone is forgotten, and after the stop nothing is told', async (t) => {
  const { bench, told, change, list, panel, push, clock } = await aPush(t, ['offline', 'offline']);
  await list();
  panel.answer = new PanelUnreachableError('away');
  await change(1, 'starting');
  await bench.store.patch('Server', 's1', { metadata: { finalizers: null } });
  await bench.store.delete('Server', 's1');
  await settle(10);
  assert.equal(push.waiting, 0);
  panel.answer = undefined;
  const before = told.length;
  await clock.advance(120_000);
  assert.equal(told.length, before);
  await push.stop();
  await change(2, 'running');
  assert.equal(told.length, before);
});

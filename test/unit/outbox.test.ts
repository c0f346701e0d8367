import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import type { Backup } from '../../src/resources/backup.ts';
import { Informer } from '../../src/runtime/informer.ts';
import { createRuntimeMetrics } from '../../src/runtime/metrics.ts';
import {
  type Deliver,
  holdMs,
  Outbox,
  type Owed,
  owedFinalizer,
  UndeliverableError,
} from '../../src/runtime/outbox.ts';
import { mutateStatus } from '../../src/runtime/status.ts';
import { thisNode } from '../support/an-admission.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { metricValue } from '../support/metric-value.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { runOutbox } from '../support/run-outbox.ts';

const day = 86_400_000;
const entry = (id: string, to = 'Panel'): Owed => ({ id, to, what: id, since: '2026-01-01T00:00:00Z', attempts: 0 });

async function anOutbox(t: TestContext) {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const store = new MemoryStore({ clock });
  const events: string[] = [];
  const start = async (deliver?: Deliver) => {
    const registry = new Registry();
    const metrics = createRuntimeMetrics(registry);
    const log = recordedLog();
    const backups = new Informer<Backup>({ store, kind: 'Backup', clock, log });
    const outbox = new Outbox({
      ...{ store, clock, log, metrics, registry },
      sources: [backups],
      nodeName: thisNode,
      events: { event: (about, _type, reason, message) => events.push(`${about.name} ${reason}: ${message}`) },
      random: () => 1,
    });
    if (deliver) outbox.register('Panel', deliver);
    const stop = await runOutbox(t, { outbox, source: backups, clock });
    await settle();
    return { registry, stop, outbox };
  };
  const add = async (name: string, owed: Owed[], spec: { nodeName?: string } = {}) => {
    await store.create({ apiVersion: 'aileron.dev/v1', kind: 'Backup', metadata: { name, finalizers: [] }, spec });
    await owe(name, owed);
  };
  const owe = async (name: string, owed: Owed[]) => {
    await mutateStatus<Backup>(store, 'Backup', name, (status) => {
      status.owed = owed;
    });
    await settle(12);
  };
  const owedOf = async (name: string) => (await store.get<Backup>('Backup', name))?.status?.owed;
  return { clock, store, events, start, add, owe, owedOf };
}

test('delivers what is owed once, in order, and nothing is owed after it', async (t) => {
  const { start, add, owedOf, store } = await anOutbox(t);
  const delivered: string[] = [];
  const { registry } = await start(async ({ id }, object) => void delivered.push(`${object.metadata.name} ${id}`));
  await add('a', [entry('1'), entry('2')]);
  await settle(20);
  assert.deepEqual(delivered, ['a 1', 'a 2']);
  assert.equal(await owedOf('a'), undefined);
  assert.equal((await store.get('Backup', 'a'))?.metadata.finalizers, undefined);
  assert.equal(await metricValue(registry, 'aileron_owed_report_tries_total', { result: 'delivered' }), 2);
  assert.equal(await metricValue(registry, 'aileron_owed_reports'), 0);
});

test('what an object of another node owes is that node’s to tell (covers: SEC-27)', async (t) => {
  const { start, add, owedOf, clock } = await anOutbox(t);
  const delivered: string[] = [];
  const { registry } = await start(async (_entry, object) => void delivered.push(object.metadata.name));
  await add('theirs', [entry('1')], { nodeName: 'node-2' });
  await add('ours', [entry('1')], { nodeName: thisNode });
  await clock.advance(600_000);
  assert.deepEqual(delivered, ['ours']);
  assert.deepEqual(await owedOf('theirs'), [entry('1')]);
  assert.equal(await metricValue(registry, 'aileron_owed_reports'), 0);
});

test('what is refused is tried again later each time, at most five minutes apart, and the tries are stored', async (t) => {
  const { start, add, owedOf, clock } = await anOutbox(t);
  const tries: number[] = [];
  await start(async () => {
    tries.push(clock.monotonic());
    throw new Error('no answer');
  });
  const begin = clock.monotonic();
  await add('a', [entry('1'), entry('2')]);
  assert.deepEqual(tries, [begin]);
  const [first] = (await owedOf('a')) ?? [];
  assert.deepEqual(first, {
    ...entry('1'),
    attempts: 1,
    nextAttemptAt: '2026-01-01T00:00:01Z',
    lastError: 'no answer',
  });
  await clock.advance(3_600_000);
  const gaps = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
  assert.ok(
    gaps.every((gap, index) => gap >= (gaps[index - 1] ?? 0) - 1_000 && gap <= 301_000),
    gaps.join(),
  );
  assert.ok(gaps.some((gap) => gap >= 300_000));
});

test('a restart forgets neither what is owed nor when it is due', async (t) => {
  const { start, add, owedOf, clock } = await anOutbox(t);
  const first = await start(async () => {
    throw new Error('no answer');
  });
  await add('a', [entry('1')]);
  await first.stop();
  const attempts = (await owedOf('a'))?.[0]?.attempts ?? 0;
  assert.ok(attempts >= 1);
  const delivered: string[] = [];
  await start(async ({ id }) => void delivered.push(id));
  await clock.advance(600_000);
  assert.deepEqual(delivered, ['1']);
  assert.equal(await owedOf('a'), undefined);
});

test('what was not taken is tried at once when its receiver is back, and nothing before its first time', async (t) => {
  const { start, add, owedOf, clock } = await anOutbox(t);
  let away = true;
  const delivered: string[] = [];
  const { outbox } = await start(async ({ id }) => {
    if (away) throw new Error('no answer');
    delivered.push(id);
  });
  await add('a', [entry('1'), entry('2')]);
  await clock.advance(1_000_000);
  await add('b', [{ ...entry('early'), nextAttemptAt: new Date(clock.now() + 2_000).toISOString() }]);
  away = false;
  outbox.hasten('SomebodyElse');
  await settle(20);
  assert.deepEqual(delivered, []);
  outbox.hasten('Panel');
  await settle(20);
  assert.deepEqual(delivered, ['1', '2']);
  assert.equal(await owedOf('a'), undefined);
  await clock.advance(2_000);
  assert.deepEqual(delivered, ['1', '2', 'early']);
});

test('what its receiver did not take although it was back is not hastened before its own next try', async (t) => {
  const { start, add, clock } = await anOutbox(t);
  let tries = 0;
  const { outbox } = await start(async () => {
    tries += 1;
    throw new Error('this one way is broken');
  });
  await add('a', [entry('1')]);
  await clock.advance(1_000_000);
  const before = tries;
  for (let round = 0; round < 20; round += 1) {
    outbox.hasten('Panel');
    await clock.advance(1_000);
  }
  assert.equal(tries, before + 1);
  // That one failed too: five minutes later is its own next one, and then it may be hastened again.
  await clock.advance(302_000);
  assert.equal(tries, before + 2);
  outbox.hasten('Panel');
  await settle(20);
  assert.equal(tries, before + 3);
});

test('one object’s bad entry holds up its own next one and nobody else’s', async (t) => {
  const { start, add, clock } = await anOutbox(t);
  const delivered: string[] = [];
  await start((one, object, signal) => {
    if (object.metadata.name !== 'a') return Promise.resolve(void delivered.push(one.id));
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  });
  await add('a', [entry('stuck'), entry('behind')]);
  for (let count = 0; count < 5; count += 1) await add(`b${count}`, [entry(`good${count}`)]);
  await settle(20);
  assert.equal(delivered.length, 5);
  await clock.advance(120_000);
  assert.ok(!delivered.includes('behind'));
});

test('a receiver that never answers is given up after 30 s and tried again', async (t) => {
  const { start, add, owedOf, clock } = await anOutbox(t);
  await start(() => new Promise(() => {}));
  await add('a', [entry('1')]);
  await clock.advance(29_000);
  assert.equal((await owedOf('a'))?.[0]?.attempts, 0);
  await clock.advance(1_500);
  assert.equal((await owedOf('a'))?.[0]?.attempts, 1);
  assert.equal((await owedOf('a'))?.[0]?.lastError, 'no answer in 30 s');
});

test('after seven days, or when it was refused for good, an entry goes with an Event and a count', async (t) => {
  const { start, add, owedOf, clock, events } = await anOutbox(t);
  const { registry } = await start(async ({ id }) => {
    throw id === 'bad' ? new UndeliverableError('it was refused') : new Error('no answer');
  });
  await add('a', [entry('bad'), entry('late')]);
  await settle(12);
  assert.deepEqual(events, ['a ReportGivenUp: The report "bad" to Panel was given up it was refused']);
  await clock.advance(7 * day + 600_000);
  assert.equal(await owedOf('a'), undefined);
  assert.equal(events[1], 'a ReportGivenUp: The report "late" to Panel was given up after seven days: no answer');
  assert.equal(await metricValue(registry, 'aileron_owed_report_tries_total', { result: 'given_up' }), 2);
});

test('a daemon tries what is older than seven days before it gives it up, for ten minutes', async (t) => {
  const { start, add, owedOf, clock, events } = await anOutbox(t);
  await add('a', [entry('1')]);
  await add('b', [entry('1')]);
  // The node was off.
  clock.jumpWall(8 * day);
  const tries = { a: 0, b: 0 };
  await start(async (_entry, { metadata }) => {
    tries[metadata.name as 'a' | 'b'] += 1;
    if (metadata.name === 'a' || tries.b === 1) throw new Error('no answer');
  });
  await settle(20);
  assert.deepEqual(tries, { a: 1, b: 1 });
  await clock.advance(590_000);
  assert.equal(await owedOf('b'), undefined);
  assert.ok(tries.a > 5 && (await owedOf('a')) !== undefined);
  assert.deepEqual(events, []);
  await clock.advance(600_000);
  assert.equal(await owedOf('a'), undefined);
  assert.deepEqual(events, ['a ReportGivenUp: The report "1" to Panel was given up after seven days: no answer']);
});

test('a wall clock that is turned back holds no try up', async (t) => {
  const { start, add, owedOf, clock } = await anOutbox(t);
  let tries = 0;
  await start(async () => {
    tries += 1;
    if (tries === 1) throw new Error('no answer');
  });
  await add('a', [entry('1')]);
  clock.jumpWall(-86_400_000);
  await clock.advance(600_000);
  assert.equal(tries, 2);
  assert.deepEqual(await owedOf('a'), undefined);
});

test('a deleted object stays until what it owes is delivered', async (t) => {
  const { start, add, store, clock } = await anOutbox(t);
  let reachable = false;
  const { registry } = await start(async () => {
    if (!reachable) throw new Error('no answer');
  });
  await add('a', [entry('1')]);
  assert.deepEqual((await store.get('Backup', 'a'))?.metadata.finalizers, [owedFinalizer]);
  assert.equal(await metricValue(registry, 'aileron_owed_reports'), 1);
  await store.delete('Backup', 'a');
  assert.ok(await store.get('Backup', 'a'));
  reachable = true;
  await clock.advance(10_000);
  assert.equal(await store.get('Backup', 'a'), undefined);
});

test('without a way to the receiver an entry waits, and an object that owes nothing is never touched', async (t) => {
  const { start, add, owedOf, store, clock } = await anOutbox(t);
  await start();
  await add('a', [entry('1')]);
  await store.create({ apiVersion: 'aileron.dev/v1', kind: 'Backup', metadata: { name: 'idle' }, spec: {} });
  const { resourceVersion } = (await store.get('Backup', 'idle'))?.metadata ?? {};
  await clock.advance(3_600_000);
  assert.equal((await owedOf('a'))?.length, 1);
  assert.equal((await store.get('Backup', 'idle'))?.metadata.resourceVersion, resourceVersion);
});

test('the end of an operation waits for its report 30 s and no longer, whatever the wall clock does', () => {
  const at = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(holdMs(undefined, at), 0);
  assert.equal(holdMs([], at), 0);
  assert.equal(holdMs([entry('1')], at), 30_000);
  assert.equal(holdMs([entry('1')], at + 29_999), 1);
  assert.equal(holdMs([entry('1')], at + 30_000), 0);
  assert.equal(holdMs([entry('1')], at - 3_600_000), 0);
});

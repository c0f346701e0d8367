// The Panel's servers as objects: what a list and a refresh write, what happens while the Panel is away, and what never
// happens whatever it says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PanelUnreachableError } from '../../../src/panel/panel-errors.ts';
import { PanelRefusedError, StaleUnknownError } from '../../../src/panel/sync.ts';
import type { Server } from '../../../src/resources/server.ts';
import { asManifest, asPanel, uuidOf, writeContext } from '../../support/an-admission.ts';
import { settle } from '../../support/fake-clock.ts';
import { aRefusal, noAnswer, SourceBench } from '../../support/panel/source-bench.ts';

const always = new AbortController().signal;

test('every server of the list becomes an object of the Panel, and a second list writes nothing', async (t) => {
  const bench = await SourceBench.make(t, { perPage: 2 });
  bench.records = [1, 2, 3, 4, 5].map((number) => bench.record(number, { name: `server ${number}` }));
  await bench.start();
  const { items, resourceVersion } = await bench.admission.store.list<Server>('Server');
  assert.deepEqual(
    items.map(({ metadata, spec }) => [metadata.name, spec.displayName, spec.owner]),
    [1, 2, 3, 4, 5].map((number) => [
      uuidOf(number),
      `server ${number}`,
      { kind: 'Panel', ref: 'https://panel.example' },
    ]),
  );
  assert.match((await bench.reachable()) ?? '', /^True Answers: The Panel answers. It listed 5 servers at 2026-01-01T/);
  await bench.restart();
  await bench.source.listed;
  const again = await bench.admission.store.list<Server>('Server');
  assert.deepEqual(again.items, items);
  assert.ok(resourceVersion);
});

test('what the Panel changes is changed, and what is ours stays', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1, { environment: { A: '1', B: '2' } })];
  await bench.start();
  const own = { metadata: { labels: { tier: 'gold' } }, spec: { power: { desired: 'Running' } } };
  await bench.admission.patch(uuidOf(1), own, writeContext());
  const before = await bench.server(1);
  bench.records = [bench.record(1, { environment: { B: '2', A: '1' }, memory: 2048 })];
  assert.equal(await bench.source.refresh(uuidOf(1), always), 'fresh');
  const after = await bench.server(1);
  assert.equal(after?.spec.limits.memory, 2048);
  // The order of variables is the Panel's too.
  assert.deepEqual(Object.keys(after.spec.environment).slice(0, 2), ['B', 'A']);
  assert.deepEqual(after.metadata.labels, { tier: 'gold' });
  assert.deepEqual(after.spec.power, before?.spec.power);
  await assert.rejects(
    bench.admission.patch(uuidOf(1), { spec: { image: 'mine' } }, writeContext()),
    /belongs to the Panel/,
  );
});

test('pages are taken four at a time, and a page that fails fails the list', async (t) => {
  const bench = await SourceBench.make(t, { perPage: 1 });
  bench.records = Array.from({ length: 20 }, (_, index) => bench.record(index + 1));
  await bench.start();
  assert.equal((await bench.admission.store.list('Server')).items.length, 20);
  assert.equal(bench.mostOpen, 4);
  const honest = bench.page;
  bench.page = async (page) => {
    if (page === 7) throw aRefusal(500);
    return { records: [], currentPage: Math.max(1, page), lastPage: 20, total: 20 };
  };
  bench.source.relist();
  await bench.advance(6_000);
  // Nothing is called unlisted by half a list.
  assert.equal(await bench.condition(1, 'Listed'), undefined);
  assert.match((await bench.reachable()) ?? '', /^False Unreachable/);
  bench.page = honest;
  await bench.advance(60_000);
  assert.match((await bench.reachable()) ?? '', /^True/);
});

test('pages that overlap are taken again, and call nobody unlisted', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [1, 2, 3, 4].map((number) => bench.record(number));
  await bench.start();
  const pages = [
    [
      [1, 2],
      [2, 3],
    ],
    [
      [1, 4],
      [4, 2],
    ],
  ];
  bench.page = async (page) => {
    const scan = pages[(bench.lists - 2) % 2] ?? [];
    const records = (scan[Math.max(1, page) - 1] ?? []).map((number) => bench.record(number));
    return { records, currentPage: Math.max(1, page), lastPage: 2, total: 4 };
  };
  bench.source.relist();
  await bench.advance(6_000);
  assert.equal(bench.lists, 3);
  for (const number of [1, 2, 3, 4]) assert.equal(await bench.condition(number, 'Listed'), undefined);
  bench.page = async () => ({ records: [bench.record(1)], currentPage: 1, lastPage: 1, total: 4 });
  bench.source.relist();
  await bench.advance(6_000);
  assert.equal(bench.lists, 6);
  assert.equal(await bench.condition(4, 'Listed'), undefined);
});

test('a server that is listed no more is marked and kept, until it is listed again', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1), bench.record(2)];
  await bench.start();
  await bench.admission.create('own', { uuid: uuidOf(9) }, asManifest);
  bench.records = [bench.record(1)];
  bench.source.relist();
  await bench.advance(6_000);
  assert.match((await bench.condition(2, 'Listed')) ?? '', /^False NotOnPanel/);
  assert.equal(await bench.condition(1, 'Listed'), undefined);
  assert.equal((await bench.admission.read('own')).status, undefined);
  assert.equal(bench.source.counts().unlisted, 1);
  assert.deepEqual((await bench.node())?.panel?.unlisted, 1);
  assert.equal(bench.events.filter((event) => event.startsWith(`${uuidOf(2)} Unlisted`)).length, 1);
  bench.source.relist();
  await bench.advance(6_000);
  assert.equal(bench.events.filter((event) => event.includes('Unlisted')).length, 1);
  bench.records = [bench.record(1), bench.record(2)];
  bench.source.relist();
  await bench.advance(6_000);
  assert.equal(await bench.condition(2, 'Listed'), undefined);
  assert.equal(bench.source.counts().unlisted, 0);
});

test('no answer of a Panel deletes anything (covers: SEC-117)', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1), bench.record(2)];
  await bench.start();
  bench.records = [];
  bench.source.relist();
  await bench.advance(6_000);
  for (const status of [401, 403, 404, 410]) {
    bench.away = aRefusal(status);
    const refreshed = bench.source.refresh(uuidOf(1), always);
    if (status === 401) assert.equal(await refreshed, 'stale');
    else await assert.rejects(refreshed, PanelRefusedError);
    bench.source.relist();
    await bench.advance(120_000);
    assert.match((await bench.reachable()) ?? '', /^False Refused/);
  }
  const { items } = await bench.admission.store.list<Server>('Server');
  assert.deepEqual(
    items.map(({ metadata }) => [metadata.name, metadata.deletionTimestamp]),
    [
      [uuidOf(1), undefined],
      [uuidOf(2), undefined],
    ],
  );
});

test('a record that cannot be used concerns its own server: the last configuration stays, and it says why', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1), bench.record(2)];
  await bench.start();
  const bad = { ...bench.record(2), settings: { uuid: uuidOf(2), container: { image: 'NOT AN IMAGE' } } };
  bench.records = [null, 'nonsense', bad, bench.record(1, { memory: 77 }), bench.record(3)];
  bench.source.relist();
  await bench.advance(6_000);
  assert.equal((await bench.server(1))?.spec.limits.memory, 77);
  assert.ok(await bench.server(3));
  assert.equal((await bench.server(2))?.spec.image, 'example.org/game:1');
  assert.match((await bench.condition(2, 'ConfigurationAccepted')) ?? '', /^False Refused: .*spec.image/);
  assert.equal(await bench.condition(2, 'Listed'), undefined);
  assert.ok(bench.events.some((event) => event.startsWith(`${uuidOf(2)} ConfigurationRefused: `)));
  assert.ok(bench.events.some((event) => event.startsWith('node-1 PanelServerRefused: Server without a uuid')));
  assert.equal(bench.source.counts().refused, 2);
  await assert.rejects(
    bench.source.refresh(uuidOf(2), always),
    (error) => error instanceof PanelRefusedError && error.status === undefined,
  );
  const told = bench.events.length;
  bench.source.relist();
  await bench.advance(6_000);
  assert.equal(bench.events.length, told);
  bench.records = [bench.record(1), bench.record(2), bench.record(3)];
  await bench.source.refresh(uuidOf(2), always);
  assert.equal(await bench.condition(2, 'ConfigurationAccepted'), undefined);
});

test('with the Panel away the stored servers count, and it is asked again for ever, a minute apart at most', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1)];
  await bench.start();
  bench.away = noAnswer;
  await bench.restart();
  const asked: number[] = [];
  const since = bench.admission.clock.monotonic();
  for (let seconds = 0; seconds < 600; seconds += 1) {
    const before = bench.log.find({ message: 'the servers of the Panel could not be listed' }).length;
    await bench.advance(1_000);
    if (bench.log.find({ message: 'the servers of the Panel could not be listed' }).length > before)
      asked.push(bench.admission.clock.monotonic() - since);
  }
  assert.ok(asked.length > 8, `${asked.length} times`);
  assert.ok(
    asked.every((at, index) => at - (asked[index - 1] ?? 0) <= 61_000),
    asked.join(),
  );
  assert.equal(
    await bench.reachable(),
    'False Unreachable: The Panel cannot be reached: refused. The node works with what it said at 2026-01-01T00:00:00Z.',
  );
  assert.match(bench.source.summary() ?? '', /^away \(.*\), list of 2026-01-01T00:00:00Z$/);
  assert.equal(await bench.source.refresh(uuidOf(1), always), 'stale');
  await assert.rejects(bench.source.refresh(uuidOf(2), always), StaleUnknownError);
  assert.ok(await bench.server(1));
  bench.away = undefined;
  bench.records = [bench.record(1, { memory: 3 })];
  await bench.advance(61_000);
  assert.equal((await bench.server(1))?.spec.limits.memory, 3);
  assert.match((await bench.reachable()) ?? '', /^True/);
});

test('any call that finds the Panel away has it listed anew, without a storm', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1)];
  await bench.start();
  assert.equal(bench.lists, 1);
  for (const answer of [undefined, aRefusal(403), aRefusal(500), aRefusal(422)]) bench.source.heard(answer);
  await bench.advance(10_000);
  assert.equal(bench.lists, 1);
  for (let round = 0; round < 100; round += 1) {
    bench.source.heard(aRefusal(503));
    await bench.advance(100);
  }
  assert.ok(bench.lists <= 4, `${bench.lists} lists in ten seconds`);
  await bench.advance(10_000);
  assert.match((await bench.reachable()) ?? '', /^True/);
});

test('a single way to the Panel that is broken makes it neither away nor back, and is looked into ever less often', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1)];
  await bench.start();
  let back = 0;
  bench.source.onBack(() => {
    back += 1;
  });
  const late = new PanelUnreachableError('the Panel gave no answer in 30 s', { timedOut: true });
  for (const error of [aRefusal(502), aRefusal(503), aRefusal(504), late, noAnswer]) {
    bench.source.heard(error);
    await bench.advance(1_000);
    assert.match((await bench.reachable()) ?? '', /^True/, error.message);
  }
  for (let seconds = 0; seconds < 3_600; seconds += 5) {
    bench.source.heard(aRefusal(503));
    await bench.advance(5_000);
  }
  // At once, after 5, 10, 20, … and 300 s.
  assert.ok(bench.lists >= 15 && bench.lists <= 20, `${bench.lists} lists in an hour`);
  assert.equal(back, 0);
  await bench.advance(601_000);
  const before = bench.lists;
  bench.source.heard(noAnswer);
  await bench.rest();
  assert.equal(bench.lists, before + 1, 'what is long over is no reason to wait');
});

test('what this node cannot write is no fault of the Panel', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1)];
  await bench.start();
  const { store } = bench.admission;
  const { update } = store;
  t.after(() => Object.assign(store, { update }));
  store.update = async () => {
    throw new Error('database or disk is full');
  };
  bench.records = [bench.record(1, { memory: 9 })];
  bench.source.relist();
  await bench.advance(6_000);
  assert.match((await bench.reachable()) ?? '', /^True/);
  assert.equal(bench.source.counts().reachable, true);
  const [told] = bench.log.find({ message: 'the list of the Panel could not be taken up by this node' });
  assert.match(String(told?.fields['err']), /disk is full/);
  store.update = update;
  await bench.advance(61_000);
  assert.equal((await bench.server(1))?.spec.limits.memory, 9);
});

test('a Panel before which another login is asked for cannot be asked, and the condition says so', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1)];
  await bench.start();
  bench.away = aRefusal(401, 'log in first');
  assert.equal(await bench.source.refresh(uuidOf(1), always), 'stale');
  await assert.rejects(bench.source.refresh(uuidOf(2), always), StaleUnknownError);
  // As the client tells of each of its calls.
  bench.source.heard(bench.away);
  await bench.advance(6_000);
  assert.match((await bench.reachable()) ?? '', /^False Refused: .*log in first/);
  bench.away = undefined;
  await bench.advance(61_000);
  assert.match((await bench.reachable()) ?? '', /^True/);
});

test('what nobody told of comes with the next list that is taken without a reason', async (t) => {
  const bench = await SourceBench.make(t, { listEveryMs: 3_600_000 });
  bench.records = [bench.record(1, { memory: 1 })];
  await bench.start();
  bench.records = [bench.record(1, { memory: 2, suspended: true })];
  // With the longest pause that chance may give: a quarter more.
  await bench.advance(4_499_000);
  assert.deepEqual([bench.lists, (await bench.server(1))?.spec.suspended], [1, false]);
  await bench.advance(2_000);
  const { limits, suspended } = (await bench.server(1))?.spec ?? {};
  assert.deepEqual([bench.lists, limits?.memory, suspended], [2, 2, true]);
  bench.source.relist();
  await bench.advance(6_000);
  assert.equal(bench.lists, 3);
  await bench.advance(4_490_000);
  assert.equal(bench.lists, 3, 'counted from the last one, whatever its reason');
  await bench.advance(10_000);
  assert.equal(bench.lists, 4);
});

test('refusals are told from silence when one server is asked for', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1)];
  await bench.start();
  const ends: [Error, 'stale' | typeof PanelRefusedError][] = [
    [noAnswer, 'stale'],
    ...[500, 502, 503, 401, 408, 429].map((status): [Error, 'stale'] => [aRefusal(status), 'stale']),
    ...[400, 403, 404, 422].map((status): [Error, typeof PanelRefusedError] => [aRefusal(status), PanelRefusedError]),
  ];
  for (const [error, end] of ends) {
    bench.single = () => Promise.reject(error);
    const refreshed = bench.source.refresh(uuidOf(1), always);
    if (end === 'stale') assert.equal(await refreshed, 'stale', error.message);
    else await assert.rejects(refreshed, end, error.message);
  }
  bench.single = async () => bench.record(2);
  await assert.rejects(bench.source.refresh(uuidOf(1), always), /another server/);
  assert.equal(await bench.server(2), undefined);
});

test('an older answer never lies over a newer one', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1, { memory: 1 })];
  await bench.start();
  const held = Promise.withResolvers<void>();
  bench.page = async () => {
    await held.promise;
    return { records: [bench.record(1, { memory: 1 })], currentPage: 1, lastPage: 1, total: 1 };
  };
  bench.source.relist();
  await bench.advance(6_000);
  bench.records = [bench.record(1, { memory: 2 })];
  await bench.source.refresh(uuidOf(1), always);
  held.resolve();
  await bench.rest();
  assert.equal((await bench.server(1))?.spec.limits.memory, 2);
});

test('a server deleted meanwhile is not made again by an answer from before', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1), bench.record(2)];
  await bench.start();
  const held = Promise.withResolvers<void>();
  const late = [bench.record(1), bench.record(2, { memory: 5 })];
  bench.page = async () => {
    await held.promise;
    return { records: late, currentPage: 1, lastPage: 1, total: 2 };
  };
  bench.source.relist();
  await bench.advance(6_000);
  const { admission, store } = bench.admission;
  await admission.delete('Server', uuidOf(1), {}, asPanel);
  // One that its controller is still removing is left alone too.
  await admission.delete('Server', uuidOf(2), {}, asPanel);
  await store.patch('Server', uuidOf(1), { metadata: { finalizers: null } });
  await settle(10);
  assert.equal(await bench.server(1), undefined);
  held.resolve();
  await bench.rest();
  assert.equal(await bench.server(1), undefined);
  const leaving = await bench.server(2);
  assert.ok(leaving?.metadata.deletionTimestamp);
  assert.equal(leaving.spec.limits.memory, 1024);
});

test('a Panel that answers for the first time, or again, is told of once each time', async (t) => {
  const bench = await SourceBench.make(t);
  let times = 0;
  bench.source.onBack(() => {
    times += 1;
  });
  await bench.start();
  bench.source.relist();
  await bench.advance(6_000);
  assert.deepEqual([bench.lists, times], [2, 1]);
  bench.away = noAnswer;
  bench.source.heard(noAnswer);
  await bench.advance(60_000);
  assert.equal(times, 1);
  bench.away = undefined;
  await bench.advance(61_000);
  assert.equal(times, 2);
});

test('an object of another node is neither written nor judged (covers: SEC-27)', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1)];
  await bench.start();
  const { store } = bench.admission;
  const mine = await bench.server(1);
  const foreign = structuredClone(mine) as Server;
  const spec = { ...foreign.spec, uuid: uuidOf(2), nodeName: 'node-2' };
  await store.create({ ...foreign, metadata: { name: uuidOf(2) }, spec });
  await settle(10);
  const before = await bench.server(2);
  bench.records = [bench.record(1), bench.record(2, { memory: 5 })];
  bench.source.relist();
  await bench.advance(6_000);
  assert.deepEqual(await bench.server(2), before);
  assert.equal(bench.source.counts().refused, 0);
  bench.records = [bench.record(1), { uuid: uuidOf(2) }];
  bench.source.relist();
  await bench.advance(6_000);
  assert.deepEqual(await bench.server(2), before);
  bench.records = [bench.record(1)];
  bench.source.relist();
  await bench.advance(6_000);
  assert.deepEqual(await bench.server(2), before);
  assert.equal(bench.source.counts().unlisted, 0);
});

test('of Pterodactyl only the list says whose a server is, of Pelican the server too (covers: SEC-27)', async (t) => {
  for (const flavour of ['pterodactyl', 'pelican'] as const) {
    const bench = await SourceBench.make(t, { flavour });
    bench.records = [bench.record(1)];
    await bench.start();
    bench.records = [];
    bench.source.relist();
    await bench.advance(6_000);
    assert.ok(await bench.condition(1, 'Listed'));
    bench.single = async () => bench.record(1);
    await bench.source.refresh(uuidOf(1), always);
    await bench.advance(10_000);
    assert.equal((await bench.condition(1, 'Listed')) === undefined, flavour === 'pelican');
  }
});

test('a Panel that lists without an end is not believed (covers: SEC-117)', async (t) => {
  const bench = await SourceBench.make(t);
  bench.page = async (page) => ({ records: [], currentPage: page, lastPage: 1e9, total: 1e9 });
  await bench.start();
  assert.match((await bench.reachable()) ?? '', /speaks of 1000000000 pages/);
});

test('a Node object that is not there yet, or was made again, is told of the Panel all the same', async (t) => {
  const bench = await SourceBench.make(t);
  const { store } = bench.admission;
  await store.delete('Node', 'node-1');
  await bench.start();
  await store.create({ apiVersion: 'aileron.dev/v1', kind: 'Node', metadata: { name: 'node-1' } });
  await bench.advance(2_000);
  assert.match((await bench.reachable()) ?? '', /^True/);
  await store.delete('Node', 'node-1');
  await store.create({ apiVersion: 'aileron.dev/v1', kind: 'Node', metadata: { name: 'node-1' } });
  await bench.advance(61_000);
  assert.match((await bench.reachable()) ?? '', /^True/);
});

test('after the stop nothing is left to happen', async (t) => {
  const bench = await SourceBench.make(t);
  bench.away = noAnswer;
  await bench.start();
  const before = bench.admission.clock.pendingTimers;
  await bench.source.stop();
  assert.ok(bench.admission.clock.pendingTimers < before);
  const lists = bench.lists;
  await bench.advance(120_000);
  assert.equal(bench.lists, lists);
});

test('who asks for a server is not disturbed by the end of the lists, and ends by its own signal alone', async (t) => {
  const bench = await SourceBench.make(t);
  bench.records = [bench.record(1, { memory: 1 })];
  await bench.start();
  const held = Promise.withResolvers<unknown>();
  bench.single = () => held.promise;
  const [stays, ends] = [new AbortController(), new AbortController()];
  const asked = bench.source.refresh(uuidOf(1), stays.signal);
  const left = assert.rejects(bench.source.refresh(uuidOf(1), ends.signal), /told to end/);
  await bench.source.stop();
  await bench.rest();
  ends.abort(new Error('told to end'));
  held.resolve(bench.record(1, { memory: 2 }));
  await left;
  assert.equal(await asked, 'fresh');
  assert.equal((await bench.server(1))?.spec.limits.memory, 2);
});

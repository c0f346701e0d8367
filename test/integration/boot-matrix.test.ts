// What becomes of each server at a boot, by what Docker says and what a Wings before wrote: taken over, started, left
// alone; and that nobody waits for one of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from '../../src/resources/server.ts';
import { needsDocker, request } from '../support/docker.ts';
import { dockerProxy } from '../support/docker-proxy.ts';
import { newestFirst, type Owner } from '../support/owner.ts';
import { LivePanel } from '../support/panel/live-panel.ts';
import { hangingRegistry } from '../support/registry.ts';
import { until } from '../support/until.ts';
import { startAsWings, wingsContainer, writeStates } from '../support/wings-container.ts';

const options = { skip: await needsDocker(), timeout: 120_000 };
const patienceMs = 30_000;
const mebibyte = 1_048_576;

type Found = 'running' | 'paused' | 'exited' | 'missing';
type Wanted = 'taken over' | 'started' | 'offline';

interface Row {
  docker: Found;
  /** In states.json; undefined = not there. */
  states?: string | undefined;
  wanted: Wanted;
}

const matrix: Row[] = [
  { docker: 'running', states: 'running', wanted: 'taken over' },
  { docker: 'running', states: 'offline', wanted: 'taken over' },
  { docker: 'running', wanted: 'taken over' },
  { docker: 'paused', states: 'stopping', wanted: 'taken over' },
  { docker: 'exited', states: 'running', wanted: 'started' },
  { docker: 'missing', states: 'starting', wanted: 'started' },
  { docker: 'exited', states: 'stopping', wanted: 'offline' },
  { docker: 'missing', states: 'offline', wanted: 'offline' },
  { docker: 'exited', wanted: 'offline' },
  { docker: 'exited', states: 'dead', wanted: 'offline' },
];

/** Without a word that can be believed nothing is started. */
const afterGarbage: Row[] = matrix.map((row) => (row.wanted === 'started' ? { ...row, wanted: 'offline' } : row));

for (const [what, rows, garbage] of [
  ['what Docker and Wings say', matrix, undefined],
  ['what Docker says where states.json is garbage', afterGarbage, '{"00000000-0000-4000-8000'],
] as const) {
  test(`at a boot each server goes by ${what} (containers 24.11)`, options, async (t) => {
    const owner = newestFirst(t);
    const live = await LivePanel.make(owner);
    const { node } = live;
    // The Panel has changed a limit since Wings made the containers.
    const servers = rows.map((row) => ({ row, uuid: live.add({ memory: 96 }).uuid }));
    const before = new Map<string, string>();
    for (const { row, uuid } of servers) before.set(uuid, await containerOf(owner, live, uuid, row.docker));
    const known = servers.filter(({ row }) => row.states !== undefined);
    writeStates(node, garbage ?? Object.fromEntries(known.map(({ row, uuid }) => [uuid, row.states ?? ''])));

    await node.start();
    for (const { row, uuid } of servers) await settled(live, uuid, row.wanted);
    for (const { row, uuid } of servers) {
      const label = `${row.docker}, ${row.states}`;
      const server = await settled(live, uuid, row.wanted);
      const now = await node.docker.inspectContainer(uuid);
      assert.equal(server.status?.crashCount ?? 0, 0, label);
      switch (row.wanted) {
        case 'taken over':
          assert.equal(`${now?.id} ${now?.startedAt}`, before.get(uuid), label);
          assert.equal(node.starts(uuid), 1, label);
          await node.daemon.showsStates(uuid, ['running'], { label });
          await until(`the newest limit is there (${label})`, patienceMs, async () => {
            return (await node.docker.inspectContainer(uuid))?.resources.Memory === Math.round(96 * 1.15 * mebibyte);
          });
          break;
        case 'started':
          assert.equal(now?.running, true, label);
          assert.equal(node.starts(uuid), row.docker === 'missing' ? 1 : 2, label);
          await node.daemon.showsStates(uuid, ['starting', 'running'], { label });
          break;
        case 'offline':
          // Not even a container is made, and one that is there stays as it is.
          assert.equal(now?.running ?? false, false, label);
          assert.equal(now ? `${now.id} ${now.startedAt}` : '', before.get(uuid), label);
          assert.deepEqual(node.daemon.states(uuid), [], label);
      }
    }
  });
}

test(
  'a boot without Docker starts nothing on a guess, and takes over what runs when Docker is back (containers 24.11)',
  options,
  async (t) => {
    const owner = newestFirst(t);
    const proxy = await dockerProxy(owner);
    const live = await LivePanel.make(owner);
    const { node } = live;
    const [runs, died] = [live.add().uuid, live.add().uuid];
    const before = await containerOf(owner, live, runs, 'running');
    await containerOf(owner, live, died, 'exited');
    writeStates(node, { [runs]: 'running', [died]: 'offline' });
    await proxy.away();
    await node.start({ env: proxy.env });
    await until('both are known', patienceMs, async () => (await node.api.list('servers')).length === 2);
    const answer = await live.ask(runs, '');
    assert.equal(answer.status, 200);
    await sleep(2_000);
    assert.deepEqual([node.daemon.states(runs), node.daemon.states(died)], [[], []]);
    await proxy.back();
    await settled(live, runs, 'taken over');
    await settled(live, died, 'offline');
    const now = await node.docker.inspectContainer(runs);
    assert.equal(`${now?.id} ${now?.startedAt}`, before);
    assert.deepEqual([node.starts(runs), node.starts(died)], [1, 1]);
  },
);

test(
  'while one server pulls an image that does not come, the node answers and the others are up (containers 24.11)',
  options,
  async (t) => {
    const owner = newestFirst(t);
    const live = await LivePanel.make(owner, { aileron: { startsAtATime: 1 } });
    const { node } = live;
    const { image, asked } = await hangingRegistry(owner);
    const slow = live.add({ image }).uuid;
    const [runs, off] = [live.add().uuid, live.add().uuid];
    await containerOf(owner, live, runs, 'running');
    writeStates(node, { [slow]: 'running', [runs]: 'running' });
    await node.start();
    await node.daemon.untilLine(slow, 'Pulling Docker container image', patienceMs);
    await asked;
    await settled(live, runs, 'taken over');
    await live.known(off);
    const state = async (uuid: string) => ((await live.calls.details(uuid)) as { state: string }).state;
    assert.deepEqual([await state(slow), await state(runs), await state(off)], ['starting', 'running', 'offline']);
    await live.calls.system();
    // Whoever is asked for does not wait for it either.
    await live.calls.power(off, 'start');
    await node.running(off);
    await live.calls.power(slow, 'kill');
    await node.api.until(
      slow,
      'the pull was called off',
      ({ status }) => status?.state === 'offline' && !status.operation,
    );
  },
);

test('a boot with the Panel away starts what ran without waiting for it', options, async (t) => {
  const live = await LivePanel.make(newestFirst(t));
  const { node, panel } = live;
  const uuids = Array.from({ length: 6 }, () => live.add().uuid);
  await node.start();
  await live.known(...uuids);
  await Promise.all(uuids.map((uuid) => node.api.powerAndFinish(uuid, 'start')));
  await node.daemon.kill();
  for (const uuid of uuids) await node.docker.removeContainer(uuid, { force: true });
  await panel.down();
  await node.start();
  for (const uuid of uuids) await settled(live, uuid, 'started');
  const metrics = await (await fetch(`http://127.0.0.1:${node.daemon.opsPort}/metrics`)).text();
  const tries =
    /^aileron_panel_requests_total\{endpoint="server",result="unreachable"\} (\d+)$/m.exec(metrics)?.[1] ?? 0;
  // Each is tried nine times in 25 s where somebody waits for it.
  assert.ok(Number(tries) <= 2 * uuids.length, `${tries} questions`);
});

/** As Wings left it. Answers which one it is and since when it runs. */
async function containerOf(owner: Owner, { node }: LivePanel, uuid: string, found: Found): Promise<string> {
  if (found === 'missing') return '';
  await wingsContainer(owner, node, { uuid, flavour: 'pelican' });
  const console = await startAsWings(uuid);
  await until('the game is up', patienceMs, async () => node.starts(uuid) === 1);
  console.destroy();
  if (found === 'paused') await request(process.env, 'POST', `/containers/${uuid}/pause`);
  if (found === 'exited') await request(process.env, 'POST', `/containers/${uuid}/kill`);
  await until('Docker says so', patienceMs, async () => {
    return (await node.docker.inspectContainer(uuid))?.running === (found !== 'exited');
  });
  const { id, startedAt } = (await node.docker.inspectContainer(uuid)) ?? {};
  return `${id} ${startedAt}`;
}

function settled({ node }: LivePanel, uuid: string, wanted: Wanted): Promise<Server> {
  const state = wanted === 'offline' ? 'offline' : 'running';
  return node.api.until(
    uuid,
    `it was ${wanted}`,
    ({ status }) => status?.state === state && !status.operation,
    patienceMs,
  );
}

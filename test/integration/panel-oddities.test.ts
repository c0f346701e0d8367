// What comes from a Panel, or from something in front of it, that is no good answer: the node keeps what it knows, games run
// on, whoever asked hears of it, and the reason stands where somebody looks. What PHP makes of empty values is taken.
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { findCondition } from '../../src/resources/conditions.ts';
import { uuidOf } from '../support/an-admission.ts';
import { fileOwner } from '../support/owner.ts';
import { DaemonRefusal } from '../support/panel/daemon-calls.ts';
import { PanelNode } from '../support/panel/panel-node.ts';
import { PanelStandIn, type Weather } from '../support/panel/panel-stand-in.ts';
import { until } from '../support/until.ts';

const patienceMs = 30_000;
const uuid = uuidOf(1);
const image = 'game:1';

const owner = fileOwner();
const panel = await PanelStandIn.start(owner, { flavour: 'pelican' });
const row = panel.state.addServer({ uuid, image: `~${image}`, memory: 1024 });
const node = await PanelNode.make(owner, panel, (config) => ({
  ...config,
  remoteQuery: { ...config.remoteQuery, timeout: 2 },
}));
node.docker.addImage(image, (container) => container.print('Done\r\n'));
await node.start();
await node.untilServers(1);
await node.api.untilState(uuid, 'offline');
await node.api.powerAndFinish(uuid, 'start');
const { startedAt } = (await node.docker.inspectContainer(uuid)) ?? {};

const calls = () => panel.daemon(`http://127.0.0.1:${node.daemon.api.port}`);
const server = async () => (await node.api.get(uuid)) ?? assert.fail('the server is gone');
const isUnexpected = (error: unknown) => error instanceof DaemonRefusal && error.status === 500;
const complaint = (status: number, code: string, detail: string): Weather => ({
  answer: { status, body: { errors: [{ code, status: String(status), detail }] } },
});

function endless(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  const chunk = `"${'x'.repeat(1_048_574)}"`;
  response.write('[');
  const more = () => {
    while (!response.destroyed && response.write(`${chunk},`)) {}
  };
  response.on('drain', more);
  more();
}

function halfClosed(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '1000' });
  response.write('{"data":[');
  response.socket?.end();
}

function neverFinished(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.write('{"data":[');
}

/** `isRepeated`: who waits for one server is kept waiting for half a minute, longer than the Panel waits itself. */
const oddities: { what: string; isRepeated?: true; weather: Weather; reason: RegExp }[] = [
  {
    what: 'a 422',
    weather: complaint(422, 'ValidationException', 'The page field is wrong.'),
    reason: /^Refused: .*ValidationException: The page field is wrong\. \(HTTP\/422\)/,
  },
  {
    what: 'a 401',
    weather: complaint(401, 'HttpException', 'log in first'),
    reason: /^(Refused|Unreachable): .*log in first \(HTTP\/401\)/,
  },
  {
    what: 'a 409',
    weather: complaint(409, 'ConflictHttpException', 'not now'),
    reason: /^Refused: .*not now \(HTTP\/409\)/,
  },
  {
    what: 'a 500 without a word',
    isRepeated: true,
    weather: { answer: { status: 500 } },
    reason: /^Unreachable: .*No error response returned from API endpoint\. \(HTTP\/500\)/,
  },
  {
    what: 'a page of a proxy, with a 502',
    isRepeated: true,
    weather: { answer: { status: 502, text: '<html><h1>Bad Gateway' } },
    reason: /^Unreachable: .*\(HTTP\/502\)/,
  },
  {
    what: 'a page with a 200',
    weather: { answer: { status: 200, text: '<html>Log in' } },
    reason: /^Unreachable: The Panel answered with something that is not JSON/,
  },
  {
    what: 'JSON of another shape',
    weather: { answer: { status: 200, body: [] } },
    reason: /^Unreachable: The Panel answered with something that is no object/,
  },
  {
    what: 'a connection that is closed in the middle',
    isRepeated: true,
    weather: { respond: halfClosed },
    reason: /^Unreachable: The Panel cannot be reached: /,
  },
  {
    what: 'an answer that is never finished',
    weather: { respond: neverFinished },
    reason: /^Unreachable: The Panel gave no answer in 2 s/,
  },
  {
    what: 'an answer without an end',
    weather: { respond: endless },
    reason: /^Unreachable: The Panel (answered with more than \d+ bytes|gave no answer in 2 s)/,
  },
];

for (const { what, isRepeated, weather, reason } of oddities) {
  test(`${what}: nothing changes but what is said of the Panel (covers: SEC-117)`, async () => {
    const { spec } = await server();
    panel.weather({ ...weather, when: ({ method }) => method === 'GET' });
    if (!isRepeated) {
      await assert.rejects(calls().sync(uuid), isUnexpected);
      await assert.rejects(calls().call('POST', '/api/servers', { uuid: uuidOf(2) }), isUnexpected);
    }
    await node.restart();
    await until('it was asked', patienceMs, async () => /\[\+\]panel ok: away \(/.test((await node.ready()).text));
    assert.match(await node.untilReachable('False'), reason);
    assert.equal((await node.ready()).status, 200);
    await node.api.until(uuid, 'it is taken over', ({ status }) => status?.state === 'running');
    assert.equal((await node.docker.inspectContainer(uuid))?.startedAt, startedAt, 'the game runs on');
    const now = await server();
    assert.deepEqual(now.spec, spec);
    assert.deepEqual(
      (await node.api.list('servers')).map(({ metadata }) => metadata.name),
      [uuid],
      'none was made, none was lost',
    );
    panel.clear();
    await node.untilReachable('True');
    assert.equal(findCondition((await server()).status?.conditions, 'Listed'), undefined);
  });
}

test('what PHP makes of empty maps and lists, and nulls, is a server like any other', async () => {
  const other = panel.state.addServer({ uuid: uuidOf(3), node: panel.node });
  other.raw = {
    uuid: uuidOf(3),
    settings: {
      uuid: uuidOf(3),
      ...{ id: 3, meta: { name: null, description: null }, suspended: false, environment: [], invocation: 'true' },
      build: { memory_limit: 0, swap: 0, io_weight: 500, cpu_limit: 0, threads: null, disk_space: 0, oom_killer: null },
      container: { image: `~${image}`, requires_rebuild: false },
      allocations: { force_outgoing_ip: false, default: null, mappings: [] },
      ...{ mounts: null, labels: [], skip_egg_scripts: null },
      egg: { id: null, file_denylist: null, features: [] },
    },
    process_configuration: { startup: { done: null, user_interaction: [] }, stop: [], configs: [] },
  };
  await calls().createServer(panel.state, other);
  await until('it is installed', patienceMs, async () => panel.state.notices.length > 0);
  const made = (await node.api.get(uuidOf(3))) ?? assert.fail('there is none');
  const { environment, containerLabels, allocations, mounts, egg } = made.spec;
  assert.deepEqual([environment, containerLabels, mounts, egg.done, egg.features], [{}, {}, [], [], {}]);
  assert.deepEqual(allocations, { additional: [], forceOutgoingIp: false });
  assert.equal(findCondition(made.status?.conditions, 'ConfigurationAccepted'), undefined);
});

test('a record that cannot be used concerns its server alone: that keeps what it has, and says why', async () => {
  const { spec } = await server();
  row.raw = { uuid, settings: { uuid, container: { image: 'NOT AN IMAGE' } }, process_configuration: [] };
  const other = panel.state.servers.get(uuidOf(3)) ?? assert.fail();
  (other.raw as { settings: { build: { memory_limit: number } } }).settings.build.memory_limit = 77;
  await assert.rejects(calls().sync(uuid), isUnexpected);
  await calls().sync(uuidOf(3));
  assert.equal((await node.api.get(uuidOf(3)))?.spec.limits.memory, 77);
  const now = await node.api.until(
    uuid,
    'it says why',
    ({ status }) => findCondition(status?.conditions, 'ConfigurationAccepted')?.status === 'False',
  );
  assert.deepEqual(now.spec, spec);
  assert.equal(now.status?.state, 'running');
  assert.match(findCondition(now.status?.conditions, 'ConfigurationAccepted')?.message ?? '', /image/);
  delete row.raw;
  await calls().sync(uuid);
  assert.equal(findCondition((await server()).status?.conditions, 'ConfigurationAccepted'), undefined);
});

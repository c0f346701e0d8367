// What a Panel asks of servers: looking, making, power, commands, installations. What each request writes, and what it
// answers.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DockerError } from '../../src/docker/engine.ts';
import { PanelRefusedError } from '../../src/panel/sync.ts';
import type { Installation } from '../../src/resources/installation.ts';
import type { Server, ServerSpec, ServerStatus } from '../../src/resources/server.ts';
import { mutateStatus } from '../../src/runtime/status.ts';
import { type ApiDoor, apiDoor, of, otherUuid, panelOwner } from '../support/api-door.ts';
import { anyUuid, aServer } from '../support/builders.ts';
import { settle } from '../support/fake-clock.ts';

const claimOf = (kind: NonNullable<ServerStatus['claim']>['kind']): ServerStatus => ({
  claim: { kind, name: 'x', uid: 'x', since: '2026-01-01T00:00:00Z' },
});
const busy: Partial<ServerSpec> = {
  power: { desired: 'Stopped', request: { id: 'r1', action: 'stop', at: '2026-01-01T00:00:00Z', by: 'test' } },
};

async function installations({ node }: ApiDoor): Promise<Installation[]> {
  return (await node.store.list<Installation>('Installation')).items;
}

/** The Panel knows the server: asked for it, it is written. */
function describing({ node }: ApiDoor, uuid: string, spec: Partial<ServerSpec> = {}): void {
  node.refresh = async () => {
    if (!(await node.store.get('Server', uuid))) {
      const { status: _, ...server } = aServer({ name: uuid, spec: { uuid, owner: panelOwner, ...spec } });
      await node.store.create(server);
    }
    return 'fresh';
  };
}

test('a server is answered from memory, in the names of both Panels (traps 10)', async (t) => {
  const { node, ask } = await apiDoor(t);
  await node.moveTo('starting');
  await node.moveTo('running');
  node.bus.publish(anyUuid, 'usage', {
    ...{ cpuAbsolute: 12.345, memoryBytes: 860_160, memoryLimitBytes: 73_596_928, uptimeMs: 3010 },
    ...{ networkRxBytes: 1904, networkTxBytes: 596, blockReadBytes: 5, blockWriteBytes: 6 },
  });
  await node.setStatus({ diskBytes: 4096 });
  const asked = node.docker.calls;
  const answer = await ask(of(''));
  assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
  const { state, is_suspended, utilization, configuration } = answer.json() as Record<string, Record<string, unknown>>;
  assert.deepEqual([state, is_suspended], ['running', false]);
  assert.deepEqual(utilization, {
    ...{ memory_bytes: 860_160, memory_limit_bytes: 73_596_928, cpu_absolute: 12.345 },
    network: { rx_bytes: 1904, tx_bytes: 596 },
    disk_io: { read_bytes: 5, write_bytes: 6 },
    ...{ uptime: 3010, state: 'running', disk_bytes: 4096 },
  });
  assert.equal(configuration?.['uuid'], anyUuid);
  const build = configuration?.['build'] as Record<string, unknown>;
  assert.deepEqual([build['oom_killer'], build['oom_disabled'], build['threads']], [true, false, '']);
  const [only, ...others] = (await ask('/api/servers')).json() as unknown[];
  assert.deepEqual(only, answer.json());
  assert.equal(others.length, 0);
  await node.moveTo('stopping');
  await node.moveTo('offline');
  const offline = (await ask(of(''))).json() as { utilization: Record<string, unknown> };
  assert.deepEqual([offline.utilization['memory_bytes'], offline.utilization['disk_bytes']], [0, 4096]);
  assert.equal(node.docker.calls, asked, 'nothing was asked of Docker');
});

test('no server at all is a list of none (traps 11)', async (t) => {
  const { node, ask } = await apiDoor(t);
  await node.change({ metadata: { finalizers: [] } });
  await node.store.delete('Server', 'demo');
  await settle();
  assert.equal((await ask('/api/servers')).body, '[]');
});

test('a suspension during a restore is the real one', async (t) => {
  const { node, ask } = await apiDoor(t);
  await node.setStatus(claimOf('Restore'));
  assert.equal(((await ask(of(''))).json() as { is_suspended: boolean }).is_suspended, false);
});

test('making a server asks the Panel first, then installs; asked for twice it is one (traps 25, 35)', async (t) => {
  const door = await apiDoor(t);
  describing(door, otherUuid);
  const body = { uuid: otherUuid, start_on_completion: true };
  const made = await door.post('/api/servers', body);
  assert.deepEqual([made.status, made.body, made.headers['content-type']], [202, '', undefined]);
  assert.equal((await door.ask(of('', otherUuid))).status, 200, 'it is there as soon as the answer is');
  assert.equal((await door.post('/api/servers', body)).status, 202);
  const [installation, ...more] = await installations(door);
  assert.equal(more.length, 0);
  const { spec } = installation ?? assert.fail();
  assert.deepEqual(spec.owner, panelOwner);
  assert.deepEqual([spec.serverRef.uuid, spec.reinstall, spec.startOnCompletion], [otherUuid, false, true]);
});

test('a server that the Panel does not describe is not made', async (t) => {
  const door = await apiDoor(t);
  const refusals = [new PanelRefusedError('no', { status: 404 }), new Error('connect ECONNREFUSED')];
  for (const refusal of refusals) {
    door.node.refresh = async () => {
      throw refusal;
    };
    assert.equal((await door.post('/api/servers', { uuid: otherUuid })).status, 500);
    assert.equal((await door.post(of('/sync'))).status, 500);
  }
  door.node.refresh = async () => 'stale';
  assert.equal((await door.post('/api/servers', { uuid: otherUuid })).status, 500);
  assert.equal((await door.post(of('/sync'))).status, 500);
  assert.deepEqual(await installations(door), []);
});

test('sync is done when it is answered', async (t) => {
  const door = await apiDoor(t);
  door.node.refresh = async () => {
    await door.node.store.patch('Server', 'demo', { spec: { suspended: true } });
    return 'fresh';
  };
  const { status, body } = await door.post(of('/sync'));
  assert.deepEqual([status, body], [204, '']);
  assert.equal(((await door.ask(of(''))).json() as { is_suspended: boolean }).is_suspended, true);
});

test('a deleted server is gone for the Panel at once, and its files with it (traps 17)', async (t) => {
  const { node, ask, delete: remove } = await apiDoor(t);
  const { status, body } = await remove(of(''));
  assert.deepEqual([status, body], [204, '']);
  const server = await node.server();
  assert.ok(server.metadata.deletionTimestamp);
  assert.equal(server.spec.reclaimPolicy, 'Delete');
  assert.equal((await ask(of(''))).status, 404);
  assert.equal((await remove(of(''))).status, 404, 'a Panel takes that for a success');
});

test('a server of somebody else can be removed, and keeps its files if they said so', async (t) => {
  const { node, delete: remove } = await apiDoor(t);
  await node.change({ spec: { owner: { kind: 'Manifest', ref: 'demo.yaml' } } });
  assert.equal((await remove(of(''))).status, 204);
  assert.equal((await node.server()).spec.reclaimPolicy, 'Retain');
});

test('power becomes a wish, and the server stays with whom it belongs to (traps 37)', async (t) => {
  const { node, post } = await apiDoor(t);
  for (const owner of [panelOwner, { kind: 'Manifest', ref: 'demo.yaml' }] as const) {
    await node.change({ spec: { owner } });
    for (const action of ['start', 'stop', 'restart', 'kill'] as const) {
      const { status, body } = await post(of('/power'), { action });
      assert.deepEqual([status, body], [202, '']);
      const { spec } = await node.server();
      assert.equal(spec.power.request?.action, action);
      assert.equal(spec.power.request?.by, 'panel');
      assert.deepEqual(spec.owner, owner);
      await node.finishPower();
    }
  }
});

test('an action that is none is refused in the words of Wings', async (t) => {
  const { post } = await apiDoor(t);
  for (const action of ['', 'START', 'reboot', 'constructor']) {
    const { status, body } = await post(of('/power'), { action });
    assert.equal(status, 422);
    assert.equal(
      body,
      '{"error":"The power action provided was not valid, should be one of \\"stop\\", \\"start\\", \\"restart\\", \\"kill\\""}',
    );
  }
});

const suspended = '{"error":"Cannot start or restart a server that is suspended."}';
const restoring = '{"error":"Cannot start or restart a server that is being restored."}';
const states: [
  what: string,
  spec: Partial<ServerSpec>,
  status: ServerStatus,
  codes: Record<string, number>,
  body: string,
][] = [
  ['suspended', { suspended: true }, {}, { start: 400, restart: 400, stop: 202, kill: 202 }, suspended],
  ['restored', {}, claimOf('Restore'), { start: 400, restart: 400, stop: 202, kill: 202 }, restoring],
  ['installed', {}, claimOf('Installation'), { start: 202, restart: 202, stop: 202, kill: 202 }, ''],
  ['busy', busy, {}, { start: 202, restart: 202, stop: 202, kill: 202 }, ''],
];
for (const [what, spec, status, codes, text] of states) {
  test(`power of a server that is ${what} is answered as the contract says (traps 37)`, async (t) => {
    const { node, post } = await apiDoor(t);
    await node.change({ spec });
    await node.setStatus(status);
    for (const [action, code] of Object.entries(codes)) {
      const answer = await post(of('/power'), { action });
      assert.deepEqual([answer.status, answer.body], [code, code === 400 ? text : ''], action);
      await node.finishPower();
      if (what === 'busy') await node.change({ spec });
    }
  });
}

test('a wish that comes while another is worked on is dropped, or waits as long as it says', async (t) => {
  const { node, post } = await apiDoor(t);
  const asked = async () => (await node.server()).spec.power.request?.action;
  await post(of('/power'), { action: 'stop' });
  await post(of('/power'), { action: 'start' });
  assert.equal(await asked(), 'stop');
  await post(of('/power'), { action: 'start', wait_seconds: 20 });
  await node.clock.advance(10_000);
  assert.equal(await asked(), 'stop');
  await node.finishPower();
  await settle(20);
  assert.equal(await asked(), 'start', 'its turn came');
  await post(of('/power'), { action: 'stop', wait_seconds: -1 });
  await node.clock.advance(30_000);
  await node.finishPower();
  await settle(20);
  assert.equal(await asked(), 'start', 'it had waited long enough');
  assert.equal((await post(of('/power'), { action: 'kill' })).status, 202);
  await node.finishPower();
});

test('a start that comes with the news that an installation or a restore has ended is carried out', async (t) => {
  const { node, post } = await apiDoor(t);
  const asked = async () => (await node.server()).spec.power.request;
  for (const kind of ['Installation', 'Restore'] as const) {
    const [ended, going] = [`${kind.toLowerCase()}-1`, `${kind.toLowerCase()}-2`];
    for (const name of [ended, going]) {
      const held = await node.store.create({ apiVersion: 'aileron.dev/v1', kind, metadata: { name }, spec: {} });
      const outcome = name === ended ? { outcome: { result: 'Completed', reason: 'Completed', message: 'm' } } : {};
      await node.store.updateStatus({ ...held, status: { phase: 'Finalizing', ...outcome } });
      await node.setStatus({ claim: { kind, name, uid: held.metadata.uid, since: '2026-01-01T00:00:00Z' } });
      const before = (await asked())?.id;
      const { status } = await post(of('/power'), { action: 'start' });
      assert.equal(status, name === going && kind === 'Restore' ? 400 : 202);
      await settle(20);
      assert.equal((await asked())?.id, before);
      await mutateStatus<Server>(node.store, 'Server', 'demo', (present) => {
        delete (present as ServerStatus).claim;
      });
      await settle(20);
      assert.equal((await asked())?.id !== before, name === ended, `${name}: it waited, or was dropped`);
      await node.finishPower();
    }
  }
});

test('commands are typed in their order, and 502 tells of a server that reads none (traps 16)', async (t) => {
  const { node, post } = await apiDoor(t);
  const refused = '{"error":"Cannot send commands to a stopped server instance."}';
  const without = await post(of('/commands'), 'not even looked at');
  assert.deepEqual([without.status, without.body], [502, refused]);
  await node.moveTo('starting');
  await node.moveTo('running');
  assert.equal((await post(of('/commands'), { commands: ['say hi'] })).status, 502, 'no console is attached');
  const detach = node.attachInput();
  const { status, body } = await post(of('/commands'), { commands: ['say hi', 'stop'] });
  assert.deepEqual([status, body], [204, '']);
  assert.deepEqual(node.typed, ['say hi', 'stop']);
  assert.equal((await post(of('/commands'), { commands: [] })).status, 204);
  assert.equal((await post(of('/commands'), { commands: 'stop' })).status, 400);
  detach();
  assert.equal((await post(of('/commands'), { commands: ['x'] })).status, 502);
});

test('the last lines are those of the process, and none is a list of none (traps 11)', async (t) => {
  const { node, ask } = await apiDoor(t);
  node.docker.before = (method) => {
    if (method === 'containerLogs') throw new DockerError(404, 'no such container');
  };
  assert.equal((await ask(of('/logs'))).body, '{"data":[]}');
  await node.moveTo('starting');
  for (let line = 1; line <= 120; line++) node.print(`line ${line}`);
  const lines = async (query: string) => ((await ask(of(`/logs${query}`))).json() as { data: string[] }).data;
  assert.deepEqual(await lines('?size=2'), ['line 119', 'line 120']);
  for (const query of ['', '?size=0', '?size=-1', '?size=101', '?size=x'])
    assert.equal((await lines(query)).length, 100);
});

test('the log of an installation is shown from where its script begins', async (t) => {
  const { node, ask } = await apiDoor(t);
  const none = await ask(of('/install-logs'));
  assert.equal(none.status, 500);
  assert.equal(none.body, '{"error":"failed to read the log for the installation process."}');
  const directory = join(node.config.system.logDirectory, 'install');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${anyUuid}.log`), 'all of it\n');
  assert.equal((await ask(of('/install-logs'))).body, '{"data":"all of it\\n"}');
  const log = 'Pelican\n|\n| Script Output\n| ------------------------------\nhello\n';
  writeFileSync(join(directory, `${anyUuid}.log`), log);
  assert.equal((await ask(of('/install-logs'))).body, '{"data":"hello\\n"}');
});

test('a second installation is refused while the first one runs (traps 27)', async (t) => {
  const door = await apiDoor(t);
  const first = await door.post(of('/reinstall'));
  assert.deepEqual([first.status, first.body], [202, '']);
  const [installation] = await installations(door);
  assert.equal(installation?.spec.reinstall, true);
  for (const path of ['/reinstall', '/install']) {
    const { status, body } = await door.post(of(path));
    assert.deepEqual([status, body], [409, '{"error":"An installation is already running for this server"}']);
  }
  assert.equal((await installations(door)).length, 1);
});

test('nothing is installed anew while a power action runs', async (t) => {
  const door = await apiDoor(t);
  const text = '{"error":"Cannot execute server reinstall event while another power action is running."}';
  await door.node.change({ spec: busy });
  const asked = await door.post(of('/reinstall'));
  assert.deepEqual([asked.status, asked.body], [409, text]);
  await door.node.finishPower();
  await door.node.setStatus({ operation: { action: 'start', cause: 'Crash', startedAt: '2026-01-01T00:00:00Z' } });
  assert.equal((await door.post(of('/reinstall'))).status, 409);
  assert.deepEqual(await installations(door), []);
});

test('an installation can be called off', async (t) => {
  const door = await apiDoor(t);
  const { status, body } = await door.delete(of('/install'));
  assert.deepEqual([status, body], [409, '{"error":"Server is not currently being installed."}']);
  await door.post(of('/reinstall'));
  const [installation] = await installations(door);
  const { name, uid } = installation?.metadata ?? assert.fail();
  await door.node.setStatus({ claim: { kind: 'Installation', name, uid, since: '2026-01-01T00:00:00Z' } });
  assert.equal((await door.delete(of('/install'))).status, 202);
  assert.equal((await installations(door))[0]?.spec.cancel, true);
});

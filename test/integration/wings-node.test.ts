// What a Panel asks of the node itself: revocations, its configuration, versions, load, addresses, Docker's disk, a report.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Server } from '../../src/resources/server.ts';
import { apiDoor, of, otherUuid } from '../support/api-door.ts';
import { anyUuid } from '../support/builders.ts';
import { aUser, otherUser } from '../support/console-node.ts';

test('revocations of a user count for the servers that are meant, wrapped or not (traps 18, 22) (covers: SEC-38)', async (t) => {
  const { node, post } = await apiDoor(t);
  const isDenied = (userUuid: string, serverUuid = anyUuid, jti = 'x') =>
    node.revocations.isDenied({ jti, serverUuid, userUuid, issuedAt: Math.floor(node.clock.now() / 1000) });
  const revoke = (body: unknown) => post('/api/deauthorize-user', body);
  assert.equal((await revoke({ user: '', servers: [] })).status, 204);
  assert.equal((await revoke({ user: aUser, servers: [otherUuid] })).status, 204);
  assert.equal(isDenied(aUser), false, 'a server that is not here does not stand for all');
  const { status, body } = await revoke({ json: { user: aUser, servers: [anyUuid, otherUuid] } });
  assert.deepEqual([status, body], [204, '']);
  assert.deepEqual([isDenied(aUser), isDenied(otherUser), isDenied(aUser, otherUuid)], [true, false, false]);
  await revoke({ user: otherUser.toUpperCase(), servers: [] });
  assert.deepEqual([isDenied(otherUser), isDenied(otherUser, otherUuid)], [true, true]);
  assert.equal((await post(of('/ws/deny'), { jtis: ['a', '', null] })).status, 204);
  const someone = '2d1c3f80-4f9e-4e74-9d0a-7e5c9f306b82';
  assert.deepEqual([isDenied(someone, anyUuid, 'a'), isDenied(someone, anyUuid, 'b')], [true, false]);
});

test('a console of a user whose access ends sees nothing more, all others go on (traps 18)', async (t) => {
  const { node, post } = await apiDoor(t);
  await node.moveTo('starting');
  const [his, hers] = [await node.login(), await node.login({ user: otherUser })];
  await post('/api/deauthorize-user', { json: { user: aUser, servers: [anyUuid] } });
  node.print('secret');
  await hers.until('the line arrives', () => hers.count('console output') > 0);
  await his.until('it is told', () => his.count('token expired') > 0);
  assert.equal(his.count('console output'), 0);
});

test('what the Panel says of the configuration is handed on as it is, unless nothing is to be taken (traps 19, 20)', async (t) => {
  const { node, post } = await apiDoor(t);
  const seen: unknown[] = [];
  node.applyUpdate = async (body) => {
    seen.push(body);
    return { applied: true };
  };
  const sent = { debug: true, api: { ssl: { cert: '/x' } }, token: 'new' };
  assert.equal((await post('/api/update', sent)).body, '{"applied":true}');
  assert.deepEqual(seen, [sent]);
  node.applyUpdate = async () => {
    throw new Error('EROFS: read-only file system');
  };
  assert.equal((await post('/api/update', sent)).status, 500);
  node.config.ignorePanelConfigUpdates = true;
  assert.equal((await post('/api/update', '[')).body, '{"applied":false}');
});

test('a new token counts for the next request, the old one no more (traps 19)', async (t) => {
  const { node, ask } = await apiDoor(t);
  assert.equal((await ask('/api/servers')).status, 200);
  node.config.token = { id: 'new', secret: 'another' };
  assert.equal((await ask('/api/servers')).status, 403);
  const answer = await ask('/api/servers', { headers: { authorization: 'Bearer another' } });
  assert.equal(answer.status, 200);
  assert.match(String(answer.headers['user-agent']), /\(id:new\)$/);
});

test('the node tells of itself in two forms', async (t) => {
  const { node, ask } = await apiDoor(t);
  const { version } = (await ask('/api/system')).json() as { version: string };
  assert.match(version, /^(\d+\.\d+\.\d+|develop)$/);
  for (const query of ['', '?v=1', '?v=02', '?v=3']) {
    const { architecture, ...rest } = (await ask(`/api/system${query}`)).json() as Record<string, unknown>;
    assert.match(String(architecture), /^(amd64|arm64)$/);
    assert.deepEqual(rest, { cpu_count: 2, kernel_version: '6.1.0', os: 'linux', version });
  }
  node.docker.engineInfo.containers = { total: 3, running: 2, paused: 0, stopped: 1 };
  const { docker, system } = (await ask('/api/system?v=2')).json() as Record<string, Record<string, unknown>>;
  assert.deepEqual(docker, {
    version: '28.0.0',
    cgroups: { driver: 'systemd', version: '2' },
    containers: { total: 3, running: 2, paused: 0, stopped: 1 },
    storage: { driver: 'overlay2', filesystem: 'extfs' },
    runc: { version: 'v1.3.3-0-gd842d771' },
  });
  assert.deepEqual(
    [system?.['cpu_threads'], system?.['os_type'], system?.['memory_bytes']],
    [2, 'linux', 8 * 1024 ** 3],
  );
});

test('who asks for the node often asks Docker once in a second, and hears of its end', async (t) => {
  const { node, ask } = await apiDoor(t);
  const asked = node.docker.calls;
  for (let n = 0; n < 5; n += 1) assert.equal((await ask('/api/system')).status, 200);
  assert.equal(node.docker.calls, asked + 1);
  node.docker.setReachable(false);
  await node.clock.advance(1_000);
  assert.equal((await ask('/api/system')).status, 500);
  node.docker.setReachable(true);
  assert.equal((await ask('/api/system')).status, 200);
});

test('load and addresses are answered without Docker (traps 10, 11)', async (t) => {
  const { node, ask } = await apiDoor(t);
  const asked = node.docker.calls;
  const load = (await ask('/api/system/utilization')).json() as Record<string, number>;
  for (const name of [
    'memory_total',
    'memory_used',
    'swap_total',
    'swap_used',
    'cpu_percent',
    'disk_total',
    'disk_used',
  ])
    assert.equal(typeof load[name], 'number', name);
  assert.ok((load['memory_total'] ?? 0) > 0 && Array.isArray(load['disk_details']));
  const { ip_addresses: addresses } = (await ask('/api/system/ips')).json() as { ip_addresses: string[] };
  assert.ok(Array.isArray(addresses) && !addresses.includes('127.0.0.1'));
  assert.equal(node.docker.calls, asked);
});

test('what Docker keeps is told in capitals where the Panel looks for them, and nothing removed is null (traps 11, 12)', async (t) => {
  const { node, ask, delete: remove } = await apiDoor(t);
  node.docker.disk = { containersBytes: 5, images: 3, activeImages: 1, imagesBytes: 7, buildCacheBytes: 9 };
  assert.equal(
    (await ask('/api/system/docker/disk')).body,
    '{"containers_size":5,"images_total":3,"images_active":1,"images_size":7,"build_cache_size":9}',
  );
  node.docker.dangling = { removed: [{ untagged: 'a@sha256:1' }, { deleted: 'sha256:2' }], reclaimedBytes: 123 };
  const pruned = '{"ImagesDeleted":[{"Untagged":"a@sha256:1"},{"Deleted":"sha256:2"}],"SpaceReclaimed":123}';
  assert.equal((await remove('/api/system/docker/image/prune')).body, pruned);
  const nothing = '{"ImagesDeleted":null,"SpaceReclaimed":0}';
  assert.equal((await remove('/api/system/docker/image/prune')).body, nothing);
});

test('the report is asked for as the Panel words it (traps 38)', async (t) => {
  const { ask } = await apiDoor(t);
  const asked = async (query: string) => {
    const answer = await ask(`/api/diagnostics${query}`);
    assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8');
    return answer.json();
  };
  assert.deepEqual(await asked(''), { endpoints: false, logs: true, logLines: 200 });
  const all = '?include_endpoints=TRUE&include_logs=False&log_lines=501';
  assert.deepEqual(await asked(all), { endpoints: true, logs: false, logLines: 500 });
  for (const lines of ['0', '-1', 'x', '1.5', ''])
    assert.deepEqual(await asked(`?include_endpoints=yes&include_logs=no&log_lines=${lines}`), {
      ...{ endpoints: false, logs: true, logLines: 200 },
    });
});

test('without a Panel nobody can describe a server, and there is nothing to ask for', async (t) => {
  const { node, post } = await apiDoor(t, { remote: '' });
  assert.equal((await post('/api/servers', { uuid: otherUuid })).status, 500);
  assert.equal((await post(of('/sync'))).status, 204);
  assert.equal((await node.store.list<Server>('Server')).items.length, 1);
});

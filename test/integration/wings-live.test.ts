// The node API of a whole daemon over a real Docker Engine: power, commands, backups, restores, links, also over a restart.
// Everything is asked for as a Panel does, and looked at on disk and in the process.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Answer, type Call, httpCall } from '../support/http-call.ts';
import { LiveNode } from '../support/live-node.ts';
import { signedToken } from '../support/signed-token.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

const patienceMs = 30_000;

interface Live {
  node: LiveNode;
  uuid: string;
  ask(path: string, call?: Call): Promise<Answer>;
  post(path: string, body?: unknown): Promise<Answer>;
  state(): Promise<string>;
  link(backup: string): string;
}

async function live(t: TestContext): Promise<Live> {
  const node = await LiveNode.make(t, {
    change: (config) => ({ ...config, aileron: { ...config.aileron, downloadLinkUses: 3 } }),
  });
  await node.start();
  const uuid = await node.add('demo');
  const { secret } = node.config.token;
  const ask = (path: string, { headers, ...call }: Call = {}) =>
    httpCall(node.daemon.nodePort, `/api/servers/${uuid}${path}`, {
      ...call,
      headers: { authorization: `Bearer ${secret}`, ...headers },
    });
  return {
    ...{ node, uuid, ask },
    post: (path, body) => ask(path, { method: 'POST', body }),
    state: async () => ((await ask('')).json() as { state: string }).state,
    link(backup) {
      const iat = Math.floor(Date.now() / 1000);
      const claims = { iat, exp: iat + 900, jti: 'x', server_uuid: uuid, user_uuid: randomUUID(), backup_uuid: backup };
      return `/download/backup?token=${signedToken({ ...claims, unique_id: randomUUID() }, secret)}`;
    },
  };
}

async function untilState({ state }: Live, wanted: string): Promise<void> {
  await until(`the server is ${wanted}`, patienceMs, async () => (await state()) === wanted);
}

async function untilIdle({ ask }: Live): Promise<void> {
  await until('no operation runs', patienceMs, async () => {
    return ((await ask('/backup/operations')).json() as { count: number }).count === 0;
  });
}

test('a Panel starts a server, types into it, reads its lines and stops it (traps 16, 37)', async (t) => {
  const door = await live(t);
  assert.equal((await door.post('/commands', { commands: ['x'] })).status, 502);
  assert.equal((await door.post('/power', { action: 'start' })).status, 202);
  await untilState(door, 'running');
  assert.equal((await door.post('/power', { action: 'start' })).status, 202, 'it runs already');
  await until('usage is told', patienceMs, async () => {
    const { utilization } = (await door.ask('')).json() as { utilization: { memory_bytes: number; uptime: number } };
    return utilization.memory_bytes > 0 && utilization.uptime > 0;
  });
  assert.equal((await door.post('/commands', { commands: ['one', 'two'] })).status, 204);
  await until('both were read', patienceMs, async () => door.node.commands(door.uuid).length === 2);
  assert.deepEqual(door.node.commands(door.uuid), ['one', 'two']);
  await until('the answer is in the log', patienceMs, async () => {
    return ((await door.ask('/logs')).json() as { data: string[] }).data.includes('got two');
  });
  assert.equal(door.node.starts(door.uuid), 1);
  assert.equal((await door.post('/power', { action: 'stop' })).status, 202);
  await untilState(door, 'offline');
  assert.equal((await door.post('/commands', { commands: ['x'] })).status, 502);
});

test('a Panel backs a server up, restores it, and hands out its archive, also after a restart (traps 23, 28)', async (t) => {
  const door = await live(t);
  const { node, uuid } = door;
  const world = join(node.volume(uuid), 'world.dat');
  mkdirSync(node.volume(uuid), { recursive: true });
  writeFileSync(world, 'as it was');
  const backup = randomUUID();
  assert.equal((await door.post('/backup', { adapter: 'wings', uuid: backup, ignore: '' })).status, 202);
  await untilIdle(door);
  const archive = readFileSync(join(node.config.system.backupDirectory, uuid, `${backup}.tar.gz`));

  const [whole, part] = [door.link(backup), door.link(backup)];
  const download = (path: string, range?: string) =>
    httpCall(node.daemon.nodePort, path, { headers: range ? { range } : {} });
  const first = await download(whole);
  assert.equal(first.status, 200);
  assert.deepEqual(first.bytes, archive);
  const half = Math.floor(archive.length / 2);
  const before = await download(part, `bytes=0-${half - 1}`);
  assert.equal(before.status, 206);
  await node.daemon.stop();
  await node.start();
  assert.equal((await download(whole)).status, 404, 'it was used before the restart');
  const after = await download(part, `bytes=${half}-`);
  assert.deepEqual(Buffer.concat([before.bytes, after.bytes]), archive, 'goes on where it broke off');

  writeFileSync(world, 'changed');
  writeFileSync(join(node.volume(uuid), 'new.txt'), 'x');
  const restore = (id: string) => door.post(`/backup/${id}/restore`, { adapter: 'wings', truncate_directory: true });
  const missing = await restore(randomUUID());
  assert.equal(missing.status, 404);
  assert.equal(readFileSync(world, 'utf8'), 'changed', 'nothing was touched');
  assert.equal((await restore(backup)).status, 202);
  await untilIdle(door);
  assert.equal(readFileSync(world, 'utf8'), 'as it was');
  assert.equal(existsSync(join(node.volume(uuid), 'new.txt')), false);

  const remove = () => door.ask(`/backup/${backup}`, { method: 'DELETE' });
  assert.equal((await remove()).status, 204);
  assert.equal(existsSync(join(node.config.system.backupDirectory, uuid)), false, 'gone when it was answered');
  assert.equal((await remove()).status, 404);
});

test('an archive that Wings made is restored like any other (traps 28) (backups 15.2, backups 15.17)', async (t) => {
  const door = await live(t);
  const { node, uuid } = door;
  const files = temporaryDirectory(t);
  writeFileSync(join(files, 'world.dat'), 'made by Wings');
  const archives = join(node.config.system.backupDirectory, uuid);
  const [own, flat] = [randomUUID(), randomUUID()];
  mkdirSync(archives, { recursive: true });
  for (const archive of [join(archives, `${own}.tar.gz`), join(archives, '..', `${flat}.tar.gz`)])
    execFileSync('/bin/tar', ['-C', files, '-czf', archive, 'world.dat']);
  for (const backup of [own, flat]) {
    const world = join(node.volume(uuid), 'world.dat');
    rmSync(world, { force: true });
    assert.equal((await door.post(`/backup/${backup}/restore`, { adapter: 'wings' })).status, 202);
    await untilIdle(door);
    assert.equal(readFileSync(world, 'utf8'), 'made by Wings');
    assert.equal((await door.ask(`/backup/${backup}`, { method: 'DELETE' })).status, 204);
  }
  assert.deepEqual(
    node.daemon.completions(uuid).map(({ type }) => type),
    ['restore', 'restore'],
    'no backup was made',
  );
  assert.equal(existsSync(archives), false);
});

test('a Panel that deletes a running server finds it gone at once, and soon nothing is left (traps 17)', async (t) => {
  const door = await live(t);
  await door.post('/power', { action: 'start' });
  await untilState(door, 'running');
  assert.equal((await door.ask('', { method: 'DELETE' })).status, 204);
  assert.equal((await door.ask('')).status, 404);
  await until('its container is gone', patienceMs, async () => (await door.node.containers('demo')).length === 0);
});

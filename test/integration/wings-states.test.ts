// What each request of a Panel answers in each state of a server: what would disturb is refused, what Panels do not expect
// to be refused never is, and looking is always free.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { Backup } from '../../src/resources/backup.ts';
import type { Installation } from '../../src/resources/installation.ts';
import type { Restore } from '../../src/resources/restore.ts';
import { backupLink, backupUuid, putArchive } from '../support/api-archives.ts';
import { type ApiDoor, apiDoor, of } from '../support/api-door.ts';
import { aUser } from '../support/console-node.ts';
import { settle } from '../support/fake-clock.ts';
import { httpCall } from '../support/http-call.ts';

type State = 'idle' | 'suspended' | 'installing' | 'restoring' | 'leaving';

/** As the doors and controllers leave it. */
async function enter(door: ApiDoor, state: State): Promise<void> {
  const { node, post } = door;
  putArchive(node);
  await post(of('/backup'), { adapter: 'wings', uuid: backupUuid, ignore: '' });
  const backup = (await node.store.get<Backup>('Backup', backupUuid)) ?? assert.fail();
  await node.store.updateStatus({ ...backup, status: { phase: 'Completed' } });
  await settle();
  const since = '2026-01-01T00:00:00Z';
  const claim = async (kind: 'Installation' | 'Restore') => {
    const [{ metadata } = assert.fail()] = (await node.store.list<Installation | Restore>(kind)).items;
    await node.setStatus({ claim: { kind, name: metadata.name, uid: metadata.uid, since } });
  };
  if (state === 'suspended') await node.change({ spec: { suspended: true } });
  if (state === 'leaving') await door.delete(of(''));
  if (state === 'installing') {
    assert.equal((await post(of('/reinstall'))).status, 202);
    await claim('Installation');
  }
  if (state === 'restoring') {
    assert.equal((await post(of(`/backup/${backupUuid}/restore`), { adapter: 'wings' })).status, 202);
    await claim('Restore');
  }
  await settle();
}

type Row = [what: string, method: string, path: string, body: unknown, codes: Record<State, number>];

const always = (code: number, leaving = 404) => ({ ...alone(code), leaving });
const alone = (code: number) => ({ idle: code, suspended: code, installing: code, restoring: code });

const rows: Row[] = [
  ['look', 'GET', '', undefined, always(200)],
  ['logs', 'GET', '/logs', undefined, always(200)],
  ['operations', 'GET', '/backup/operations', undefined, always(200)],
  ['start', 'POST', '/power', { action: 'start' }, { ...always(202), suspended: 400, restoring: 400 }],
  ['restart', 'POST', '/power', { action: 'restart' }, { ...always(202), suspended: 400, restoring: 400 }],
  ['stop', 'POST', '/power', { action: 'stop' }, always(202)],
  ['kill', 'POST', '/power', { action: 'kill' }, always(202)],
  ['commands', 'POST', '/commands', { commands: ['x'] }, always(502)],
  ['sync', 'POST', '/sync', undefined, always(204)],
  ['deny', 'POST', '/ws/deny', { jtis: ['x'] }, always(204)],
  ['install', 'POST', '/install', undefined, { ...always(202), installing: 409, restoring: 409 }],
  ['reinstall', 'POST', '/reinstall', undefined, { ...always(202), installing: 409, restoring: 409 }],
  [
    ...(['backup', 'POST', '/backup', { adapter: 'wings', uuid: randomUUID(), ignore: '' }] as const),
    { ...always(202), installing: 409, restoring: 409 },
  ],
  [
    ...(['restore', 'POST', `/backup/${backupUuid}/restore`, { adapter: 'wings' }] as const),
    { ...always(202), suspended: 409, installing: 409, restoring: 409 },
  ],
  ['delete', 'DELETE', '', undefined, always(204)],
];

const texts: Partial<Record<State, string>> = {
  installing: 'An installation is already running for this server',
  restoring: 'A restore operation is already running for this server',
  suspended: 'server is currently in a suspended state',
  leaving: 'The requested resource does not exist on this instance.',
};

for (const state of ['idle', 'suspended', 'installing', 'restoring', 'leaving'] as const) {
  test(`each request of a Panel to a server that is ${state} (traps 17, 27, 37)`, async (t) => {
    for (const [what, method, path, body, codes] of rows) {
      const door = await apiDoor(t);
      await enter(door, state);
      const answer = await door.ask(of(path), { method, body });
      assert.equal(answer.status, codes[state], `${what}: ${answer.body}`);
      if (answer.status === 202 || answer.status === 204) assert.equal(answer.body, '', what);
      if (answer.status === 409 || answer.status === 404)
        assert.equal(answer.body, JSON.stringify({ error: texts[state] }), what);
      const isDropped = path === '/power' && (state === 'installing' || answer.status === 400);
      if (isDropped) assert.equal((await door.node.server()).spec.power.request, undefined, what);
      const isGone = state === 'leaving' || what === 'delete' || what === 'deny';
      assert.equal(
        (await httpCall(door.node.port, backupLink(door.node, { jti: 'x' }))).status,
        isGone ? 404 : 200,
        what,
      );
      const user = { user: aUser, servers: [] };
      assert.equal((await door.post('/api/deauthorize-user', user)).status, 204);
      await door.node.stop();
    }
  });
}

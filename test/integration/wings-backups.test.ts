// What a Panel asks of backups: everything that is found out before an answer, and what each request writes.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { Backup, BackupPhase } from '../../src/resources/backup.ts';
import type { Restore, RestoreStatus } from '../../src/resources/restore.ts';
import { backupUuid, putArchive } from '../support/api-archives.ts';
import { type ApiDoor, apiDoor, of, otherUuid, panelOwner } from '../support/api-door.ts';
import { anyUuid, aServer } from '../support/builders.ts';
import { settle } from '../support/fake-clock.ts';

const notFound = '{"error":"The requested backup was not found on this server."}';

/** As the controller would leave it. */
async function phase({ node }: ApiDoor, kind: 'Backup' | 'Restore', name: string, phase: string): Promise<void> {
  const object = await node.store.get<Backup | Restore>(kind, name);
  await node.store.updateStatus({ ...(object ?? assert.fail()), status: { ...object?.status, phase } });
  await settle();
}

async function aBackup(door: ApiDoor, state: BackupPhase = 'Completed', uuid = backupUuid): Promise<void> {
  const { status } = await door.post(of('/backup'), { adapter: 'wings', uuid, ignore: '' });
  assert.equal(status, 202);
  await phase(door, 'Backup', uuid, state);
  if (state === 'Completed') putArchive(door.node, { backup: uuid });
}

const backups = async ({ node }: ApiDoor) => (await node.store.list<Backup>('Backup')).items;
const restores = async ({ node }: ApiDoor) => (await node.store.list<Restore>('Restore')).items;

async function addOther({ node }: ApiDoor): Promise<void> {
  const { status: _, ...other } = aServer({ name: 'other', spec: { uuid: otherUuid, owner: panelOwner } });
  await node.store.create(other);
  await settle();
}

test('a backup is asked for once, however often it is asked for (backups 15.14, covers: SEC-101)', async (t) => {
  const door = await apiDoor(t);
  const body = { adapter: 'wings', uuid: backupUuid.toUpperCase(), ignore: '*.log\ncache/' };
  const answers = await Promise.all(Array.from({ length: 8 }, () => door.post(of('/backup'), body)));
  for (const { status, body, headers } of answers)
    assert.deepEqual([status, body, headers['content-type']], [202, '', undefined]);
  const [made, ...more] = await backups(door);
  assert.equal(more.length, 0);
  assert.deepEqual([made?.metadata.name, made?.spec.uuid], [backupUuid, backupUuid]);
  assert.deepEqual([made?.spec.ignore, made?.spec.owner], ['*.log\ncache/', panelOwner]);
  await addOther(door);
  assert.equal((await door.post(of('/backup', otherUuid), body)).status, 409, 'of another server it is another one');
});

test('what cannot become a backup is refused by name (backups 15.1, covers: SEC-26)', async (t) => {
  const door = await apiDoor(t);
  const make = async (body: unknown) => {
    const { status, body: text } = await door.post(of('/backup'), body);
    return [status, text];
  };
  const badId = [400, '{"error":"The backup identifier must be a valid UUID."}'];
  const braces = `{${backupUuid}}`;
  for (const uuid of ['', '../../etc/passwd', braces, `urn:uuid:${backupUuid}`, `${backupUuid}\0`, `${backupUuid}0`])
    assert.deepEqual(await make({ adapter: 'wings', uuid }), badId, uuid);
  for (const path of ['x', '..%2f..%2fx', encodeURIComponent(braces), `${backupUuid}0`]) {
    const restored = await door.post(of(`/backup/${path}/restore`), { adapter: 'wings' });
    assert.deepEqual([restored.status, restored.body], badId);
    const removed = await door.delete(of(`/backup/${path}`));
    assert.deepEqual([removed.status, removed.body], badId);
  }
  const unknown = [422, '{"error":"The backup adapter must be \\"wings\\" or \\"s3\\"."}'];
  for (const adapter of ['', 'ftp', 'WINGS']) assert.deepEqual(await make({ adapter, uuid: backupUuid }), unknown);
  const [code, text] = await make({ adapter: 's3', uuid: backupUuid });
  assert.equal(code, 422);
  assert.match(String(text), /"s3\\" is not supported/);
  assert.deepEqual(await backups(door), []);
});

test('a restore knows that there is an archive before anything is touched (traps 28) (backups 15.10)', async (t) => {
  const door = await apiDoor(t);
  const restore = (body: unknown = { adapter: 'wings', truncate_directory: true }) =>
    door.post(of(`/backup/${backupUuid}/restore`), body);
  const missing = await restore();
  assert.deepEqual([missing.status, missing.body], [404, notFound]);
  await aBackup(door, 'Archiving');
  assert.equal((await restore()).status, 404, 'one that is being made has none');
  await phase(door, 'Backup', backupUuid, 'Completed');
  assert.equal((await restore()).status, 404, 'an object alone is none');
  putArchive(door.node);
  const { status, body } = await restore({
    ...{ adapter: 'wings', truncate_directory: 1, download_url: 'https://node/download/backup?token=x' },
  });
  assert.deepEqual([status, body], [202, '']);
  const [made, ...more] = await restores(door);
  assert.equal(more.length, 0);
  assert.deepEqual(
    [made?.spec.backupRef.uuid, made?.spec.mode, made?.spec.owner],
    [backupUuid, 'Truncate', panelOwner],
  );
  for (const adapter of [undefined, 'ftp']) {
    const refused = await restore({ adapter });
    const { error } = refused.json() as { error: string };
    assert.deepEqual(
      [refused.status, error],
      [400, 'An unexpected error was encountered while processing this request'],
    );
  }
  const noUrl = await restore({ adapter: 's3', download_url: '' });
  assert.deepEqual(
    [noUrl.status, noUrl.body],
    [400, '{"error":"The download_url field is required when the backup adapter is set to S3."}'],
  );
  assert.equal((await restore({ adapter: 's3', download_url: 'https://s3.example.com/x' })).status, 422);
});

test('files that are not named to be removed are kept', async (t) => {
  const door = await apiDoor(t);
  await aBackup(door);
  assert.equal((await door.post(of(`/backup/${backupUuid}/restore`), { adapter: 'wings' })).status, 202);
  assert.equal((await restores(door))[0]?.spec.mode, 'Merge');
});

test('what would disturb one another is refused (backups 15.14)', async (t) => {
  const door = await apiDoor(t);
  await aBackup(door);
  const restore = () => door.post(of(`/backup/${backupUuid}/restore`), { adapter: 'wings' });
  const backup = () => door.post(of('/backup'), { adapter: 'wings', uuid: randomUUID(), ignore: '' });
  const running = randomUUID();
  await aBackup(door, 'Archiving', running);
  const beside = await restore();
  assert.deepEqual(
    [beside.status, beside.body],
    [409, '{"error":"A backup operation is already running for this server"}'],
  );
  assert.equal((await backup()).status, 202, 'another one waits for its turn');
  for (const { metadata } of await backups(door)) await phase(door, 'Backup', metadata.name, 'Completed');
  assert.equal((await restore()).status, 202);
  const text = '{"error":"A restore operation is already running for this server"}';
  for (const answer of [await restore(), await backup()]) assert.deepEqual([answer.status, answer.body], [409, text]);
  const reinstall = await door.post(of('/reinstall'));
  assert.equal(reinstall.status, 409);
});

test('a backup of another server is none of this one (covers: SEC-99)', async (t) => {
  const door = await apiDoor(t);
  await addOther(door);
  await aBackup(door);
  const path = `/backup/${backupUuid}`;
  const answers = [
    await door.post(of(`${path}/restore`, otherUuid), { adapter: 'wings' }),
    await door.delete(of(path, otherUuid)),
  ];
  for (const { status, body } of answers) assert.deepEqual([status, body], [404, notFound]);
  assert.equal((await backups(door)).length, 1);
});

test('a deleted backup is gone, and one that is not there was never (traps 17)', async (t) => {
  const door = await apiDoor(t);
  const remove = async (uuid: string) => {
    const { status, body } = await door.delete(of(`/backup/${uuid}`));
    return [status, body];
  };
  assert.deepEqual(await remove(backupUuid), [404, notFound]);
  putArchive(door.node);
  assert.deepEqual(await remove(backupUuid), [204, ''], 'one that Wings made');
  assert.deepEqual(await remove(backupUuid), [404, notFound]);
  await aBackup(door);
  const asked = remove(backupUuid.toUpperCase());
  // What the controller does meanwhile.
  const key = { server: anyUuid, backup: backupUuid };
  while (!(await door.node.store.get<Backup>('Backup', backupUuid))?.metadata.deletionTimestamp) await settle();
  await door.node.archives.delete(key);
  await door.node.store.patch('Backup', backupUuid, { metadata: { finalizers: [] } });
  for (let look = 0; look < 4; look++) await door.node.clock.advance(25);
  assert.deepEqual(await asked, [204, '']);
});

test('a locked backup stays, and says why', async (t) => {
  const door = await apiDoor(t);
  await aBackup(door);
  await door.node.store.patch('Backup', backupUuid, { spec: { locked: true } });
  const { status, body } = await door.delete(of(`/backup/${backupUuid}`));
  assert.equal(status, 403);
  assert.match(body, /this backup is locked/);
  const stranger = randomUUID();
  putArchive(door.node, { backup: stranger });
  assert.equal((await door.delete(of('/deleteAllBackups'))).status, 204);
  const left: string[] = [];
  for await (const { key } of door.node.archives.list(anyUuid)) left.push(key.backup);
  assert.deepEqual(left, [backupUuid]);
});

test('what runs is listed with how far it is, and can be called off', async (t) => {
  const door = await apiDoor(t);
  const list = async () => (await door.ask(of('/backup/operations'))).json();
  assert.deepEqual(await list(), { operations: [], count: 0 });
  await aBackup(door, 'Archiving');
  const present = (await backups(door))[0] ?? assert.fail();
  await door.node.store.updateStatus({
    ...present,
    status: {
      phase: 'Archiving',
      startedAt: '2026-01-01T00:00:00Z',
      progress: { percentage: 42, bytesWritten: 42, bytesTotal: 100 },
    },
  });
  await settle();
  assert.deepEqual(await list(), {
    operations: [
      {
        ...{ id: present.metadata.uid, backup_id: backupUuid, type: 'backup', start_time: 1767225600 },
        ...{ phase: 'archive', percentage: 42, queued: false },
      },
    ],
    count: 1,
  });
  const cancel = async (uuid: string, server = anyUuid) => {
    const { status, body } = await door.delete(of(`/backup/${uuid}/cancel`, server));
    return [status, body];
  };
  await addOther(door);
  assert.deepEqual(await cancel(backupUuid, otherUuid), [
    403,
    '{"error":"Backup operation does not belong to this server"}',
  ]);
  const gone = [404, '{"error":"Backup operation not found or already completed"}'];
  assert.deepEqual(await cancel(randomUUID()), gone);
  assert.deepEqual(await cancel(backupUuid), [
    200,
    '{"success":true,"message":"Backup operation cancelled successfully"}',
  ]);
  assert.equal((await backups(door))[0]?.spec.cancel, true);
  await phase(door, 'Backup', backupUuid, 'Cancelled');
  assert.deepEqual(await cancel(backupUuid), gone);
});

test('a restore can be called off until it replaces files', async (t) => {
  const door = await apiDoor(t);
  await aBackup(door);
  await door.post(of(`/backup/${backupUuid}/restore`), { adapter: 'wings' });
  await settle();
  const cancel = () => door.delete(of(`/backup/${backupUuid}/cancel`));
  const present = (await restores(door))[0] ?? assert.fail();
  const status: RestoreStatus = { phase: 'Committing', journal: { step: 'MovingOld' } };
  await door.node.store.updateStatus({ ...present, status });
  await settle();
  const { operations } = (await door.ask(of('/backup/operations'))).json() as { operations: { type: string }[] };
  assert.deepEqual(
    operations.map(({ type }) => type),
    ['restore'],
  );
  const late = await cancel();
  assert.equal(late.status, 409);
  assert.match(late.body, /cannot be cancelled any more/);
  const again = (await restores(door))[0] ?? assert.fail();
  await door.node.store.updateStatus({ ...again, status: { phase: 'Extracting', journal: { step: 'Staging' } } });
  await settle();
  assert.equal((await cancel()).status, 200);
});

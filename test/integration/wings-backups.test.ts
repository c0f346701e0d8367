// What a Panel asks of backups, and links to them: everything that is found out before an answer, what each request writes,
// and how often a link opens something.
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Backup, BackupPhase } from '../../src/resources/backup.ts';
import type { Restore, RestoreStatus } from '../../src/resources/restore.ts';
import { type ApiDoor, apiDoor, of, otherUuid, panelOwner } from '../support/api-door.ts';
import { anyUuid, aServer } from '../support/builders.ts';
import { aUser, ConsoleNode, otherUser, panelOrigin } from '../support/console-node.ts';
import { settle } from '../support/fake-clock.ts';
import { httpCall } from '../support/http-call.ts';
import { signedToken } from '../support/signed-token.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const backupUuid = '47363ce7-d70a-430e-8e75-6dc87c8d016d';
const content = Buffer.from('0123456789');
const notFound = '{"error":"The requested backup was not found on this server."}';

function archive({ node }: Pick<ApiDoor, 'node'>, uuid = backupUuid, server = anyUuid, bytes = content): void {
  const directory = join(node.config.system.backupDirectory, server);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${uuid}.tar.gz`), bytes);
}

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
  if (state === 'Completed') archive(door, uuid);
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
  archive(door);
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
  archive(door);
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
  archive(door, stranger);
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

// Links.

function link({ node }: Pick<ApiDoor, 'node'>, claims: Record<string, unknown> = {}): string {
  const iat = Math.floor(node.clock.now() / 1000);
  const token = signedToken({
    ...{ iss: panelOrigin, jti: createHash('md5').update('1').digest('hex'), iat, nbf: iat - 300, exp: iat + 900 },
    ...{ server_uuid: anyUuid, user_uuid: aUser, unique_id: randomUUID(), backup_uuid: backupUuid },
    ...claims,
  });
  return `/download/backup?token=${token}`;
}

const linkRefused = '{"error":"The requested resource was not found on this server."}';

test('a link opens an archive, once (traps 21) (backups 15.16, covers: SEC-37, SEC-42)', async (t) => {
  const { node } = await apiDoor(t);
  archive({ node });
  for (const claims of [{}, { scope: 'backup-download' }, { scope: 'websocket backup-download' }]) {
    const path = link({ node }, claims);
    const { status, headers, bytes } = await httpCall(node.port, path);
    assert.equal(status, 200);
    assert.deepEqual(bytes, content);
    assert.equal(headers['content-length'], '10');
    assert.equal(headers['content-type'], 'application/octet-stream');
    assert.equal(headers['content-disposition'], `attachment; filename="${backupUuid}.tar.gz"`);
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['access-control-allow-origin'], panelOrigin);
    assert.match(String(headers['x-request-id']), /^[0-9a-f-]{36}$/);
    const again = await httpCall(node.port, path);
    assert.deepEqual([again.status, again.body], [404, linkRefused]);
    assert.equal(again.headers['cache-control'], 'no-store');
  }
});

test('of twenty at the same time one is the first (covers: SEC-37)', async (t) => {
  const { node } = await apiDoor(t);
  archive({ node });
  const path = link({ node });
  const answers = await Promise.all(Array.from({ length: 20 }, () => httpCall(node.port, path)));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  assert.equal(answers.filter(({ status }) => status === 404).length, 19);
});

test('a preflight and a HEAD do not use a link up (traps 3, 7)', async (t) => {
  const { node } = await apiDoor(t);
  archive({ node });
  const path = link({ node });
  assert.equal((await httpCall(node.port, path, { method: 'OPTIONS' })).status, 204);
  assert.equal((await httpCall(node.port, path, { method: 'HEAD' })).status, 401);
  assert.equal((await httpCall(node.port, path)).status, 200);
});

const refused: [what: string, claims: Record<string, unknown>, code: number][] = [
  ['has run out', { exp: 1 }, 401],
  ['runs out never', { exp: undefined }, 401],
  ['lives for a day', { exp: Date.parse('2026-01-02T00:00:00Z') / 1000 }, 401],
  ['is for another server', { server_uuid: otherUuid }, 404],
  ['is for a file', { backup_uuid: undefined, file_path: '/x' }, 404],
  ['is for a console too', { permissions: ['*'] }, 404],
  ['is for another purpose', { scope: 'file-download' }, 404],
  ['has no id of its own', { unique_id: undefined }, 404],
  ['has an empty id', { unique_id: '' }, 404],
  ['does not say when it was made', { iat: undefined }, 404],
  ['names no user', { user_uuid: undefined }, 404],
  ['has no jti', { jti: undefined }, 404],
];
for (const [what, claims, code] of refused) {
  test(`a link that ${what} opens nothing (covers: SEC-35, SEC-36, SEC-37)`, async (t) => {
    const { node } = await apiDoor(t);
    archive({ node });
    const answer = await httpCall(node.port, link({ node }, claims));
    assert.equal(answer.status, code);
    if (code === 404) assert.equal(answer.body, linkRefused);
    else assert.ok((answer.json() as { request_id?: string }).request_id);
  });
}

test('a link with no token, two, or one of somebody else opens nothing (covers: SEC-34)', async (t) => {
  const { node } = await apiDoor(t);
  archive({ node });
  const other = link({ node }).replace(/[^.]*$/, (signature) => signature.split('').reverse().join(''));
  for (const path of ['/download/backup', '/download/backup?token=', '/download/backup?token=a.b.c', other])
    assert.equal((await httpCall(node.port, path)).status, 401, path);
});

test('a link to an archive that is not there is used up, and says that there is none (covers: SEC-26, SEC-99)', async (t) => {
  const { node } = await apiDoor(t);
  archive({ node }, backupUuid, otherUuid);
  for (const backup_uuid of [backupUuid, '../../etc/passwd', 'x']) {
    const path = link({ node }, { backup_uuid });
    const { status, body } = await httpCall(node.port, path);
    assert.deepEqual([status, body], [404, notFound]);
    assert.equal((await httpCall(node.port, path)).body, linkRefused);
  }
});

test('an id that another link has used is used (traps 23)', async (t) => {
  const { node } = await apiDoor(t);
  archive({ node });
  assert.equal((await httpCall(node.port, link({ node }, { unique_id: 'x' }))).status, 200);
  assert.equal((await httpCall(node.port, link({ node }, { unique_id: 'x', user_uuid: otherUser }))).status, 404);
});

test('after a restart used links stay used, and others open (traps 23) (backups 15.16, covers: SEC-37, SEC-39)', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await apiDoor(t, { directory });
  archive(first);
  await first.node.clock.advance(1_000);
  const [used, fresh] = [link(first), link(first)];
  assert.equal((await httpCall(first.node.port, used)).status, 200);
  const second = await ConsoleNode.start(t, { directory, clock: first.node.clock });
  await second.add();
  assert.equal((await httpCall(second.port, used)).status, 404);
  assert.equal((await httpCall(second.port, fresh)).status, 200);
  writeFileSync(join(directory, 'used-links.json'), '{"version":1,"used":');
  await first.node.clock.advance(1_000);
  const third = await ConsoleNode.start(t, { directory, clock: first.node.clock });
  await third.add();
  const old = link({ node: third }, { iat: Math.floor(third.clock.now() / 1000) - 1 });
  assert.equal((await httpCall(third.port, old)).status, 404, 'nobody knows any more whether it was used');
  assert.equal((await httpCall(third.port, link({ node: third }))).status, 200);
});

test('a range is a part of the archive, and further uses of a link are for ranges alone (backups 15.16, covers: SEC-37)', async (t) => {
  const { node } = await apiDoor(t);
  node.config.aileron.downloadLinkUses = 3;
  archive({ node });
  const path = link({ node });
  const part = (range: string) => httpCall(node.port, path, { headers: { range } });
  const first = await part('bytes=0-3');
  assert.deepEqual([first.status, first.body], [206, '0123']);
  assert.deepEqual(
    [first.headers['content-range'], first.headers['content-length'], first.headers['accept-ranges']],
    ['bytes 0-3/10', '4', 'bytes'],
  );
  assert.equal((await httpCall(node.port, path)).status, 404, 'the whole is not given away a second time');
  const rest = await part('bytes=4-');
  assert.deepEqual([rest.status, rest.body], [206, '456789']);
  const beyond = await part('bytes=10-');
  assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, 'bytes */10']);
  assert.equal((await part('bytes=-1')).status, 404, 'three uses are over');
});

test('a download ends when its user may not any more (backups 15.16, covers: SEC-38)', async (t) => {
  const { node, post } = await apiDoor(t);
  archive({ node }, backupUuid, anyUuid, Buffer.alloc(64 * 1024 * 1024));
  const ended = Promise.withResolvers<string>();
  const started = Promise.withResolvers<void>();
  const call = request({ host: '127.0.0.1', port: node.port, path: link({ node }), agent: false }, (answer) => {
    answer.once('readable', () => started.resolve());
    answer.on('aborted', () => ended.resolve('cut'));
    answer.on('error', () => ended.resolve('cut'));
    answer.on('end', () => ended.resolve('whole'));
    void ended.promise.then(() => answer.destroy());
    void denied.promise.then(() => answer.resume());
  });
  const denied = Promise.withResolvers<void>();
  call.end();
  await started.promise;
  await post('/api/deauthorize-user', { user: aUser, servers: [anyUuid] });
  denied.resolve();
  assert.equal(await ended.promise, 'cut');
  assert.equal((await httpCall(node.port, link({ node }))).status, 404);
});

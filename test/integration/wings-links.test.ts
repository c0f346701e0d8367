// Links that a Panel signs for browsers: how often each opens what, for whom, and what is told of it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { archiveContent, backupLink, backupToken, backupUuid, putArchive } from '../support/api-archives.ts';
import { apiDoor, of, otherUuid } from '../support/api-door.ts';
import { anyUuid } from '../support/builders.ts';
import { aUser, ConsoleNode, otherUser, panelOrigin } from '../support/console-node.ts';
import { httpCall } from '../support/http-call.ts';
import { descriptorsBelow, openDescriptors } from '../support/open-descriptors.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

const notFound = '{"error":"The requested backup was not found on this server."}';
const linkRefused = '{"error":"The requested resource was not found on this server."}';

test('a link opens an archive, once (traps 21) (backups 15.16, covers: SEC-37, SEC-42, SEC-57)', async (t) => {
  const { node } = await apiDoor(t);
  putArchive(node);
  for (const claims of [{}, { scope: 'backup-download' }, { scope: 'websocket backup-download' }]) {
    const path = backupLink(node, claims);
    const { status, headers, bytes } = await httpCall(node.port, path);
    assert.equal(status, 200);
    assert.deepEqual(bytes, archiveContent);
    assert.equal(headers['content-length'], '10');
    assert.equal(headers['content-type'], 'application/octet-stream');
    assert.equal(headers['content-disposition'], `attachment; filename="${backupUuid}.tar.gz"`);
    assert.equal(headers['x-content-type-options'], 'nosniff');
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
  putArchive(node);
  const path = backupLink(node);
  const answers = await Promise.all(Array.from({ length: 20 }, () => httpCall(node.port, path)));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  assert.equal(answers.filter(({ status }) => status === 404).length, 19);
});

test('a preflight and a HEAD do not use a link up (traps 3, 7)', async (t) => {
  const { node } = await apiDoor(t);
  putArchive(node);
  const path = backupLink(node);
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
    putArchive(node);
    const answer = await httpCall(node.port, backupLink(node, claims));
    assert.equal(answer.status, code);
    if (code === 404) assert.equal(answer.body, linkRefused);
    else assert.ok((answer.json() as { request_id?: string }).request_id);
  });
}

test('a link with no token, two, or one of somebody else opens nothing (covers: SEC-34)', async (t) => {
  const { node } = await apiDoor(t);
  putArchive(node);
  const other = backupLink(node).replace(/[^.]*$/, (signature) => signature.split('').reverse().join(''));
  for (const path of ['/download/backup', '/download/backup?token=', '/download/backup?token=a.b.c', other])
    assert.equal((await httpCall(node.port, path)).status, 401, path);
});

test('a link to an archive that is not there is used up, and says that there is none (covers: SEC-26, SEC-99)', async (t) => {
  const { node } = await apiDoor(t);
  putArchive(node, { server: otherUuid });
  for (const backup_uuid of [backupUuid, '../../etc/passwd', 'x']) {
    const path = backupLink(node, { backup_uuid });
    const { status, body } = await httpCall(node.port, path);
    assert.deepEqual([status, body], [404, notFound]);
    assert.equal((await httpCall(node.port, path)).body, linkRefused);
  }
});

test('an id that another link has used is used (traps 23)', async (t) => {
  const { node } = await apiDoor(t);
  putArchive(node);
  assert.equal((await httpCall(node.port, backupLink(node, { unique_id: 'x' }))).status, 200);
  assert.equal((await httpCall(node.port, backupLink(node, { unique_id: 'x', user_uuid: otherUser }))).status, 404);
});

test('after a restart used links stay used, and others open (traps 23) (backups 15.16, covers: SEC-37, SEC-39)', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await apiDoor(t, { directory });
  putArchive(first.node);
  await first.node.clock.advance(1_000);
  const [used, fresh] = [backupLink(first.node), backupLink(first.node)];
  assert.equal((await httpCall(first.node.port, used)).status, 200);
  const second = await ConsoleNode.start(t, { directory, clock: first.node.clock });
  await second.add();
  assert.equal((await httpCall(second.port, used)).status, 404);
  assert.equal((await httpCall(second.port, fresh)).status, 200);
  writeFileSync(join(directory, 'used-links.json'), '{"version":1,"used":');
  await first.node.clock.advance(1_000);
  const third = await ConsoleNode.start(t, { directory, clock: first.node.clock });
  await third.add();
  const old = backupLink(third, { iat: Math.floor(third.clock.now() / 1000) - 1 });
  assert.equal((await httpCall(third.port, old)).status, 404, 'nobody knows any more whether it was used');
  assert.equal((await httpCall(third.port, backupLink(third))).status, 200);
});

test('a range is a part of the archive, and further uses of a link are for ranges alone (backups 15.16, covers: SEC-37)', async (t) => {
  const { node } = await apiDoor(t);
  node.config.aileron.downloadLinkUses = 3;
  putArchive(node);
  const path = backupLink(node);
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

/** What each kind of token states, as a Panel without scopes makes it. */
const kinds: [purpose: string, claims: Record<string, unknown>][] = [
  ['websocket', { permissions: ['*'], backup_uuid: undefined, unique_id: undefined }],
  ['file-download', { file_path: '/x', backup_uuid: undefined }],
  ['backup-download', {}],
  ['file-upload', { backup_uuid: undefined }],
  ['transfer', { sub: anyUuid, backup_uuid: undefined, server_uuid: undefined, user_uuid: undefined }],
];

test('at each door only the token that was made for it opens, with a scope or without one (traps 21) (covers: SEC-36)', async (t) => {
  const { node } = await apiDoor(t);
  putArchive(node);
  const doors = async (claims: Record<string, unknown>) => {
    const token = backupToken(node, claims);
    const client = await node.connect();
    client.send('auth', token);
    await client.until('it is judged', () => client.count('auth success') + client.count('jwt error') > 0);
    const link = await httpCall(node.port, `/download/backup?token=${token}`);
    return { websocket: client.count('auth success') > 0, 'backup-download': link.status === 200 };
  };
  const opens = (purpose: string) => ({
    websocket: purpose === 'websocket',
    'backup-download': purpose === 'backup-download',
  });
  for (const [purpose, claims] of kinds) assert.deepEqual(await doors(claims), opens(purpose), `${purpose} unscoped`);
  // One that states everything opens what its scope says alone.
  const everything = { permissions: ['*'], file_path: '/x', backup_uuid: backupUuid, sub: anyUuid };
  for (const [scope] of kinds) assert.deepEqual(await doors({ ...everything, scope }), opens(scope), `${scope} scoped`);
  for (const [purpose, claims] of kinds)
    assert.deepEqual(await doors(claims), opens('none'), `${purpose} unscoped, of a Panel that states scopes`);
});

test('a token that is shown at the wrong door still opens the right one (covers: SEC-37)', async (t) => {
  const { node } = await apiDoor(t);
  putArchive(node);
  const token = backupToken(node);
  const client = await node.connect();
  client.send('auth', token);
  await client.until('it is refused', () => client.count('jwt error') > 0);
  assert.equal((await httpCall(node.port, `/download/backup?token=${token}`)).status, 200);
});

test('a jti of either Panel is denied, or of any length, and so is a user on one server (traps 22) (covers: SEC-38)', async (t) => {
  const { node, post } = await apiDoor(t);
  putArchive(node);
  const code = async (claims: Record<string, unknown>) => (await httpCall(node.port, backupLink(node, claims))).status;
  const ids = ['c4ca4238a0b923820dcc509a6f75849b', createHash('sha256').update('1').digest('hex'), 'x'.repeat(1_000)];
  for (const jti of ids) {
    assert.equal(await code({ jti }), 200);
    await post(of('/ws/deny'), { jtis: [jti] });
    assert.equal(await code({ jti }), 404);
    assert.equal(await code({ jti: `${jti}0` }), 200, 'of another id');
  }
  await post('/api/deauthorize-user', { user: aUser, servers: [anyUuid] });
  assert.equal(await code({ jti: 'new' }), 404);
  assert.equal(await code({ jti: 'new', user_uuid: otherUser }), 200);
});

test('what a link is worth stands in no log, whatever becomes of it (traps 39) (covers: SEC-30, SEC-42)', async (t) => {
  const { node } = await apiDoor(t);
  putArchive(node);
  const secrets: string[] = [];
  const open = (claims: Record<string, unknown> = {}) => {
    const link = backupLink(node, claims);
    secrets.push(link.slice(link.indexOf('=') + 1));
    return httpCall(node.port, link);
  };
  assert.equal((await open()).status, 200);
  assert.equal((await open({ exp: 1 })).status, 401);
  assert.equal((await open({ scope: 'websocket' })).status, 404);
  const { stat, read } = node.archives;
  for (const code of ['EACCES', 'ENOSPC', 'EIO']) {
    const failure = async () => {
      throw Object.assign(new Error(`${code}: /srv/secret/backups`), { code });
    };
    for (const part of ['stat', 'read'] as const) {
      Object.assign(node.archives, { stat, read, [part]: failure });
      const answer = await open();
      assert.equal(answer.status, 500);
      assert.doesNotMatch(answer.body, /secret|srv|EACCES|ENOSPC|EIO/);
      assert.deepEqual(Object.keys(answer.json() as object), ['error', 'request_id']);
    }
  }
  Object.assign(node.archives, { stat, read });
  assert.equal(node.log.find({ level: 'error' }).length, 6);
  const everything = inspect(node.log.lines, { depth: 20, maxStringLength: null });
  assert.match(everything, /token=\*\*\*/);
  for (const secret of secrets) {
    const [, payload = '', signature = ''] = secret.split('.');
    assert.equal(everything.includes(payload) || everything.includes(signature), false);
  }
});

test('readers that go away leave no file open and take nobody a place (covers: SEC-57)', async (t) => {
  const { node } = await apiDoor(t);
  putArchive(node, { bytes: Buffer.alloc(4 * 1024 * 1024) });
  const { backupDirectory } = node.config.system;
  const gone = async (number: number) => {
    const socket = connect({ host: '127.0.0.1', port: node.port });
    socket.on('error', () => {}); // It is cut in the middle.
    await once(socket, 'connect');
    socket.write(`GET ${backupLink(node)} HTTP/1.1\r\nhost: node\r\n\r\n`);
    // Some before the answer, some in it.
    if (number % 2 === 0) await once(socket, 'readable');
    socket.destroy();
  };
  const before = openDescriptors();
  for (let round = 0; round < 15; round++) await Promise.all(Array.from({ length: 20 }, (_, number) => gone(number)));
  await until('everything is closed', 30_000, async () => {
    return descriptorsBelow(backupDirectory).length === 0 && openDescriptors() < before + 10;
  });
  const whole = await httpCall(node.port, backupLink(node));
  assert.deepEqual([whole.status, whole.bytes.length], [200, 4 * 1024 * 1024]);
});

test('an answer is as long as the archive was when it began (covers: SEC-57)', async (t) => {
  const { node } = await apiDoor(t);
  putArchive(node);
  const { read } = node.archives;
  node.archives.read = (key, range) => {
    putArchive(node, { bytes: Buffer.from('0123456789 and more') });
    return read.call(node.archives, key, range);
  };
  const answer = await httpCall(node.port, backupLink(node));
  assert.deepEqual([answer.headers['content-length'], answer.body], ['10', '0123456789']);
});

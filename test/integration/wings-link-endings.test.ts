// What a signed link has opened ends with the right to it, and what it is about to open does not begin.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { backupLink, putArchive } from '../support/api-archives.ts';
import { type ApiDoor, apiDoor, of } from '../support/api-door.ts';
import { anyUuid } from '../support/builders.ts';
import { aUser } from '../support/console-node.ts';
import { httpCall } from '../support/http-call.ts';

const endings: [why: string, end: (door: ApiDoor) => Promise<unknown>][] = [
  [
    'its user may not any more (backups 15.16, covers: SEC-38)',
    ({ post }) => post('/api/deauthorize-user', { user: aUser, servers: [anyUuid] }),
  ],
  ['its server is deleted (covers: SEC-118)', (door) => door.delete(of(''))],
];

for (const [why, end] of endings)
  test(`a download ends when ${why}`, async (t) => {
    const door = await apiDoor(t);
    const { node } = door;
    putArchive(node, { bytes: Buffer.alloc(64 * 1024 * 1024) });
    const ended = Promise.withResolvers<string>();
    const started = Promise.withResolvers<void>();
    const call = request({ host: '127.0.0.1', port: node.port, path: backupLink(node), agent: false }, (answer) => {
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
    await end(door);
    denied.resolve();
    assert.equal(await ended.promise, 'cut');
    assert.equal((await httpCall(node.port, backupLink(node))).status, 404);
  });

for (const [why, end] of endings)
  test(`a download that is about to begin does not when ${why}`, async (t) => {
    const door = await apiDoor(t);
    const { node } = door;
    putArchive(node);
    const { stat, read } = node.archives;
    const [looks, opens, ended] = [1, 2, 3].map(() => Promise.withResolvers<void>());
    assert.ok(looks && opens && ended);
    Object.assign(node.archives, {
      stat: async (...args: Parameters<typeof stat>) => {
        looks.resolve();
        await ended.promise;
        return stat.apply(node.archives, args);
      },
    });
    const checked = httpCall(node.port, backupLink(node));
    await looks.promise;
    Object.assign(node.archives, {
      stat,
      read: async (...args: Parameters<typeof read>) => {
        opens.resolve();
        await ended.promise;
        return read.apply(node.archives, args);
      },
    });
    const entered = httpCall(node.port, backupLink(node)).catch(({ code }: NodeJS.ErrnoException) => code);
    await opens.promise;
    await end(door);
    ended.resolve();
    assert.equal(await entered, 'ECONNRESET');
    const { status, body } = await checked;
    assert.deepEqual([status, body], [404, '{"error":"The requested resource was not found on this server."}']);
  });

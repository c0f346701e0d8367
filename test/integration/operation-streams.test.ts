// Backups and restores of a real node, recorded on two consoles from beginning to end and judged by the contract: one
// console may read backups, the other may not.
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import type { ConsoleClient } from '../support/console-client.ts';
import { needsDocker } from '../support/docker.ts';
import { consoleToken, openConsole } from '../support/live-console.ts';
import { LiveNode } from '../support/live-node.ts';
import {
  checkProgressStream,
  checkWithoutBackupRead,
  type Progress,
  type RecordedFrame,
  recordFrames,
  type StreamExpectation,
} from '../support/progress-stream.ts';

const MiB = 1024 * 1024;
const patienceMs = 60_000;
const skip = await needsDocker();
const options = { skip, timeout: 180_000 };
const resources = '/apis/aileron.dev/v1';
const administrator = ['*', 'admin.websocket.errors'];
const player = ['websocket.connect', 'control.console'];

interface Watched {
  name: string;
  uuid: string;
  reader: ConsoleClient;
  frames: RecordedFrame[];
  other: ConsoleClient;
  otherFrames: RecordedFrame[];
}

/** So slow that there is something to see. */
async function slowNode(t: TestContext, backups: Partial<Config['system']['backups']> = {}): Promise<LiveNode> {
  const node = await LiveNode.make(t, {
    change: (config) => ({
      ...config,
      system: { ...config.system, backups: { ...config.system.backups, writeLimit: 2 * MiB, ...backups } },
    }),
  });
  await node.start();
  return node;
}

/** A server that runs, with some megabytes that do not shrink, and two consoles that record. */
async function watched(t: TestContext, node: LiveNode, name: string, bytes = 5 * MiB): Promise<Watched> {
  const uuid = await node.addRunning(name);
  mkdirSync(join(node.volume(uuid), 'world'));
  writeFileSync(join(node.volume(uuid), 'world', 'level.dat'), randomBytes(bytes));
  const [reader, other] = await Promise.all([aConsole(t, node, uuid, administrator), aConsole(t, node, uuid, player)]);
  return { name, uuid, reader, frames: recordFrames(reader), other, otherFrames: recordFrames(other) };
}

async function aConsole(t: TestContext, node: LiveNode, uuid: string, permissions: string[]): Promise<ConsoleClient> {
  const client = await openConsole(t, node.daemon.nodePort, uuid);
  await client.authenticate(await consoleToken(node.config, uuid, permissions));
  await client.until('its state', () => client.count('server_status') > 0);
  return client;
}

interface Asked {
  name: string;
  backupId: string;
  /** By the clock of the recordings. */
  acceptedAt: number;
}

async function backUp(node: LiveNode, server: string): Promise<Asked> {
  const backupId = randomUUID();
  const name = `backup-${backupId.slice(0, 8)}`;
  const spec = { uuid: backupId, serverRef: { name: server } };
  await node.api.call('POST', `${resources}/backups`, {
    ...{ apiVersion: 'aileron.dev/v1', kind: 'Backup', metadata: { name }, spec },
  });
  return { name, backupId, acceptedAt: performance.now() };
}

async function restore(node: LiveNode, server: string, { name: backup, backupId }: Asked): Promise<Asked> {
  const name = `restore-${randomUUID().slice(0, 8)}`;
  const spec = { serverRef: { name: server }, backupRef: { name: backup } };
  await node.api.call('POST', `${resources}/restores`, {
    ...{ apiVersion: 'aileron.dev/v1', kind: 'Restore', metadata: { name }, spec },
  });
  return { name, backupId, acceptedAt: performance.now() };
}

function cancel(node: LiveNode, plural: 'backups' | 'restores', name: string): Promise<unknown> {
  return node.api.call('PATCH', `${resources}/${plural}/${name}`, { spec: { cancel: true } });
}

const untilAtWork = ({ reader }: Watched) =>
  reader.until('it works', () => reader.all('server_status').at(-1) === 'backup', patienceMs);

const ended = (frames: readonly RecordedFrame[], { backupId }: Asked) =>
  frames.some(({ event, args }) => event === 'backup_restore_completed' && args[0]?.includes(backupId));

/** Waits for the end on both consoles, judges what they saw, and begins a new recording. */
async function judge(
  { reader, frames, other, otherFrames }: Watched,
  asked: Asked,
  expected: Pick<StreamExpectation, 'type' | 'outcome'>,
): Promise<Progress[]> {
  await reader.until('the end', () => ended(frames, asked), patienceMs);
  await reader.settled();
  await other.settled();
  const whole = { ...expected, backupId: asked.backupId, acceptedAt: asked.acceptedAt, seesErrors: true, earlyMs: 200 };
  const progress = checkProgressStream(frames, whole);
  checkWithoutBackupRead(otherFrames, whole);
  frames.length = 0;
  otherFrames.length = 0;
  return progress;
}

const phases = (progress: readonly Progress[]) => [...new Set(progress.map(({ phase }) => phase))];

test('a backup and its restore (backups 15.15) (websocket 17.17, 17.18, 17.19)', options, async (t) => {
  const node = await slowNode(t);
  const server = await watched(t, node, 'lobby');
  const backup = await backUp(node, 'lobby');
  const archived = await judge(server, backup, { type: 'create', outcome: 'success' });
  assert.ok(archived.length >= 5, `${archived.length} steps`);
  assert.deepEqual(phases(archived).slice(-2), ['archive', 'finalize']);
  assert.deepEqual(server.reader.all('status'), ['running'], 'the process goes on');
  assert.deepEqual(
    server.reader.all('server_status').filter((state, index, all) => state !== all[index - 1]),
    ['running', 'backup', 'running'],
  );

  await node.daemon.pauseAt('restore:staged');
  const asked = await restore(node, 'lobby', backup);
  await node.daemon.paused(patienceMs);
  await goesOnDuring(t, node, server);
  node.daemon.goOn();
  const extracted = await judge(server, asked, { type: 'restore', outcome: 'success' });
  assert.ok(extracted.length >= 5, `${extracted.length} steps`);
  assert.deepEqual(phases(extracted).slice(-1), ['finalize']);
  assert.deepEqual(server.reader.all('status'), ['running', 'stopping', 'offline']);
  assert.equal(server.reader.all('server_status').at(-1), 'offline');
  assert.equal(server.other.closed, undefined);
});

/** While a restore has the server, sockets work as ever, one that comes now too; only power is refused. */
async function goesOnDuring(t: TestContext, node: LiveNode, { uuid, other }: Watched): Promise<void> {
  assert.equal(other.all('server_status').at(-1), 'restore');
  const late = await aConsole(t, node, uuid, administrator);
  assert.deepEqual([late.all('status'), late.all('server_status')], [['running'], ['restore']]);
  await other.authenticate(await consoleToken(node.config, uuid, player));
  for (const client of [other, late]) {
    const stats = client.count('stats');
    client.send('send stats');
    await client.until('figures', () => client.count('stats') > stats);
  }
  late.send('set state', 'start');
  await late.until('a refusal', () => late.count('daemon error') > 0);
  assert.match(late.all('daemon error')[0] ?? '', /: server is currently being restored$/);
  assert.equal(other.count('backup restore completed'), 0, 'it is not at its end');
}

test('one that is cancelled at work (backups 15.15)', options, async (t) => {
  const node = await slowNode(t, { writeLimit: MiB });
  const server = await watched(t, node, 'lobby', 20 * MiB);
  const backup = await backUp(node, 'lobby');
  await server.reader.until(
    'it moves',
    () => server.reader.all('backup_progress').some((json) => !/"percentage":0,/.test(json ?? '')),
    patienceMs,
  );
  await cancel(node, 'backups', backup.name);
  await judge(server, backup, { type: 'create', outcome: 'failure' });
  assert.equal(server.reader.all('server_status').at(-1), 'running');
});

test('a restore of a damaged archive (backups 15.15)', options, async (t) => {
  const node = await slowNode(t);
  const server = await watched(t, node, 'lobby');
  const backup = await backUp(node, 'lobby');
  await judge(server, backup, { type: 'create', outcome: 'success' });
  damage(archiveOf(node, backup.backupId));
  await judge(server, await restore(node, 'lobby', backup), { type: 'restore', outcome: 'failure' });
});

test('one that waits, one that is cancelled while it waits (backups 15.15)', options, async (t) => {
  const node = await slowNode(t);
  const server = await watched(t, node, 'lobby');
  const first = await backUp(node, 'lobby');
  await untilAtWork(server);
  const second = await backUp(node, 'lobby');
  const third = await backUp(node, 'lobby');
  await cancel(node, 'backups', second.name);
  await server.reader.until(
    'all ends',
    () => [first, second, third].every((one) => ended(server.frames, one)),
    patienceMs,
  );
  await server.reader.settled();
  const seen = (asked: Asked, outcome: StreamExpectation['outcome']) =>
    checkProgressStream(server.frames, {
      ...{
        type: 'create',
        backupId: asked.backupId,
        acceptedAt: asked.acceptedAt,
        outcome,
        seesErrors: true,
        earlyMs: 200,
      },
    });
  seen(first, 'success');
  assert.deepEqual(phases(seen(second, 'failure')), ['queued']);
  assert.deepEqual(phases(seen(third, 'success')), ['queued', 'archive', 'finalize']);
});

test('a node that is full makes others wait (backups 15.15)', options, async (t) => {
  const node = await slowNode(t, { maxConcurrent: 1 });
  const [lobby, arena] = [await watched(t, node, 'lobby'), await watched(t, node, 'arena')];
  const first = await backUp(node, 'lobby');
  await untilAtWork(lobby);
  const second = await backUp(node, 'arena');
  await judge(lobby, first, { type: 'create', outcome: 'success' });
  const waited = await judge(arena, second, { type: 'create', outcome: 'success' });
  assert.deepEqual(phases(waited), ['queued', 'archive', 'finalize']);
});

function archiveOf(node: LiveNode, backupId: string): string {
  const root = node.config.system.backupDirectory;
  const [found] = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith(`${backupId}.tar.gz`),
  );
  assert.ok(found, 'there is an archive');
  return join(root, found);
}

/** In the middle of its second megabyte. */
function damage(path: string): void {
  const file = openSync(path, 'r+');
  writeSync(file, randomBytes(4_096), 0, 4_096, 1.5 * MiB);
  closeSync(file);
}

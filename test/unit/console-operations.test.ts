// Backups and restores as those who watch a server's console see them: which events, for whom, in which order.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bus } from '../../src/bus/bus.ts';
import { type Frame, visibleTo } from '../../src/console/frame.ts';
import { ConsoleHub, type Watch } from '../../src/console/hub.ts';
import type { ForkOptions } from '../../src/console/operation-frames.ts';
import { Operations } from '../../src/console/operations.ts';
import { permits } from '../../src/http/wings/permissions.ts';
import type { ProcessState } from '../../src/resources/server.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { aCompletion, aProgress, backupUuid } from '../support/operation-messages.ts';

const uuid = 'server-a';
const owner = ['*'];
const administrator = ['*', 'admin.websocket.errors'];
const player = ['websocket.connect', 'control.console'];
const defaults: ForkOptions = { forkEvents: true, forkWireNames: true, forkStatus: false };

interface Message {
  event: string;
  args?: string[];
}

interface Reader {
  watch: Watch;
  frames: Frame[];
  messages(permissions?: readonly string[]): Message[];
  events(permissions?: readonly string[]): string[];
  /** First arguments. */
  all(event: string, permissions?: readonly string[]): string[];
}

function bench(options: Partial<ForkOptions> & { state?: ProcessState } = {}) {
  const { state = 'running', ...fork } = options;
  const bus = new Bus((error) => {
    throw error;
  });
  const made = { encoded: 0 };
  const hub = new ConsoleHub({
    activityEvents: true,
    features: () => undefined,
    ...{ bus, clock: new FakeClock(), pastLines: 10, appName: 'Pterodactyl', fork: { ...defaults, ...fork } },
    history: { tail: () => [], whole: async () => {} },
    throttle: { enabled: true, lines: 2_000, intervalMs: 100 },
    encode: (event, args) => {
      made.encoded += 1;
      return Buffer.from(JSON.stringify(args ? { event, args } : { event }));
    },
    recorded: (id) => (id === uuid ? { state } : undefined),
  });
  const move = (to: ProcessState) => bus.publish(uuid, 'state', { previous: state, state: to, cause: 'Test' });
  const progress = (parts: Parameters<typeof aProgress>[0] = {}) => bus.publish(uuid, 'progress', aProgress(parts));
  const complete = (parts: Parameters<typeof aCompletion>[0] = {}) =>
    bus.publish(uuid, 'completion', aCompletion(parts));
  const read = (): Reader => {
    const frames: Frame[] = [];
    const watch = hub.watch(uuid, (frame) => void frames.push(frame));
    const messages = (permissions: readonly string[] = owner) => visible(frames, permissions);
    return {
      ...{ watch, frames, messages },
      events: (permissions) => messages(permissions).map(({ event }) => event),
      all: (event, permissions) =>
        messages(permissions).flatMap((message) => (message.event === event ? [message.args?.[0] ?? ''] : [])),
    };
  };
  return { bus, hub, made, move, progress, complete, read };
}

function visible(frames: readonly Frame[], permissions: readonly string[]): Message[] {
  const held = new Set(permissions);
  return frames.flatMap((frame) => {
    const seen = visibleTo(frame, (wanted) => permits(held, wanted));
    return seen ? [JSON.parse(seen.bytes.toString()) as Message] : [];
  });
}

const status = (state: string, process: string, operation: object | null) => ({
  event: 'server_status',
  args: [state, JSON.stringify({ state, process_state: process, operation })],
});

test('a backup of a running server, event by event (websocket 17.18, 17.19)', () => {
  const { progress, complete, read } = bench();
  const { messages } = read();
  progress();
  progress({ percentage: 45, bytesWritten: 1_048_576, bytesTotal: 2_097_152 });
  progress({ phase: 'finalize', percentage: 100, bytesWritten: 2_097_152, bytesTotal: 2_097_152 });
  complete();
  const payload = (percentage: number, written: number, total: number, phase: string) =>
    `{"backup_id":"${backupUuid}","type":"create","percentage":${percentage},"bytes_written":${written},"bytes_total":${total},"phase":"${phase}"}`;
  const both = (json: string) => ['backup_progress', 'backup progress'].map((event) => ({ event, args: [json] }));
  const completed = `{"uuid":"${backupUuid}","is_successful":true,"checksum":"da39a3ee5e6b4b0d3255bfef95601890afd80709","checksum_type":"sha1","file_size":1234}`;
  assert.deepEqual(messages(), [
    status('backup', 'running', { type: 'create', backup_id: backupUuid, phase: 'archive' }),
    ...both(payload(0, 0, 0, 'archive')),
    ...both(payload(45, 1_048_576, 2_097_152, 'archive')),
    ...both(payload(100, 2_097_152, 2_097_152, 'finalize')),
    { event: `backup completed:${backupUuid}`, args: [completed] },
    { event: 'backup completed', args: [completed] },
    {
      event: 'backup_restore_completed',
      args: [`{"backup_id":"${backupUuid}","type":"create","successful":true,"error":null}`],
    },
    status('running', 'running', null),
  ]);
});

test('a backup that failed has no checksum and no size, whatever was made of it', () => {
  const { progress, complete, read } = bench({ state: 'offline' });
  const { messages, events } = read();
  progress();
  progress({ percentage: -1 });
  complete({ successful: false, error: 'No space left.', checksum: 'abc', size: 7 });
  const json = `{"uuid":"${backupUuid}","is_successful":false,"checksum":"","checksum_type":"sha1","file_size":0}`;
  assert.deepEqual(
    messages()
      .filter(({ event }) => event.startsWith('backup completed'))
      .map(({ args }) => args?.[0]),
    [json, json],
  );
  assert.deepEqual(events().slice(-4), [
    `backup completed:${backupUuid}`,
    'backup completed',
    'backup_restore_completed',
    'server_status',
  ]);
});

test('a restore, event by event, success and failure, from this node and from S3', () => {
  const cases = [
    [true, 'wings', 'Completed server restoration from local backup.'],
    [true, 's3', 'Completed server restoration from S3 backup.'],
    [false, 'wings', 'Failed to restore the server from local backup.'],
    [false, 's3', 'Failed to restore the server from S3 backup.'],
  ] as const;
  for (const [successful, adapter, text] of cases) {
    const { bus, progress, complete, read } = bench({ state: 'offline' });
    const { messages, events, all } = read();
    progress({ type: 'restore' });
    bus.publish(uuid, 'restoring', { path: 'world/region/r.0.0.mca' });
    progress({ type: 'restore', phase: 'finalize', percentage: successful ? 100 : -1 });
    complete({ type: 'restore', successful, error: successful ? null : 'reason', adapter });
    assert.deepEqual(events(), [
      ...['server_status', 'restore_progress', 'backup progress', 'daemon message'],
      ...['restore_progress', 'backup progress', 'daemon message', 'backup restore completed'],
      ...['backup_restore_completed', 'server_status'],
    ]);
    assert.deepEqual(all('daemon message'), ['(restoring): world/region/r.0.0.mca', text]);
    assert.deepEqual(
      messages().find(({ event }) => event === 'backup restore completed'),
      { event: 'backup restore completed', args: [''] },
    );
    assert.deepEqual(
      messages().at(0),
      status('restore', 'offline', { type: 'restore', backup_id: backupUuid, phase: 'extract' }),
    );
    assert.deepEqual(messages().at(-1), status('offline', 'offline', null));
    assert.match(all('backup progress')[0] ?? '', /"type":"restore"/);
  }
});

test('the name of a file that is restored is data (covers: SEC-50)', () => {
  const { bus, read } = bench();
  const { all } = read();
  bus.publish(uuid, 'restoring', { path: 'a\u001b[2J\nb\u202e\ud800' });
  assert.deepEqual(all('daemon message'), ['(restoring): a\\x1b[2J\\x0ab\\u202e\\ud800']);
});

test('who may not read backups learns that one runs and that a restore has ended, no more (covers: SEC-48) (websocket 17.8)', () => {
  const { bus, progress, complete, read } = bench();
  const { messages, events } = read();
  progress();
  progress({ percentage: 100 });
  complete();
  assert.deepEqual(messages(player), [
    status('backup', 'running', { type: 'create', backup_id: null, phase: 'archive' }),
    status('running', 'running', null),
  ]);
  progress({ type: 'restore' });
  bus.publish(uuid, 'restoring', { path: 'secret' });
  progress({ type: 'restore', percentage: -1 });
  complete({ type: 'restore', successful: false, error: 'secret' });
  assert.deepEqual(events(player).slice(2), [
    'server_status',
    'daemon message',
    'backup restore completed',
    'server_status',
  ]);
  assert.doesNotMatch(JSON.stringify(messages(player)), new RegExp(`secret|${backupUuid}`));
  assert.deepEqual(messages([...player, 'backup.read']), messages(owner));
});

test('why something failed is for who may see errors and backups both (covers: SEC-48)', () => {
  const { complete, read } = bench();
  const { all } = read();
  complete({ successful: false, error: 'disk\nfull' });
  const reason = (permissions: string[]) =>
    all('backup_restore_completed', permissions).map((json) => (JSON.parse(json) as { error: unknown }).error);
  assert.deepEqual(reason(owner), [null]);
  assert.deepEqual(reason(['backup.read']), [null]);
  assert.deepEqual(reason(administrator), ['disk\\x0afull']);
  assert.deepEqual(reason(['backup.read', 'admin.websocket.errors']), ['disk\\x0afull']);
  assert.deepEqual(reason(['admin.websocket.errors']), []);
});

test('nothing of an operation in the queue shows but its progress (backups 15.15)', () => {
  const { progress, complete, read } = bench();
  const { events, messages } = read();
  progress({ phase: 'queued' });
  assert.deepEqual(events(), ['backup_progress', 'backup progress']);
  progress({ phase: 'archive' });
  assert.deepEqual(events().slice(2), ['server_status', 'backup_progress', 'backup progress']);
  progress({ operation: 'operation-2', phase: 'queued' });
  complete();
  assert.deepEqual(messages().at(-1), status('running', 'running', null));
  // Cancelled while it waits: it never ran.
  progress({ operation: 'operation-2', phase: 'finalize', percentage: -1 });
  complete({ operation: 'operation-2', successful: false, error: 'cancelled' });
  assert.equal(events().filter((event) => event === 'server_status').length, 2);
  assert.equal(events().at(-1), 'backup_restore_completed');
});

test('of several the oldest shows, a restore before a backup, and the state returns with the last end', () => {
  const { progress, complete, read, move } = bench();
  const { messages } = read();
  const shown = () =>
    messages()
      .filter(({ event }) => event === 'server_status')
      .map(({ args }) => {
        const { state, process_state, operation } = JSON.parse(args?.[1] ?? '') as {
          state: string;
          process_state: string;
          operation: { backup_id: string } | null;
        };
        assert.equal(state, args?.[0]);
        return [state, process_state, operation?.backup_id];
      });
  progress({ operation: 'c', backupId: 'C', phase: 'queued' });
  progress({ operation: 'a', backupId: 'A' });
  progress({ operation: 'b', backupId: 'B' });
  progress({ operation: 'c', backupId: 'C' });
  progress({ operation: 'a', backupId: 'A', percentage: 50 });
  progress({ operation: 'r', backupId: 'R', type: 'restore', phase: 'stopping' });
  move('stopping');
  move('offline');
  complete({ operation: 'r', backupId: 'R', type: 'restore' });
  complete({ operation: 'b', backupId: 'B' });
  complete({ operation: 'a', backupId: 'A' });
  complete({ operation: 'c', backupId: 'C' });
  assert.deepEqual(shown(), [
    ['backup', 'running', 'A'],
    ['restore', 'running', 'R'],
    ['restore', 'stopping', 'R'],
    ['restore', 'offline', 'R'],
    ['backup', 'offline', 'A'],
    ['backup', 'offline', 'C'],
    ['offline', 'offline', undefined],
  ]);
});

test('the state of the process stays what it is (websocket 17.18)', () => {
  const { bus, hub, progress, complete, read, move } = bench();
  const { all, watch } = read();
  progress();
  progress({ operation: 'r', type: 'restore' });
  assert.equal(hub.state(uuid), 'running');
  assert.equal(watch.state, 'running');
  assert.deepEqual(JSON.parse(watch.status().bytes.toString()), { event: 'status', args: ['running'] });
  bus.publish(uuid, 'usage', {
    ...{ cpuAbsolute: 0, memoryBytes: 0, memoryLimitBytes: 0, networkRxBytes: 0, networkTxBytes: 0 },
    ...{ blockReadBytes: 0, blockWriteBytes: 0, uptimeMs: 0 },
  });
  assert.equal((JSON.parse(all('stats')[0] ?? '') as { state: string }).state, 'running');
  move('stopping');
  complete();
  complete({ operation: 'r', type: 'restore' });
  assert.deepEqual(all('status'), ['stopping']);
});

test('on the older way an operation takes the place of the process in its state alone', () => {
  const { hub, progress, complete, read, move } = bench({ forkStatus: true });
  const { all, events } = read();
  progress();
  assert.deepEqual(events().slice(0, 3), ['status', 'server_status', 'backup_progress']);
  const late = read();
  assert.deepEqual(JSON.parse(late.watch.status().bytes.toString()), { event: 'status', args: ['backup'] });
  assert.equal(hub.state(uuid), 'running');
  progress({ operation: 'r', type: 'restore', phase: 'stopping' });
  move('stopping');
  move('offline');
  assert.equal((JSON.parse(all('stats')[0] ?? '') as { state: string }).state, 'offline');
  complete({ operation: 'r', type: 'restore' });
  complete();
  assert.deepEqual(all('status'), ['backup', 'restore', 'backup', 'offline']);
  assert.deepEqual(events().slice(-2), ['status', 'server_status']);
  move('starting');
  assert.equal(all('status').at(-1), 'starting');
});

test('without the additions the events of Wings are all there is', () => {
  const { bus, progress, complete, read, move } = bench({ forkEvents: false });
  const { events, watch } = read();
  progress();
  complete();
  progress({ type: 'restore' });
  bus.publish(uuid, 'restoring', { path: 'x' });
  complete({ type: 'restore' });
  move('offline');
  assert.deepEqual(events(), [
    ...[`backup completed:${backupUuid}`, 'backup completed'],
    ...['daemon message', 'daemon message', 'backup restore completed'],
    ...['status', 'stats'],
  ]);
  assert.deepEqual(watch.operations(), []);
});

test('the older name of progress can be left out', () => {
  const { progress, read } = bench({ forkWireNames: false });
  const { events } = read();
  progress();
  progress({ operation: 'r', type: 'restore' });
  assert.deepEqual(events(), ['server_status', 'backup_progress', 'server_status', 'restore_progress']);
});

test('who comes late learns what runs and how far it is, who came early hears nothing twice', () => {
  const { made, progress, complete, read } = bench();
  progress({ operation: 'q', backupId: 'Q', phase: 'queued' });
  progress({ operation: 'a', backupId: 'A' });
  progress({ operation: 'a', backupId: 'A', percentage: 20, bytesWritten: 2, bytesTotal: 10 });
  assert.equal(made.encoded, 0, 'nothing is serialised for nobody');
  const early = read();
  const frames = early.watch.operations();
  assert.deepEqual(
    visible(frames, owner).map(({ event, args }) => [event, /"backup_id":"(.)"/.exec(args?.at(-1) ?? '')?.[1]]),
    [
      ['server_status', 'A'],
      ['backup_progress', 'A'],
      ['backup progress', 'A'],
      ['backup_progress', 'Q'],
      ['backup progress', 'Q'],
    ],
  );
  assert.match(visible(frames, owner)[1]?.args?.[0] ?? '', /"percentage":20,"bytes_written":2,"bytes_total":10/);
  assert.deepEqual(visible(frames, player), [
    status('backup', 'running', { type: 'create', backup_id: null, phase: 'archive' }),
  ]);
  read().watch.operations();
  assert.deepEqual(early.frames, []);
  complete({ operation: 'a' });
  complete({ operation: 'q' });
  assert.deepEqual(visible(read().watch.operations(), owner), [status('running', 'running', null)]);
});

test('each message is serialised once for every kind of reader, however many read', () => {
  const { made, progress, complete, read } = bench();
  const readers = Array.from({ length: 50 }, read);
  progress();
  assert.equal(made.encoded, 4, 'server_status in two kinds, progress under two names');
  progress({ percentage: 1 });
  assert.equal(made.encoded, 6);
  complete({ successful: false, error: 'reason' });
  assert.equal(made.encoded, 11, 'two ends, the third in two kinds, the state of the process');
  const [first] = readers;
  for (const { frames } of readers) {
    for (const [index, { bytes }] of frames.entries()) assert.equal(bytes, first?.frames[index]?.bytes);
  }
});

test('only progress and names of files may be left out for who is slow, each for itself', () => {
  const { bus, progress, complete, read } = bench();
  const { frames } = read();
  progress();
  progress({ operation: 'operation-2' });
  bus.publish(uuid, 'restoring', { path: 'x' });
  complete();
  complete({ operation: 'operation-2', type: 'restore' });
  const latest = frames.filter(({ delivery }) => delivery === 'latest');
  assert.deepEqual(
    latest.map(({ name, series }) => [name, series]),
    [
      ['backup_progress', 'backup_progress operation-1'],
      ['backup progress', 'backup progress operation-1'],
      ['backup_progress', 'backup_progress operation-2'],
      ['backup progress', 'backup progress operation-2'],
      ['daemon message', 'restoring'],
    ],
  );
  assert.ok(frames.every(({ delivery }) => delivery !== 'lines'));
});

test('operations whose end nobody told do not pile up, and what still speaks stays', () => {
  const operations = new Operations();
  operations.advance(aProgress({ operation: 'alive' }));
  for (let index = 0; index < 1_000; index++) {
    operations.advance(aProgress({ operation: `lost ${index}` }));
    operations.advance(aProgress({ operation: 'alive', percentage: 1 }));
  }
  assert.equal(operations.latest.length, 64);
  assert.equal(operations.shown?.operation, 'alive');
  assert.equal(operations.latest.at(-1)?.operation, 'lost 999');
});

test('a server that is gone takes its operations with it, and a stranger has none', () => {
  const { bus, hub, progress, read } = bench();
  progress();
  hub.forget(uuid);
  assert.equal(read().watch.operations().length, 1);
  bus.publish('stranger', 'progress', aProgress());
  bus.publish('stranger', 'completion', aCompletion());
  bus.publish('stranger', 'restoring', { path: 'x' });
  assert.equal(hub.state('stranger'), 'offline');
});

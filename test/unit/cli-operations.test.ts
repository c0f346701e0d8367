// How a backup or a restore looks while it runs and at its end: bar, lines, JSON, rate and time left, names, tables.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';
import { description } from '../../src/cli/commands/describe.ts';
import { defaultName } from '../../src/cli/operations/create.ts';
import { endingOf, endingRecord } from '../../src/cli/operations/ending.ts';
import { listLines } from '../../src/cli/operations/lists.ts';
import { plainLine, progressLine } from '../../src/cli/operations/progress-line.ts';
import { listenForProgress, numbersOf } from '../../src/cli/operations/progress-socket.ts';
import { RateEstimate } from '../../src/cli/operations/rate.ts';
import { type OperationState, stateOf } from '../../src/cli/operations/state.ts';
import { barView, openView, type ViewKind, viewKind } from '../../src/cli/operations/views.ts';
import type { Config } from '../../src/config/config.ts';
import type { Backup, BackupStatus } from '../../src/resources/backup.ts';
import { backupKind } from '../../src/resources/kinds.ts';
import type { Restore, RestoreStatus } from '../../src/resources/restore.ts';
import { type TestIo, testIo } from '../support/cli-io.ts';

const mib = 1024 * 1024;
const metadata = { uid: 'u', resourceVersion: '1', generation: 1, creationTimestamp: '2026-01-01T12:00:00Z' };

function aBackup(status: BackupStatus | undefined, name = 'nightly'): Backup {
  return {
    apiVersion: 'aileron.dev/v1',
    kind: 'Backup',
    metadata: { name, ...metadata },
    spec: { serverRef: { name: 'demo' }, adapter: 'wings', ignore: '', locked: false, cancel: false },
    ...(status ? { status } : {}),
  };
}

function aRestore(status: RestoreStatus): Restore {
  return {
    apiVersion: 'aileron.dev/v1',
    kind: 'Restore',
    metadata: { name: 'back', ...metadata },
    spec: {
      serverRef: { name: 'demo' },
      backupRef: { name: 'nightly' },
      mode: 'Merge',
      paths: [],
      cancel: false,
      ttlSecondsAfterFinished: 60,
    },
    status,
  };
}

const halfway = { phase: 'Archiving', percentage: 45, bytesWritten: 450 * mib, bytesTotal: 1000 * mib };

test('a line has a bar and as much else as there is room for', () => {
  const facts = { ...halfway, perSecond: 210 * mib, msLeft: 6_400 };
  const at = (columns: number, unicode = false) => progressLine(facts, { columns, unicode });
  assert.equal(at(120), 'Archiving   [#############-----------------]  45%  450 MiB of 1000 MiB  210 MiB/s  7s left');
  assert.equal(
    at(120, true),
    'Archiving   [█████████████░░░░░░░░░░░░░░░░░]  45%  450 MiB of 1000 MiB  210 MiB/s  7s left',
  );
  assert.equal(at(80), 'Archiving   [########-----------]  45%  450 MiB of 1000 MiB  210 MiB/s  7s left');
  assert.equal(at(65), 'Archiving   [#####--------]  45%  450 MiB of 1000 MiB  210 MiB/s');
  assert.equal(at(40), 'Archiving   [#########-----------]  45%');
  assert.equal(at(20), 'Archiving 45%');
  assert.equal(at(8), 'Archivi');
  for (let columns = 1; columns <= 200; columns += 1)
    assert.ok(at(columns).length < Math.max(columns, 2), `${columns}`);
});

test('a bar is empty at 0 and full at 100 alone', () => {
  const bar = (percentage: number) =>
    /\[(.*)\]/.exec(progressLine({ ...halfway, percentage }, { columns: 200, unicode: false }))?.[1];
  assert.equal(bar(0), '-'.repeat(30));
  assert.equal(bar(99), `${'#'.repeat(29)}-`);
  assert.equal(bar(100), '#'.repeat(30));
});

test('what is not known is left out', () => {
  const nothing = { phase: 'Pending', percentage: 0, bytesWritten: 0, bytesTotal: 0 };
  assert.equal(plainLine(nothing), 'Waiting 0%');
  assert.equal(plainLine({ ...nothing, phase: 'Archiving', bytesWritten: 5 * mib }), 'Archiving 0%, 5.0 MiB');
  assert.equal(plainLine({ ...halfway, perSecond: 0.2 }), 'Archiving 45%, 450 MiB of 1000 MiB');
  assert.equal(
    plainLine({ ...halfway, phase: 'Finalizing', perSecond: mib, msLeft: 90_000 }),
    'Finishing 45%, 450 MiB of 1000 MiB, 1.0 MiB/s, 1m30s left',
  );
});

test('a rate is smoothed, begins anew with less bytes, and says nothing too early', () => {
  const rate = new RateEstimate();
  assert.equal(rate.perSecond, undefined);
  rate.add(0, 0);
  rate.add(100, 100);
  assert.equal(rate.perSecond, undefined, 'too short a time');
  rate.add(1_000, 1_000);
  assert.equal(rate.perSecond, 1_000);
  rate.add(11_000, 2_000);
  const jumped = rate.perSecond ?? 0;
  assert.ok(jumped > 2_000 && jumped < 5_000, `a jump to 10,000 is smoothed to ${jumped}`);
  for (let second = 3; second < 40; second += 1) rate.add(second * 10_000, second * 1_000);
  assert.ok(Math.abs((rate.perSecond ?? 0) - 10_000) < 100, 'what stays is believed');
  assert.ok(Math.abs((rate.msLeft(390_000, 490_000) ?? 0) - 10_000) < 200);
  assert.equal(rate.msLeft(5, 0), undefined, 'no total');
  for (let second = 40; second < 200; second += 1) rate.add(390_000, second * 1_000);
  assert.equal(rate.msLeft(390_000, 490_000), undefined, 'nothing moves');
  rate.add(10, 200_000);
  assert.equal(rate.perSecond, undefined, 'another count');
});

test('the object says what is so, a console socket is ahead of it at most', () => {
  const progress = { percentage: 40, bytesWritten: 400, bytesTotal: 1000 };
  const archiving = aBackup({ phase: 'Archiving', progress });
  assert.deepEqual(stateOf(aBackup(undefined)), {
    phase: 'Pending',
    finished: false,
    percentage: 0,
    bytesWritten: 0,
    bytesTotal: 0,
  });
  assert.deepEqual(stateOf(archiving), { phase: 'Archiving', finished: false, ...progress });
  const ahead = { percentage: 45, bytesWritten: 450, bytesTotal: 1000 };
  assert.equal(stateOf(archiving, ahead).percentage, 45);
  assert.equal(stateOf(archiving, { ...ahead, bytesWritten: 399 }).percentage, 40, 'one behind is old');
  assert.equal(stateOf(archiving, { ...ahead, percentage: 3 }).percentage, 40, 'never falls');
  const failed = aBackup({ phase: 'Failed', progress: { ...progress, percentage: -1 } });
  assert.deepEqual([stateOf(failed, ahead).finished, stateOf(failed, ahead).percentage], [true, 0]);
});

test('of a socket, only whole numbers about this backup are taken', () => {
  const payload = { backup_id: 'b', type: 'create', percentage: 3, bytes_written: 4, bytes_total: 5, phase: 'archive' };
  assert.deepEqual(numbersOf(JSON.stringify(payload), 'b'), { percentage: 3, bytesWritten: 4, bytesTotal: 5 });
  for (const wrong of [
    { ...payload, backup_id: 'c' },
    { ...payload, percentage: -1 },
    { ...payload, bytes_written: '4' },
    { ...payload, bytes_total: 1.5 },
    null,
    'text',
  ])
    assert.equal(numbersOf(JSON.stringify(wrong), 'b'), undefined, JSON.stringify(wrong));
  assert.equal(numbersOf('{', 'b'), undefined);
});

function shownBy(kind: ViewKind, steps: [ms: number, state: Partial<OperationState>][], io: TestIo): void {
  let now = 0;
  const rate = new RateEstimate();
  const view = openView(kind, { io, rate, now: () => now, name: 'nightly', kind: 'Backup' });
  for (const [ms, state] of steps) {
    now = ms;
    view.show({ ...halfway, finished: false, ...state });
  }
  view.close();
}

const steps: [number, Partial<OperationState>][] = [
  [0, { phase: 'Pending', percentage: 0, bytesWritten: 0, bytesTotal: 0 }],
  [100, { percentage: 0, bytesWritten: 0 }],
  [350, { percentage: 10 }],
  [600, { percentage: 20 }],
  [1_200, { percentage: 30 }],
  [1_300, { phase: 'Finalizing', percentage: 99 }],
  [1_400, { phase: 'Completed', percentage: 100, finished: true }],
];

test('a pipe gets a line for each phase and one a second', () => {
  const io = testIo();
  shownBy('lines', steps, io);
  assert.deepEqual(
    io
      .out()
      .trim()
      .split('\n')
      .map((line) => line.split(',')[0]),
    ['Waiting 0%', 'Archiving 0%', 'Archiving 30%', 'Finishing 99%'],
  );
  assert.equal(io.err(), '');
});

test('a program gets an object a line, and none twice', () => {
  const io = testIo();
  shownBy('json', [...steps.slice(0, 2), ...steps.slice(1)], io);
  const objects = io
    .out()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(objects.length, 6);
  assert.deepEqual(objects[1], {
    kind: 'Backup',
    name: 'nightly',
    ...halfway,
    percentage: 0,
    bytesWritten: 0,
    bytesPerSecond: null,
    secondsLeft: null,
  });
});

test('a terminal gets one line drawn anew, gone at the end', () => {
  const io = testIo({ terminal: true });
  shownBy('bar', steps.slice(0, 3), io);
  const drawn = io.out().split('\r\u001b[K');
  assert.deepEqual([drawn.length, drawn[0], drawn.at(-1)], [5, '', '']);
  assert.match(drawn[3] ?? '', /^Archiving {3}\[#+-+\] {2}10% {2}450 MiB of 1000 MiB$/);
  assert.doesNotMatch(io.out(), /\n/);

  const talking = testIo({ terminal: true, env: { NO_COLOR: '1' } });
  const view = barView({ io: talking, rate: new RateEstimate() }, talking.stdout);
  view.show({ ...halfway, finished: false });
  view.notice('The node is away.');
  assert.equal(talking.err(), 'The node is away.\n');
  assert.equal(talking.out().split('\r\u001b[K').length, 4, 'taken off, and drawn again');
});

test('which face it has', () => {
  const terminal = testIo({ terminal: true });
  assert.equal(viewKind(terminal, {}), 'bar');
  assert.equal(viewKind(testIo({ terminal: true, env: { TERM: 'dumb' } }), {}), 'lines');
  assert.equal(viewKind(testIo(), {}), 'lines');
  assert.equal(viewKind(terminal, { json: true }), 'json');
  assert.equal(viewKind(terminal, { json: true, quiet: true }), 'nothing');
});

test('an end is a sentence, with what is worth a note', () => {
  const counts = { entries: 5120, contentBytes: 800 * mib, changed: 1, skipped: 2 };
  const archive = { size: 400 * mib, checksum: 'ab', checksumType: 'sha1', format: 'gzip', ...counts } as const;
  const times = { startedAt: '2026-01-01T12:00:05Z', completedAt: '2026-01-01T12:00:17Z' };
  const completed = aBackup({ phase: 'Completed', archive, ...times });
  assert.deepEqual(endingOf(completed), {
    completed: true,
    sentence: 'completed in 12s: 5120 files, 800 MiB in an archive of 400 MiB',
    notes: [
      'Shrank while it was read, and was filled with zeros: 1 file.',
      'Left out, because it vanished or is no file, directory or link: 2.',
    ],
  });
  assert.deepEqual(JSON.parse(JSON.stringify(endingRecord(completed))), {
    ...{ kind: 'Backup', name: 'nightly', phase: 'Completed', percentage: 0, bytesWritten: 0, bytesTotal: 0 },
    ...{ ...times, archive },
  });
  const outcome = { result: 'Failed', reason: 'NoSpace', message: 'The disk is full.\u001b[2J' } as const;
  assert.deepEqual(endingOf(aBackup({ phase: 'Failed', outcome })), {
    completed: false,
    sentence: 'failed: The disk is full.',
    notes: [],
  });
  assert.match(endingOf(aBackup({ phase: 'Cancelled' })).sentence, /^was cancelled: /);
  const result = { files: 1, bytes: 10, skipped: 0, warnings: ['It had no end.\u0007'] };
  assert.deepEqual(endingOf(aRestore({ phase: 'Completed', result })), {
    completed: true,
    sentence: 'completed: 1 file, 10 B',
    notes: ['It had no end.'],
  });
});

test('a default name tells server and time, and is one', () => {
  const at = new Date('2026-03-04T05:06:07.890Z');
  assert.equal(defaultName('demo', at), 'demo-20260304-050607');
  const long = defaultName(`${'a'.repeat(234)}.${'b'.repeat(18)}`, at);
  assert.equal(long, `${'a'.repeat(234)}-20260304-050607`);
  assert.ok(`${long}-2`.length <= 253);
});

test('lists are for people', () => {
  const archive = { size: 3 * mib, checksum: 'ab', checksumType: 'sha1', format: 'gzip', entries: 7 } as const;
  const now = Date.parse('2026-01-01T13:30:00Z');
  const backups = [
    aBackup({ phase: 'Completed', archive, progress: { percentage: 100, bytesWritten: 1, bytesTotal: 1 } }),
    aBackup(undefined, 'next'),
    aBackup({ phase: 'Failed', progress: { percentage: -1, bytesWritten: 1, bytesTotal: 1 } }, 'bad'),
  ];
  assert.deepEqual(listLines(backups, now), [
    'NAME      SERVER   PHASE       DONE      SIZE   FILES   AGE     LOCKED',
    'nightly   demo     Completed   100%   3.0 MiB       7   1h30m   no',
    'next      demo     Pending       0%         -       -   1h30m   no',
    'bad       demo     Failed         -         -       -   1h30m   no',
  ]);
  const outcome = { result: 'Cancelled', reason: 'Cancelled', message: 'It was cancelled.' } as const;
  assert.deepEqual(listLines([aRestore({ phase: 'Cancelled', outcome })], now), [
    'NAME   SERVER   BACKUP    MODE    PHASE       DONE   AGE     MESSAGE',
    'back   demo     nightly   Merge   Cancelled     0%   1h30m   It was cancelled.',
  ]);
});

test('a description tells each phase with its times', () => {
  const phases = [
    { phase: 'Pending', startedAt: '2026-01-01T12:00:00Z', finishedAt: '2026-01-01T12:00:05Z' },
    { phase: 'Archiving', startedAt: '2026-01-01T12:00:05Z' },
  ];
  const backup = aBackup({ phase: 'Archiving', phases });
  const text = description(testIo(), backupKind, backup, [], Date.parse('2026-01-01T12:01:10Z')).join('\n');
  assert.match(
    text,
    /^Phases:\n {2}PHASE +SINCE +TOOK\n {2}Pending +2026-01-01T12:00:00Z +5s\n {2}Archiving +2026-01-01T12:00:05Z +1m5s so far$/m,
  );
});

test('a console socket is heard of one backup, until it is left', async (t) => {
  const door = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  t.after(() => door.close());
  await once(door, 'listening');
  const { port } = door.address() as AddressInfo;
  const seen: string[] = [];
  const gone = new Promise<void>((resolve) => {
    door.on('connection', (socket) => {
      socket.on('message', (data) => {
        const { event } = JSON.parse(String(data)) as { event: string };
        seen.push(event);
        if (event !== 'auth') return;
        const tell = (name: string, payload?: object) =>
          socket.send(JSON.stringify({ event: name, ...(payload ? { args: [JSON.stringify(payload)] } : {}) }));
        const step = { backup_id: 'b', type: 'create', percentage: 3, bytes_written: 4, bytes_total: 5 };
        tell('auth success');
        tell('restore_progress', { ...step, percentage: 1 });
        tell('backup_progress', { ...step, backup_id: 'other', percentage: 2 });
        tell('backup_progress', step);
        tell('backup_progress', { ...step, percentage: -1 });
        tell('backup_progress', { ...step, percentage: 4 });
      });
      socket.on('close', () => resolve());
    });
  });
  const api = { host: '127.0.0.1', port, ssl: { enabled: false } };
  const config = { api, remote: '', token: { id: 'a', secret: 'a-token-of-the-test-0123456789abcdef' } };
  const backup = aBackup({ phase: 'Archiving' });
  Object.assign(backup.spec, { uuid: 'b', serverRef: { name: 'demo', uuid: 'a' } });
  const heard: number[] = [];
  await new Promise<void>((resolve) => {
    const leave = listenForProgress(config as unknown as Config, backup, ({ percentage }) => {
      heard.push(percentage);
      if (percentage !== 4) return;
      leave();
      resolve();
    });
  });
  await gone;
  assert.deepEqual(heard, [3, 4]);
  assert.equal(seen[0], 'auth');
});

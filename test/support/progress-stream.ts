// Judges what a console saw of one backup or restore, frame by frame, by the rules of the contract (backups 12.2, websocket
// 16.3). Each objection begins with the number of the rule. Rule 8 is about cost and cannot be seen in a stream.
import assert from 'node:assert/strict';
import type { ConsoleClient } from './console-client.ts';

export interface RecordedFrame {
  /** ms of a clock that never goes back. */
  at: number;
  event: string;
  args: readonly string[];
}

export interface StreamExpectation {
  type: 'create' | 'restore';
  backupId: string;
  /** A cancel is a failure. */
  outcome: 'success' | 'failure';
  adapter?: 'wings' | 's3';
  /** When it was accepted, by the clock of the frames; unknown when absent. */
  acceptedAt?: number;
  /** The recording began when the work had begun. */
  joinedLate?: boolean;
  /** Progress comes under its older name too. Default true. */
  wireNames?: boolean;
  /** The reader has admin.websocket.errors. */
  seesErrors?: boolean;
  /** The total stays unknown. */
  bytesOnly?: boolean;
  /** Whoever is owed the report took it only after the end had been told as a failure. */
  acceptedLater?: boolean;
  /** ms by which a frame may seem too early or too late, for the way it went. */
  earlyMs?: number;
  lateMs?: number;
}

export interface Progress {
  /** Of its frame. */
  index: number;
  at: number;
  phase: string;
  percentage: number;
  written: number;
  total: number;
}

interface Payload {
  backup_id: string;
  type: string;
  percentage: number;
  bytes_written: number;
  bytes_total: number;
  phase: string;
}

interface ServerStatus {
  state: string;
  process_state: string;
  operation: { type: string; backup_id: string | null; phase: string } | null;
}

const phasesOf = {
  create: ['queued', 'archive', 'upload', 'finalize'],
  restore: ['queued', 'stopping', 'download', 'extract', 'finalize'],
};
const leastGapMs = 250;
const repeatMs = 5_000;

/** All that the client gets from now on. */
export function recordFrames({ socket }: Pick<ConsoleClient, 'socket'>): RecordedFrame[] {
  const frames: RecordedFrame[] = [];
  socket.on('message', (data) => {
    const { event, args = [] } = JSON.parse(String(data)) as { event: string; args?: string[] };
    frames.push({ at: performance.now(), event, args });
  });
  return frames;
}

/** What a reader with backup.read saw. Answers with the progress. @throws AssertionError that names the rule */
export function checkProgressStream(frames: readonly RecordedFrame[], expected: StreamExpectation): Progress[] {
  const progress = progressOf(frames, expected);
  assert.ok(progress.length > 0, '1: there is no progress');
  checkStart(progress, expected);
  checkValues(progress, expected);
  checkShares(progress, expected);
  checkRate(progress, expected);
  checkTerminalSet(frames, expected);
  checkOrder(frames, expected);
  checkState(frames, progress, expected);
  return progress;
}

/** What a reader without backup.read saw of the same operation: that there is one, and the end of a restore. */
export function checkWithoutBackupRead(
  frames: readonly RecordedFrame[],
  { type, backupId, outcome, adapter = 'wings' }: StreamExpectation,
): void {
  const hidden = /^(?:backup_progress|restore_progress|backup progress|backup completed.*|backup_restore_completed)$/;
  const leaked = frames.filter(({ event, args }) => hidden.test(event) || args.join().includes(backupId));
  assert.deepEqual(leaked, [], 'SEC-48: only for backup.read');
  const texts = frames.filter(({ event }) => event === 'daemon message').map(({ args }) => args[0]);
  const ends = frames.filter(({ event }) => event === 'backup restore completed').map(({ args }) => args);
  assert.deepEqual(texts, type === 'restore' ? [endText(outcome, adapter)] : [], '9: the final word, no file names');
  assert.deepEqual(ends, type === 'restore' ? [['']] : [], '9: the end of a restore is for everybody');
}

export function parseServerStatus({ args }: Pick<RecordedFrame, 'args'>): ServerStatus {
  const status = JSON.parse(args[1] ?? '') as ServerStatus;
  assert.equal(args[0], status.state, '12: both arguments of server_status name the same state');
  return status;
}

const mainEvent = ({ type }: StreamExpectation) => (type === 'create' ? 'backup_progress' : 'restore_progress');

function endText(outcome: StreamExpectation['outcome'], adapter: 'wings' | 's3'): string {
  const place = adapter === 's3' ? 'S3' : 'local';
  return outcome === 'success'
    ? `Completed server restoration from ${place} backup.`
    : `Failed to restore the server from ${place} backup.`;
}

function isOf(args: readonly string[], { type, backupId }: StreamExpectation): boolean {
  const payload = JSON.parse(args[0] ?? '') as Payload;
  return payload.backup_id === backupId && payload.type === type;
}

function progressOf(frames: readonly RecordedFrame[], expected: StreamExpectation): Progress[] {
  const named = (name: string) => frames.filter(({ event, args }) => event === name && isOf(args, expected));
  const own = named(mainEvent(expected));
  const progress = own.map((frame) => {
    const { at, args } = frame;
    assert.equal(args.length, 1, '16.3: one argument');
    const payload = JSON.parse(args[0] ?? '') as Payload;
    const fields = ['backup_id', 'type', 'percentage', 'bytes_written', 'bytes_total', 'phase'];
    assert.deepEqual(Object.keys(payload), fields, '16.3: all fields, always');
    assert.ok(phasesOf[expected.type].includes(payload.phase), `16.3: the phase ${payload.phase}`);
    const { phase, percentage, bytes_written, bytes_total } = payload;
    return { index: frames.indexOf(frame), at, phase, percentage, written: bytes_written, total: bytes_total };
  });
  const older = named('backup progress').map(({ args }) => args[0]);
  const wanted = expected.wireNames === false ? [] : own.map(({ args }) => args[0]);
  assert.deepEqual(older, wanted, '16.2: the same JSON under the older name');
  return progress;
}

function checkStart([first]: Progress[], { acceptedAt, joinedLate = false, lateMs = 1_000 }: StreamExpectation): void {
  if (!first || joinedLate) return;
  if (first.percentage !== -1) assert.equal(first.percentage, 0, '1: the first is 0');
  if (acceptedAt === undefined) return;
  assert.ok(first.at - acceptedAt <= leastGapMs + lateMs, `1: the first came after ${first.at - acceptedAt} ms`);
}

function checkValues(progress: readonly Progress[], { outcome }: StreamExpectation): void {
  const final = progress.at(-1);
  assert.equal(final?.percentage, outcome === 'success' ? 100 : -1, '2: the last is 100 or -1');
  const order = (phase: string) => (phase === 'finalize' ? 1 : 0) - (phase === 'queued' ? 1 : 0);
  for (const [index, one] of progress.entries()) {
    const before = progress[index - 1];
    for (const value of [one.percentage, one.written, one.total]) {
      assert.ok(Number.isSafeInteger(value), `2: ${value} is no integer`);
    }
    assert.ok(one.written >= 0 && one.total >= 0, '3: bytes are not negative');
    assert.ok(one.total === 0 || one.total >= one.written, `3: ${one.written} of ${one.total} bytes`);
    if (one !== final) assert.ok(one.percentage >= 0 && one.percentage <= 99, `2: ${one.percentage} before the end`);
    if (one.phase === 'queued' && one !== final) {
      assert.deepEqual([one.percentage, one.written], [0, 0], '13: nothing moves in the queue');
    }
    if (!before) continue;
    if (one !== final) assert.ok(one.percentage >= before.percentage, '2: the percentage fell');
    assert.ok(one.written >= before.written, '3: the bytes fell');
    assert.ok(one.total > 0 || before.total === 0, '3: a total that was known is known no more');
    assert.ok(order(one.phase) >= order(before.phase), `12: ${one.phase} after ${before.phase}`);
  }
}

/** Rules 4, 5 and 6: what the percentage is a share of. */
function checkShares(progress: readonly Progress[], expected: StreamExpectation): void {
  let highest = 0;
  for (const [index, { phase, percentage, written, total }] of progress.slice(0, -1).entries()) {
    const before = progress[index - 1];
    const stands = before?.phase === phase && (phase === 'stopping' || phase === 'finalize');
    if (stands) assert.equal(percentage, before.percentage, `6: ${phase} does not move the percentage`);
    if (expected.bytesOnly) {
      assert.equal(total, 0, '5: the total stays unknown');
      if (phase !== 'upload') assert.equal(percentage, 0, '5: without a total it stays 0');
    } else if (expected.type === 'create' && expected.adapter === 's3') {
      checkUploaded({ phase, percentage });
    } else if (total === 0) {
      assert.equal(percentage, highest, '5: without a total nothing moves');
    } else if (phase === 'archive' || phase === 'extract' || phase === 'download') {
      const share = Math.min(99, Math.floor((100 * written) / total));
      const rule = expected.type === 'create' ? 4 : 6;
      assert.equal(percentage, Math.max(highest, share), `${rule}: ${written} of ${total} bytes`);
    }
    highest = Math.max(highest, percentage);
  }
}

function checkUploaded({ phase, percentage }: Pick<Progress, 'phase' | 'percentage'>): void {
  if (phase === 'archive') assert.ok(percentage <= 79, `4: ${percentage} while the archive is open`);
  if (phase === 'upload') assert.ok(percentage >= 80, `4: ${percentage} while the archive is uploaded`);
}

function checkRate(
  progress: readonly Progress[],
  { earlyMs = 100, lateMs = 1_000, joinedLate = false }: StreamExpectation,
): void {
  for (const [index, one] of progress.entries()) {
    const before = progress[index - 1];
    if (!before) continue;
    const gap = one.at - before.at;
    assert.ok(gap <= repeatMs + lateMs, `7: silent for ${gap} ms`);
    // What a late reader is shown first was sent to others before.
    const isExempt = index === progress.length - 1 || one.phase !== before.phase || (joinedLate && index === 1);
    if (isExempt) continue;
    assert.ok(gap >= leastGapMs - earlyMs, `7: only ${gap} ms between two`);
    const isSame = one.percentage === before.percentage && one.written === before.written && one.total === before.total;
    if (isSame) assert.ok(gap >= repeatMs - earlyMs, `7: the same again after ${gap} ms`);
  }
}

/** What is not progress and tells of the end, in the order in which it came. */
function terminalFrames(frames: readonly RecordedFrame[], expected: StreamExpectation): RecordedFrame[] {
  const { type, backupId } = expected;
  return frames.filter(({ event, args }) => {
    if (event === 'backup_restore_completed') return isOf(args, expected);
    if (type === 'restore') {
      return (
        event === 'backup restore completed' || (event === 'daemon message' && !args[0]?.startsWith('(restoring)'))
      );
    }
    if (event !== 'backup completed' && event !== `backup completed:${backupId}`) return false;
    return (JSON.parse(args[0] ?? '') as { uuid: string }).uuid === backupId;
  });
}

function checkTerminalSet(frames: readonly RecordedFrame[], expected: StreamExpectation): void {
  const { type, backupId, outcome, adapter = 'wings', seesErrors = false, acceptedLater = false } = expected;
  const terminal = terminalFrames(frames, expected);
  const pair = [`backup completed:${backupId}`, 'backup completed'];
  const standard = type === 'create' ? pair : ['daemon message', 'backup restore completed'];
  const wanted = [...standard, 'backup_restore_completed', ...(acceptedLater ? pair : [])];
  const rule = acceptedLater ? 11 : 9;
  assert.deepEqual(
    terminal.map(({ event }) => event),
    wanted,
    `${rule}: the end is told once, whole and in order`,
  );
  for (const [index, { event, args }] of terminal.entries()) {
    const successful = outcome === 'success' || (acceptedLater && index > 2);
    if (event === 'backup_restore_completed') checkEitherEnd(args, expected, seesErrors);
    else if (event === 'daemon message') assert.deepEqual(args, [endText(outcome, adapter)], '12.3: the final word');
    else if (event === 'backup restore completed') assert.deepEqual(args, [''], '12.3: one empty argument');
    else checkCompleted(args, successful);
  }
}

function checkEitherEnd(args: readonly string[], { backupId, type, outcome }: StreamExpectation, seesErrors: boolean) {
  const { error, ...rest } = JSON.parse(args[0] ?? '') as { error: string | null };
  assert.deepEqual(rest, { backup_id: backupId, type, successful: outcome === 'success' }, '9: how it ended');
  if (outcome === 'success' || !seesErrors) assert.equal(error, null, 'SEC-48: the reason is for administrators');
  else assert.ok(error, '16.3: a failure has a reason');
}

function checkCompleted(args: readonly string[], successful: boolean): void {
  const payload = JSON.parse(args[0] ?? '') as Record<string, unknown>;
  const fields = ['uuid', 'is_successful', 'checksum', 'checksum_type', 'file_size'];
  assert.deepEqual(Object.keys(payload), fields, '12.2: the payload of Wings');
  assert.equal(payload.is_successful, successful, '9: whether it is successful');
  assert.equal(payload.checksum_type, 'sha1', '12.2: the kind of checksum');
  assert.match(String(payload.checksum), successful ? /^[0-9a-f]{40}$/ : /^$/, '12.2: the checksum');
  const size = Number(payload.file_size);
  assert.ok(successful ? Number.isSafeInteger(size) && size > 0 : size === 0, '12.2: the size');
}

/** Rule 10: nothing of the work comes behind its end. */
function checkOrder(frames: readonly RecordedFrame[], expected: StreamExpectation): void {
  const events = [mainEvent(expected), 'backup progress'];
  const work = frames.findLastIndex(({ event, args }) =>
    event === 'daemon message'
      ? expected.type === 'restore' && args[0]?.startsWith('(restoring)')
      : events.includes(event) && isOf(args, expected),
  );
  const [end] = terminalFrames(frames, expected);
  assert.ok(end && work < frames.indexOf(end), '10: work is seen after the end');
}

/** Rules 10, 12 and 13: when the server shows the operation. */
function checkState(
  frames: readonly RecordedFrame[],
  progress: readonly Progress[],
  expected: StreamExpectation,
): void {
  const { type, backupId, joinedLate = false } = expected;
  const states = frames.flatMap((frame, index) => {
    if (frame.event !== 'server_status') return [];
    const { operation, state } = parseServerStatus(frame);
    const isOurs = operation?.type === type && operation.backup_id === backupId;
    if (isOurs) assert.equal(state, type === 'create' ? 'backup' : 'restore', '12: the state of the operation');
    return [{ index, isOurs, isBusy: operation !== null }];
  });
  const working = progress.slice(0, -1).find(({ phase }) => phase !== 'queued');
  const begin = states.find(({ isOurs }) => isOurs)?.index;
  if (!working) {
    assert.equal(begin, undefined, '13: what never left the queue is not shown');
    return;
  }
  assert.ok(begin !== undefined && begin < working.index, '12: work is seen before the state');
  const queued = progress.findLast(({ phase }) => phase === 'queued');
  if (!joinedLate) assert.ok(!queued || queued.index < begin, '13: shown while it waits in the queue');
  const end = frames.indexOf(terminalFrames(frames, expected).findLast(isEitherEnd) as RecordedFrame);
  const after = states.filter(({ index }) => index > end);
  assert.ok(after.length > 0, '10: the state does not return after the end');
  assert.ok(!after.some(({ isOurs }) => isOurs), '12: shown after its end');
  const returned = states.some(({ index, isBusy }) => index > begin && index < end && !isBusy);
  assert.ok(!returned, '12: the state returned before the end');
}

function isEitherEnd({ event }: RecordedFrame): boolean {
  return event === 'backup_restore_completed';
}

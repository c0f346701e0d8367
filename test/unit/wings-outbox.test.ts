// What waits to be sent on one socket, when the other side is slow.
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import type { Frame } from '../../src/console/frame.ts';
import { Outbox } from '../../src/http/wings/outbox.ts';
import { textFrame } from '../../src/http/wings/text-frame.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** A connection that takes nothing until it is told to. */
class Slow extends Writable {
  readonly got: Buffer[] = [];
  #open = false;
  #waiting: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: 64 * KiB });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.got.push(chunk);
    if (this.#open) done();
    else this.#waiting = done;
  }

  /** Takes all from now on. */
  async flow(): Promise<void> {
    this.#open = true;
    this.#waiting?.();
    await settle(50);
  }

  get text(): string {
    return Buffer.concat(this.got).toString();
  }
}

interface Bench {
  box: Outbox;
  connection: Slow;
  clock: FakeClock;
  events: string[];
  dropped: number;
}

function bench(): Bench {
  const clock = new FakeClock();
  const connection = new Slow();
  const result: Bench = { connection, clock, events: [], dropped: 0 } as unknown as Bench;
  result.box = new Outbox({
    connection,
    clock,
    gap: () => Buffer.from('<gap>'),
    onTooSlow: () => result.events.push('too slow'),
    onDropped: (frames) => {
      result.dropped += frames;
    },
  });
  return result;
}

function line(name: string, bytes = 32 * KiB): Frame {
  return { bytes: Buffer.from(`<${name}>`.padEnd(bytes, '.')), delivery: 'lines', name: 'console output' };
}

function keep(name: string, bytes = 0): Frame {
  return { bytes: Buffer.from(`<${name}>`.padEnd(bytes, '.')), delivery: 'keep', name };
}

function latest(name: string, value: string): Frame {
  return { bytes: Buffer.from(`<${name} ${value}>`), delivery: 'latest', name };
}

const marks = (text: string): string[] => text.match(/<[^>]*>/g) ?? [];

test('what a connection takes goes out at once and in order', async () => {
  const { box, connection } = bench();
  await connection.flow();
  for (const name of ['a', 'b', 'c']) box.push(keep(name));
  await settle();
  assert.deepEqual(marks(connection.text), ['<a>', '<b>', '<c>']);
  assert.equal(box.waitingBytes, 0);
});

test('a burst that a quick connection takes leaves nothing behind, in one turn', () => {
  const clock = new FakeClock();
  const sink = new Writable({ highWaterMark: 64 * KiB, write: (_chunk, _encoding, done) => done() });
  const box = new Outbox({ connection: sink, clock, gap: () => Buffer.alloc(0), onTooSlow: () => assert.fail() });
  for (let index = 0; index < 100; index++) box.push(line(String(index)));
  assert.equal(box.waitingBytes, 0);
});

test('above a mebibyte the oldest lines go and one word says so (covers: SEC-47)', async () => {
  const { box, connection } = bench();
  for (let index = 0; index < 200; index++) {
    box.push(line(`line ${index}`));
    assert.ok(box.waitingBytes <= MiB + 32 * KiB, 'the queue is bounded');
  }
  box.push(keep('status'));
  await connection.flow();
  const got = marks(connection.text);
  assert.equal(got.filter((mark) => mark === '<gap>').length, 1);
  const gap = got.indexOf('<gap>');
  assert.deepEqual(got.slice(0, gap), ['<line 0>', '<line 1>'], 'what the connection had already');
  const after = got.slice(gap + 1, -1).map((mark) => Number(/\d+/.exec(mark)?.[0]));
  assert.equal(after.at(-1), 199, 'the newest are there');
  assert.deepEqual(
    after,
    after.map((_, index) => (after[0] ?? 0) + index),
    'without a hole among them',
  );
  assert.equal(got.at(-1), '<status>');
  box.push(line('again', 10));
  await settle();
  assert.equal(marks(connection.text).at(-1), '<again>');
});

test('states and answers are never dropped, whatever is (covers: SEC-47)', async () => {
  const { box, connection } = bench();
  const kept: string[] = [];
  for (let index = 0; index < 300; index++) {
    box.push(line(`l${index}`));
    box.push(keep(`status ${index}`));
    kept.push(`<status ${index}>`);
  }
  await connection.flow();
  assert.deepEqual(
    marks(connection.text).filter((mark) => mark.startsWith('<status')),
    kept,
  );
});

test('under pressure only the newest of figures counts', async () => {
  const { box, connection, dropped } = bench();
  assert.equal(dropped, 0);
  box.push(latest('stats', 'before'));
  box.push(keep('big', 1.1 * MiB));
  for (const value of ['1', '2', '3']) box.push(latest('stats', value));
  box.push(latest('progress', '7'));
  await connection.flow();
  assert.deepEqual(marks(connection.text), ['<stats before>', '<big>', '<stats 3>', '<progress 7>']);
});

test('of figures under pressure each series is for itself, and what is no figure stays (websocket 17.20)', async () => {
  const { box, connection } = bench();
  const progress = (series: string, value: string): Frame => ({ ...latest('progress', `${series} ${value}`), series });
  box.push(keep('big', 1.1 * MiB));
  box.push(keep('one'));
  for (let index = 0; index <= 1_000; index++) {
    for (const series of ['one', 'other']) box.push(progress(series, String(index)));
    assert.ok(box.waitingBytes < 1.2 * MiB);
  }
  box.push(keep('completed'));
  await connection.flow();
  assert.deepEqual(marks(connection.text), [
    ...['<big>', '<one>', '<progress one 1000>', '<progress other 1000>', '<completed>'],
  ]);
});

test('without pressure every figure goes out', async () => {
  const { box, connection } = bench();
  for (const value of ['1', '2', '3']) box.push(latest('stats', value));
  await connection.flow();
  assert.deepEqual(marks(connection.text), ['<stats 1>', '<stats 2>', '<stats 3>']);
});

test('above eight mebibytes the client is too slow, once (covers: SEC-47)', () => {
  const { box, events } = bench();
  for (let index = 0; index < 8; index++) box.push(keep(String(index), MiB - 1));
  assert.deepEqual(events, []);
  for (let index = 0; index < 3; index++) box.push(keep(String(index), MiB));
  assert.deepEqual(events, ['too slow']);
});

test('when nothing moves for half a minute the client is too slow (covers: SEC-47)', async () => {
  const { box, clock, events, connection } = bench();
  for (let index = 0; index < 5; index++) box.push(line(String(index)));
  await clock.advance(29_999);
  assert.deepEqual(events, []);
  await clock.advance(1);
  assert.deepEqual(events, ['too slow']);
  box.push(keep('late'));
  await connection.flow();
  assert.equal(marks(connection.text).includes('<late>'), false);
  assert.equal(clock.pendingTimers, 0);
});

test('a client that moves a little is given time anew', async () => {
  const { box, clock, events, connection } = bench();
  for (let index = 0; index < 5; index++) box.push(line(String(index)));
  await clock.advance(20_000);
  await connection.flow();
  await clock.advance(60_000);
  assert.deepEqual(events, []);
  assert.equal(clock.pendingTimers, 0);
});

test('the end waits for what is queued and takes nothing more', async () => {
  const { box, connection } = bench();
  for (let index = 0; index < 5; index++) box.push(line(String(index)));
  let ended = false;
  box.finish(() => {
    ended = true;
  });
  box.push(keep('late'));
  assert.equal(ended, false);
  await connection.flow();
  assert.equal(ended, true);
  assert.deepEqual(marks(connection.text), ['<0>', '<1>', '<2>', '<3>', '<4>']);
});

test('what is taken back is not sent', async () => {
  const { box, connection } = bench();
  for (let index = 0; index < 5; index++) box.push(line(String(index)));
  box.clear();
  box.push(keep('jwt error'));
  await connection.flow();
  assert.deepEqual(marks(connection.text), ['<0>', '<1>', '<jwt error>']);
});

test('a frame of the wire has the header its length asks for', () => {
  const payload = (frame: Buffer, header: number) =>
    JSON.parse(frame.subarray(header).toString()) as { args: string[] };
  const small = textFrame('auth success');
  assert.equal(small.toString('latin1'), '\x81\x18{"event":"auth success"}');
  const middle = textFrame('a', ['é'.repeat(200)]);
  assert.deepEqual([...middle.subarray(0, 2)], [0x81, 126]);
  assert.equal(middle.readUInt16BE(2), middle.length - 4);
  assert.equal(payload(middle, 4).args[0], 'é'.repeat(200));
  const large = textFrame('a', ['x'.repeat(70_000)]);
  assert.deepEqual([...large.subarray(0, 2)], [0x81, 127]);
  assert.equal(large.readBigUInt64BE(2), BigInt(large.length - 10));
  assert.equal(payload(large, 10).args[0], 'x'.repeat(70_000));
  for (const length of [125, 126, 65_535, 65_536]) {
    const frame = textFrame('a', ['x'.repeat(length - '{"event":"a","args":[""]}'.length)]);
    assert.equal(frame.length, length + (length < 126 ? 2 : length < 65_536 ? 4 : 10));
  }
});

import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { DoneMatcher, type DoneMatcherOptions } from '../../controllers/server/done-matcher.ts';
import { DoneThread } from '../../controllers/server/done-thread.ts';
import { LineQueue, linesOf } from '../../controllers/server/line-queue.ts';
import { type Logger, silentLogger } from '../../src/telemetry/log.ts';
import { FakeClock } from '../support/fake-clock.ts';

interface Watched {
  matcher: DoneMatcher;
  done: Promise<void>;
  times(): number;
  push(...lines: string[]): void;
}

function watch(t: TestContext, options: Partial<DoneMatcherOptions> & { rules: string[] }): Watched {
  let times = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const matcher = new DoneMatcher({
    stripAnsi: false,
    log: silentLogger,
    thread: new DoneThread(),
    onDone: () => {
      times += 1;
      resolve();
    },
    ...options,
  });
  t.after(() => matcher.close());
  const push = (...lines: string[]) => {
    for (const line of lines) matcher.push(Buffer.from(line));
  };
  return { matcher, done: promise, times: () => times, push };
}

/** Expression and line of which one test takes some twenty seconds. */
const endless = { rule: `regex:${'[xw]{1000}'.repeat(100)}[yz]`, line: 'x'.repeat(50_000) };

test('a text is seen at once and starts no thread', (t) => {
  const thread = new DoneThread();
  const { push, times } = watch(t, { rules: ['is up', 'regex:'], thread });
  push('starting', 'is down');
  assert.equal(times(), 0);
  push('it is up', 'it is up');
  assert.equal(times(), 1, 'only the first');
  assert.equal(thread.running, false);
});

test('an expression is seen on the thread, which ends with the last server that needs it', async (t) => {
  const thread = new DoneThread();
  const first = watch(t, { rules: ['regex:^up in (?P<ms>\\d+)ms\\z'], thread });
  const second = watch(t, { rules: ['regex:^ready$'], stripAnsi: true, thread });
  assert.equal(thread.running, false, 'not before there is a line');
  first.push('loading', 'up in x ms');
  second.push('up in 5ms', '\x1b[32mready\x1b[0m');
  await second.done;
  first.push('up in 5ms', 'up in 6ms');
  await first.done;
  assert.deepEqual([first.times(), second.times()], [1, 1]);
  assert.equal(thread.running, false);
});

test('a text is seen although an expression stands beside it', (t) => {
  const { push, times } = watch(t, { rules: ['regex:^never$', 'is up'] });
  push('it is up');
  assert.equal(times(), 1);
});

test('nothing is said after close', async (t) => {
  const thread = new DoneThread();
  const closed = watch(t, { rules: ['regex:^up$'], thread });
  const other = watch(t, { rules: ['regex:^up$'], thread });
  closed.push('up');
  closed.matcher.close();
  closed.push('up');
  other.push('up');
  await other.done;
  assert.equal(closed.times(), 0);
});

test('rules that are no expressions are told once and compared as text', async (t) => {
  const told: string[][] = [];
  const { push, done } = watch(t, { rules: ['regex:[a', 'regex:^up$'], onInvalid: (rules) => told.push(rules) });
  push('x', 'literally regex:[a');
  await done;
  assert.deepEqual(told, [['regex:[a']]);
});

test('a server whose expression takes too long pauses, and the others go on', async (t) => {
  const clock = new FakeClock();
  const thread = new DoneThread({ clock });
  const warnings: string[] = [];
  const log: Logger = { ...silentLogger, warn: (_fields, message) => warnings.push(message) };
  const slow = watch(t, { rules: [endless.rule, 'regex:^slow is up$'], thread, log });
  const quick = watch(t, { rules: ['regex:^up$'], thread });
  slow.push(endless.line, 'slow is up');
  quick.push('up');
  await clock.advance(2_000);
  await quick.done;
  assert.equal(slow.matcher.lostLines, 1, 'the line of the turn');
  assert.equal(slow.times(), 0, 'it has to wait');
  await clock.advance(1_000);
  await slow.done;
  slow.matcher.close();
  assert.deepEqual(warnings, [
    'done expressions cannot follow the console; lines go untested',
    'console lines were not tested for being done',
  ]);
});

test('the queue of lines keeps room for short ones', () => {
  const queue = new LineQueue();
  const long = Buffer.alloc(50_000, 'l');
  let longLines = 0;
  while (queue.push(long)) longLines += 1;
  assert.ok(longLines > 100 && longLines * long.length <= 8 * 1024 * 1024);
  let shortLines = 0;
  while (queue.push(Buffer.from(`short ${shortLines}`))) shortLines += 1;
  assert.ok(shortLines > 50_000, 'and they are bounded too');
  const order: string[] = [];
  for (let batch = queue.takeBatch(); batch; batch = queue.takeBatch()) {
    for (const line of linesOf(batch)) order.push(line.toString('latin1', 0, 12));
  }
  assert.equal(order.length, longLines + shortLines);
  assert.equal(order[longLines], 'short 0');
  assert.equal(order.at(-1), `short ${shortLines - 1}`);
  assert.ok(queue.push(long), 'there is room again');
});

test('a batch holds empty lines and keeps no memory of the caller', () => {
  const queue = new LineQueue();
  const source = Buffer.from('a');
  queue.push(source);
  queue.push(Buffer.alloc(0));
  source.write('b');
  const batch = queue.takeBatch();
  assert.deepEqual(batch && [...linesOf(batch)].map(String), ['a', '']);
  assert.equal(queue.takeBatch(), undefined);
});

/** 99 % of the event loop's turns came within so many ms, while lines came in at 1,000 a second. */
async function delayUnderFlood(push: (line: Buffer) => void, line: Buffer): Promise<number> {
  const histogram = monitorEventLoopDelay({ resolution: 5 });
  histogram.enable();
  for (let burst = 0; burst < 15; burst++) {
    for (let i = 0; i < 100; i++) push(line);
    await delay(100);
  }
  histogram.disable();
  return histogram.percentile(99) / 1e6;
}

test('50 KB lines at 1,000 a second do not hold up the event loop, nor hide the done line (covers: SEC-97)', async (t) => {
  const { matcher, push, done, times } = watch(t, {
    rules: ['regex:(a+)+$', 'regex:(?P<x>a+)+\\z', 'regex:^\\pL+\\d$', 'regex:(?:a?){200}[bc]\\z'],
  });
  const line = Buffer.from(`${'a'.repeat(50_000)}!`);
  // Another process may take the processor from this one for a while, which says nothing about this code.
  const delays: number[] = [];
  for (let window = 0; window < 3 && !delays.some((ms) => ms < 50); window++) {
    delays.push(await delayUnderFlood((next) => matcher.push(next), line));
  }
  assert.ok(
    delays.some((ms) => ms < 50),
    `event-loop delay, p99 in ms: ${delays}`,
  );
  assert.equal(times(), 0);
  push('aaaa');
  await done;
});

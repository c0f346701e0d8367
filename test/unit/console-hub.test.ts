// The console of a server as its watchers see it: what comes, in which order, how often, and how past and present join.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bus, type Usage } from '../../src/bus/bus.ts';
import { daemonLine } from '../../src/console/daemon-line.ts';
import type { FeatureRules } from '../../src/console/feature-matcher.ts';
import type { Frame } from '../../src/console/frame.ts';
import { ConsoleHistory } from '../../src/console/history.ts';
import { ConsoleHub, type Watch } from '../../src/console/hub.ts';
import { LineSplitter } from '../../src/console/line-splitter.ts';
import { LineThrottle, type ThrottleLimits } from '../../src/console/line-throttle.ts';
import { linesBefore } from '../../src/console/lines-before.ts';
import type { ProcessState } from '../../src/resources/server.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

const uuid = 'server-a';
const usage: Usage = {
  cpuAbsolute: 12.5,
  memoryBytes: 100,
  memoryLimitBytes: 4096,
  networkRxBytes: 1,
  networkTxBytes: 2,
  blockReadBytes: 3,
  blockWriteBytes: 4,
  uptimeMs: 5_000,
};

interface Message {
  event: string;
  args?: string[];
}

interface Bench {
  bus: Bus;
  clock: FakeClock;
  hub: ConsoleHub;
  history: ConsoleHistory;
  encoded: number;
  recorded: { state?: ProcessState; diskBytes?: number };
  egg: FeatureRules | undefined;
  print(text: string): void;
  move(state: ProcessState): void;
  watch(): { watch: Watch; frames: Frame[]; messages(): Message[]; lines(): string[] };
}

const messagesOf = (frames: readonly Frame[]) =>
  frames.flatMap(({ bytes }) =>
    bytes
      .toString()
      .split('\n')
      .filter(Boolean)
      .map((text) => JSON.parse(text) as Message),
  );

function bench({ throttle = {} as Partial<ThrottleLimits>, pastLines = 150 } = {}): Bench {
  const clock = new FakeClock();
  const bus = new Bus((error) => {
    throw error;
  });
  const history = new ConsoleHistory({ bus, clock, maxLines: pastLines });
  const made = { bus, clock, history, encoded: 0, recorded: {} } as unknown as Bench;
  made.hub = new ConsoleHub({
    activityEvents: true,
    ...{ bus, history, clock, pastLines, appName: 'Pterodactyl' },
    throttle: { enabled: true, lines: 2_000, intervalMs: 100, ...throttle },
    fork: { forkEvents: true, forkWireNames: true, forkStatus: false },
    encode: (event, args) => {
      made.encoded += 1;
      return Buffer.from(`${JSON.stringify(args ? { event, args } : { event })}\n`);
    },
    recorded: (id) => (id === uuid ? made.recorded : undefined),
    features: () => made.egg,
  });
  made.print = (text) => bus.publish(uuid, 'console', { source: 'output', text });
  made.move = (state) => bus.publish(uuid, 'state', { previous: 'offline', state, cause: 'Test' });
  made.watch = () => {
    const frames: Frame[] = [];
    const watch = made.hub.watch(uuid, (frame) => void frames.push(frame));
    const messages = () => messagesOf(frames);
    const lines = () => messages().flatMap(({ event, args }) => (event === 'console output' ? (args ?? []) : []));
    return { watch, frames, messages, lines };
  };
  return made;
}

test('a line of the daemon has the bytes of Wings (websocket 17.13)', () => {
  assert.equal(
    JSON.stringify(daemonLine('Pterodactyl', 'Updating process configuration files...')),
    '"\\u001b[33m\\u001b[1m[Pterodactyl Daemon]:\\u001b[39m Updating process configuration files...\\u001b[0m"',
  );
  assert.equal(daemonLine('x', '[red]$&'), '\x1b[33m\x1b[1m[x Daemon]:\x1b[39m [red]$&\x1b[0m');
});

const throttleLine = daemonLine('Pterodactyl', 'Server is outputting console data too quickly -- throttling...');

test('2001 lines in a window: 2000 and one word about it; a start begins anew (websocket 17.12)', async () => {
  const { print, move, watch, clock } = bench();
  const { lines } = watch();
  for (let index = 0; index < 2_001; index++) print(`line ${index}`);
  await settle();
  assert.equal(lines().length, 2_001);
  assert.equal(lines()[1_999], 'line 1999');
  assert.equal(lines()[2_000], throttleLine);

  for (let index = 0; index < 500; index++) print('more');
  await settle();
  assert.equal(lines().length, 2_001, 'said once');

  move('starting');
  print('anew');
  await settle();
  assert.equal(lines().at(-1), 'anew');
  await clock.advance(100);
  for (let index = 0; index < 2_001; index++) print('x');
  await settle();
  assert.equal(lines().at(-1), throttleLine, 'said again, because lines have passed since');
});

test('a window is fixed and begins with the first line after the last one', async () => {
  const clock = new FakeClock();
  const throttle = new LineThrottle({ enabled: true, lines: 2, intervalMs: 100 }, clock);
  const judge = () => throttle.judge();
  await clock.advance(1_000);
  assert.equal(judge(), 'pass');
  await clock.advance(99);
  assert.deepEqual([judge(), judge(), judge()], ['pass', 'tell', 'drop']);
  await clock.advance(1);
  assert.deepEqual([judge(), judge(), judge()], ['pass', 'pass', 'tell']);
});

test('a throttle that is off, and one of no lines at all', async () => {
  const off = bench({ throttle: { enabled: false } });
  const seen = off.watch();
  for (let index = 0; index < 10_000; index++) off.print('x');
  await settle();
  assert.equal(seen.lines().length, 10_000);

  const none = bench({ throttle: { lines: 0 } });
  const nothing = none.watch();
  none.print('x');
  none.print('y');
  await settle();
  assert.deepEqual(nothing.lines(), [throttleLine]);
});

test('only what the process prints counts, and what is left out is in the history', async () => {
  const { bus, print, move, watch, history } = bench({ throttle: { lines: 1 } });
  const { lines } = watch();
  move('starting');
  for (let index = 0; index < 5; index++) bus.publish(uuid, 'console', { source: 'daemon', text: `d${index}` });
  for (let index = 0; index < 3; index++) print(`p${index}`);
  await settle();
  assert.deepEqual(
    lines(),
    [0, 1, 2, 3, 4].map((index) => daemonLine('Pterodactyl', `d${index}`)).concat('p0', throttleLine),
  );
  assert.deepEqual(history.tail(uuid, 10), ['p0', 'p1', 'p2']);
});

const examples: [input: string, events: string[]][] = [
  ['a\r\nb\n\n\nc', ['a', 'b', 'c']],
  ['foo \rbar\r\n', ['foo\r\nbar']],
  ['p1\rp2\rp3\n', ['p1\rp2\rp3']],
  ['\r\n\r\n', []],
  [' \r\n', [' ']],
];

test('the line examples of the contract arrive as they should (websocket 17.11)', async () => {
  for (const [input, events] of examples) {
    const { print, watch } = bench();
    const { lines } = watch();
    const splitter = new LineSplitter();
    for (const line of [...splitter.push(Buffer.from(input)), ...splitter.flush()]) print(line.toString());
    await settle();
    assert.deepEqual(lines(), events, JSON.stringify(input));
  }
});

test('a message is serialised once, however many watch, and not at all for nobody', async () => {
  const node = bench();
  for (let index = 0; index < 100; index++) node.print('unseen');
  node.move('starting');
  await settle();
  assert.equal(node.encoded, 0);
  const watchers = Array.from({ length: 30 }, () => node.watch());
  for (let index = 0; index < 100; index++) node.print(`line ${index}`);
  await settle();
  assert.equal(node.encoded, 100);
  const [first] = watchers;
  assert.equal(first?.frames.length, 1, 'lines of one turn travel together');
  for (const { frames, lines } of watchers) {
    assert.equal(frames[0]?.bytes, first?.frames[0]?.bytes, 'the very same bytes');
    assert.equal(lines().length, 100);
  }
});

test('everything arrives in the order in which it happened', async () => {
  const { bus, print, move, watch } = bench();
  const { messages } = watch();
  print('1');
  bus.publish(uuid, 'console', { source: 'daemon', text: '2' });
  move('starting');
  print('3');
  bus.publish(uuid, 'usage', usage);
  bus.publish(uuid, 'pull', { text: 'Downloading [=>]  1MB/9MB' });
  move('running');
  print('4');
  await settle();
  assert.deepEqual(
    messages().map(({ event, args }) => `${event} ${event === 'stats' ? '' : (args?.[0] ?? '').slice(0, 20)}`),
    [
      'console output 1',
      'console output \x1b[33m\x1b[1m[Pterodacty',
      'status starting',
      'server_status starting',
      'console output 3',
      'stats ',
      'install output Downloading [=>]  1M',
      'status running',
      'server_status running',
      'console output 4',
    ],
  );
});

test('a failing start shows each state once, then figures of nothing (websocket 17.16)', async () => {
  const { bus, move, watch, recorded } = bench();
  recorded.diskBytes = 123;
  const { messages } = watch();
  for (const state of ['starting', 'starting', 'stopping'] as const) move(state);
  bus.publish(uuid, 'usage', usage);
  move('offline');
  bus.publish(uuid, 'usage', { ...usage, memoryLimitBytes: 0 });
  move('offline');
  assert.deepEqual(
    messages()
      .filter(({ event }) => event === 'status')
      .map(({ args }) => args?.[0]),
    ['starting', 'stopping', 'offline'],
  );
  const last = messages()
    .filter(({ event }) => event === 'stats')
    .at(-1);
  assert.deepEqual(JSON.parse(last?.args?.[0] ?? ''), {
    memory_bytes: 0,
    memory_limit_bytes: 4096,
    cpu_absolute: 0,
    network: { rx_bytes: 0, tx_bytes: 0 },
    disk_io: { read_bytes: 0, write_bytes: 0 },
    uptime: 0,
    state: 'offline',
    disk_bytes: 123,
  });
});

test('the figures have the names of the wire', async () => {
  const { bus, move, watch, recorded } = bench();
  recorded.diskBytes = 99;
  const { messages } = watch();
  move('running');
  bus.publish(uuid, 'usage', usage);
  const [stats] = messages().filter(({ event }) => event === 'stats');
  assert.deepEqual(JSON.parse(stats?.args?.[0] ?? ''), {
    memory_bytes: 100,
    memory_limit_bytes: 4096,
    cpu_absolute: 12.5,
    network: { rx_bytes: 1, tx_bytes: 2 },
    disk_io: { read_bytes: 3, write_bytes: 4 },
    uptime: 5_000,
    state: 'running',
    disk_bytes: 99,
  });
  assert.equal(messages()[1]?.args?.[1], '{"state":"running","process_state":"running","operation":null}');
});

test('a state that the record knew already is not told again', async () => {
  const { move, watch, recorded } = bench();
  recorded.state = 'running';
  const { watch: one, messages } = watch();
  assert.equal(one.state, 'running');
  move('running');
  assert.deepEqual(messages(), []);
});

test('image progress is for those who may see installations, lines of console for all', () => {
  const { bus, print, watch, hub } = bench();
  const { frames } = watch();
  bus.publish(uuid, 'pull', { text: 'Pulling fs layer ' });
  print('x');
  hub.close();
  assert.deepEqual(
    frames.map(({ permission, delivery }) => [permission, delivery]),
    [
      ['admin.websocket.install', 'lines'],
      [undefined, 'lines'],
    ],
  );
});

test('an installation is told step by step, its output to those who may see installations (covers: SEC-48)', () => {
  const { bus, watch, hub } = bench();
  const { frames, messages } = watch();
  bus.publish(uuid, 'install', { step: 'started' });
  bus.publish(uuid, 'install', { step: 'running' });
  bus.publish(uuid, 'install', { step: 'output', text: 'hello' });
  bus.publish(uuid, 'install', { step: 'completed', successful: false });
  hub.close();
  assert.deepEqual(
    messages().map(({ event, args }) => [event, args]),
    [
      ['install started', ['']],
      ['daemon message', ['Starting installation process, this could take a few minutes...']],
      ['install output', ['hello']],
      ['install completed', ['']],
    ],
  );
  assert.deepEqual(
    frames.map(({ permission, delivery }) => [permission, delivery]),
    [
      [undefined, 'keep'],
      [undefined, 'keep'],
      ['admin.websocket.install', 'lines'],
      [undefined, 'keep'],
    ],
  );
});

test('phrases of the egg are named to who watches, of a process that is up, also in lines that are left out', async () => {
  const node = bench({ throttle: { lines: 1 } });
  node.egg = { features: { eula: ['the EULA'] }, stripAnsi: false };
  const { messages } = node.watch();
  const matches = () => messages().flatMap(({ event, args }) => (event === 'feature match' ? (args ?? []) : []));
  node.print('nothing runs: the eula');
  node.move('starting');
  for (const line of ['one', 'two', 'agree to the eula!']) node.print(line);
  await settle();
  assert.deepEqual(matches(), ['{"key":"eula","pattern":"the EULA","line":"agree to the eula!"}']);
  node.move('running');
  node.print('The Eula again');
  node.egg = { features: { eula: ['something else'] }, stripAnsi: false };
  node.print('the eula is not asked for any more');
  node.move('stopping');
  node.print('something else');
  await settle();
  assert.equal(matches().length, 2);
});

test('messages about servers that are not of this node keep nothing', () => {
  const { bus, hub } = bench();
  bus.publish('stranger', 'state', { previous: 'offline', state: 'running', cause: 'Test' });
  assert.equal(hub.state('stranger'), 'offline');
});

test('the past is what the running process printed, without the lines of the daemon', async () => {
  const { bus, print, move, watch } = bench({ pastLines: 3 });
  const early = watch();
  print('of an older process');
  await early.watch.showPast();
  assert.deepEqual(early.lines(), [], 'nothing runs');
  move('starting');
  for (const text of ['a', 'b', 'c', 'd']) print(text);
  bus.publish(uuid, 'console', { source: 'daemon', text: 'ours' });
  const late = watch();
  await late.watch.showPast();
  assert.deepEqual(late.lines(), ['b', 'c', 'd']);
  late.watch.end();
  print('e');
  await settle();
  assert.deepEqual(late.lines(), ['b', 'c', 'd'], 'who left hears nothing');
});

test('who asks for the past while a process is being taken over gets it when it is whole', async () => {
  const { bus, print, history, recorded, watch, clock } = bench();
  recorded.state = 'running';
  const { watch: one, lines } = watch();
  const shown = one.showPast();
  print('live 1');
  bus.publish(uuid, 'console', { source: 'daemon', text: 'ours' });
  print('live 2');
  await settle();
  assert.deepEqual(lines(), [daemonLine('Pterodactyl', 'ours')]);
  history.fill(uuid, ['old', 'live 1']);
  await clock.advance(100);
  await shown;
  print('live 3');
  await settle();
  assert.deepEqual(lines().slice(1), ['old', 'live 1', 'live 2', 'live 3']);
  assert.equal(clock.pendingTimers, 0);
});

test('who asks for the past is not kept waiting for ever', async () => {
  const { print, recorded, watch, clock } = bench();
  recorded.state = 'running';
  const { watch: one, lines } = watch();
  const shown = one.showPast();
  print('live');
  await clock.advance(5_000);
  await shown;
  assert.deepEqual(lines(), ['live']);
});

test('where a log and live lines meet', () => {
  const cases: [printed: string, live: string, before: string][] = [
    ['abc', '', 'abc'],
    ['', 'abc', ''],
    ['abc', 'abc', ''],
    ['abc', 'c', 'ab'],
    ['abcde', 'cd', 'ab'],
    ['abc', 'cde', 'ab'],
    ['abc', 'xyz', 'abc'],
    ['bc', 'abcd', ''],
    ['aaaaaa', 'aa', 'aaaa'],
    ['abababab', 'ab', 'ababab'],
  ];
  for (const [printed, live, before] of cases) {
    assert.equal(linesBefore([...printed], [...live]).join(''), before, `${printed} and ${live}`);
  }
});

/** Repeatable, and even enough for tests. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test('a log that is ahead of the live lines is no reason to show a line twice', async () => {
  const { print, history, recorded, watch, clock } = bench();
  recorded.state = 'running';
  const { watch: one, lines } = watch();
  const shown = one.showPast();
  history.fill(uuid, ['old', 'on its way 1', 'on its way 2']);
  print('on its way 1');
  await clock.advance(100);
  await shown;
  print('on its way 2');
  print('new');
  await settle();
  assert.deepEqual(lines(), ['old', 'on its way 1', 'on its way 2', 'new']);
});

test('a process that ends before its past is whole leaves it to the next', async () => {
  const { print, move, history, recorded, watch, clock } = bench();
  recorded.state = 'running';
  const { watch: one, lines } = watch();
  const shown = one.showPast();
  history.fill(uuid, ['old']);
  move('offline');
  await clock.advance(100);
  move('starting');
  print('new');
  await shown;
  await settle();
  assert.deepEqual(lines(), ['new']);
  assert.deepEqual(history.tail(uuid, 10), ['new']);
});

test('whenever the past is asked for, past and present join without a gap or an overlap', async () => {
  for (let seed = 1; seed <= 300; seed++) {
    const below = random(seed);
    const { bus, clock, print, move, watch, history, recorded } = bench({ pastLines: 1 + below(12) });
    let adopted = below(2) === 0;
    if (adopted) move('starting');
    else recorded.state = 'running';
    // What ran before anybody watched is only in the log.
    let printed = adopted ? 0 : below(20);
    let arrived = printed;
    const beforeUs = printed;
    const arrive = () => {
      if (arrived < printed) print(String(arrived++));
    };
    const adopt = () => {
      // The log holds all from before us, and of the rest more or less than has arrived.
      const inLog = Math.max(beforeUs, printed - below(3));
      history.fill(
        uuid,
        Array.from({ length: inLog }, (_, index) => String(index)),
      );
      adopted = true;
    };
    const watcher = watch();
    let shown: Promise<void> | undefined;
    for (let step = 0; step < 80; step++) {
      const act = below(12);
      if (act < 5) printed += 1;
      else if (act < 9) arrive();
      else if (act === 9) bus.publish(uuid, 'console', { source: 'daemon', text: 'ours' });
      else if (act === 10 && !adopted) adopt();
      else if (act === 11 && shown === undefined) {
        // What came before the question is not part of the answer.
        await settle(1);
        watcher.frames.length = 0;
        shown = watcher.watch.showPast();
      } else await settle(1);
    }
    if (!adopted) adopt();
    while (arrived < printed) arrive();
    await clock.advance(100);
    await shown;
    await settle();
    const numbers = watcher
      .lines()
      .filter((line) => !line.includes('Daemon'))
      .map(Number);
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => (numbers[0] ?? 0) + index),
      `seed ${seed}`,
    );
    if (shown !== undefined && printed > 0) {
      assert.equal(numbers.at(-1), printed - 1, `seed ${seed}: up to the newest`);
    }
  }
});

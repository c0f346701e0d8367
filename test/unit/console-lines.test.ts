import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineRing } from '../../src/console/line-ring.ts';
import { LineSplitter, maxLineBytes } from '../../src/console/line-splitter.ts';
import { printable } from '../../src/console/printable.ts';

/** Lines of `input` cut into chunks of `size`. */
function linesOf(input: Buffer, size: number): Buffer[] {
  const splitter = new LineSplitter();
  const lines: Buffer[] = [];
  for (let at = 0; at < input.length; at += size) lines.push(...splitter.push(input.subarray(at, at + size)));
  return [...lines, ...splitter.flush()];
}

const table: { what: string; input: string; lines: string[] }[] = [
  {
    what: 'drops a CR before the line end and empty lines',
    input: 'one\r\ntwo\n\n\nthree',
    lines: ['one', 'two', 'three'],
  },
  { what: 'turns space and CR into a screen line', input: 'left \rright\r\n', lines: ['left\r\nright'] },
  { what: 'turns each of several', input: 'a \rb \rc  \r\r\n', lines: ['a\r\nb\r\nc \r\n'] },
  { what: 'keeps a lone CR', input: '10%\r50%\r100%\n', lines: ['10%\r50%\r100%'] },
  { what: 'drops lines of nothing but their end', input: '\r\n\r\n\n', lines: [] },
  { what: 'keeps a line of one space', input: ' \r\n', lines: [' '] },
  { what: 'drops one CR of two', input: 'x\r\r\n', lines: ['x\r'] },
  { what: 'gives text without a line end at the end of the stream', input: 'a\nprompt> ', lines: ['a', 'prompt> '] },
  { what: 'keeps a CR at the end of the stream', input: 'a\r', lines: ['a\r'] },
  { what: 'leaves colours alone', input: '\x1b[32mok\x1b[0m\n', lines: ['\x1b[32mok\x1b[0m'] },
];

for (const { what, input, lines } of table) {
  test(`a console line splitter ${what}, however the bytes arrive (websocket 17.11)`, () => {
    for (const size of [1, 2, 3, 5, 1000]) {
      assert.deepEqual(linesOf(Buffer.from(input), size).map(String), lines, `in chunks of ${size}`);
    }
  });
}

test('text without a line end stays invisible until the end comes', () => {
  const splitter = new LineSplitter();
  assert.deepEqual(splitter.push(Buffer.from('name? ')), []);
  assert.deepEqual(splitter.push(Buffer.from('bob\nnext')).map(String), ['name? bob']);
  assert.deepEqual(splitter.flush().map(String), ['next']);
  assert.deepEqual(splitter.flush(), []);
});

test('a line of exactly the largest size is one line, with its CR in another chunk too', () => {
  const text = 'x'.repeat(maxLineBytes);
  for (const size of [maxLineBytes, maxLineBytes + 1, 7000]) {
    assert.deepEqual(linesOf(Buffer.from(`${text}\r\nnext\n`), size).map(String), [text, 'next']);
  }
});

test('a longer line is cut, nothing is lost, and the cut does not depend on the chunks (websocket 17.11)', () => {
  const inputs = [
    Buffer.alloc(maxLineBytes * 3 + 1, 'abcdefg'),
    Buffer.concat([Buffer.alloc(maxLineBytes - 1, 'a'), Buffer.from('€'), Buffer.alloc(maxLineBytes, 'b')]),
    Buffer.concat([Buffer.alloc(maxLineBytes - 2, 'a'), Buffer.from('😀'), Buffer.alloc(10, 'b')]),
    Buffer.alloc(maxLineBytes * 2, Buffer.from([0x80, 0xff])),
  ];
  for (const input of inputs) {
    const whole = linesOf(input, input.length);
    for (const size of [1024, 65_535, 65_537]) {
      assert.deepEqual(linesOf(Buffer.concat([input, Buffer.from('\r\n')]), size), whole);
    }
    assert.deepEqual(Buffer.concat(whole), input);
    for (const line of whole) assert.ok(line.length <= maxLineBytes);
  }
  for (const input of inputs.slice(0, 3)) {
    for (const line of linesOf(input, 4096))
      assert.ok(!line.toString().includes('\ufffd'), 'no character was cut in two');
  }
});

test('a cut does not come between the space and the CR of a screen line', () => {
  const text = `${'x'.repeat(maxLineBytes - 1)} \rrest`;
  const lines = linesOf(Buffer.from(`${text}\n`), 4096).map(String);
  assert.deepEqual(lines, ['x'.repeat(maxLineBytes - 1), '\r\nrest']);
});

test('ten megabytes without a line end are held as one line at most (covers: SEC-50)', () => {
  const splitter = new LineSplitter();
  const chunk = Buffer.alloc(1024 * 1024, 'z');
  let bytes = 0;
  for (let i = 0; i < 10; i++) for (const line of splitter.push(chunk)) bytes += line.length;
  const rest = splitter.flush();
  assert.ok(rest.length <= 2);
  for (const line of rest) bytes += line.length;
  assert.equal(bytes, 10 * chunk.length);
});

test('a ring keeps the newest lines by number', () => {
  const ring = new LineRing({ maxLines: 3, maxBytes: 1000 });
  for (let i = 1; i <= 8; i++) ring.push(`line ${i}`);
  assert.deepEqual(ring.tail(10), ['line 6', 'line 7', 'line 8']);
  assert.deepEqual(ring.tail(2), ['line 7', 'line 8']);
  assert.deepEqual(ring.tail(0), []);
  assert.equal(ring.length, 3);
  assert.equal(ring.bytes, 18);
});

test('a ring keeps the newest lines by bytes', () => {
  const ring = new LineRing({ maxLines: 100, maxBytes: 10 });
  for (const line of ['aaaa', 'bbbb', 'cc', '€€', 'd']) ring.push(line);
  assert.deepEqual(ring.tail(100), ['cc', '€€', 'd']);
  ring.push('x'.repeat(50));
  assert.deepEqual(ring.tail(100), ['xxxxxxxxxx']);
  ring.push('€€€€');
  assert.deepEqual(ring.tail(100), ['€€€'], 'cut before the character that does not fit');
});

test('a ring of no lines keeps none', () => {
  const ring = new LineRing({ maxLines: 0, maxBytes: 10 });
  ring.push('a');
  assert.deepEqual(ring.tail(5), []);
});

test('a ring holds its bounds under a long run of lines', () => {
  const ring = new LineRing({ maxLines: 50, maxBytes: 400 });
  const all: string[] = [];
  for (let i = 0; i < 5_000; i++) {
    const line = 'y'.repeat(i % 23);
    all.push(line);
    ring.push(line);
    assert.ok(ring.length <= 50 && ring.bytes <= 400);
    assert.deepEqual(ring.tail(50), all.slice(-ring.length));
  }
});

test('text for logs is one line without control of a terminal', () => {
  assert.equal(
    printable('a\r\nb\x1b[31mc\x00\u009b\u2028\u202e<script>é😀'),
    'a\\x0d\\x0ab\\x1b[31mc\\x00\\x9b\\u2028\\u202e<script>é😀',
  );
  assert.equal(printable(Buffer.from([0x61, 0xff, 0x62])), 'a\ufffdb');
  assert.equal(printable('k'.repeat(5000)), `${'k'.repeat(4096)}…`);
  assert.equal(printable('\ud800x'), '\\ud800x');
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { LiveOverlap, missingLines } from '../../../controllers/server/line-overlap.ts';

const cases: [name: string, shown: string[], printed: string[], missing: string[]][] = [
  ['nothing was shown', [], ['a', 'b'], ['a', 'b']],
  ['nothing was printed meanwhile', ['a', 'b'], ['b'], []],
  ['the log begins with shown lines', ['a', 'b', 'c'], ['b', 'c', 'd'], ['d']],
  ['the log begins before all remembered lines', ['y', 'z'], ['w', 'x', 'y', 'z', 'new'], ['new']],
  ['no line is common: a hole is better shown whole', ['a'], ['x', 'y'], ['x', 'y']],
];

for (const [name, shown, printed, missing] of cases) {
  test(`gap of the console: ${name}`, () => {
    const lines = missingLines(
      shown,
      printed.map((line) => Buffer.from(line)),
    );
    assert.deepEqual(lines.map(String), missing);
  });
}

const streams: [name: string, told: string[], live: string[], shown: string[]][] = [
  ['nothing was told', [], ['a', 'b'], ['a', 'b']],
  ['the stream begins with the last lines told', ['a', 'b', 'c'], ['b', 'c', 'd'], ['d']],
  ['it begins in the middle of a line', ['tick 1', 'tick 2'], ['k 2', 'tick 3'], ['tick 3']],
  ['everything of it is new', ['a', 'b'], ['c', 'd'], ['c', 'd']],
  ['a new line looks like an old one', ['a', 'b', 'c'], ['a', 'x', 'y'], ['a', 'x', 'y']],
  ['a line is told that comes again later', ['a', 'b'], ['b', 'c', 'b'], ['c', 'b']],
  ['it ends while it may be told', ['a', 'b', 'c'], ['a'], ['a']],
];

for (const [name, told, live, shown] of streams) {
  test(`a stream after the gap: ${name}`, () => {
    const overlap = new LiveOverlap(told);
    const lines = live.flatMap((line) => overlap.push(Buffer.from(line)));
    assert.deepEqual([...lines, ...overlap.end()].map(String), shown);
    assert.deepEqual(overlap.push(Buffer.from(told[0] ?? 'z')).map(String), [told[0] ?? 'z']);
  });
}

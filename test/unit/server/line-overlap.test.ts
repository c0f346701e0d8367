import assert from 'node:assert/strict';
import test from 'node:test';
import { missingLines } from '../../../controllers/server/line-overlap.ts';

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

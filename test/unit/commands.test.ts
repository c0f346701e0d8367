// The commands of the checkout that are not the daemon.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { runProgram } from '../support/run-program.ts';
import { checkout } from '../support/source-files.ts';

test('sec-rows lists every row, covered or not, and knows every tag', async () => {
  const { code, stdout, stderr } = await runProgram(process.execPath, [join(checkout, 'bin/sec-rows.mjs')]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Covered: \d+ of 131$/m);
  assert.match(stdout, /^ {2}SEC-84 \(0\) .+: .*test\/unit\/layers\.test\.ts/m);
});

test('sec-rows limits itself to a priority', async () => {
  const { stdout } = await runProgram(process.execPath, [join(checkout, 'bin/sec-rows.mjs'), '2']);
  const levels = [...stdout.matchAll(/^ {2}SEC-\d+ \((\d)\)/gm)].map(([, level]) => level);
  assert.ok(levels.length > 0);
  assert.deepEqual([...new Set(levels)], ['2']);
});

/** Of the rows on files and archives, what has no test: there is nothing yet that could break them. */
const laterRows = new Map([
  ['SEC-11', 'the denylist of an egg is for what users do with files'],
  ['SEC-18', 'disk limits in the kernel'],
]);

test('each row on files, archives, backups and restores has a test', async () => {
  const { stdout } = await runProgram(process.execPath, [join(checkout, 'bin/sec-rows.mjs')]);
  const numbers = [...Array.from({ length: 24 }, (_, index) => index + 1), 99, 100, 101, 102, 103];
  const rows = numbers.map((number) => `SEC-${String(number).padStart(2, '0')}`);
  const uncovered = rows.filter((row) => !new RegExp(`^ {2}${row} \\(\\d\\) .+: test/`, 'm').test(stdout));
  assert.deepEqual(
    uncovered.filter((row) => !laterRows.has(row)),
    [],
  );
});

test('npm test names the checks when nothing matches', async () => {
  const { code, stderr } = await runProgram(process.execPath, [join(checkout, 'bin/test.mjs'), 'no-such-test']);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^No check and no test file matches no-such-test; the checks are types, lint, unit, [^\n]+\.\n$/,
  );
});

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

test('npm test names the checks when nothing matches', async () => {
  const { code, stderr } = await runProgram(process.execPath, [join(checkout, 'bin/test.mjs'), 'no-such-test']);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^No check and no test file matches no-such-test; the checks are types, lint, unit, [^\n]+\.\n$/,
  );
});

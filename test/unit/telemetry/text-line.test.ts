import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textLine } from '../../../src/telemetry/text-line.ts';

test('a record of ours is a line for people', () => {
  const record = JSON.stringify({ level: 40, time: 0, msg: 'said', n: 1, err: { message: 'no' } });
  assert.equal(textLine(record), '00:00:00.000 WARN  said n=1 err="no"\n');
});

for (const record of [
  ...['null', '123', '"text"', '[]', '{}', '{"a":1}', '{"time":null}', '{"time":9e99,"msg":"x"}', '{"time":"x"}'],
  ...['INFO: [Nov 21 10:00:00.000] configured wings', '', '{"time":'],
])
  test(`what others wrote stays as it is: ${record}`, () => assert.equal(textLine(record), record));

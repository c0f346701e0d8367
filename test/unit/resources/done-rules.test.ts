// Done rules that are no expressions are named; those that cost too much to look at are left to the console's thread.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unreadableRules } from '../../../src/resources/done-rules.ts';

test('names the rules that are no RE2 expressions', () => {
  const rules = [
    'Done (',
    'regex:^Done \\(\\d+s\\)',
    'regex:[',
    'regex:(?=ahead)',
    'regex:(a)\\1',
    'regex:',
    'regex:a{1,3}',
  ];
  assert.deepEqual(unreadableRules(rules), ['regex:[', 'regex:(?=ahead)', 'regex:(a)\\1', 'regex:']);
});

test('looks at no expression whose compilation would hold up every other request (covers: SEC-97)', () => {
  // Both are broken, and would be named if they had been looked at.
  const long = `regex:${'\\pL|'.repeat(1000)}(`;
  const repeated = `regex:${'a{1000}'.repeat(580)}(`;
  assert.deepEqual(unreadableRules([long, repeated]), []);
});

test('the rules of one server share what may be spent, and a cheap one behind a dear one is still looked at', () => {
  const half = `regex:${'a'.repeat(1_100)}(`;
  assert.deepEqual(unreadableRules([half, half, 'regex:(']), [half, 'regex:(']);
});

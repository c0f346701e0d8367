// What the command line makes of times, sizes, tables and foreign text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliError } from '../../src/cli/exit-codes.ts';
import { fullName, kindOf, serverName, targetsOf } from '../../src/cli/kind-words.ts';
import { safeLine } from '../../src/cli/safe-text.ts';
import { textTable } from '../../src/cli/text-table.ts';
import { bytesText, durationText, parseDuration } from '../../src/cli/units.ts';
import { serverKind } from '../../src/resources/kinds.ts';

const usage = (pattern: RegExp) => (error: unknown) =>
  error instanceof CliError && error.exitCode === 2 && pattern.test(error.message);

test('lengths of time are read with and without units', () => {
  const samples = { '90': 90_000, '30s': 30_000, '5m': 300_000, '1h30m': 5_400_000, '1.5s': 1_500, '200ms': 200 };
  for (const [text, ms] of Object.entries(samples)) assert.equal(parseDuration(text), ms, text);
  for (const text of ['', 's', '5 m', '5x', '-3s', '1h30'])
    assert.throws(() => parseDuration(text), usage(/no length of time/));
});

test('sizes and times are short', () => {
  assert.deepEqual([0, 1023, 1024, 1_500_000, 150 * 1024 ** 2, 3 * 1024 ** 4].map(bytesText), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.4 MiB',
    '150 MiB',
    '3.0 TiB',
  ]);
  assert.deepEqual([0, 59_999, 200_000, 3_600_000, 90_000_000].map(durationText), [
    '0s',
    '59s',
    '3m20s',
    '1h0m',
    '1d1h',
  ]);
});

test('columns are as wide as their longest cell, colours and wide letters not counted', () => {
  assert.deepEqual(
    textTable(
      [
        ['NAME', 'N'],
        ['\u001b[32mdemo\u001b[39m', '10'],
        ['überlang', ''],
      ],
      { right: [1] },
    ),
    ['NAME        N', '\u001b[32mdemo\u001b[39m       10', 'überlang'],
  );
});

test('later rows keep the columns of earlier ones', () => {
  const widths: number[] = [];
  textTable(
    [
      ['NAME', 'STATE'],
      ['a-long-name', 'x'],
    ],
    { widths },
  );
  assert.deepEqual(textTable([['b', 'y']], { widths }), ['b             y']);
});

test('foreign text cannot steer the terminal', () => {
  const hostile = {
    '\u001b]0;title\u0007name': 'name',
    '\u001b]52;c;ZXZpbA==\u001b\\copied': 'copied',
    'a\u001b[2Jb\u001b[1;1Hc': 'abc',
    '\u001bcreset': 'reset',
    '\u009b31mred': 'red',
    '\u001b]0;never ends': '',
    'up\u0008\u0008\u0000down': 'updown',
    'l\u202eeft': 'left',
    'tab\there': 'tab\there',
    '10 %\r50 %\r100 %': '100 %',
    'end\r': 'end',
  };
  for (const [text, shown] of Object.entries(hostile)) assert.equal(safeLine(text), shown, JSON.stringify(text));
});

test('a game may colour its lines, and only those', () => {
  const coloured = safeLine('\u001b[31mred\u001b[0m \u001b[2Jplain \u001b[1mbold', { colors: true });
  assert.equal(coloured, '\u001b[31mred\u001b[0m plain \u001b[1mbold\u001b[0m');
  assert.equal(safeLine('\u001b[31mred'), 'red');
});

test('a kind has many names', () => {
  for (const word of ['server', 'servers', 'gs', 'Server', 'SERVERS', 'servers.aileron.dev'])
    assert.equal(kindOf(word), serverKind);
  assert.throws(
    () => kindOf('pod'),
    usage(
      /There is no kind "pod"; the kinds are servers \(gs\), backups \(bk\), restores \(rst\), installations \(inst\), schedules \(sched\), nodes/,
    ),
  );
});

test('objects are named in two ways', () => {
  assert.deepEqual(targetsOf(['servers']), { kind: serverKind, names: [] });
  assert.deepEqual(targetsOf(['gs', 'a', 'b']), { kind: serverKind, names: ['a', 'b'] });
  assert.deepEqual(targetsOf(['server/a', 'gs/b']), { kind: serverKind, names: ['a', 'b'] });
  assert.equal(fullName(serverKind, 'a'), 'server.aileron.dev/a');
  assert.equal(serverName('demo'), 'demo');
  assert.equal(serverName('server/demo'), 'demo');
  const wrong: [string[], RegExp][] = [
    [['server/a', 'b'], /"b" is no KIND\/NAME/],
    [['server/a', 'node/b'], /one kind at a time/],
    [['server', '../etc'], /is no name/],
    [['server', 'Demo'], /is no name/],
    [['server/'], /is no KIND\/NAME/],
  ];
  for (const [words, pattern] of wrong) assert.throws(() => targetsOf(words), usage(pattern), words.join(' '));
  assert.throws(() => serverName('node/a'), usage(/is no server/));
});

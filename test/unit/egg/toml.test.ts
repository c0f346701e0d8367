// TOML is edited in place: each test says what the file looks like afterwards, byte for byte.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EggFileError } from '../../../src/egg/config-file.ts';
import { edited, editText } from '../../support/egg.ts';

const toml = (before: string, replace: Record<string, unknown>) => edited('toml', before, replace);

test('values change where they stand, new tables come last', () => {
  const before = '# c\nbind = "x"\nport = 1\n[servers]\na = "1"\n';
  const replace = { bind: '0.0.0.0:25565', port: '25565', 'servers.a': '2', 'servers.b': 'n', 'x.y': 'z' };
  const after = '# c\nbind = "0.0.0.0:25565"\nport = 25565\n[servers]\na = "2"\nb = "n"\n\n[x]\ny = "z"\n';
  assert.equal(toml(before, replace), after);
  assert.equal(edited('toml', before, replace, { flavour: 'pterodactyl' }), after);
});

test('a value that is new gets its type from the Panel', () => {
  assert.equal(edited('toml', '', { a: '5' }, { flavour: 'pterodactyl' }), 'a = 5\n');
  assert.equal(edited('toml', '', { a: '5' }), 'a = "5"\n');
});

for (const [what, before, replace, after] of [
  ['no line break at the end', 'a = 1', { a: '2', b: 'x' }, 'a = 2\nb = "x"\n'],
  ['carriage returns', 'a = 1\r\n[t]\r\n', { b: 'x', 't.c': 'y' }, 'a = 1\r\nb = "x"\r\n[t]\r\nc = "y"\r\n'],
  ['a byte-order mark', '\ufeff[t]\n', { a: 'x' }, '\ufeffa = "x"\n\n[t]\n'],
  ['no keys before the first table', '# about t\n\n[t]\na = 1\n', { b: 'x' }, '# about t\n\nb = "x"\n\n[t]\na = 1\n'],
  ['spacing and indentation', '[t]\n  a=1 # c\n', { 't.a': '2', 't.b': 'x' }, '[t]\n  a=2 # c\n  b="x"\n'],
  [
    'quotes',
    "a = 'x'\nb = \"y\"\nc = 'z'\n",
    { a: 'C:\\d', b: 'q"q', c: "it's" },
    'a = \'C:\\d\'\nb = "q\\"q"\nc = "it\'s"\n',
  ],
  [
    'long strings',
    "a = \"\"\"\nx\"\"\"\nb = '''y''''\nc = 1\n",
    { a: 'x', b: "y'", c: '2' },
    "a = \"\"\"\nx\"\"\"\nb = '''y''''\nc = 2\n",
  ],
  [
    'numbers',
    'a = 0x1F\nb = 1_000\nc = 1.0\nd = inf\ne = 5\n',
    { a: '5', d: '1', e: '05' },
    'a = 5\nb = 1_000\nc = 1.0\nd = 1\ne = "05"\n',
  ],
  [
    'dates',
    'a = 1979-05-27 07:32:00\nb = 07:32:00\nc = "1979-05-27"\n',
    { a: '2024-01-02', b: 'x', c: '2024-01-02' },
    'a = 2024-01-02\nb = "x"\nc = "2024-01-02"\n',
  ],
  ['arrays', 'a = [ 1, # one\n  2,\n]\n', { 'a.1': '3', 'a[0]': '4' }, 'a = [ 4, # one\n  3,\n]\n'],
  [
    'tables in braces',
    'a = { b = 1, c = { } }\n',
    { 'a.b': '2', 'a.d.e': 'x', 'a.c.f': 'y' },
    'a = { b = 2, c = { f = "y" }, d = { e = "x" } }\n',
  ],
  [
    'lists of tables',
    '[[l]]\na = 1\n\n[[l]]\na = 2\n',
    { 'l.*.a': '3', 'l[0].b.c': 'x' },
    '[[l]]\na = 3\nb.c = "x"\n\n[[l]]\na = 3\n',
  ],
  ['dotted keys', 'a.b = 1\nc = 2\n', { 'a.d': 'x', 'a.e.f': 'y' }, 'a.b = 1\nc = 2\na.d = "x"\na.e.f = "y"\n'],
  [
    'a table without a header',
    '[a.b]\nc = 1\n',
    { 'a.d': 'x', 'a.b.e.f': 'y' },
    '[a.b]\nc = 1\n\n[a.b.e]\nf = "y"\n\n[a]\nd = "x"\n',
  ],
  ['a list that is made', '', { 'l[0].a': 'x', 'l[0].b': 'y' }, 'l = [{ a = "x", b = "y" }]\n'],
  ['keys that need quotes', '"x y" = 1\n', { 'x y': '2', 'a.b c': 'd' }, '"x y" = 2\n\n[a]\n"b c" = "d"\n'],
  ['control characters', 'a = "x"\n', { a: 'y\n\u007f' }, 'a = "y\\n\\u007f"\n'],
] as const) {
  test(what, () => assert.equal(toml(before, replace), after));
}

test('a table is not exchanged for a value, and dotted keys in braces do not grow', () => {
  for (const [before, match] of [
    ['[t]\na = 1\n', 't'],
    ['[[t]]\n', 't'],
    ['a.b = 1\n', 'a'],
    ['a = { b.c = 1 }\n', 'a.b.d'],
    ['[[l]]\n[l.a.b]\n', 'l[0].a.c'],
  ] as const) {
    const { text, notes } = editText('toml', before, [{ match, replace_with: 'x' }]);
    assert.equal(text, before);
    assert.equal(notes.length, 1);
  }
});

test('what is not TOML is refused', () => {
  for (const bad of [
    'a',
    'a =',
    'a = 01',
    'a = 1 2',
    'a = x',
    'a = "x',
    'a = "\\q"',
    'a = [1',
    'a = { b = 1',
    'a = 1\na = 2',
    '[a]\n[a]\n',
    'a = 1\n[a]\n',
    '[a]\nb = 1\n[a.b]\n',
    'a = []\n[[a]]\n',
    'a = {}\n[a.b]\n',
    '[[a]]\n[a]\n',
    'a.b = 1\na = 2',
    '[t\n',
    '= 1',
    '"""a""" = 1',
    'a = 1e',
    '[a] b = 1',
  ]) {
    assert.throws(() => toml(bad, { z: 'x' }), EggFileError, bad);
  }
});

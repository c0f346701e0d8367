// What JSON, YAML and TOML have in common: paths, conditions and the type of what is written. Shown on JSON, the rest of
// which is here too.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EggFileError } from '../../../src/egg/config-file.ts';
import { parsePath } from '../../../src/egg/tree/path.ts';
import { edited, editText } from '../../support/egg.ts';

const json = (before: string, replace: Record<string, unknown>, flavour: 'pelican' | 'pterodactyl' = 'pelican') =>
  JSON.stringify(JSON.parse(edited('json', before, replace, { flavour })));

test('the types of a file win over the strings of a Panel', () => {
  const before = '{"b":{"port":1,"on":true,"n":"x"},"a":[{"p":1},{"p":2}]}';
  const replace = { 'b.port': '25565', 'b.on': 'false', 'b.n': '5', 'a.*.p': '7', 'b.new': '8', 'b.flag': true };
  assert.equal(
    json(before, replace),
    '{"b":{"port":25565,"on":false,"n":"5","new":"8","flag":true},"a":[{"p":7},{"p":7}]}',
  );
  assert.equal(
    json(before, replace, 'pterodactyl'),
    '{"b":{"port":25565,"on":false,"n":"5","new":8,"flag":true},"a":[{"p":7},{"p":7}]}',
  );
});

for (const [existing, value, pelican, pterodactyl = pelican] of [
  ['1', true, 'true'],
  ['{"x":1}', false, 'false'],
  ['true', 'T', 'true'],
  ['true', 'FALSE', 'false'],
  ['true', '0', 'false'],
  ['true', 'yes', '"yes"'],
  ['true', 1, 'true'],
  ['true', 2, '2'],
  ['7', '0.50', '0.50'],
  ['7', '1e5', '1e5'],
  ['7', '12345678901234567890', '12345678901234567890'],
  ['7', '05', '"05"'],
  ['7', '0x10', '"0x10"'],
  ['7', '+5', '"+5"'],
  ['7', '', '""'],
  ['"a"', '5', '"5"'],
  ['"a"', 5, '"5"'],
  ['null', '5', '"5"', '5'],
  ['null', '05', '"05"'],
  ['null', '-3', '"-3"', '-3'],
  ['null', '9007199254740993', '"9007199254740993"'],
  ['null', 1.5, '1.5'],
  ['[1]', '5', '"5"'],
] as const) {
  test(`${JSON.stringify(value)} over ${existing}`, () => {
    const write = (flavour: 'pelican' | 'pterodactyl') =>
      edited('json', `{"k":${existing}}`, { k: value }, { flavour }).replace(/\s/g, '');
    assert.equal(write('pelican'), `{"k":${pelican}}`);
    assert.equal(write('pterodactyl'), `{"k":${pterodactyl}}`);
  });
}

test('paths', () => {
  const key = (name: string) => ({ kind: 'key', key: name });
  const index = (number: number) => ({ kind: 'index', index: number });
  assert.deepEqual(parsePath('a.b'), [key('a'), key('b')]);
  assert.deepEqual(parsePath('a[0][12].b[2]'), [key('a'), index(0), index(12), key('b'), index(2)]);
  assert.deepEqual(parsePath('*.a.*'), [{ kind: 'all' }, key('a'), { kind: 'all' }]);
  assert.deepEqual(parsePath('a\\.b.c~1d'), [key('a.b'), key('c.d')]);
  assert.deepEqual(parsePath('a*.b[x]'), [key('a*'), key('b[x]')]);
  for (const none of ['', '.', 'a..b', 'a.']) assert.equal(parsePath(none), undefined, none);
});

for (const [what, before, replace, after] of [
  ['an object key that is a number', '{"a":{"0":1}}', { 'a.0': '2' }, '{"a":{"0":2}}'],
  ['an element of a list', '{"a":[1,{"b":2}]}', { 'a.0': '3', 'a[1].b': '4' }, '{"a":[3,{"b":4}]}'],
  ['lists in lists', '{"a":[[1,2],[3]]}', { 'a[0][1]': '9' }, '{"a":[[1,9],[3]]}'],
  ['a list as the root', '[{"p":1}]', { '0.p': '2' }, '[{"p":2}]'],
  ['objects on the way', '{}', { 'a.b.c': 'x' }, '{"a":{"b":{"c":"x"}}}'],
  ['null on the way', '{"a":null}', { 'a.b': 'x' }, '{"a":{"b":"x"}}'],
  ['a number below nothing is a key', '{}', { 'a.1.b': 'x' }, '{"a":{"1":{"b":"x"}}}'],
  ['a list is made by its first element', '{}', { 'l[0].p': 'x', 'l[0].h': 'y' }, '{"l":[{"p":"x","h":"y"}]}'],
  ['no other element makes one', '{}', { 'l[1].p': 'x' }, '{}'],
  ['no list grows', '{"l":[]}', { 'l[0]': 'x', 'l.3': 'x', 'l.x': 'x' }, '{"l":[]}'],
  ['a plain value stays on the way', '{"a":1}', { 'a.b': 'x' }, '{"a":1}'],
  ['every child', '{"a":{"x.y":{"b":1},"z":{}}}', { 'a.*.b': '2' }, '{"a":{"x.y":{"b":2},"z":{"b":"2"}}}'],
  ['every child itself', '{"a":{"x":1,"y":"s"}}', { 'a.*': '2' }, '{"a":{"x":2,"y":"2"}}'],
  ['every child of the root', '{"a":{"x":1},"b":{"x":2}}', { '*.x': '3' }, '{"a":{"x":3},"b":{"x":3}}'],
  ['two wildcards', '{"a":{"b":[{"x":1}],"c":[{"x":2}]}}', { 'a.*.*.x': '3' }, '{"a":{"b":[{"x":3}],"c":[{"x":3}]}}'],
  [
    'children that are plain',
    '{"w":{"a":{"x":1},"c":3,"d":null}}',
    { 'w.*.x': '9' },
    '{"w":{"a":{"x":9},"c":3,"d":null}}',
  ],
  ['no children', '{}', { 'a.*.b': 'x' }, '{}'],
  ['dots in a key', '{"a.b":1}', { 'a\\.b': '2', 'a~1b': '3' }, '{"a.b":3}'],
  ['later ones see earlier ones', '{"a":1}', { a: 'x', 'a.b': 'y' }, '{"a":"x"}'],
] as const) {
  test(what, () => assert.equal(json(before, replace), after));
}

test('conditions look at the text of what exists', () => {
  const change = (before: string, ifValue: string, value: string) =>
    JSON.stringify(JSON.parse(editText('json', before, [{ match: 'a', replace_with: value, if_value: ifValue }]).text));
  assert.equal(change('{"a":"x"}', 'x', 'y'), '{"a":"y"}');
  assert.equal(change('{"a":1.50}', '1.50', '2'), '{"a":2}');
  assert.equal(change('{"a":true}', 'true', 'false'), '{"a":false}');
  assert.equal(change('{"a":{"b":[1,null,"c"]}}', '{"b":[1,null,"c"]}', 'y'), '{"a":"y"}');
  assert.equal(change('{"a":"z"}', 'x', 'y'), '{"a":"z"}');
  assert.equal(change('{}', 'x', 'y'), '{}');
  assert.equal(change('{}', 'regex:.*', 'y'), '{}');
  assert.equal(change('{"a":"one two one"}', 'regex:one', '1'), '{"a":"1 two 1"}');
  assert.equal(change('{"a":25565}', 'regex:^25', '26'), '{"a":26565}');
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is the syntax
  assert.equal(change('{"a":"k=v"}', 'regex:(?P<key>\\w)=(\\w)', '${2}:$key:$$:$9:$1x'), '{"a":"v:k:$::"}');
  assert.equal(change('{"a":"baac"}', 'regex:a*', 'x'), '{"a":"xbxcx"}');
  assert.equal(change('{"a":null}', 'regex:^$', 'y'), '{"a":"y"}');
});

test('an expression that is none costs its own replacement', () => {
  const { text, notes } = editText('json', '{"a":"x","b":"x"}', [
    { match: 'a', replace_with: 'y', if_value: 'regex:(' },
    { match: 'b', replace_with: 'y', if_value: 'regex:\\px|x\\z' },
    { match: 'b', replace_with: 'y', if_value: 'regex:\\pL\\z' },
  ]);
  assert.equal(JSON.stringify(JSON.parse(text)), '{"a":"x","b":"y"}');
  assert.equal(notes.length, 2);
});

test('lists, objects and null are no new values', () => {
  const { text, notes } = editText('json', '{"a":1}', [
    { match: 'a', replace_with: null },
    { match: 'b', replace_with: ['x'] },
    { match: 'c', replace_with: { d: 1 } },
    { match: 'e', replace_with: 5 },
  ]);
  assert.equal(JSON.stringify(JSON.parse(text)), '{"a":1,"e":5}');
  assert.equal(notes.length, 3);
});

test('JSON: numbers keep their digits, strings their escapes, keys their order (covers: SEC-94)', () => {
  const before = '{"z":1500000000000000001,"e":1e400,"f":1.0,"s":"\\u00e9\\/","d":1,"d":2,"o":{},"l":[],"a":0}';
  assert.equal(
    edited('json', before, { a: '1' }),
    '{\n  "z": 1500000000000000001,\n  "e": 1e400,\n  "f": 1.0,\n  "s": "\\u00e9\\/",\n  "d": 1,\n  "d": 2,\n  "o": {},\n  "l": [],\n  "a": 1\n}\n',
  );
});

test('JSON: a file that is empty is an object, one that has its values already stays', () => {
  assert.equal(edited('json', '', { a: 'x' }), '{\n  "a": "x"\n}\n');
  assert.equal(edited('json', ' \n', { a: 'x' }), '{\n  "a": "x"\n}\n');
  assert.equal(edited('json', '{"a" : "x"}', { a: 'x' }), '{"a" : "x"}');
  assert.equal(edited('json', '\ufeff{"a":1}\r\n', { a: '2' }), '\ufeff{\r\n  "a": 2\r\n}\r\n');
});

test('JSON: anything else is refused', () => {
  for (const bad of [
    '{"a":1,}',
    '{"a":1}//c',
    "{'a':1}",
    '{"a":01}',
    '{"a":"\\x"}',
    '{"a":"\n"}',
    '[1',
    '{"a" 1}',
    '1 2',
    'nul',
  ]) {
    assert.throws(() => edited('json', bad, { a: 'x' }), EggFileError, bad);
  }
  assert.throws(
    () => editText('json', Buffer.from([0x22, 0xff, 0x22]), [{ match: 'a', replace_with: 'x' }]),
    EggFileError,
  );
});

// YAML is edited in place: each test says what the file looks like afterwards, byte for byte.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { EggFileError } from '../../../src/egg/config-file.ts';
import { edited, editText } from '../../support/egg.ts';

const yaml = (before: string, replace: Record<string, unknown>) => edited('yaml', before, replace);

test('values change where they stand, the rest stays', () => {
  const before = `# c
server:
  port: 1 # p
  online: true
  name: x
worlds:
  w1: {size: 1}
  w2: {size: 2}
`;
  const { text } = editText('yaml', before, [
    { match: 'server.port', replace_with: '25565' },
    { match: 'server.online', replace_with: 'false' },
    { match: 'worlds.*.size', replace_with: '5' },
    { match: 'server.extra.k', replace_with: 'v' },
    { match: 'server.name', replace_with: '127', if_value: 'x' },
  ]);
  assert.equal(
    text,
    `# c
server:
  port: 25565 # p
  online: false
  name: '127'
  extra:
    k: v
worlds:
  w1: {size: 5}
  w2: {size: 5}
`,
  );
});

test('a BungeeCord proxy finds its port and its servers', () => {
  const before = `listeners:
- query_port: 25577
  host: 0.0.0.0:25577
servers:
  lobby:
    address: localhost:25565
  my.other:
    address: 127.0.0.1:25566
  far:
    address: 8.8.8.8:1
`;
  const address = { match: 'servers.*.address', if_value: 'regex:^(127\\.0\\.0\\.1|localhost)(:\\d{1,5})?$' };
  const replace = [
    { match: 'listeners[0].query_port', replace_with: '25565' },
    { match: 'listeners[0].host', replace_with: '0.0.0.0:25565' },
    { ...address, replace_with: '{{config.docker.interface}}$2' },
  ];
  for (const flavour of ['pelican', 'pterodactyl'] as const) {
    assert.deepEqual(parse(editText('yaml', before, replace, { flavour }).text), {
      listeners: [{ query_port: 25565, host: '0.0.0.0:25565' }],
      servers: {
        lobby: { address: '172.18.0.1:25565' },
        'my.other': { address: '172.18.0.1:25566' },
        far: { address: '8.8.8.8:1' },
      },
    });
    assert.equal(
      editText('yaml', '', replace, { flavour }).text,
      flavour === 'pelican'
        ? "listeners:\n  - query_port: '25565'\n    host: '0.0.0.0:25565'\n"
        : "listeners:\n  - query_port: 25565\n    host: '0.0.0.0:25565'\n",
    );
  }
});

for (const [what, before, replace, after] of [
  ['an empty file', '', { 'a.b': 'x' }, 'a:\n  b: x\n'],
  ['nothing but comments', '# c', { a: 'x' }, '# c\na: x\n'],
  ['an empty document', '---\n# c\n', { a: 'x' }, '---\n# c\na: x\n'],
  ['null as the root', '~\n', { a: 'x' }, '{a: x}\n'],
  ['no line break at the end', 'a: 1', { b: 'x' }, 'a: 1\nb: x'],
  ['carriage returns', 'a: 1\r\nb: 2\r\n', { a: '3', c: 'x' }, 'a: 3\r\nb: 2\r\nc: x\r\n'],
  ['a byte-order mark', '\ufeffa: 1\n', { a: '2', b: 'x' }, '\ufeffa: 2\nb: x\n'],
  ['quotes', `a: 'x'\nb: "v"\n`, { a: "it's", b: 'q"q' }, `a: 'it''s'\nb: "q\\"q"\n`],
  ['strings that look like something else', 'a: x\n', { a: 'yes' }, "a: 'yes'\n"],
  ['strings that look like numbers', 'a: x\n', { a: '0755' }, "a: '0755'\n"],
  ['strings that look like comments', 'a: x\n', { a: 'b #c' }, "a: 'b #c'\n"],
  ['strings with line breaks', 'a: x\n', { a: 'b\nc' }, 'a: "b\\nc"\n'],
  ['an empty string', 'a: x\n', { a: '' }, "a: ''\n"],
  ['yes and off are strings', 'a: yes\nb: off\n', { a: 'true', b: '1' }, "a: 'true'\nb: '1'\n"],
  ['octal and hexadecimal', 'a: 0755\nb: 0x1F\n', { a: '5', b: '6' }, 'a: 5\nb: 6\n'],
  ['nothing behind a key', 'a:\nb: 1\n', { a: 'x' }, 'a: x\nb: 1\n'],
  ['a comment behind a key', 'a:   # c\nb: 1\n', { a: 'x' }, 'a:   x # c\nb: 1\n'],
  ['keys below nothing', 'a: # c\nb: 1\n', { 'a.x': 'v', 'a.z': 'w' }, 'a: # c\n  x: v\n  z: w\nb: 1\n'],
  ['keys below null', 'a: null\n', { 'a.x': 'v' }, 'a: {x: v}\n'],
  ['a block scalar', 'a: |\n  one\n  two\nb: 1\n', { a: 'x' }, 'a: x\nb: 1\n'],
  ['behind a block scalar', 'a:\n  t: |+\n    one\n\nb: 1\n', { 'a.m': 'x' }, 'a:\n  t: |+\n    one\n\n  m: x\nb: 1\n'],
  ['a folded scalar', 'a: one\n  two\nb: 1\n', { a: 'x' }, 'a: x\nb: 1\n'],
  ['a map becomes a value', 'a:\n  b: 1\n  c: 2\nd: 1\n', { a: 'x' }, 'a: x\nd: 1\n'],
  ['a list becomes a value', 'a:\n- 1\n- 2\nd: 1\n', { a: 'x' }, 'a: x\nd: 1\n'],
  ['a list in the column of its key, with a comment', 'a:\n# c\n- 1\nd: 1\n', { a: 'x' }, 'a:\n# c\n  x\nd: 1\n'],
  [
    'flow maps',
    'a: {b: 1, c: [1, 2], }\ne: {}\n',
    { 'a.b': '2', 'a.d': 'x', 'a.c.1': '3', 'e.f.g': 'v' },
    'a: {b: 2, c: [1, 3], d: x, }\ne: {f: {g: v}}\n',
  ],
  [
    'comments behind the last key',
    'a:\n  b: 1 # b\n\n# about c\nc: 2\n',
    { 'a.m': 'x' },
    'a:\n  b: 1 # b\n  m: x\n\n# about c\nc: 2\n',
  ],
  [
    'maps in lists',
    'l:\n  - a: 1\n    b: 2\n  - a: 3\n',
    { 'l.*.m': 'x' },
    'l:\n  - a: 1\n    b: 2\n    m: x\n  - a: 3\n    m: x\n',
  ],
  [
    'two levels that end together',
    'a:\n  b:\n    c: 1\n',
    { 'a.b.x': 'i', 'a.w': 'j', z: 'k' },
    'a:\n  b:\n    c: 1\n    x: i\n  w: j\nz: k\n',
  ],
  ['other documents', 'a: 1\n---\nb: [\n', { a: '2', c: 'x' }, 'a: 2\nc: x\n---\nb: [\n'],
  ['a directive', '%YAML 1.2\n---\na: .inf\nb: 1\n', { b: '2' }, '%YAML 1.2\n---\na: .inf\nb: 2\n'],
  ['keys that need quotes', 'a: 1\n', { 'true.b: c': 'x' }, "a: 1\n'true':\n  'b: c': x\n"],
  ['keys that are numbers', '1: a\n', { 1: 'b' }, '1: b\n'],
  ['long numbers', 'a: 1500000000000000001\nb: 1.0\nc: 2\n', { c: '3' }, 'a: 1500000000000000001\nb: 1.0\nc: 3\n'],
  ['anchors that nobody uses', 'a: &x 1\nb: 2\n', { a: '5' }, 'a: &x 5\nb: 2\n'],
  [
    'merged keys',
    'd: &d {p: 1}\ns:\n  <<: *d\n  q: 2\n',
    { 's.p': '5', 's.q': '6' },
    'd: &d {p: 1}\ns:\n  <<: *d\n  q: 6\n  p: 5\n',
  ],
  ['an alias', 'd: &d 1\ns: *d\n', { s: 'x' }, 'd: &d 1\ns: x\n'],
] as const) {
  test(what, () => assert.equal(yaml(before, replace), after));
}

test('what others refer to is not exchanged alone', () => {
  for (const before of ['d: &d 1\ns: *d\n', 'd: &d {p: 1}\ns: *d\n', 'd: !custom x\n']) {
    const { text, notes } = editText('yaml', before, [{ match: 'd', replace_with: 'v' }]);
    assert.equal(text, before);
    assert.equal(notes.length, 1);
  }
});

test('files that are not edited', () => {
  for (const bad of [
    '- a\n',
    'a\n',
    'a: 1\na: 2\n',
    'a:\n\tb: 1\n',
    'a: [1\n',
    'a: *nowhere\n',
    'a: "x\n',
    '? {a: 1}\n: b\n- c\n',
  ]) {
    assert.throws(() => yaml(bad, { b: 'x' }), EggFileError, bad);
  }
});

test('yml is yaml', () => assert.equal(edited('yml', 'a: 1\n', { a: '2' }), 'a: 2\n'));

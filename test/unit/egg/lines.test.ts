// The parsers that work on lines: `file`, `ini`, `properties`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EggFileError } from '../../../src/egg/config-file.ts';
import { edited, editText, eggContext } from '../../support/egg.ts';

const ini = (before: string, replace: Record<string, unknown>) => edited('ini', before, replace);
const properties = (before: string, replace: Record<string, unknown>) => edited('properties', before, replace);
const file = (before: string, replace: Record<string, unknown>) => edited('file', before, replace);

test('file: a line that starts with the match becomes the value', () => {
  assert.equal(
    file('hostname "old"\nsv_lan 1\n// note\n', { hostname: 'hostname "new"', sv_: 'sv_lan 0', absent: 'absent 1' }),
    'hostname "new"\nsv_lan 0\n// note\n',
  );
});

for (const [what, before, replace, after] of [
  ['line ends stay, or their absence', 'a 1\r\nb 1\na 2', { a: 'x' }, 'x\r\nb 1\nx'],
  ['the first match of a line wins', 'port=1\n', { port: 'a', 'port=': 'b' }, 'a\n'],
  ['an empty match hits every line', 'a\n\nb', { '': 'x' }, 'x\nx\nx'],
  ['an empty file stays empty', '', { '': 'x' }, ''],
  ['no white space is passed over', ' a\nA\na\n', { a: 'x' }, ' a\nA\nx\n'],
  ['placeholders of the daemon stay', 'a\n', { a: '{{config.docker.interface}}' }, '{{config.docker.interface}}\n'],
  ['left-overs of the Panel do not', 'a\n', { a: '{{server.build.default.port}}' }, '25565\n'],
] as const) {
  test(`file: ${what}`, () => assert.equal(file(before, replace), after));
}

test('file: a condition does not count, and bytes that are no text stay', () => {
  const { text } = editText('file', 'a\n', [{ match: 'a', replace_with: 'x', if_value: 'zzz' }]);
  assert.equal(text, 'x\n');
  const odd = Buffer.from([0xff, 0x0a, 0x61]);
  assert.equal(editText('file', odd, [{ match: 'b', replace_with: 'x' }]).changed, false);
});

test('file: lines of any length', () => {
  const long = 'x'.repeat(200_000);
  assert.equal(file(`${long}\nport 1\nrest\n`, { port: 'port 2' }), `${long}\nport 2\nrest\n`);
});

test('file: an author may write two lines, a variable may not (covers: SEC-96)', () => {
  const replace = { 'security:': 'security:\r\n  authorization: x', host: 'host a\nrcon=true b', rate: 'rate 1\0' };
  const environment = { HOST: 'a\nrcon=true' };
  assert.equal(
    edited('file', 'security:\nhost\nrate\n', replace, { environment }),
    'security:\r\n  authorization: x\nhost a rcon=true b\nrate 1 \n',
  );
});

test('ini: lines change where they stand', () => {
  const before = '; top\nport=1\n\n[Game]\n# c\nname=x\nmode = "a"\n';
  const replace = {
    port: '2',
    'Game.name': 'My Server',
    'Game.max': '10',
    '[/Script/Engine.X].Y': 'z',
    'New.a.b': '1',
  };
  assert.equal(
    ini(before, replace),
    '; top\nport=2\n\n[Game]\n# c\nname=My Server\nmode = "a"\nmax = 10\n\n[/Script/Engine.X]\nY=z\n\n[New]\na.b=1\n',
  );
});

for (const [what, before, replace, after] of [
  ['an empty file', '', { a: '1', 'S.b': '2' }, 'a=1\n\n[S]\nb=2\n'],
  ['lists of Unreal', '[S]\nK=a\nK=b\nM=1\n', { 'S.M': '2' }, '[S]\nK=a\nK=b\nM=2\n'],
  ['a repeated key that is matched', '[S]\nK=a\nM=1\nK=b\n', { 'S.K': 'c' }, '[S]\nK=c\nM=1\n'],
  ['a repeated section', '[S]\na=1\n[T]\n[S]\nb=1\n', { 'S.b': '2', 'S.c': '3' }, '[S]\na=1\nc=3\n[T]\n[S]\nb=2\n'],
  ['other values', 'q="a;b"\nu=http://x#y\nb=`t`\na=1\n', { a: '2' }, 'q="a;b"\nu=http://x#y\nb=`t`\na=2\n'],
  ['no inheritance', '[p]\nk=1\n[p.c]\n', { '[p.c].k': '2' }, '[p]\nk=1\n[p.c]\nk=2\n'],
  ['lines that are nothing', 'what\n[S]\nis this\na=1\n', { 'S.a': '2' }, 'what\n[S]\nis this\na=2\n'],
  ['brackets in names', '[a0]\nk=1\n[G]\nx.y=1\n', { 'a[0].k': '2', 'G.[x.y]': '2' }, '[a0]\nk=2\n[G]\nx.y=2\n'],
  ['the global part by its name', 'k=1\n[S]\n', { 'DEFAULT.k': '2' }, 'k=2\n[S]\n'],
  ['a section called so', '[DEFAULT]\nk=1\n', { k: '2' }, '[DEFAULT]\nk=2\n'],
  ['a colon', 'a: 1\n', { a: '2', b: '3' }, 'a: 2\nb: 3\n'],
  ['a value that was empty', '[S]\na =\nb=\n', { 'S.a': '1', 'S.b': '2' }, '[S]\na = 1\nb=2\n'],
  [
    'comments behind a value',
    '[S]\n a=1 ; one\nb="x;y" # two\nc=#fff\nd=2 ; d\n',
    { 'S.a': '3', 'S.b': '4', 'S.c': '5' },
    '[S]\n ; one\n a=3\n# two\nb=4\nc=5\nd=2 ; d\n',
  ],
  ['values on several lines', 'a=1\nb="""x\n\ny"""\nc=`z\nz`\n', { b: '2', c: '3' }, 'a=1\nb=2\nc=3\n'],
  ['lines behind a backslash', 'a=one \\\n  two\nb=1\n', { a: '1' }, 'a=1\n  two\nb=1\n'],
  ['a new key behind such lines', 'a=one \\\n  two', { b: '1' }, 'a=one \\\n  two\nb=1\n'],
  ['a repeated key with such lines', 'a=1\na=2\\\n  two\n', { a: '3' }, 'a=3\n  two\n'],
  [
    'a mark that has no second one',
    'm=`Hi\nport=1\nnote=use ` to\nlast=1\n',
    { m: 'x' },
    'm=x\nport=1\nnote=use ` to\nlast=1\n',
  ],
  ['a mark before a section', 'm="""Hi\n[S]\ntext"""\n', { m: 'x' }, 'm=x\n[S]\ntext"""\n'],
  ['a mark before a comment', 'm=`Hi\n; no\ntext`\n', { m: 'x' }, 'm=x\n; no\ntext`\n'],
  ['a mark in the middle of a line', 'm=`Hi\nuse ` to\n', { m: 'x' }, 'm=x\nuse ` to\n'],
  ['a path that ends with a backslash', 'p=C:\\d\\\nq=1\n', { p: 'x' }, 'p=x\nq=1\n'],
  [
    'carriage returns, no last line break',
    '[S]\r\na=1',
    { 'S.a': '2', 'S.b': '3', 'T.c': '4' },
    '[S]\r\na=2\r\nb=3\r\n\r\n[T]\r\nc=4\r\n',
  ],
  ['blank lines behind a section', '[S]\na=1\n\n[T]\nb=1\n', { 'S.c': '2' }, '[S]\na=1\nc=2\n\n[T]\nb=1\n'],
  ['case counts', '[s]\nA=1\n', { 's.a': '2' }, '[s]\nA=1\na=2\n'],
  ['keys with separators', '"a:b"=1\n', { 'a:b': '2', 'c=d': '3' }, '"a:b"=2\n"c=d"=3\n'],
  ['letters of any kind', '[ÜÀ]\nà=1\n', { 'ÜÀ.à': 'é' }, '[ÜÀ]\nà=é\n'],
  ['a byte-order mark', '\ufeff[S]\na=1\n', { 'S.a': '2' }, '[S]\na=2\n'],
  ['a byte-order mark that says something', '\ufeff[S]\na=1\n', { 'S.a': 'é' }, '\ufeff[S]\na=é\n'],
] as const) {
  test(`ini: ${what}`, () => assert.equal(ini(before, replace), after));
}

for (const [what, before, replace, after] of [
  ['a password of marks', 'pw=x\nport=1\nq=`q`\nlast=`q`\n', { pw: '`abc' }, 'pw=`abc\nport=1\nq=`q`\nlast=`q`\n'],
  ['quotes that do not end', 'pw=x\nport=1\nq="""\n', { pw: '"""abc' }, 'pw="""abc\nport=1\nq="""\n'],
  ['a path of Windows', 'dir=x\nthis says nothing\na=1\n', { dir: 'C:\\g\\' }, 'dir=C:\\g\\\nthis says nothing\na=1\n'],
  ['blanks around a value', 'a=x\nb = y\n', { a: '  x  ', b: ' z\t', c: ' "  q  " ' }, 'a=x\nb = z\nc = "  q  "\n'],
  [
    'keys that need quotes',
    '',
    { 'b=c"d': '1', ';k"': '2', '"a': '3', '`b': '4', 'a"b`': '5' },
    '`b=c"d`=1\n`;k"`=2\n"a=3\n`b=4\na"b`=5\n',
  ],
] as const) {
  test(`ini: ${what}: a second start changes nothing`, () => {
    assert.equal(ini(before, replace), after);
    assert.equal(ini(after, replace), after);
  });
}

test('ini: what no line can hold is skipped, and a file that would say something else stays', () => {
  const { changed, notes } = editText('ini', 'a=1\n', [{ match: '=`"', replace_with: 'x' }]);
  assert.deepEqual([changed, notes.length], [false, 1]);
  assert.throws(() => ini('pw=x\nthis says `nothing`\nlast=1\n', { pw: '`abc' }), EggFileError);
});

test('ini: a value stays on its line (covers: SEC-96)', () => {
  const { text, notes } = editText('ini', '[S]\na=1\n', [
    { match: 'S.a', replace_with: 'x\nb=2' },
    { match: 'S.c', replace_with: 'y\r\n\0z' },
    { match: 'S.d\nrcon', replace_with: 'x' },
    { match: 'S.', replace_with: 'x' },
  ]);
  assert.equal(text, '[S]\na=x b=2\nc=y  z\n');
  assert.equal(notes.length, 4);
});

test('properties: pairs change where they stand', () => {
  const { text } = editText('properties', '# Head\n\nport=1\n# mid\nmotd=Hi\nrcon=no\n', [
    { match: 'port', replace_with: '25565' },
    { match: 'motd', replace_with: '§aHi' },
    { match: 'rcon', replace_with: 'yes', if_value: 'no' },
    { match: 'rcon', replace_with: 'never', if_value: 'zzz' },
    { match: 'none', replace_with: 'never', if_value: 'zzz' },
    { match: 'new.key', replace_with: true },
  ]);
  assert.equal(text, '# Head\n\nport=25565\n# mid\nmotd=\\u00a7aHi\nrcon=yes\nnew.key=true\n');
});

for (const [what, before, replace, after] of [
  ['nothing is expanded', `a=$\{HOME}\nb=$\{a\n`, { c: `$\{PATH}` }, `a=$\{HOME}\nb=$\{a\nc=$\{PATH}\n`],
  ['quotes', 'a=say "hi"\n', { c: '"1"' }, 'a=say "hi"\nc="1"\n'],
  ['every value in ASCII', '# ü\na=ü §\nb=1\n', { b: '😀' }, '# ü\na=\\u00fc \\u00a7\nb=\\ud83d\\ude00\n'],
  ['an escaped letter', 'a=\\ü\n', { b: '1' }, 'a=\\u00fc\nb=1\n'],
  ['a byte-order mark', '\ufeff#c\na=1\n', { a: '2' }, '\ufeff#c\na=2\n'],
  ['comments of both kinds, blank lines', '! x\n\n  # y\na=1\n', { a: '2' }, '! x\n\n  # y\na=2\n'],
  ['separators', 'a : 1\nb 1\nc\nd\t=\t1\n', { a: '2', b: '2', c: '2', d: '2' }, 'a : 2\nb=2\nc=2\nd\t=\t2\n'],
  ['values on several lines', 'a=one,\\\n  two\nb=1\n', { b: '2' }, 'a=one,\\\n  two\nb=2\n'],
  ['values on several lines that change', 'a=one,\\\n  two\nb=1\n', { a: '2' }, 'a=2\nb=1\n'],
  [
    'escapes',
    'a\\:b=1\nc\\=d\\ e=1\n',
    { 'a:b': '2', 'c=d e': '3', '#f g': ' x\\y' },
    'a\\:b=2\nc\\=d\\ e=3\n\\#f\\ g=\\ x\\\\y\n',
  ],
  ['what is said already', 'a=\\u0031\n', { a: '1' }, 'a=\\u0031\n'],
  ['repeated keys', 'a=1\nb=1\na=2\n', { a: '3' }, 'a=3\nb=1\na=3\n'],
  ['repeated keys that are not matched', 'a=1\na=2\nb=1\n', { b: '2' }, 'a=1\na=2\nb=2\n'],
  ['no last line break', 'a=1', { b: '2' }, 'a=1\nb=2\n'],
  ['a backslash at the end', 'a=1\\', { b: '2' }, 'a=1\\\n\nb=2\n'],
  ['carriage returns', 'a=1\r\nb=1\r', { a: '2', c: '3' }, 'a=2\r\nb=1\rc=3\r\n'],
  ['dots and stars are letters', 'a.*=1\na.b=1\n', { 'a.*': '2' }, 'a.*=2\na.b=1\n'],
  [
    'keys that other objects have',
    '',
    { __proto__x: '1', constructor: '2', toString: '3' },
    '__proto__x=1\nconstructor=2\ntoString=3\n',
  ],
] as const) {
  test(`properties: ${what}`, () => assert.equal(properties(before, replace), after));
}

test('properties: a condition is a text, and looks at what earlier replacements left', () => {
  const { text } = editText('properties', 'a=1\nb=regex:.*\n', [
    { match: 'a', replace_with: 'x', if_value: 'regex:.*' },
    { match: 'b', replace_with: 'y', if_value: 'regex:.*' },
    { match: 'a', replace_with: '2', if_value: '1' },
    { match: 'a', replace_with: '3', if_value: '2' },
    { match: 'a', replace_with: '4', if_value: '1' },
    { match: 'c', replace_with: '5' },
    { match: 'c', replace_with: '6', if_value: '5' },
  ]);
  assert.equal(text, 'a=3\nb=y\nc=6\n');
});

test('properties: a value stays on its line (covers: SEC-96)', () => {
  assert.equal(properties('a=1\n', { a: 'x\nenable-rcon=true\r\t\0\f' }), 'a=x\\nenable-rcon=true\\r\\t\\u0000\\f\n');
});

test('properties: a line that is no UTF-8 stays, malformed files too', () => {
  const odd = Buffer.concat([Buffer.from('a='), Buffer.from([0xe9]), Buffer.from('\nb=ü\n')]);
  const { text } = editText('properties', odd, [{ match: 'c', replace_with: '1' }]);
  assert.equal(text, 'a=\ufffd\nb=\\u00fc\nc=1\n');
  for (const bad of ['=1\n', 'a=\\u12\n', ' :x\n']) assert.throws(() => properties(bad, { b: '1' }), EggFileError, bad);
});

test("properties: the environment of the daemon is nobody's value", () => {
  process.env['AILERON_TEST_SECRET'] = 'top-secret';
  try {
    const { text } = editText(
      'properties',
      `a=$\{AILERON_TEST_SECRET}\n`,
      [{ match: 'b', replace_with: `$\{AILERON_TEST_SECRET}` }],
      eggContext,
    );
    assert.doesNotMatch(text, /top-secret/);
  } finally {
    delete process.env['AILERON_TEST_SECRET'];
  }
});

test('UTF-16 is refused by every parser', () => {
  for (const parser of ['file', 'ini', 'properties', 'json', 'yaml', 'toml', 'xml']) {
    const content = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('a=1\n', 'utf16le')]);
    assert.throws(() => editText(parser, content, [{ match: 'a', replace_with: '1' }]), EggFileError, parser);
  }
});

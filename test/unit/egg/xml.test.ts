// XML: what is found by a path, what is made, what is refused, and how the file looks afterwards.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EggFileError } from '../../../src/egg/config-file.ts';
import { edited, editText } from '../../support/egg.ts';

const xml = (before: string, replace: Record<string, unknown>) => edited('xml', before, replace);

test('text, attributes, wildcards and missing elements', () => {
  const before = `<?xml version="1.0"?>
<cfg>
  <net port="1"><ip>x</ip></net>
  <w><s>1</s></w><v><s>2</s></v>
</cfg>
`;
  const replace = { 'cfg.net': "[port='25565']", 'cfg.net.ip': '0.0.0.0', 'cfg.*.s': '9', 'cfg.new.leaf': 'a<b' };
  assert.equal(
    xml(before, replace),
    `<?xml version="1.0"?>
<cfg>
  <net port="25565">
    <ip>0.0.0.0</ip>
  </net>
  <w>
    <s>9</s>
  </w>
  <v>
    <s>9</s>
  </v>
  <new>
    <leaf>a&lt;b</leaf>
  </new>
</cfg>
`,
  );
});

test('a setting of 7 Days to Die', () => {
  const replace = { "ServerSettings.property[@name='ServerPort']": "[value='27000']" };
  assert.equal(
    xml('<ServerSettings>\n\t<property name="ServerPort"\tvalue="26900"/>\n</ServerSettings>\n', replace),
    '<ServerSettings>\n  <property name="ServerPort" value="27000"/>\n</ServerSettings>\n',
  );
  assert.equal(
    xml('<ServerSettings/>', replace),
    '<ServerSettings>\n  <property name="ServerPort" value="27000"/>\n</ServerSettings>\n',
  );
});

for (const [what, before, replace, after] of [
  [
    'an empty file',
    '',
    { 'a.b': 'x', 'a.c': 'y', 'z.b': 'n' },
    '<?xml version="1.0" encoding="utf-8"?>\n<a>\n  <b>x</b>\n  <c>y</c>\n</a>\n',
  ],
  ['every match', '<r><a>1</a><b/><a>2</a></r>', { 'r.a': 'x' }, '<r>\n  <a>x</a>\n  <b/>\n  <a>x</a>\n</r>\n'],
  [
    'one of several',
    '<r><a>1</a><a>2</a><a>3</a></r>',
    { 'r.a[2]': 'x', 'r.a[-1]': 'y' },
    '<r>\n  <a>1</a>\n  <a>x</a>\n  <a>y</a>\n</r>\n',
  ],
  [
    'by a child',
    '<r><a><k>p</k><v>1</v></a><a><k>q</k><v>1</v></a></r>',
    { "r.a[k='q'].v": '2' },
    '<r>\n  <a>\n    <k>p</k>\n    <v>1</v>\n  </a>\n  <a>\n    <k>q</k>\n    <v>2</v>\n  </a>\n</r>\n',
  ],
  ['dots in quotes', '<r><a k="x.y">1</a></r>', { "r.a[@k='x.y']": '2' }, '<r>\n  <a k="x.y">2</a>\n</r>\n'],
  ['names with a colon', '<r><p:a>1</p:a></r>', { 'r.p:a': '2' }, '<r>\n  <p:a>2</p:a>\n</r>\n'],
  ['any root', '<r><a/></r>', { '*.a': 'x' }, '<r>\n  <a>x</a>\n</r>\n'],
  ['text before children', '<r><a>t<b/></a></r>', { 'r.a': 'x' }, '<r>\n  <a>x<b/></a>\n</r>\n'],
  [
    'escapes',
    '<r><a/></r>',
    { 'r.a': `&<>'"`, 'r.b': `[k='<"']` },
    '<r>\n  <a>&amp;&lt;&gt;&apos;&quot;</a>\n  <b k="&lt;&quot;"/>\n</r>\n',
  ],
  [
    'values in the form of an attribute only',
    '<r><a/></r>',
    { 'r.a': '[k="v"]' },
    '<r>\n  <a>[k=&quot;v&quot;]</a>\n</r>\n',
  ],
  [
    'what stays',
    '<!DOCTYPE r SYSTEM "r.dtd">\n<!-- c --><r  a = \'1\'><b>&#65;<![CDATA[<x>]]></b><c> </c><d></d><e/></r>',
    { 'r.e': 'x' },
    '<!DOCTYPE r SYSTEM "r.dtd">\n<!-- c -->\n<r  a = \'1\'>\n  <b>&#65;<![CDATA[<x>]]></b>\n  <c> </c>\n  <d></d>\n  <e>x</e>\n</r>\n',
  ],
  [
    'mixed text',
    '<r><p>one <i>two</i> three</p><a/></r>',
    { 'r.a': 'x' },
    '<r>\n  <p>one <i>two</i> three</p>\n  <a>x</a>\n</r>\n',
  ],
  [
    'carriage returns and a mark',
    '\ufeff<r>\r\n<a/>\r\n</r>\r\n',
    { 'r.a': 'ü' },
    '\ufeff<r>\r\n  <a>ü</a>\r\n</r>\r\n',
  ],
  [
    'signs in names of attributes',
    '<r><a/></r>',
    { 'r.a': "[x-y.z='v']", 'r.*': "[p:q='w']" },
    '<r>\n  <a x-y.z="v" p:q="w"/>\n</r>\n',
  ],
  ['no text', '<r><a>x</a></r>', { 'r.a': '' }, '<r>\n  <a></a>\n</r>\n'],
  ['control characters', '<r><a/></r>', { 'r.a': 'x\u0000\u0007y' }, '<r>\n  <a>xy</a>\n</r>\n'],
] as const) {
  test(what, () => assert.equal(xml(before, replace), after));
}

test('what already is so, and what is not found, leaves the file as it is', () => {
  const before = '<r><a k="v">x</a>\n\n</r>';
  for (const [match, value, notes] of [
    ['r.a', 'x', 0],
    ['r.a', "[k='v']", 0],
    ['r.*.z', 'y', 0],
    ['s.a', 'y', 1],
    ['r.b[2]', 'y', 1],
    ['r.a[', 'y', 1],
    ['r..a', 'y', 1],
    ["r.a[contains(@k,'v')]", 'y', 1],
    ['r.a/b', 'y', 1],
    ['', 'y', 1],
  ] as const) {
    const result = editText('xml', before, [{ match, replace_with: value }]);
    assert.equal(result.text, before, match);
    assert.equal(result.notes.length, notes, match);
  }
});

test('what is not XML is refused, and so are entities of its own (covers: SEC-94)', () => {
  const laughs = '<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><r>&b;</r>';
  for (const bad of [
    laughs,
    '<r>&b;</r>',
    '<r>',
    '<r></s>',
    '<r a=1/>',
    '<r/><s/>',
    'x<r/>',
    '<r a="<"/>',
    '<!-- ',
    '<r>&</r>',
    '<![CDATA[x]]>',
  ]) {
    assert.throws(() => xml(bad, { 'r.a': 'x' }), EggFileError, bad);
  }
});

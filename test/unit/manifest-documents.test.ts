// The text of a manifest: what is read, where it stands, and that no text costs more than it is worth.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ManifestDocument, type ParsedDocument, parseManifest } from '../../src/manifests/documents.ts';
import { lineOf } from '../../src/manifests/field-lines.ts';

const server = `# a server
apiVersion: aileron.dev/v1
kind: Server
metadata:
  name: demo
  labels:
    example.com/game.name: demo
spec:
  limits: &limits
    memory: 128
  environment:
    A: hello
    A.B: dotted
  mounts:
    - source: /srv
      target: /a
    - source: /srv
      target: /b
  more: *limits
`;

test('the documents of a file come in order, empty ones are left out', () => {
  const found = parseManifest('---\n# nothing\n---\na: 1\n---\nnull\n---\n---\nb: [x, 2, true, null]\n');
  assert.deepEqual(
    found.map((parsed) => [plainOf(parsed), documentOf(parsed).line]),
    [
      [{ a: 1 }, 4],
      [{ b: ['x', 2, true, null] }, 9],
    ],
  );
  assert.deepEqual(parseManifest(''), []);
  assert.deepEqual(parseManifest('# only a comment\n'), []);
});

test('JSON is read, indented with tabs too', () => {
  const [parsed] = parseManifest('{\n\t"spec": {\n\t\t"image": "a"\n\t}\n}\n');
  assert.deepEqual(plainOf(parsed), { spec: { image: 'a' } });
  assert.equal(lineOf(documentOf(parsed).lines, 'spec.image'), 3);
});

test('words are what YAML 1.2 makes of them, whatever version the file claims', () => {
  const text = 'a: yes\nb: 0755\nc: 0x10\nd: 2026-01-01\ne: 1_000\n<<: x\n';
  const values = { a: 'yes', b: 755, c: 16, d: '2026-01-01', e: '1_000', '<<': 'x' };
  assert.deepEqual(plainOf(parseManifest(text)[0]), values);
  assert.deepEqual(plainOf(parseManifest(`%YAML 1.1\n---\n${text}`)[0]), values);
});

test('a field has a line, a missing one that of what is around it', () => {
  const root = documentOf(parseManifest(server)[0]).lines;
  const lines = {
    '': 2,
    kind: 3,
    'metadata.name': 5,
    'metadata.labels[example.com/game.name]': 7,
    'spec.limits.memory': 10,
    'spec.limits.swap': 9,
    'spec.environment[A]': 12,
    'spec.environment[A.B]': 13,
    'spec.environment.A.B': 13,
    'spec.mounts[0].target': 16,
    'spec.mounts[1]': 17,
    'spec.mounts[1].target': 18,
    'spec.mounts[7].target': 14,
    'spec.more.memory': 10,
    'spec.image': 8,
    other: 2,
  };
  assert.deepEqual(Object.fromEntries(Object.keys(lines).map((field) => [field, lineOf(root, field)])), lines);
});

test('what can be read in two ways is an error with its line', () => {
  const wrong: Record<string, [text: string, line: number, message: RegExp]> = {
    'a field stated twice': ['a: 1\nb:\n  c: 1\n  c: 2\n', 4, /"c" is stated twice/],
    'the same in JSON': ['{"a": 1,\n"a": 2}', 2, /"a" is stated twice/],
    'a number and its text as keys': ['1: a\n"1": b\n', 2, /"1" is stated twice/],
    'an unknown tag': ['a: 1\nb: !secret x\n', 2, /tag/i],
    'a tag for a date': ['a: !!timestamp 2026-01-01\n', 1, /tag/i],
    'a key that is an object': ['a: 1\n? {b: c}\n: d\n', 2, /string/],
    'a number with too many digits': ['a: 1\nid: 123456789012345678\n', 2, /in quotes/],
    'a field that is a prototype': ['a:\n  __proto__: {b: 1}\n', 2, /not allowed/],
    'a list': ['- a\n', 1, /not an object/],
    'a text': ['just words\n', 1, /not an object/],
    'no YAML': ['a: 1\nb: [\n', 3, /not valid YAML/],
    'two JSON texts': ['{"a": 1}\n{"b": 2}\n', 2, /not valid YAML/],
    'an alias of nothing': ['a: *b\n', 1, /cannot be read/],
  };
  for (const [name, [text, line, message]] of Object.entries(wrong)) {
    const parsed = parseManifest(text)[0];
    assert.ok(parsed && 'mistake' in parsed, name);
    assert.match(parsed.mistake.message, message, name);
    assert.equal(parsed.mistake.line, line, name);
  }
});

test('a wrong document is no fault of the next', () => {
  const found = parseManifest('a: 1\n---\nb: 1\nb: 2\n---\nc: "\\x"\n---\nd: 1\n');
  assert.deepEqual(
    found.map((parsed) => ('mistake' in parsed ? parsed.mistake.line : parsed.document.value)),
    [{ a: 1 }, 4, 6, { d: 1 }],
  );
});

test('no text costs more than it is worth', () => {
  const doubling = Array.from({ length: 20 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`).join('\n');
  const hostile: Record<string, [text: string, message: RegExp]> = {
    bomb: [`a0: &a0 lol\n${doubling}\n`, /alias/i],
    'wide bomb': [`a: &a [${'1,'.repeat(5_000)}]\nb: [${'*a,'.repeat(90)}]\n`, /more than 100000 values/],
    'many aliases': [`a: &a 1\nb: [${'*a,'.repeat(101)}]\n`, /alias/i],
    'an alias of itself': ['a: &a\n  b: *a\n', /deeper than 64/],
    'open brackets': ['['.repeat(10_240), /./],
    'open braces': ['{a: '.repeat(10_240), /./],
    'nested lists': [`a: ${'['.repeat(65)}${']'.repeat(65)}`, /deeper than 64/],
    'nested lists by indentation': ['- '.repeat(10_240), /./],
    'closing brackets': [']'.repeat(10_240), /./],
    'tags on tags': ['!a '.repeat(10_240), /./],
    'too many documents': ['---\na: 1\n'.repeat(1_001), /more than 1000 documents/],
  };
  for (const [name, [text, message]] of Object.entries(hostile)) {
    const parsed = parseManifest(text).at(-1);
    assert.ok(parsed && 'mistake' in parsed, name);
    assert.match(parsed.mistake.message, message, name);
  }
});

// Comparing each key with all others takes a minute for these.
test('the fields of a large map are not compared one with all', { timeout: 20_000 }, () => {
  const text = Array.from({ length: 60_000 }, (_, i) => `k${i}: 1\n`).join('');
  assert.equal(Object.keys(plainOf(parseManifest(text)[0])).length, 60_000);
});

function documentOf(parsed: ParsedDocument | undefined): ManifestDocument {
  if (!parsed || 'mistake' in parsed) throw new Error('a document was expected', { cause: parsed });
  return parsed.document;
}

function plainOf(parsed: ParsedDocument | undefined): Record<string, unknown> {
  return documentOf(parsed).value;
}

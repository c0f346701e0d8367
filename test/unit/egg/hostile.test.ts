// Files and eggs made to do harm: each ends soon, says that it was refused, and changes nothing it should not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EggFileError } from '../../../src/egg/config-file.ts';
import { edited, editText } from '../../support/egg.ts';

const soon = { timeout: 20_000 };

test('nesting has an end (covers: SEC-94)', soon, () => {
  for (const [parser, text] of [
    ['json', '['.repeat(10_000)],
    ['json', `${'{"a":'.repeat(300)}1${'}'.repeat(300)}`],
    ['yaml', '['.repeat(10_000)],
    ['yaml', `a: ${'['.repeat(70)}${']'.repeat(70)}\n`],
    ['toml', `a = ${'['.repeat(10_000)}`],
    ['toml', `${'a.'.repeat(10_000)}a = 1\n`],
    ['xml', '<a>'.repeat(10_000)],
  ] as const) {
    assert.throws(() => edited(parser, text, { x: '1' }), EggFileError, parser);
  }
});

test('a billion laughs stay unsaid (covers: SEC-94)', soon, () => {
  const levels = (width: number, count: number) =>
    Array.from({ length: count }, (_, level) => {
      const inner = level === 0 ? '{x: 1}' : `*l${level - 1}`;
      return `l${level}: &l${level} [${Array.from({ length: width }, () => inner).join(', ')}]\n`;
    }).join('');
  assert.throws(() => edited('yaml', levels(9, 14), { a: 'x' }), EggFileError, 'aliases');
  const few = levels(9, 10);
  assert.equal(edited('yaml', few, { a: 'x' }), `${few}a: x\n`);
  assert.throws(() => edited('yaml', few, { [`l9${'.*'.repeat(10)}.x`]: '2' }), EggFileError, 'wildcards');
  assert.throws(() => editText('yaml', few, [{ match: 'l9', replace_with: '2', if_value: 'x' }]), EggFileError, 'text');
});

test('expressions that backtrack elsewhere take linear time (covers: SEC-97)', soon, () => {
  const long = `${'a'.repeat(50_000)}b`;
  const { text } = editText('json', JSON.stringify({ k: long }), [
    { match: 'k', replace_with: 'x', if_value: 'regex:(a+)+$' },
    { match: 'k', replace_with: 'x', if_value: 'regex:^(a|a)*$' },
  ]);
  assert.equal(text, JSON.stringify({ k: long }));
});

test('lines of megabytes (covers: SEC-94)', soon, () => {
  const long = 'x'.repeat(4_000_000);
  const blanks = ' '.repeat(4_000_000);
  for (const parser of ['file', 'ini', 'properties'] as const) {
    for (const line of [
      long,
      blanks,
      `a${blanks}b`,
      `${blanks}b`,
      `a=${blanks}b`,
      `a=b${blanks};${blanks}`,
      '\\'.repeat(4_000_001),
      `${long}=${long}`,
    ]) {
      assert.match(
        edited(parser, `${line}\nkey=1\n`, { key: 'key=2' }),
        /\nkey=(?:key=)?2\n$/,
        `${parser} ${line.slice(0, 3)}`,
      );
    }
  }
});

test('keys that every object has are data (covers: SEC-95)', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString'];
  const replace = Object.fromEntries(
    names.flatMap((name) => [
      [`${name}.polluted`, 'yes'],
      [`a.${name}`, 'v'],
    ]),
  );
  for (const [parser, before] of [
    ['json', '{"__proto__":{"x":1},"constructor":{"prototype":{"y":1}}}'],
    ['yaml', '__proto__:\n  x: 1\nconstructor: {prototype: {y: 1}}\n<<: {__proto__: {z: 1}}\n'],
    ['toml', '[__proto__]\nx = 1\n[constructor.prototype]\ny = 1\n'],
    ['ini', '[__proto__]\nx=1\n[constructor]\nprototype=1\n'],
    ['properties', '__proto__=1\nconstructor=2\n'],
  ] as const) {
    const after = edited(parser, before, replace);
    for (const name of names) assert.ok(after.includes(name), `${parser} lost ${name}`);
    assert.equal(edited(parser, after, replace), after, parser);
    assert.equal(Reflect.get({}, 'polluted'), undefined, parser);
    assert.deepEqual(Object.keys(Object.prototype), []);
  }
  const json = edited('json', '{"__proto__":{"x":1}}', { '__proto__.y': 'v' });
  assert.equal(json, '{\n  "__proto__": {\n    "x": 1,\n    "y": "v"\n  }\n}\n');
});

test('a secret of the daemon is no value in any parser (covers: SEC-92)', () => {
  const before = {
    json: '{"k":1}',
    yaml: 'k: 1\n',
    toml: 'k = 1\n',
    ini: 'k=1\n',
    properties: 'k=1\n',
    xml: '<k/>',
    file: 'k\n',
  };
  for (const name of [
    'config.token',
    'config.token_id',
    'config.docker.registries',
    ' config . token ',
    'server.build.env.X',
    'env.X',
  ]) {
    for (const [parser, text] of Object.entries(before)) {
      const after = edited(parser, text, { k: `{{${name}}}` });
      assert.ok(after.includes(`{{${name}}}`), `${parser}: ${after}`);
    }
  }
});

// A file must count as Wings reads it: merge keys are followed, and what no reader would see is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '../../../src/config/config-error.ts';
import { editYaml } from '../../../src/config/edit-yaml.ts';
import { Section } from '../../../src/config/section.ts';

const read = (text: string): Section => Section.parse('config.yml', text);

const base = 'b: &b {port: 9999, host: "::1"}\n';

for (const [title, text, port, host] of [
  ['a block', `${base}api: {<<: *b}\n`, 9999, '::1'],
  ['a block in lines', `${base}api:\n  <<: *b\n  port: 1\n`, 1, '::1'],
  ['a key of its own that comes first', `${base}api: {port: 1, <<: *b}\n`, 1, '::1'],
  ['an empty key of its own', `${base}api: {port: ~, <<: *b}\n`, 8080, '::1'],
  ['several, of which the first wins', `${base}c: &c {port: 7}\napi: {<<: [*c, *b]}\n`, 7, '::1'],
  ['a map without a name', 'api: {<<: {port: 9999, host: x}}\n', 9999, 'x'],
  ['a merge in what is merged', `${base}c: &c {<<: *b, port: 7}\napi: {<<: *c}\n`, 7, '::1'],
  ['a block at the top', 'base: &b {api: {port: 9999}}\n<<: *b\n', 9999, ''],
  ['itself', 'api: &a {<<: *a, port: 9999}\n', 9999, ''],
  ['a key in quotes is a key', 'api: {"<<": {port: 9999}}\n', 8080, ''],
] as const)
  test(`merged: ${title}`, () => {
    const api = read(text).section('api');
    assert.deepEqual([api.integer('port', 8080, 0, 65_535), api.text('host', '')], [port, host]);
  });

test('merged keys are among the keys, and have their line', () => {
  const api = read(`${base}api:\n  <<: *b\n  ssl: {}\n`).section('api');
  assert.deepEqual(api.keys(), ['ssl', 'port', 'host']);
  assert.equal(api.placeOf('port'), 'config.yml, line 1');
});

for (const [text, expected] of [
  ['api: {}\nsystem: {<<: 5}\n', /config\.yml, line 2: .*<< must be a block/],
  ['x: &x [1]\napi:\n  <<: *x\n', /line 3: .*<< must be a block/],
  ['api:\n  <<: [{port: 1}, 5]\n', /line 2: .*<< must be a block/],
  ['token: x\n---\napi: {port: 1}\n', /config\.yml, line 2: .*second document/],
  ['token: x\n\n--- # empty\n', /line 3: .*second document/],
] as const)
  test(`refused: ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => {
        const file = read(text);
        for (const key of file.keys()) if (file.isSection(key)) file.section(key).keys();
      },
      (error) => error instanceof ConfigError && expected.test(error.message),
    );
  });

test('one document with its marks is one', () => {
  assert.equal(read('# mine\n---\ntoken: x\n...\n# end\n').text('token', ''), 'x');
});

test('merging without end or measure ends soon', () => {
  const links = Array.from({ length: 20_000 }, (_, n) => `  - &m${n + 1} {<<: [*m${n}, *m${n}], k${n}: 1}`);
  const text = `l:\n  - &m0 {a: 1}\n${links.join('\n')}\napi: {<<: *m20000}\n`;
  assert.throws(() => read(text).section('api').keys(), /more than 1024 keys/);
});

const changed = (text: string, path: string, value: string | number) =>
  editYaml('config.yml', text, [{ path: path.split('.'), value }]);

test('a merged value is changed beside the merge, and only for its own block', () => {
  assert.equal(changed(`${base}api: {<<: *b}\n`, 'api.port', 5), `${base}api: {<<: *b, port: 5}\n`);
  const lines = `${base}api:\n  <<: *b # ours\nremote: x\n`;
  assert.equal(changed(lines, 'api.port', 5), `${base}api:\n  <<: *b # ours\n  port: 5\nremote: x\n`);
  assert.equal(changed(lines, 'api.port', 9999), lines);
});

for (const [title, text] of [
  ['would hide the rest of a merged block', 'base: &b {api: {port: 1, host: x}}\n<<: *b\n'],
  ['would change other blocks too', 'api: &a {port: 1}\nother: {<<: *a}\n'],
] as const)
  test(`a change that ${title} is refused`, () => {
    assert.throws(() => changed(text, 'api.port', 5), /api\.port cannot be changed in the form it has there/);
  });

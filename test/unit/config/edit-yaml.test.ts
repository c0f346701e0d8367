import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigError } from '../../../src/config/config-error.ts';
import { editYaml, type YamlChange, type YamlValue } from '../../../src/config/edit-yaml.ts';

function edited(text: string, ...changes: [path: string, value: YamlValue][]): string {
  return editYaml(
    'config.yml',
    text,
    changes.map(([path, value]): YamlChange => ({ path: path.split('.'), value })),
  );
}

describe('a value that stands there is replaced, and nothing else', () => {
  for (const [title, text, path, value, expected] of [
    ['plain', 'a: 1 # one\nb: 2\n', 'a', 7, 'a: 7 # one\nb: 2\n'],
    ['in double quotes', 'token: "old" # secret\n', 'token', 'new', 'token: "new" # secret\n'],
    ['in single quotes', "token: 'it''s'\n", 'token', "that's", "token: 'that''s'\n"],
    ['plain that needs quotes now', 'token: old\n', 'token', 'yes', 'token: "yes"\n'],
    ['a word that looks like a number', 'token: old\n', 'token', '0123', 'token: "0123"\n'],
    ['a token with an exponent', 'token: old\n', 'token', '1e5', 'token: "1e5"\n'],
    ['an address', 'host: 0.0.0.0\n', 'host', '10.0.0.1', 'host: "10.0.0.1"\n'],
    ['a path', 'cert: /a\n', 'cert', '/etc/x/full-chain.pem', 'cert: /etc/x/full-chain.pem\n'],
    [
      'deep',
      'api:\n    # why\n    ssl:\n        enabled: no   # not yet\n',
      'api.ssl.enabled',
      true,
      'api:\n    # why\n    ssl:\n        enabled: true   # not yet\n',
    ],
    [
      'in a flow map',
      'api: {host: x, port: 1, ssl: {}} # c\n',
      'api.port',
      2,
      'api: {host: x, port: 2, ssl: {}} # c\n',
    ],
    ['null in words', 'api: ~\nb: 1\n', 'api', 'x', 'api: x\nb: 1\n'],
    ['nothing', 'token: # here\nb: 1\n', 'token', 'x', 'token: x # here\nb: 1\n'],
    ['nothing at the end of the file', 'token:', 'token', 'x', 'token: x'],
    ['a block of text', 'token: |\n  old\nb: 1\n', 'token', 'x', 'token: x\nb: 1\n'],
    ['with other line ends', 'a: 1\r\nb: 2\r\n', 'b', 3, 'a: 1\r\nb: 3\r\n'],
    ['with a mark at the start', '\uFEFFa: 1\nb: 2\n', 'a', 3, '\uFEFFa: 3\nb: 2\n'],
    ['by an alias', 'x: &x 1\na: *x\n', 'a', 3, 'x: &x 1\na: 3\n'],
  ] as const) {
    test(title, () => {
      assert.equal(edited(text, [path, value]), expected);
    });
  }
});

describe('a value that is missing is added to its block', () => {
  for (const [title, text, path, value, expected] of [
    ['at the top', '# mine\na: 1 # one\n\n# the end\n', 'b', 'x', '# mine\na: 1 # one\nb: x\n\n# the end\n'],
    ['to a file without a last line end', 'a: 1', 'b', 2, 'a: 1\nb: 2\n'],
    ['to an empty file', '', 'api.port', 2, 'api:\n  port: 2\n'],
    ['to a file of comments', '# nothing yet', 'b', 2, '# nothing yet\nb: 2\n'],
    [
      'to a block',
      'api:\n    host: x # why\n# about system\nsystem: {}\n',
      'api.port',
      2,
      'api:\n    host: x # why\n    port: 2\n# about system\nsystem: {}\n',
    ],
    [
      'with blocks of its own',
      'api:\n  host: x\nb: 1\n',
      'api.ssl.cert',
      '/c',
      'api:\n  host: x\n  ssl:\n    cert: /c\nb: 1\n',
    ],
    [
      'behind nested blocks',
      'system:\n  sftp:\n    bind_port: 1\n  list:\n    - a\n    - b: 1\n      c: 2\nz: 1\n',
      'system.data',
      '/d',
      'system:\n  sftp:\n    bind_port: 1\n  list:\n    - a\n    - b: 1\n      c: 2\n  data: /d\nz: 1\n',
    ],
    [
      'behind a block of text',
      'a:\n  b: |\n    one\n    two\nc: 1\n',
      'a.d',
      1,
      'a:\n  b: |\n    one\n    two\n  d: 1\nc: 1\n',
    ],
    ['to a flow map', 'api: {host: x}\n', 'api.ssl.enabled', true, 'api: {host: x, ssl: {enabled: true}}\n'],
    ['to an empty flow map', 'api: {}\n', 'api.port', 1, 'api: {port: 1}\n'],
    [
      'to a block that is null',
      'api: # later\nb: 1\n',
      'api.ssl.enabled',
      true,
      'api: {ssl: {enabled: true}} # later\nb: 1\n',
    ],
    ['behind an empty value', 'a: 1\nb:\n', 'c', 1, 'a: 1\nb:\nc: 1\n'],
    ['with other line ends', 'a: 1\r\n', 'b.c', 2, 'a: 1\r\nb:\r\n  c: 2\r\n'],
  ] as const) {
    test(title, () => {
      assert.equal(edited(text, [path, value]), expected);
    });
  }
});

test('several at once, in any order', () => {
  const text = '# a\ntoken: "x" # t\napi:\n  port: 1 # p\n# end\n';
  assert.equal(
    edited(text, ['api.port', 2], ['token', 'y'], ['api.host', '::'], ['uuid', 'u']),
    '# a\ntoken: "y" # t\napi:\n  port: 2 # p\n  host: "::"\nuuid: u\n# end\n',
  );
});

test('what says the same already stays in its own words', () => {
  const text = 'debug: off\napi: {port: "8080"}\ntoken: \'x\'\n';
  assert.equal(edited(text, ['debug', false], ['api.port', 8080], ['token', 'x']), text);
});

test('a change that wants the key to be there adds nothing', () => {
  const change = (key: string) => ({ path: ['system', key], value: 5, onlyIfPresent: true });
  const text = 'system:\n  uid: 1\n  gid:\n';
  assert.equal(editYaml('c', text, [change('uid'), change('gid'), change('x')]), 'system:\n  uid: 5\n  gid:\n');
});

describe('what cannot be changed alone is refused', () => {
  for (const [title, text, path] of [
    ['a list where a value belongs', 'token: [a]\n', 'token'],
    ['a block where a value belongs', 'token: {a: b}\n', 'token'],
    ['a value where a block belongs', 'api: x\n', 'api.port'],
    ['an anchor that others need', 'token: &t x\nother: *t\n', 'token'],
    ['a block by an alias', 'a: &a {port: 1}\napi: *a\n', 'api.port'],
    ['a file that is no YAML', 'a: 1\n b: 2\n', 'a'],
    ['a list', '- a\n', 'a'],
  ] as const) {
    test(title, () => {
      assert.throws(() => edited(text, [path, 'new']), ConfigError);
    });
  }
});

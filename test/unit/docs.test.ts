// The documents keep step with the code: links lead somewhere, tables list what there is, commands are executed.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { type Setting, settings } from '../../src/config/aileron-settings.ts';
import { commandBlocks, fileLinks, readDocument } from '../support/markdown.ts';
import { checkout } from '../support/source-files.ts';

const documents = [
  'README.md',
  'SECURITY.md',
  ...readdirSync(join(checkout, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

test('every link to a file leads to one', () => {
  const dead = documents.flatMap((path) =>
    fileLinks(readDocument(path))
      .filter((target) => !existsSync(join(checkout, dirname(path), target)))
      .map((target) => `${path} → ${target}`),
  );
  assert.deepEqual(dead, []);
});

test('every page of docs/ is in its index', () => {
  const index = new Set(fileLinks(readDocument('docs/README.md')).map((target) => join('docs', target)));
  const missing = documents.filter((path) => path.startsWith('docs/') && path !== 'docs/README.md' && !index.has(path));
  assert.deepEqual(missing, []);
});

test('README lists every setting of aileron.yml with its variable, default and meaning', () => {
  const rows = [
    ...readDocument('README.md').matchAll(/^\| `([^`]+)` \| `(AILERON_[^`]+)` \| (.+) \| (.+) \| (.+) \|$/gm),
  ];
  assert.deepEqual(
    rows.map(([, key, env, , fallback, meaning]) => ({ key, env, fallback: fallback?.replaceAll('`', ''), meaning })),
    settings.map(({ key, env, default: fallback, meaning }: Setting) => ({ key, env, fallback, meaning })),
  );
});

test('every command of README is executed by a test, or says why not', () => {
  const marks = commandBlocks(readDocument('README.md')).map(({ line, mark }) => ({ line, mark }));
  const unknown = marks.filter(({ mark }) => !/^(?:start|run|watch|panel|node|ask|beside|no, .+)$/.test(mark));
  assert.deepEqual(unknown, []);
  assert.ok(marks.filter(({ mark }) => mark === 'run').length > 0);
});

test('there is a private way to report weaknesses (covers: SEC-131)', () => {
  const policy = readDocument('SECURITY.md');
  for (const part of [/privately/, /Supported versions/, /90 days/, /how to change them/]) assert.match(policy, part);
});

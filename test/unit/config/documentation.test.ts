import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Setting, settings } from '../../../src/config/aileron-settings.ts';

const page = await readFile(join(import.meta.dirname, '../../../docs/configuration.md'), 'utf8');

function rowOf({ key, env, type, range, choices, default: value, meaning }: Setting): string {
  const kind = choices?.join(', ') ?? (range ? `${type}, ${range[0]} to ${range[1]}` : type);
  // A value stands in code marks, words about one do not.
  const shown = value.includes(' ') || value === 'none' ? value : `\`${value}\``;
  return `| \`${key}\` | \`${env}\` | ${kind} | ${shown} | ${meaning} |`;
}

test('the documentation lists our settings as the code does, in its order', () => {
  const rows = page.split('\n').filter((line) => line.includes('| `AILERON_'));
  assert.deepEqual(rows, settings.map(rowOf));
});

test('each setting has the variable its key makes', () => {
  for (const { key, env } of settings) {
    const words = key
      .replace(/([A-Z])/g, '_$1')
      .replaceAll('.', '_')
      .toUpperCase();
    assert.equal(env, `AILERON_${words}`);
  }
});

test('the documentation names every key of Wings that is read', async () => {
  const source = await readFile(join(import.meta.dirname, '../../../src/config/wings-config.ts'), 'utf8');
  const keys = [
    ...source.matchAll(/(?:text|texts|boolean|integer|factor|section|path|id)\((?:\w+, )?'([A-Za-z_0-9]+)'/g),
  ];
  assert.ok(keys.length > 40, `${keys.length} keys`);
  const missing = keys.map(([, key]) => key ?? '').filter((key) => !new RegExp(`\\b${key}\\b`).test(page));
  assert.deepEqual(missing, ['uid', 'gid']); // found anew at each start
});

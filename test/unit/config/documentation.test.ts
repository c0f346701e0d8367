import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Setting, settings } from '../../../src/config/aileron-settings.ts';
import { isFlavoured, type WingsKey } from '../../../src/config/wings-key.ts';
import { laterSpellings, wingsKeys } from '../../../src/config/wings-keys.ts';

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

/** A default as it is written in the file; two of them are those of Pterodactyl and of Pelican. */
function defaultOf(entry: WingsKey): string {
  if (entry.type === 'choice') return shown(entry.choices[0]);
  const { default: value } = entry;
  if (entry.type === 'map' || entry.key === 'flavour') return String(value);
  const values = isFlavoured<unknown>(value) ? [value.pterodactyl, value.pelican] : [value];
  return values.map(shown).join(' / ');
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map((one) => `\`${one}\``).join(', ');
  return value === '' ? 'empty' : `\`${value}\``;
}

test('the documentation lists every key of config.yml as the code does, in its order', () => {
  const rows = wingsKeys.map((entry: WingsKey) => `| \`${entry.key}\` | ${defaultOf(entry)} | ${entry.meaning} |`);
  const [, table = ''] = /\n## config\.yml\n[\s\S]*?\n\|---\|---\|---\|\n([\s\S]*?)\n\n/.exec(page) ?? [];
  assert.deepEqual(table.split('\n'), rows);
});

test('the documentation says where later Wings have some keys', () => {
  for (const [key, others] of Object.entries(laterSpellings)) {
    const meaning = wingsKeys.find((entry) => entry.key === key)?.meaning ?? '';
    assert.ok(
      others.some((other) => meaning.includes(`\`${other}\``)),
      key,
    );
  }
});

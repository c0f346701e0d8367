// The page of each kind keeps step with the code: every field with its type and default, every condition, every Event,
// and examples that the node would take.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { Admission, type WriteContext } from '../../src/resources/admission.ts';
import type { JsonSchema } from '../../src/resources/json-schema.ts';
import { kindDefinitions } from '../../src/resources/kinds.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { readDocument } from '../support/markdown.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { checkout, withoutComments } from '../support/source-files.ts';

/** Those that people write or read; others are there for kubectl. */
const kinds = kindDefinitions.filter(({ kind }) => kind !== 'Namespace');

const pages = new Map(kinds.map(({ kind }) => [kind, readDocument(`docs/kinds/${kind.toLowerCase()}.md`)]));

for (const { kind, schema } of kinds) {
  test(`the page of ${kind} lists every field with its type and default, in the order of the schema`, () => {
    const rows = tablesOf(pageOf(kind), 'Field | Type | Default | Meaning');
    assert.deepEqual(
      rows.map((cells) => cells.slice(0, 3).join(' | ')),
      [...fieldsOf(schema, '')],
    );
    assert.deepEqual(
      rows.filter((cells) => cells.length !== 4 || cells[3] === ''),
      [],
    );
  });

  test(`the page of ${kind} has its outline`, () => {
    const titles = [...pageOf(kind).matchAll(/^#+ (.+)$/gm)].map(([, title]) => title);
    assert.equal(titles[0], kind);
    for (const title of ['Example', 'Conditions', 'Why is it stuck?']) assert.ok(titles.includes(title), title);
  });
}

test('the page of a kind lists what its controller says in conditions and Events', () => {
  for (const kind of ['Server', 'Node', 'Schedule']) {
    const code = codeOf(`controllers/${kind.toLowerCase()}`);
    const told = [
      ...code.matchAll(/\breason(?::| =)\s*[^;,\n]*?'([A-Z][A-Za-z]+)'(?:[^;,\n']*'([A-Z][A-Za-z]+)')?/g),
      ...code.matchAll(/\btype(?::| =) '([A-Z][A-Za-z]+)'/g),
      ...code.matchAll(
        /'(?:Normal|Warning)',\s*(?:verdict\.crashed \? )?'([A-Z][A-Za-z]+)'(?: : '([A-Z][A-Za-z]+)')?/g,
      ),
    ].flatMap(([, ...words]) => words.filter((word) => word !== undefined));
    assert.ok(told.length > 10, `${told.length} words`);
    const cells = ['Condition | Status | Reason | What it means', 'Reason | Type | What happened'].flatMap((header) =>
      tablesOf(pageOf(kind), header).flat(),
    );
    const missing = [...new Set(told)].filter((word) => !cells.includes(`\`${word}\``));
    assert.deepEqual(missing, []);
  }
});

test('the example of a page is what the node would take', async () => {
  for (const { kind, group } of kinds) {
    const example = parse(/```yaml\n(apiVersion:[\s\S]*?)```/.exec(pageOf(kind))?.[1] ?? '') as Record<string, unknown>;
    assert.equal(example['kind'], kind);
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    const admission = new Admission({ store, nodeName: 'game-1', clock });
    const context = {
      ...{ by: 'test', owner: { kind: 'User' as const }, dryRun: false, fieldValidation: 'Strict' as const },
      warn: (warning: string) => assert.fail(warning),
    };
    if (['Backup', 'Restore', 'Installation'].includes(kind)) await prepare(admission, store, context);
    if (kind !== 'Node') {
      await admission.create(kind, example, context);
      continue;
    }
    // A node registers itself.
    const name = 'game-1';
    await store.create({ apiVersion: `${group}/v1`, kind, metadata: { name } });
    const { status } = await admission.updateStatus(kind, name, { ...example, metadata: { name } }, context);
    assert.deepEqual(status, example['status']);
  }
});

/** What the examples refer to. */
async function prepare(admission: Admission, store: MemoryStore, context: WriteContext): Promise<void> {
  const serverRef = { name: 'lobby' };
  await admission.create('Server', { metadata: serverRef, spec: { image: 'game' } }, context);
  const backup = await admission.create('Backup', { metadata: { name: 'lobby-monday' }, spec: { serverRef } }, context);
  await store.updateStatus({ ...backup, status: { phase: 'Completed' } });
}

/** `path | type | default`, as the pages write them. */
function* fieldsOf(schema: JsonSchema, above: string): Generator<string> {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const path = above === '' ? name : `${above}.${name}`;
    const fallback = field.default === undefined || field.properties ? '–' : `\`${JSON.stringify(field.default)}\``;
    yield `\`${path}\` | ${typeOf(field)} | ${fallback}`;
    yield* fieldsOf(field, path);
    if (field.items) yield* fieldsOf(field.items, `${path}[]`);
  }
}

const words: Record<string, string> = { string: 'text', boolean: 'true or false' };

function typeOf(schema: JsonSchema): string {
  const { type, items, additionalProperties, minimum, maximum } = schema;
  const types = [type ?? []].flat();
  if (schema.enum) return schema.enum.join(', ');
  if (items) return `list of ${typeOf(items)}`;
  if (typeof additionalProperties === 'object') return `map of ${typeOf(additionalProperties)}`;
  if (schema.format === 'date-time') return 'time';
  const range = minimum === undefined || maximum === undefined ? '' : `, ${minimum} to ${maximum}`;
  return types.map((one) => words[one] ?? one).join(', ') + range;
}

function pageOf(kind: string): string {
  return pages.get(kind) ?? '';
}

/** The cells of every row of the tables with this header. */
function tablesOf(page: string, header: string): string[][] {
  return page
    .split(/\n\n+/)
    .filter((block) => block.startsWith(`| ${header} |`))
    .flatMap((block) => block.trimEnd().split('\n').slice(2))
    .map((row) => row.slice(2, -2).split(' | '));
}

function codeOf(folder: string): string {
  return readdirSync(join(checkout, folder))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => withoutComments(readFileSync(join(checkout, folder, name), 'utf8')))
    .join('\n');
}

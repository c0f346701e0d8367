// npm run sec-rows: which rows of docs/security-rows.md have a test that names them, and which have none. An argument
// limits the rows to that priority. A tag of a row that does not exist is a mistake and the only failure.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from './setup/paths.mjs';

const priority = process.argv[2];
const all = rows();
const tests = testsByRow();
const chosen = all.filter((row) => priority === undefined || row.priority === priority);
const covered = chosen.filter(({ id }) => tests.has(id));

process.stdout.write(`Covered: ${covered.length} of ${chosen.length}\n`);
for (const { id, priority: level, title } of covered) {
  process.stdout.write(`  ${id} (${level}) ${title}: ${[...tests.get(id)].join(', ')}\n`);
}
process.stdout.write(`\nWithout a test: ${chosen.length - covered.length}\n`);
for (const { id, priority: level, title } of chosen.filter(({ id }) => !tests.has(id))) {
  process.stdout.write(`  ${id} (${level}) ${title}\n`);
}

const unknown = [...tests.keys()].filter((id) => !all.some((row) => row.id === id));
if (unknown.length > 0) {
  process.stderr.write(`\nTests name rows that docs/security-rows.md does not have: ${unknown.join(', ')}\n`);
  process.exitCode = 1;
}

function rows() {
  const text = readFileSync(join(checkout, 'docs/security-rows.md'), 'utf8');
  return [...text.matchAll(/^\| (SEC-\d+) \| ([012]) \| (.*) \|$/gm)].map(([, id, level, title]) => ({
    id,
    priority: level,
    title,
  }));
}

/** Several rows may stand behind one "covers:", separated by commas. */
function testsByRow() {
  const found = new Map();
  const files = readdirSync(join(checkout, 'test'), { recursive: true }).filter((name) => name.endsWith('.ts'));
  for (const file of files) {
    const text = readFileSync(join(checkout, 'test', file), 'utf8');
    for (const [tag] of text.matchAll(/\bcovers: SEC-\d+(?:, ?SEC-\d+)*/g)) {
      for (const [id] of tag.matchAll(/SEC-\d+/g)) found.set(id, (found.get(id) ?? new Set()).add(`test/${file}`));
    }
  }
  return found;
}

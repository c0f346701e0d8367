// Files by chance, edited by chance: what was asked for is there, everything else is as it was, and a second time changes
// nothing. YAML is judged by its library's own reading, not by the reader under test.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { EggFileError } from '../../../src/egg/config-file.ts';
import { edited, editText } from '../../support/egg.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const rounds = 400;
const newValue = 'new: "value" #1';

for (const parser of ['json', 'yaml'] as const) {
  test(`${parser}: an edit is exactly what it says`, () => {
    for (let seed = 1; seed <= rounds; seed++) {
      const random = randomOf(seed);
      const text = parser === 'json' ? JSON.stringify(valueBy(random, 0, true), null, random(3)) : yamlBy(random);
      const before: Json = (parser === 'json' ? JSON.parse(text) : parse(text)) ?? {};
      const path = pathBy(random, before);
      const after = edited(parser, text, { [path.join('.')]: newValue });
      const read: unknown = parser === 'json' ? JSON.parse(after) : parse(after);
      assert.deepEqual(read, withValue(before, path), `seed ${seed}: ${path.join('.')} in\n${text}\n${after}`);
      assert.equal(edited(parser, after, { [path.join('.')]: newValue }), after, `seed ${seed}: a second time`);
      if (parser === 'yaml') assertCommentsStay(text, after, seed);
    }
  });
}

for (const parser of ['ini', 'properties', 'toml'] as const) {
  test(`${parser}: lines that are not meant stay`, () => {
    for (let seed = 1; seed <= rounds; seed++) {
      const random = randomOf(seed);
      const lines = linesBy(random, parser === 'properties');
      const text = lines.join(random(2) === 0 ? '\n' : '\r\n');
      const match = parser === 'properties' ? 'k3' : 's1.k3';
      const after = edited(parser, text, { [match]: 'x' });
      const kept = after.split(/\r?\n/);
      let from = 0;
      for (const line of lines) {
        if (/^ *k3/.test(line) || line === '') continue;
        const found = kept.indexOf(line, from);
        assert.notEqual(found, -1, `seed ${seed}: ${line} of\n${text}\nin\n${after}`);
        from = found + 1;
      }
      assert.equal(editText(parser, after, [{ match, replace_with: 'x' }]).changed, false, `seed ${seed}`);
    }
  });
}

test('ini: whatever marks stand in files and values, lines that are not meant stay, also a second time', () => {
  let refused = 0;
  for (let seed = 1; seed <= 2_000; seed++) {
    const random = randomOf(seed);
    const pieces = ['`', '"""', '"', '\\', ' ', '=', ';', '#', 'x', '  y', '[', ']', ':'];
    const textBy = () => Array.from({ length: random(5) }, () => pieces[random(pieces.length)]).join('');
    const lines = Array.from({ length: random(9) }, (_, index) =>
      random(4) === 0 ? textBy() : `k${index}${random(2) === 0 ? '=' : ' : '}${textBy()}`,
    );
    const text = `[s]\n${lines.join('\n')}`;
    const replace = { 's.k1': textBy(), [`s.${textBy().replaceAll(/[[\]]/g, '')}k`]: textBy() };
    try {
      const after = edited('ini', text, replace);
      const kept = after.split('\n');
      for (const line of lines) {
        const isMeant = line.startsWith('k1') || !/^k\d/.test(line);
        assert.ok(isMeant || kept.includes(line), `seed ${seed}: ${line} of\n${text}\nin\n${after}`);
      }
      assert.equal(
        edited('ini', after, replace),
        after,
        `seed ${seed}: a second time of\n${text}\n${JSON.stringify(replace)}`,
      );
    } catch (error) {
      if (!(error instanceof EggFileError)) throw error;
      refused += 1;
    }
  }
  assert.ok(refused < 40, `${refused} refused`);
});

/** mulberry32: a number below `n`. */
function randomOf(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

type Random = ReturnType<typeof randomOf>;

const scalars: Json[] = ['', 'plain', 'yes', '12', 'with: colon', "it's", '# no', 'é\n', 1, -2.5, true, null, 'a b'];

function valueBy(random: Random, depth: number, map = false): Json {
  const kind = map ? 0 : random(depth > 3 ? 1 : 4);
  if (!map && (depth > 3 || kind > 1)) return scalars[random(scalars.length)] ?? null;
  const size = random(4);
  if (kind === 1) return Array.from({ length: size }, () => valueBy(random, depth + 1));
  return Object.fromEntries(Array.from({ length: size }, (_, index) => [`k${index}`, valueBy(random, depth + 1)]));
}

/** Block and flow, comments, blank lines, several indentations and kinds of quotes. */
function yamlBy(random: Random): string {
  const lines: string[] = [];
  const step = 1 + random(4);
  const remark = () => (random(4) === 0 ? ` # remark ${random(100)}` : '');
  const scalar = (value: Json): string => {
    if (typeof value !== 'string') return value === null && random(2) === 0 ? '' : JSON.stringify(value);
    if (value === 'plain' || value === 'a b') return value;
    return random(2) === 0 || value.includes('\n') ? JSON.stringify(value) : `'${value.replaceAll("'", "''")}'`;
  };
  const put = (value: Json, indent: string, first: string): void => {
    if (typeof value === 'object' && value !== null && Object.keys(value).length > 0 && random(5) > 0) {
      let lead = first;
      for (const [key, child] of Object.entries(value)) {
        const start = `${lead}${Array.isArray(value) ? '-' : `${key}:`}`;
        lead = indent;
        if (random(6) === 0 && lines.length > 0 && start.startsWith(indent))
          lines.push(`${indent}# between ${random(100)}`, '');
        const nested = typeof child === 'object' && child !== null && Object.keys(child).length > 0;
        if (nested && random(5) > 0) {
          const deeper = indent + ' '.repeat(Array.isArray(value) ? 2 : step);
          if (Array.isArray(value) && !Array.isArray(child)) put(child, deeper, `${start} `);
          else {
            lines.push(start + remark());
            put(child, deeper, deeper);
          }
        } else if (child === 'plain' && random(3) === 0) lines.push(`${start} |-`, `${indent}     plain`);
        else {
          const text = nested || typeof child === 'object' ? flow(child) : scalar(child);
          lines.push(`${start}${text === '' ? '' : ` ${text}`}${remark()}`);
        }
      }
    } else lines.push(first + (flow(value) || 'null'));
  };
  const flow = (value: Json): string => {
    if (Array.isArray(value)) return `[${value.map((item) => flow(item) || 'null').join(', ')}]`;
    if (typeof value !== 'object' || value === null) return scalar(value);
    return `{${Object.entries(value)
      .map(([key, child]) => `${key}: ${flow(child)}`)
      .join(', ')}}`;
  };
  put(valueBy(random, 0, true), '', '');
  const text = lines.join('\n') + (random(3) === 0 ? '' : '\n');
  return random(4) === 0 ? text.replaceAll('\n', '\r\n') : text;
}

/** To something that exists, or beside it. */
function pathBy(random: Random, root: Json): string[] {
  const path: string[] = [];
  for (let node: Json = root; ; ) {
    if (typeof node !== 'object' || node === null) return path.length > 0 ? path : ['k9'];
    const keys = Object.keys(node);
    const key = Array.isArray(node) ? keys[random(Math.max(1, keys.length))] : [...keys, 'k9'][random(keys.length + 1)];
    if (key === undefined) return path;
    path.push(key);
    if (random(4) === 0 || key === 'k9') return random(3) === 0 && key === 'k9' ? [...path, 'k8'] : path;
    node = (node as Record<string, Json>)[key] ?? null;
  }
}

/** By the rules of the table of types: a text that is no number and no truth value stays a text. */
function withValue(root: Json, path: readonly string[]): Json {
  const [key, ...rest] = path;
  if (key === undefined) return newValue;
  if (Array.isArray(root)) return root.map((item, index) => (String(index) === key ? withValue(item, rest) : item));
  const map = typeof root === 'object' && root !== null ? root : {};
  return { ...map, [key]: withValue(map[key] ?? null, rest) };
}

function assertCommentsStay(before: string, after: string, seed: number): void {
  // Those within a collection that was replaced as a whole are gone with it.
  const comments = (text: string) => text.match(/# between \d+/g)?.length ?? 0;
  if (comments(after) < comments(before))
    assert.ok(before.split('\n').length > after.split('\n').length, `seed ${seed}`);
}

function linesBy(random: Random, flat: boolean): string[] {
  const keys = new Set<string>();
  const header = flat ? ['# top'] : ['# top', '[s0]', 'k1=1', '', '[s1]'];
  const rest = Array.from({ length: random(8) }, (_, index): string => {
    switch (random(4)) {
      case 0:
        return `# remark ${index}`;
      case 1:
        return '';
      default: {
        const key = `k${random(6)}`;
        if (keys.has(key)) return `# again ${index}`;
        keys.add(key);
        return `${' '.repeat(random(3))}${key}${random(2) === 0 ? '=' : ' = '}${index}`;
      }
    }
  });
  return [...header, ...rest, ...(flat ? [] : ['[s2]', 'k7=9']), ''];
}

// What a line of ignore rules means, as Wings made it: the table of contract and the deviations that are announced, each
// against paths that stay out and paths that stay in. And that no line, however made, takes long.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxIgnoreBytes } from '../../src/resources/backup.ts';
import { compileIgnoreRules, maxRulesBytes } from '../../src/volumes/ignore-rules.ts';
import { heldBytes } from '../support/held-bytes.ts';

interface Vector {
  rules: string;
  ignored?: string[];
  kept?: string[];
}

const vectors: Vector[] = [
  { rules: '*.log', ignored: ['a.log', 'd/a.log', 'a.log/x'], kept: ['a.logx', 'A.LOG', 'alog'] },
  { rules: 'cache/', ignored: ['cache/x', 'd/cache/x'], kept: ['cache', 'xcache/y'] },
  { rules: 'cache', ignored: ['cache', 'cache/x', 'd/cache/x'], kept: ['cachex'] },
  { rules: '/a', ignored: ['a', 'a/b'], kept: ['d/a'] },
  { rules: 'logs/x', ignored: ['logs/x', 'd/logs/x', 'logs/x/y'] },
  { rules: 'logs/*.log', ignored: ['logs/a.log'], kept: ['d/logs/a.log', 'logs/d/a.log'] },
  { rules: '**/temp/*', ignored: ['temp/a', 'x/temp/a', 'x/y/temp/a/b'], kept: ['temp'] },
  { rules: '*\n!keep.log', ignored: ['a'], kept: ['keep.log', 'd/keep.log'] },
  { rules: 'd/\n!d/keep', ignored: ['d/a'], kept: ['d/keep'] },
  { rules: '!keep\n*', ignored: ['keep'] },
  { rules: 'what?', ignored: ['what?'], kept: ['whatx'] },
  { rules: '[ab].txt', ignored: ['a.txt', 'b.txt'], kept: ['c.txt'] },
  { rules: '[!a].txt', ignored: ['a.txt', '!.txt'], kept: ['b.txt'] },
  { rules: '# c', kept: ['# c', 'c'] },
  { rules: '\\#c', ignored: ['#c'], kept: ['c'] },
  { rules: '\\!c', ignored: ['!c'], kept: ['c'] },
  { rules: ' #x', ignored: ['x', 'x/y'], kept: ['#x'] },
  { rules: '  sp  ', ignored: ['sp'], kept: ['  sp  '] },
  { rules: '/', ignored: ['a', 'd/a', '#'] },
  { rules: '**', ignored: ['a', 'd/a', '#'] },
  { rules: '/**', kept: ['a', 'd/a', 'd/d/a'] },
  { rules: 'abc/**', ignored: ['abc', 'abc/x', 'd/abc/x'], kept: ['abcx'] },
  { rules: 'a/**/b', ignored: ['a/b', 'a/x/y/b', 'd/a/b', 'a/b/c'], kept: ['ab', 'a/xb'] },
  { rules: 'a\\*b', ignored: ['a*b'], kept: ['axb'] },
  { rules: './a', ignored: ['./a'], kept: ['a'] },
  { rules: '/plugins/*\n!/plugins/keep.jar', ignored: ['plugins/a.jar', 'plugins/d/x'], kept: ['plugins/keep.jar'] },
  { rules: 'a/b/', ignored: ['a/b/c', 'd/a/b/c'], kept: ['a/b'] },
  { rules: 'foo/**/', kept: ['foo', 'foo/a', 'foo/a/b', 'd/foo/a'] },
  { rules: '**/', kept: ['a', 'a/b', 'a/b/c'] },
  { rules: 'a***', ignored: ['a', 'ab', 'a/b'], kept: ['b'] },
  { rules: '**a', ignored: ['a', 'xa', 'd/xa'], kept: ['b'] },
];

/** Wings takes these for regular expressions, some of which it cannot read and drops. */
const deviations: Vector[] = [
  { rules: 'c++', ignored: ['c++', 'd/c++/x'], kept: ['c', 'cc'] },
  { rules: 'a(b', ignored: ['a(b'], kept: ['ab'] },
  { rules: 'a|b', ignored: ['a|b', 'x/a|b'], kept: ['a', 'b', 'x/b'] },
  { rules: 'a+.txt', ignored: ['a+.txt'], kept: ['a.txt', 'aa.txt'] },
  { rules: 'x{2}', ignored: ['x{2}'], kept: ['xx'] },
  { rules: '$x', ignored: ['$x'], kept: ['x'] },
  { rules: '^a', ignored: ['^a'], kept: ['a'] },
  { rules: '{a,b}', ignored: ['{a,b}'], kept: ['a', 'b'] },
  { rules: 'a\\d', ignored: ['ad'], kept: ['a1', 'a\\d'] },
  { rules: 'a\\.b', ignored: ['a.b'], kept: ['a\\xb'] },
  { rules: 'a[b', ignored: ['a[b'], kept: ['ab'] },
  { rules: 'end\\', ignored: ['end\\'], kept: ['end'] },
];

const further: Vector[] = [
  { rules: '', kept: ['a', ''] },
  { rules: '\n \n\r\n!\n', kept: ['a', '!'] },
  { rules: 'a\r\nb\r\r\n', ignored: ['a', 'b'], kept: ['a\r'] },
  { rules: '\ta', ignored: ['\ta'], kept: ['a'] },
  { rules: '!!a\n', kept: ['a'] },
  { rules: 'a+/x*.y', ignored: ['d/a+/x1.y'], kept: [] },
  { rules: 'x//y*.z', ignored: [], kept: ['d/x/y1.z'] },
  { rules: '/***/x', ignored: ['x', 'yx', 'a/x', 'a/b/x'], kept: ['xy'] },
  { rules: '/**x', ignored: ['x', 'd/x', 'd/d/x'], kept: ['d/y', 'd/xy'] },
  { rules: '/**/x', ignored: ['x', 'd/x', 'd/d/x'], kept: ['dx'] },
  { rules: 'a/**/**/b', ignored: ['a/b', 'a/x/b', 'a/x/y/b'], kept: ['ab'] },
  { rules: 'a\\/', ignored: ['a/x'], kept: ['a'] },
  { rules: '[a-c]1', ignored: ['a1', 'c1', 'd/b1'], kept: ['d1', '-1'] },
  { rules: '[^a]1', ignored: ['b1'], kept: ['a1', '1'] },
  { rules: '[]x]1', ignored: [']1', 'x1'], kept: ['a1'] },
  { rules: '[a-]1', ignored: ['a1', '-1'], kept: ['b1'] },
  { rules: '[\\]]1', ignored: [']1'], kept: ['\\1'] },
  { rules: '[z-a]1', kept: ['z1', 'a1', '-1'] },
  { rules: '[*?.]', ignored: ['*', '?', '.'], kept: ['a'] },
  { rules: 'ä', ignored: ['ä', 'd/ä/x'], kept: ['a', 'ö'] },
  { rules: 'new*line', ignored: ['new\nline'], kept: [] },
  { rules: 'a\n!a\na', ignored: ['a'] },
  { rules: 'a\na\n!a', kept: ['a'] },
  { rules: 'ab\n!*b\nab', ignored: ['ab'], kept: ['bb'] },
  { rules: '!a\n*b\n!*c\n*bc', ignored: ['bc', 'ab'], kept: ['a', 'c', 'ac'] },
];

test('every line means what it means to Wings (backups 15.3)', () => check(vectors));

test('the syntax of regular expressions is taken literally (backups 15.3)', () => check(deviations));

test('lines that no table has mean what the rules say', () => check(further));

test('random lines match as the expressions that Wings makes of them (backups 15.3)', () => {
  const random = randomNumbers();
  const text = (alphabet: string, length: number) =>
    Array.from({ length }, () => alphabet[random(alphabet.length)]).join('');
  for (let round = 0; round < 20_000; round++) {
    const line = text('ab//**.! #', 1 + random(7));
    const other = text('ab/*', 1 + random(4));
    const path = text('aaab/.#', 1 + random(6))
      .replaceAll(/\/+/g, '/')
      .replaceAll(/^\/|\/$/g, '');
    const rules = `${line}\n!${other}`;
    const expected = asWingsDoes(rules, path);
    assert.equal(compileIgnoreRules(rules).ignores(Buffer.from(path)), expected, JSON.stringify({ rules, path }));
  }
});

test('names that are not UTF-8 match byte by byte', () => {
  const rules = compileIgnoreRules(Buffer.from([0xff, 0x2a, 0x2e, 0x78, 0x0a, 0x5b, 0x80, 0x2d, 0x8f, 0x5d, 0x31]));
  assert.ok(rules.ignores(Buffer.from([0xff, 0xfe, 0x2e, 0x78])));
  assert.ok(rules.ignores(Buffer.from([0x64, 0x2f, 0x85, 0x31])));
  assert.ok(!rules.ignores(Buffer.from([0xfe, 0xfe, 0x2e, 0x78])));
  assert.ok(!rules.ignores(Buffer.from([0x90, 0x31])));
});

test('a hostile pattern takes as long as any other (backups 15.3) (covers: SEC-22)', () => {
  const name = Buffer.from('a'.repeat(10_000));
  for (const pattern of ['(a+)+$', `${'*a'.repeat(50)}*b`, '**/'.repeat(50).concat('x'), '[a][a]*'.repeat(50)]) {
    const took = shortest(10, () => compileIgnoreRules(pattern).ignores(name));
    assert.ok(took < 10, `${pattern}: ${took} ms`);
  }
});

test('the longest rules are compiled and matched in bounded time (covers: SEC-22)', () => {
  const deep = Buffer.from(Array.from({ length: 128 }, (_, i) => `directory-${i}`).join('/'));
  const files = Array.from({ length: 1000 }, (_, i) => Buffer.from(`world/region/r.${i}.${i * 7}.mca`));
  const longest = {
    'stars and directories, all alike': '**/**/**/**/x\n'.repeat(1000),
    'stars and directories': Array.from({ length: 1000 }, (_, i) => `**/*/**/**/x${i}`).join('\n'),
    'open brackets': '['.repeat(maxRulesBytes),
    'brackets that close at the end': `${'['.repeat(maxRulesBytes - 2)}\\]`,
    'ranges upside down': '[z-a'.repeat(maxRulesBytes / 4),
    'one star after the other': '*a'.repeat(maxRulesBytes / 2),
    'carriage returns': '\r'.repeat(maxRulesBytes - 1).concat('x'),
    blanks: ' '.repeat(maxRulesBytes - 1).concat('x'),
    'slashes and stars': '/*.'.repeat(maxRulesBytes / 3),
    'many short lines': Array.from({ length: 8000 }, (_, i) =>
      String.fromCharCode(97 + (i % 26), 97 + ((i / 26) % 26), 97 + i / 676),
    ).join('\n'),
  };
  for (const [label, text] of Object.entries(longest)) {
    const took = shortest(1500, () => {
      const rules = compileIgnoreRules(text.slice(0, maxRulesBytes));
      for (const path of [deep, ...files]) rules.ignores(path);
    });
    assert.ok(took < 1500, `${label}: ${took} ms`);
  }
});

test('what is remembered of paths is bounded, and forgetting changes nothing (covers: SEC-22)', () => {
  const rules = compileIgnoreRules(`*a${'[ab]'.repeat(20)}\n*bb${'[ab]'.repeat(9)}`);
  const expected = (text: string) => /a[ab]{20}$/.test(text) || /bb[ab]{9}$/.test(text);
  const random = randomNumbers();
  const before = heldBytes();
  let most = 0;
  for (let i = 0; i < 8000; i++) {
    const text = Array.from({ length: 60 }, () => 'ab'[random(2)]).join('');
    assert.equal(rules.ignores(Buffer.from(text)), expected(text), text);
    if (i % 1000 === 999) most = Math.max(most, heldBytes() - before);
  }
  assert.ok(most < 40e6, `${most} bytes`);
});

test('a hundred thousand files against twenty lines take less than 100 ms', () => {
  const lines = ['*.log', 'cache/', '/tmp', 'logs/*.gz', '**/node_modules/**', 'a/**/b', '!keep.log', '*.bak', '/x/*'];
  const rules = compileIgnoreRules([...lines, '!/x/a.jar', ...lines.map((line) => `x${line}`), 'last'].join('\n'));
  const files = Array.from({ length: 100_000 }, (_, i) =>
    Buffer.from(`world/dim-${i % 7}/region/r.${i}.${i % 31}.mca`),
  );
  const rounds = [1, 2, 3, 4, 5].map(() =>
    timed(() => {
      for (const path of files) rules.ignores(path);
    }),
  );
  assert.ok(Math.min(...rounds) < 100, `${rounds} ms`);
});

test('rules hold no more than an ignore file may', () => {
  assert.equal(maxRulesBytes, maxIgnoreBytes);
  compileIgnoreRules('x'.repeat(maxRulesBytes));
  assert.throws(() => compileIgnoreRules('x'.repeat(maxRulesBytes + 1)), { code: 'TOO_LARGE' });
});

function check(table: readonly Vector[]): void {
  const wrong = table.flatMap(({ rules, ignored = [], kept = [] }) => {
    const compiled = compileIgnoreRules(rules);
    const matches = (path: string) => compiled.ignores(Buffer.from(path));
    return [
      ...ignored.filter((path) => !matches(path)).map((path) => ({ rules, path, should: 'be ignored' })),
      ...kept.filter(matches).map((path) => ({ rules, path, should: 'be kept' })),
    ];
  });
  assert.deepEqual(wrong, []);
}

/** By expressions, as the contract describes them step by step. */
function asWingsDoes(rules: string, path: string): boolean {
  let ignored = false;
  for (const text of rules.split('\n')) {
    if (text.startsWith('#')) continue;
    let line = text.replace(/^ +/, '').replace(/ +$/, '');
    if (line === '') continue;
    const negated = line.startsWith('!');
    if (negated) line = line.slice(1);
    line = line.replace(/^[#!]/, '');
    if (/[^/+]\/.*\*\./.test(line) && !line.startsWith('/')) line = `/${line}`;
    if (line.startsWith('/**/')) line = line.slice(1);
    const body = line
      .replaceAll('.', '\\.')
      .replaceAll('/**/', '(/|/.+/)')
      .replaceAll('**/', '(|.@/)')
      .replaceAll('/**', '(|/.@)')
      .replaceAll('*', '([^/]@)')
      .replaceAll('@', '*');
    const whole = body.endsWith('/') ? `${body}(|.*)$` : `${body}(|/.*)$`;
    const expression = whole.startsWith('/') ? `^(|/)${whole.slice(1)}` : `^(|.*/)${whole}`;
    if (new RegExp(expression).test(path)) ignored = !negated;
  }
  return ignored;
}

/** Whole numbers below a limit, the same in each run. */
function randomNumbers(): (limit: number) => number {
  let seed = 1;
  return (limit) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % limit;
  };
}

function timed(act: () => void): number {
  const began = performance.now();
  act();
  return performance.now() - began;
}

/** ms. Others use the machine too, so it is tried again while it takes longer than `enough`; what never ends still fails. */
function shortest(enough: number, work: () => unknown): number {
  let best = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 20 && best >= enough; tries += 1) best = Math.min(best, timed(work));
  return best;
}

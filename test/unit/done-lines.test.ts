import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileDone } from '../../controllers/server/done-lines.ts';
import { stripAnsi } from '../../src/console/ansi.ts';

interface Case {
  what: string;
  rules: string[];
  line: string | Buffer;
  strip?: boolean;
  matches: boolean;
  invalid?: string[];
}

const bytes = (...values: number[]) => Buffer.from(values);

const cases: Case[] = [
  { what: 'a text anywhere in the line', rules: ['is up'], line: '12:01 world is up now', matches: true },
  { what: 'a text in another case', rules: ['is up'], line: 'world IS UP', matches: false },
  { what: 'the second of two texts', rules: ['nope', 'is up'], line: 'is up', matches: true },
  { what: 'a text compared as bytes', rules: ['é'], line: Buffer.from('caf\u00e9 ouvert'), matches: true },
  { what: 'half a character is not the character', rules: ['é'], line: bytes(0xc3), matches: false },
  { what: 'signs of expressions in a text', rules: ['up (.*)'], line: 'up now', matches: false },
  { what: 'the empty text', rules: [''], line: 'anything', matches: true },
  { what: 'no rule', rules: [], line: 'anything', matches: false },
  { what: 'an expression anywhere', rules: ['regex:up in \\d+ms'], line: '[x] up in 42ms.', matches: true },
  { what: 'an anchored expression', rules: ['regex:^up'], line: 'is up', matches: false },
  { what: 'inline flags', rules: ['regex:^(?i)port\\s\\d+ open$'], line: 'PORT 25565 Open', matches: true },
  { what: 'a named group', rules: ['regex:(?P<port>\\d{4,5})\\z'], line: 'port 25565', matches: true },
  { what: 'a class of letters', rules: ['regex:^\\pL+$'], line: 'Größe', matches: true },
  { what: 'the dot and a line inside', rules: ['regex:a.b'], line: 'a\nb', matches: false },
  {
    what: 'look-ahead is no expression',
    rules: ['regex:up(?= now)'],
    line: 'up now',
    matches: false,
    invalid: ['regex:up(?= now)'],
  },
  {
    what: 'a bad expression is a text with its prefix',
    rules: ['regex:[a'],
    line: 'say regex:[a',
    matches: true,
    invalid: ['regex:[a'],
  },
  { what: 'the bare prefix is a text', rules: ['regex:'], line: 'regex: x', matches: true },
  { what: 'the bare prefix does not match everything', rules: ['regex:'], line: 'anything', matches: false },
  {
    what: 'each byte that is no UTF-8 is one U+FFFD',
    rules: ['regex:^a\\x{FFFD}{2}b$'],
    line: bytes(0x61, 0xe2, 0x82, 0x62),
    matches: true,
  },
  { what: 'an expression over colours', rules: ['regex:^up$'], line: '\x1b[32mup\x1b[0m', matches: false },
  {
    what: 'an expression without colours',
    rules: ['regex:^up$'],
    line: '\x1b[32mup\x1b[0m',
    strip: true,
    matches: true,
  },
  { what: 'a text without colours', rules: ['is up'], line: 'is\x1b[1m up', strip: true, matches: true },
  {
    what: 'a text that holds colours, without colours',
    rules: ['\x1b[1mup'],
    line: '\x1b[1mup',
    strip: true,
    matches: false,
  },
];

for (const { what, rules, line, strip = false, matches, invalid = [] } of cases) {
  test(`done rules: ${what} ${matches ? 'matches' : 'does not match'}`, () => {
    const done = compileDone(rules, strip);
    assert.equal(done.matches(Buffer.from(line)), matches);
    assert.deepEqual(done.invalid, invalid);
  });
}

const sequences: [what: string, line: string, stripped: string][] = [
  ['nothing to strip', 'plain é', 'plain é'],
  ['colours', '\x1b[1;31mred\x1b[0m', 'red'],
  ['the one-character introducer', '\u009b32mgreen', 'green'],
  ['a window title', '\x1b]0;title;2\x07text', 'text'],
  ['a private mode', '\x1b[?25l\x1b[?25hx', 'x'],
  ['a character set', '\x1b(Bx', 'x'],
  ['more than four digits end a number', '\x1b[12345mx', 'mx'],
  ['a final digit where the letter is none', '\x1b[12Xx', 'Xx'],
  ['a number that ends in ;', '\x1b[1;Xx', ';Xx'],
  ['an escape alone', 'a\x1b', 'a\x1b'],
  ['an escape and a blank', '\x1b x', '\x1b x'],
  ['two escapes', '\x1b\x1b[0mx', '\x1bx'],
];
for (const [what, line, stripped] of sequences) {
  test(`terminal sequences: ${what}`, () => assert.equal(stripAnsi(Buffer.from(line)).toString(), stripped));
}

test('terminal sequences: bytes that are no UTF-8 stay', () => {
  assert.deepEqual(stripAnsi(bytes(0xff, 0x1b, 0x5b, 0x6d, 0x9b, 0x6d)), bytes(0xff, 0x9b, 0x6d));
});

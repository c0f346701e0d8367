// One line of ignore rules, taken apart. What a line means is what Wings made of it, which is not what git makes of it;
// the syntax of regular expressions, which Wings let through, is taken literally but for `[...]`. Text is bytes here:
// every character of a string stands for one byte. Time is linear in the length of the line.

/** Which bytes fit: 1 at their index. */
export type ByteSet = Uint8Array;

export type Token =
  /** Exactly one byte. */
  | { kind: 'byte'; set: ByteSet }
  /** `*`: any run without a slash. */
  | { kind: 'star' }
  /** A double star before a slash: any number of whole directories. */
  | { kind: 'directories' }
  /** A double star after a slash: nothing, or a slash and anything. */
  | { kind: 'below' };

export interface RulePattern {
  tokens: Token[];
  /** Counts from the root; else from any directory. */
  anchored: boolean;
  /** Ends with a slash: what is inside matches, not the name itself. */
  inside: boolean;
}

export interface RuleLine {
  pattern: string;
  /** Re-includes what matches. */
  negated: boolean;
}

const slash = 0x2f;

/** One set for each byte, shared by all patterns. */
const oneByte: readonly ByteSet[] = Array.from({ length: 256 }, (_, byte) =>
  new Uint8Array(256).fill(1, byte, byte + 1),
);

export const anyByte: ByteSet = new Uint8Array(256).fill(1);
export const slashByte = oneByte[slash] as ByteSet;
export const nameByte: ByteSet = inverse(slashByte);

/** `undefined` for what holds no rule: an empty line, a comment. */
export function readRuleLine(text: string): RuleLine | undefined {
  const line = withoutAtEnd(text, '\r');
  if (line.startsWith('#')) return undefined;
  const rule = withoutAtStart(withoutAtEnd(line, ' '), ' ');
  if (rule === '') return undefined;
  const negated = rule.startsWith('!');
  const rest = negated ? rule.slice(1) : rule;
  const pattern = rest.startsWith('#') || rest.startsWith('!') ? rest.slice(1) : rest;
  return { negated, pattern: isAnchoredByItsStar(pattern) ? `/${pattern}` : pattern };
}

export function parsePattern(text: string): RulePattern {
  const pattern = text.startsWith('/**/') ? text.slice(1) : text;
  const tokens = new PatternReader(pattern).read();
  // A slash that belongs to stars is none at the start, and none at the end.
  const anchored = pattern.startsWith('/') && tokens[0]?.kind === 'byte';
  const inside = pattern.endsWith('/') && tokens.at(-1)?.kind === 'byte';
  return { tokens: anchored ? tokens.slice(1) : tokens, anchored, inside };
}

class PatternReader {
  readonly #pattern: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  /** A bracket was left open; so is every later one. */
  #bracketsAreOpen = false;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  read(): Token[] {
    let afterSlash = false;
    while (this.#at < this.#pattern.length) {
      const char = this.#pattern[this.#at];
      if (char === '*') this.#readStars(afterSlash);
      else if (char !== '[' || !this.#readClass())
        this.#tokens.push({ kind: 'byte', set: oneByte[this.#nextByte()] as ByteSet });
      afterSlash = char === '/';
    }
    return this.#tokens;
  }

  /** Of a run of stars the last two belong to a slash behind them, the first two of the others to a slash before them. */
  #readStars(afterSlash: boolean): void {
    let stars = 0;
    for (; this.#pattern[this.#at] === '*'; this.#at++) stars += 1;
    const beforeSlash = stars >= 2 && this.#pattern[this.#at] === '/';
    if (beforeSlash) {
      this.#at += 1;
      stars -= 2;
    }
    if (afterSlash && stars >= 2) {
      this.#tokens.pop();
      this.#tokens.push({ kind: 'below' });
      stars -= 2;
    }
    if (stars > 0) this.#tokens.push({ kind: 'star' });
    if (beforeSlash) this.#tokens.push({ kind: 'directories' });
  }

  /** `[ab]`, `[a-z]`, `[^a]`. Reads nothing where the bracket is never closed. */
  #readClass(): boolean {
    if (this.#bracketsAreOpen) return false;
    const start = this.#at;
    const set: ByteSet = new Uint8Array(256);
    this.#at += 1;
    const inverted = this.#pattern[this.#at] === '^';
    if (inverted) this.#at += 1;
    for (let first = true; first || this.#pattern[this.#at] !== ']'; first = false) {
      if (this.#at >= this.#pattern.length) {
        this.#at = start;
        this.#bracketsAreOpen = true;
        return false;
      }
      const from = this.#nextByte();
      set.fill(1, from, this.#endOfRange(from) + 1);
    }
    this.#at += 1;
    this.#tokens.push({ kind: 'byte', set: inverted ? inverse(set) : set });
    return true;
  }

  #endOfRange(from: number): number {
    const end = this.#pattern[this.#at + 1];
    if (this.#pattern[this.#at] !== '-' || end === undefined || end === ']') return from;
    this.#at += 1;
    return this.#nextByte();
  }

  /** A backslash makes the byte behind it a byte like any other. */
  #nextByte(): number {
    if (this.#pattern[this.#at] === '\\' && this.#at + 1 < this.#pattern.length) this.#at += 1;
    this.#at += 1;
    return this.#pattern.charCodeAt(this.#at - 1);
  }
}

/** `plugins/*.jar`: a slash inside and `*.` behind it. */
function isAnchoredByItsStar(pattern: string): boolean {
  if (pattern.startsWith('/')) return false;
  const star = pattern.lastIndexOf('*.');
  for (let at = pattern.indexOf('/'); at >= 0 && at < star; at = pattern.indexOf('/', at + 1)) {
    const before = pattern[at - 1];
    if (before !== undefined && before !== '/' && before !== '+') return true;
  }
  return false;
}

function withoutAtStart(text: string, char: string): string {
  let start = 0;
  while (text[start] === char) start += 1;
  return text.slice(start);
}

function withoutAtEnd(text: string, char: string): string {
  let end = text.length;
  while (text[end - 1] === char) end -= 1;
  return text.slice(0, end);
}

function inverse(set: ByteSet): ByteSet {
  return set.map((member) => 1 - member);
}

// The words of TOML 1.0: keys, strings, numbers, dates. Knows nothing of tables.
import { EggFileError } from '../config-file.ts';
import { type ScalarNode, type ScalarType, scalarNode } from '../tree/tree.ts';

const words: readonly [ScalarType, RegExp][] = [
  ['bool', /^(?:true|false)$/],
  ['number', /^[-+]?(?:0|[1-9](?:_?\d)*)$/],
  ['number', /^(?:0x[\dA-Fa-f](?:_?[\dA-Fa-f])*|0o[0-7](?:_?[0-7])*|0b[01](?:_?[01])*)$/],
  ['number', /^[-+]?(?:0|[1-9](?:_?\d)*)(?:\.\d(?:_?\d)*)?(?:[eE][-+]?\d(?:_?\d)*)?$/],
  ['number', /^[-+]?(?:inf|nan)$/],
];
const date = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[-+]\d\d:\d\d)?)?$/;
const time = /^\d\d:\d\d(?::\d\d(?:\.\d+)?)?$/;

const escapes: Record<string, string> = {
  b: '\b',
  t: '\t',
  n: '\n',
  f: '\f',
  r: '\r',
  e: '\x1b',
  '"': '"',
  '\\': '\\',
};

/** Each is a table of its own. */
const maxKeyParts = 128;

export function isTomlDate(text: string): boolean {
  return date.test(text) || time.test(text);
}

export class TomlScanner {
  readonly #text: string;
  at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.at = at;
  }

  get atEnd(): boolean {
    return this.at >= this.#text.length;
  }

  textBetween(start: number, end: number): string {
    return this.#text.slice(start, end);
  }

  lineStart(offset: number): number {
    return this.#text.lastIndexOf('\n', offset - 1) + 1;
  }

  /** Behind the break of this line. */
  nextLine(): number {
    const found = this.#text.indexOf('\n', this.at);
    return found === -1 ? this.#text.length : found + 1;
  }

  take(character: string): boolean {
    if (this.#text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  space(): void {
    this.#match(/[ \t]*/y);
  }

  /** White space, line breaks and comments. */
  blankLines(): void {
    while (this.#match(/[ \t\r\n]+|#[^\n]*/y) !== undefined);
  }

  /** Nothing but a comment may follow. */
  endOfLine(): void {
    if (this.#match(/[ \t]*(?:#[^\n]*)?(?:\r?\n|$)/y) === undefined) this.fail();
  }

  /** With the space behind it. */
  key(): string[] {
    const names: string[] = [];
    do {
      this.space();
      names.push(this.#name());
      this.space();
    } while (this.take('.') && names.length < maxKeyParts);
    return names;
  }

  scalar(): { scalar: ScalarNode<never>; literalString: boolean } {
    const quote = this.#text[this.at];
    if (quote === '"' || quote === "'") {
      return { scalar: scalarNode('string', this.#string(quote)), literalString: quote === "'" };
    }
    // A date may have a space before its time.
    const word = this.#match(/\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]*|[^\s,\]}#]+/y) ?? this.fail();
    const type = isTomlDate(word) ? 'date' : words.find(([, pattern]) => pattern.test(word))?.[0];
    return { scalar: scalarNode(type ?? this.fail(), word), literalString: false };
  }

  fail(): never {
    throw new EggFileError(`the file is not TOML (character ${this.at})`);
  }

  #name(): string {
    const quote = this.#text[this.at];
    if (quote !== '"' && quote !== "'") return this.#match(/[A-Za-z0-9_-]+/y) ?? this.fail();
    if (this.#text.startsWith(quote.repeat(3), this.at)) this.fail();
    return this.#string(quote);
  }

  #string(quote: '"' | "'"): string {
    if (this.#text.startsWith(quote.repeat(3), this.at)) return this.#longString(quote);
    const start = this.at + 1;
    for (let at = start; ; at++) {
      const character = this.#text[at];
      if (character === undefined || character === '\n') this.fail();
      if (character === '\\' && quote === '"') at += 1;
      else if (character === quote) {
        this.at = at + 1;
        return this.#decoded(this.#text.slice(start, at), quote);
      }
    }
  }

  #longString(quote: '"' | "'"): string {
    const start = this.at + 3;
    for (let at = start; at < this.#text.length; at++) {
      const character = this.#text[at];
      if (character === '\\' && quote === '"') at += 1;
      else if (character === quote && this.#text.startsWith(quote.repeat(3), at)) {
        // Up to two quotes may stand right before the end.
        let end = at;
        while (end < at + 2 && this.#text[end + 3] === quote) end += 1;
        this.at = end + 3;
        const text = this.#text
          .slice(start, end)
          .replace(/^\r?\n/, '')
          .replaceAll('\r\n', '\n');
        return this.#decoded(text.replace(quote === '"' ? /(?<!\\)((?:\\\\)*)\\[ \t]*\n\s*/g : /$^/, '$1'), quote);
      }
    }
    return this.fail();
  }

  #decoded(text: string, quote: '"' | "'"): string {
    if (quote === "'" || !text.includes('\\')) return text;
    return text.replace(
      /\\(?:u([\dA-Fa-f]{4})|U([\dA-Fa-f]{8})|x([\dA-Fa-f]{2})|([\s\S]?))/g,
      (_, short?: string, long?: string, byte?: string, character?: string) => {
        const digits = short ?? long ?? byte;
        if (digits === undefined) return escapes[character ?? ''] ?? this.fail();
        const code = Number.parseInt(digits, 16);
        return code <= 0x10ffff ? String.fromCodePoint(code) : this.fail();
      },
    );
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text)?.[0];
    this.at += found?.length ?? 0;
    return found;
  }
}

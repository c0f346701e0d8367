// Java properties as lines that know their key and value. A byte that is no UTF-8 stands as U+FFFD in what is read; the
// bytes themselves stay in the line.
import { EggFileError } from '../config-file.ts';
import { fromBinary } from '../text.ts';
import { endsWithBackslash, type Line, linesOf } from './lines.ts';

/** One or, where a value goes on, several lines. */
export interface PropertyLine {
  /** One character a byte. */
  lines: readonly Line[];
  pair:
    | {
        key: string;
        value: string;
        /** Of all lines together: where the value begins. */
        valueAt: number;
        /** There is `=` or `:` before it. */
        separated: boolean;
      }
    | undefined;
}

/** `text` with one character a byte. @throws EggFileError for an empty key or a broken `\u` */
export function readProperties(text: string): PropertyLine[] {
  const lines = linesOf(text, /\r\n|\n|\r/g);
  const found: PropertyLine[] = [];
  for (let at = 0; at < lines.length; ) {
    const first = lines[at]?.text ?? '';
    if (/^[ \t\f]*(?:[#!]|$)/.test(first)) {
      found.push({ lines: lines.slice(at, at + 1), pair: undefined });
      at += 1;
      continue;
    }
    let last = at;
    while (endsWithBackslash(lines[last]?.text ?? '') && last + 1 < lines.length) last += 1;
    found.push(pairOf(lines.slice(at, last + 1)));
    at = last + 1;
  }
  return found;
}

/** The pair's lines with their breaks, without the last. */
export function rawText(lines: readonly Line[]): string {
  return lines.map(({ text, end }, index) => (index + 1 < lines.length ? text + end : text)).join('');
}

function pairOf(lines: readonly Line[]): PropertyLine {
  const raw = rawText(lines);
  const key = /^[ \t\f]*((?:\\(?:\r\n|[\s\S])|[^\\=: \t\f])*)/.exec(raw);
  const separator = /^(?:[ \t\f]|\\(?:\r\n|\n|\r))*(?:([=:])(?:[ \t\f]|\\(?:\r\n|\n|\r))*)?/;
  const keyEnd = key?.[0].length ?? 0;
  const name = meaning(key?.[1] ?? '');
  if (name === '') throw new EggFileError('the file has a value without a key');
  const between = separator.exec(raw.slice(keyEnd));
  const valueAt = keyEnd + (between?.[0].length ?? 0);
  return {
    lines,
    pair: { key: name, value: meaning(raw.slice(valueAt)), valueAt, separated: between?.[1] !== undefined },
  };
}

const escapes: Record<string, string> = { t: '\t', n: '\n', r: '\r', f: '\f' };

/** A backslash before the end of the file stands for nothing. */
function meaning(raw: string): string {
  return fromBinary(raw).replace(
    /\\(?:u([0-9A-Fa-f]{4})?|(\r\n|\n|\r)[ \t\f]*|([\s\S]?))/g,
    (whole, code: string | undefined, lineBreak: string | undefined, character: string | undefined) => {
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
      if (lineBreak !== undefined) return '';
      if (whole === '\\u') throw new EggFileError('the file has a broken \\u escape');
      return escapes[character ?? ''] ?? character ?? '';
    },
  );
}

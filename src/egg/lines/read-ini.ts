// An INI file as lines that know what they are. One that is no section and no pair is kept and means nothing.
import { globalSection } from './ini-path.ts';
import { blanksEnd, type Line, withoutBlankEnd, withoutBlanks } from './lines.ts';

export interface IniPair {
  key: string;
  /** Everything before the value. */
  before: string;
  /** Of one that goes on behind a backslash, the first line. */
  value: string;
  /** The end of its last line. */
  end: string;
}

export type IniPart =
  | { kind: 'pair'; pair: IniPair; lines: readonly Line[] }
  | { kind: 'section'; name: string; lines: readonly Line[] }
  /**
   * What a pair that ends with a backslash goes on with. Or the backslash ends a Windows path, and these are lines that
   * mean nothing: so they stay whatever becomes of the pair.
   */
  | { kind: 'rest'; lines: readonly Line[] }
  /** Comments and blank lines, and whatever else there is. */
  | { kind: 'other'; lines: readonly Line[] };

/** Names and values with one character a byte. */
export function readIni(lines: readonly Line[]): IniPart[] {
  const parts: IniPart[] = [];
  for (let at = 0; at < lines.length; ) {
    const part = partOf(lines.slice(at, at + linesOfPart(lines, at)));
    parts.push(part);
    at += part.lines.length;
    const rest = part.kind === 'pair' ? linesOfRest(lines, at) : 0;
    if (rest > 0) parts.push({ kind: 'rest', lines: lines.slice(at, at + rest) });
    at += rest;
  }
  return parts;
}

/** As a key is written: plain or quoted. `undefined`: in no way. */
export function writtenKey(key: string): string | undefined {
  return [key, `"${key}"`, `\`${key}\``].find((written) => pairStart(`${written}=`)?.key === key);
}

function partOf(lines: readonly Line[]): IniPart {
  const first = lines[0]?.text ?? '';
  const section = /^[ \t]*\[(.*?)\][ \t]*(?:[;#].*)?$/.exec(first);
  if (section) return { kind: 'section', name: globalSection(withoutBlanks(section[1] ?? '')), lines };
  const start = pairStart(first);
  if (!start) return { kind: 'other', lines };
  const { before, key } = start;
  const rest = [first.slice(before.length), ...lines.slice(1).map(({ text }) => text)].join('\n');
  const value = withoutBlankEnd(rest);
  return { kind: 'pair', pair: { key, before, value, end: lines.at(-1)?.end ?? '' }, lines };
}

/** Up to the value. A key may be quoted. */
function pairStart(line: string): { before: string; key: string } | undefined {
  const start = blanksEnd(line, 0);
  if (start === line.length || ';#['.includes(line.charAt(start))) return undefined;
  // Each in one pass over any line.
  const name = /"([^"]+)"[ \t]*[=:]|`([^`]+)`[ \t]*[=:]|([^=:]*)[=:]/y;
  name.lastIndex = start;
  const [, double, back, plain = ''] = name.exec(line) ?? [];
  if (name.lastIndex === 0) return undefined;
  return { before: line.slice(0, blanksEnd(line, name.lastIndex)), key: double ?? back ?? withoutBlanks(plain) };
}

/**
 * A value goes on within quotes that are made for it. Not over a line that says something itself: what has no second mark,
 * a password say, is not meant so, and the next mark may be anywhere.
 */
function linesOfPart(lines: readonly Line[], at: number): number {
  const first = lines[at]?.text ?? '';
  const start = pairStart(first);
  if (!start) return 1;
  const value = first.slice(start.before.length);
  const quote = value.startsWith('"""') ? '"""' : value.startsWith('`') ? '`' : undefined;
  if (quote === undefined || value.includes(quote, quote.length)) return 1;
  for (let last = at + 1; last < lines.length; last += 1) {
    const text = withoutBlankEnd(lines[last]?.text ?? '');
    if (text !== '' && !isText(text)) return 1;
    if (text.includes(quote)) return text.endsWith(quote) ? last - at + 1 : 1;
  }
  return 1;
}

/** Behind the lines of a pair. */
function linesOfRest(lines: readonly Line[], from: number): number {
  let end = from;
  while (endsWithBackslash(lines[end - 1]) && isText(lines[end]?.text ?? '')) end += 1;
  return end - from;
}

function endsWithBackslash(line: Line | undefined): boolean {
  return withoutBlankEnd(line?.text ?? '').endsWith('\\');
}

/** It is no comment, no section, no pair and not blank. */
function isText(line: string): boolean {
  const start = blanksEnd(line, 0);
  return start < line.length && !';#['.includes(line.charAt(start)) && !pairStart(line);
}

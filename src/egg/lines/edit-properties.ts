// The parser `properties`: only matched pairs change, and what is not ASCII in any value is written as `\uXXXX`, because
// games read these files as Latin-1. `$` is an ordinary character.
import type { Edit, Notes } from '../edit.ts';
import { lineBreakOf } from '../splice.ts';
import { binaryByteOrderMark, decodeBinary, encodeBinary, fromBinary, toBinary } from '../text.ts';
import { endsWithBackslash, withoutBlankEnd } from './lines.ts';
import { type PropertyLine, rawText, readProperties } from './read-properties.ts';

/** @throws EggFileError */
export function editProperties(content: Buffer, edits: readonly Edit[], notes: Notes): Buffer {
  const text = decodeBinary(content);
  const mark = text.startsWith(binaryByteOrderMark) ? binaryByteOrderMark : '';
  const body = text.slice(mark.length);
  const lines = readProperties(body);
  const values = new Map<string, string>();
  for (const { pair } of lines) if (pair) values.set(pair.key, pair.value);
  const edited = new Map<string, string>();
  for (const { match, ifValue, value } of edits) {
    if (match === '') notes.skipped(match, 'it names no key');
    else if (ifValue === undefined || (edited.get(match) ?? values.get(match)) === ifValue)
      edited.set(match, value.text);
  }
  return encodeBinary(mark + written(lines, edited, lineBreakOf(body)));
}

function written(lines: readonly PropertyLine[], edited: ReadonlyMap<string, string>, lineBreak: string): string {
  const missing = new Map(edited);
  const parts: string[] = [];
  for (const line of lines) {
    parts.push(lineText(line, edited));
    if (line.pair) missing.delete(line.pair.key);
  }
  if (missing.size > 0) parts.push(endOf(lines, lineBreak));
  for (const [key, value] of missing) parts.push(`${escapedKey(key)}=${escapedValue(value)}${lineBreak}`);
  return parts.join('');
}

/** What is lacking for the next line to be one. A backslash at the end would take it in, so it gets a line to itself. */
function endOf(lines: readonly PropertyLine[], lineBreak: string): string {
  const last = lines.at(-1);
  const line = last?.lines.at(-1);
  if (!line) return '';
  const own = last?.pair && endsWithBackslash(line.text) ? lineBreak : '';
  return line.end === '' ? lineBreak + own : own;
}

function lineText({ lines, pair }: PropertyLine, edited: ReadonlyMap<string, string>): string {
  const raw = rawText(lines);
  const end = lines.at(-1)?.end ?? '';
  if (!pair) return raw + end;
  const before = raw.slice(0, pair.valueAt);
  const value = edited.get(pair.key);
  if (value === undefined || value === pair.value) return before + asciiText(raw.slice(pair.valueAt)) + end;
  const start = pair.separated ? before : `${withoutBlankEnd(before)}=`;
  return start + escapedValue(value) + end;
}

/** Of a value that stays. One with bytes that are no UTF-8 stays altogether. */
function asciiText(binary: string): string {
  const text = fromBinary(binary);
  if (toBinary(text) !== binary) return binary;
  return text.replace(/\\[\s\S]|[\u0080-\uffff]/g, (found) => {
    const character = found.at(-1) ?? '';
    return character < '\u0080' ? found : unicodeEscape(character);
  });
}

function escapedValue(value: string): string {
  return value.replace(/^ |\\|\p{Cc}|[\u{80}-\u{10ffff}]/gu, escaped);
}

/** What would end a key, or make its line a comment. Other characters stay in keys. */
function escapedKey(key: string): string {
  return toBinary(key.replace(/^[#!]|[\\:= ]|\p{Cc}/gu, escaped));
}

const named: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\f': '\\f' };

function escaped(character: string): string {
  const name = named[character];
  if (name !== undefined) return name;
  return /^[!-~ ]$/.test(character) ? `\\${character}` : unicodeEscape(character);
}

/** By UTF-16 unit, as Java has it. */
function unicodeEscape(characters: string): string {
  return Array.from({ length: characters.length }, (_, at) => {
    return `\\u${characters.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }).join('');
}

// An INI file as lines that know what they are. One that is no section and no pair is kept and means nothing.
import { globalSection } from './ini-path.ts';
import { type Line, withoutBlankEnd, withoutBlanks } from './lines.ts';

export interface IniPair {
  key: string;
  /** Everything before the value. */
  before: string;
  value: string;
  /** The end of its last line. */
  end: string;
}

export type IniPart =
  | { kind: 'pair'; pair: IniPair; lines: readonly Line[] }
  | { kind: 'section'; name: string; lines: readonly Line[] }
  /** Comments and blank lines, and whatever else there is. */
  | { kind: 'other'; lines: readonly Line[] };

/** Names and values with one character a byte. */
export function readIni(lines: readonly Line[]): IniPart[] {
  const parts: IniPart[] = [];
  for (let at = 0; at < lines.length; ) {
    const count = linesOfPart(lines, at);
    parts.push(partOf(lines.slice(at, at + count)));
    at += count;
  }
  return parts;
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
  if (/^[ \t]*(?:[;#[]|$)/.test(line)) return undefined;
  const found = /^[ \t]*(?:"([^"]+)"[ \t]*|`([^`]+)`[ \t]*|([^=:]+))[=:][ \t]*/.exec(line);
  if (!found) return undefined;
  const [before, double, back, plain = ''] = found;
  return { before, key: double ?? back ?? withoutBlanks(plain) };
}

/**
 * A value goes on within quotes that are made for it, and behind a backslash; but a line that is a pair or a section
 * itself stays one, for a Windows path may end with a backslash too.
 */
function linesOfPart(lines: readonly Line[], at: number): number {
  const first = lines[at]?.text ?? '';
  const start = pairStart(first);
  if (!start) return 1;
  const value = first.slice(start.before.length);
  const quote = value.startsWith('"""') ? '"""' : value.startsWith('`') ? '`' : undefined;
  if (quote !== undefined && !value.includes(quote, quote.length)) {
    const end = lines.findIndex(({ text }, index) => index > at && text.includes(quote));
    return end === -1 ? 1 : end - at + 1;
  }
  let last = at;
  while (quote === undefined && withoutBlankEnd(lines[last]?.text ?? '').endsWith('\\') && isText(lines[last + 1]))
    last += 1;
  return last - at + 1;
}

function isText(line: Line | undefined): boolean {
  return line !== undefined && !/^[ \t]*(?:[;#[]|$)/.test(line.text) && !pairStart(line.text);
}

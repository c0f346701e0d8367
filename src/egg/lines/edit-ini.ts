// The parser `ini`: only the lines of matched keys change. Works on bytes, as files of this kind have no encoding. The
// result is read again before it is believed.
import { EggFileError } from '../config-file.ts';
import type { Edit, Notes } from '../edit.ts';
import { lineBreakOf } from '../splice.ts';
import { binaryByteOrderMark, decodeBinary, encodeBinary, isAscii, toBinary } from '../text.ts';
import { type IniPath, parseIniPath } from './ini-path.ts';
import { blanksEnd, joined, linesOf, onOneLine, withoutBlankEnd, withoutBlanks } from './lines.ts';
import { type IniPart, readIni, writtenKey } from './read-ini.ts';

interface Section {
  name: string;
  parts: IniPart[];
}

/** @throws EggFileError */
export function editIni(content: Buffer, edits: readonly Edit[], notes: Notes): Buffer {
  const text = decodeBinary(content);
  const mark = text.startsWith(binaryByteOrderMark) ? binaryByteOrderMark : '';
  const body = text.slice(mark.length);
  const file = new IniFile(readIni(linesOf(body)), lineBreakOf(body));
  for (const { match, value } of edits) {
    const path = parseIniPath(toBinary(match));
    const line = onOneLine(value.text);
    if (line !== value.text) notes.add(`${JSON.stringify(match)}: line breaks in the value became spaces`);
    const key = path && writtenKey(path.key);
    if (!path) notes.skipped(match, 'it names no key');
    else if (key === undefined) notes.skipped(match, 'no line can hold such a key');
    // Blanks around a value are none of it: no reader would find them again.
    else file.set(path, key, withoutBlanks(toBinary(line)));
  }
  const edited = file.text;
  if (!saysTheSame(file.parts, readIni(linesOf(edited)))) {
    throw new EggFileError('the file has a layout that cannot be edited in place');
  }
  // Where all is ASCII the mark says nothing, and old readers take it for a part of the first name.
  return encodeBinary(isAscii(edited) ? edited : mark + edited);
}

class IniFile {
  readonly #sections: Section[] = [{ name: '', parts: [] }];
  readonly #lineBreak: string;

  constructor(parts: readonly IniPart[], lineBreak: string) {
    this.#lineBreak = lineBreak;
    for (const part of parts) {
      if (part.kind === 'section') this.#sections.push({ name: part.name, parts: [] });
      this.#sections.at(-1)?.parts.push(part);
    }
  }

  get parts(): IniPart[] {
    return this.#sections.flatMap(({ parts }) => parts);
  }

  get text(): string {
    return this.parts.map(({ lines }) => joined(lines)).join('');
  }

  /** `written`: the key as it stands in a new line. */
  set({ section, key }: IniPath, written: string, value: string): void {
    const named = this.#sections.filter(({ name }) => name === section);
    const holder = named.find(({ parts }) => parts.some((part) => isPairOf(part, key)));
    if (holder) this.#change(holder, key, value);
    else this.#add(named[0] ?? this.#newSection(section), key, written, value);
  }

  /** Repeats of the key in the section go. */
  #change(section: Section, key: string, value: string): void {
    const first = section.parts.find((part) => isPairOf(part, key));
    section.parts = section.parts.flatMap((part) => {
      if (!isPairOf(part, key)) return [part];
      return part === first ? changed(part, value, this.#lineBreak) : [];
    });
  }

  /** Behind the last pair, else behind the header; before the first section behind what stands there. */
  #add(section: Section, key: string, written: string, value: string): void {
    const lastPair = section.parts.findLastIndex(({ kind }) => kind === 'pair');
    const lastLine = section.parts.findLastIndex((part) => part.kind === 'section' || !isBlank(part));
    const lastOfPair = section.parts[lastPair + 1]?.kind === 'rest' ? lastPair + 1 : lastPair;
    const after = lastPair === -1 ? lastLineToFollow(section, lastLine) : lastOfPair;
    const model = section.parts[lastPair];
    const start = model?.kind === 'pair' ? startLike(model.pair.before, written) : `${written}=`;
    this.#endLine(section.parts, after);
    const line = { text: start + value, end: this.#lineBreak };
    section.parts.splice(after + 1, 0, pairPart(key, start, value, [line]));
  }

  #newSection(name: string): Section {
    const last = this.#sections.findLast(({ parts }) => parts.length > 0);
    const section: Section = { name, parts: [] };
    if (last) {
      this.#endLine(last.parts, last.parts.length - 1);
      const lastPart = last.parts.at(-1);
      if (lastPart && !isBlank(lastPart)) section.parts.push(blank(this.#lineBreak));
    }
    section.parts.push({ kind: 'section', name, lines: [{ text: `[${name}]`, end: this.#lineBreak }] });
    this.#sections.push(section);
    return section;
  }

  /** The last line of a file may have no end. */
  #endLine(parts: IniPart[], index: number): void {
    const part = parts[index];
    const last = part?.lines.at(-1);
    if (!part || !last || last.end !== '') return;
    parts[index] = { ...part, lines: [...part.lines.slice(0, -1), { ...last, end: this.#lineBreak }] };
  }
}

function lastLineToFollow({ parts }: Section, lastLine: number): number {
  const header = parts.findIndex(({ kind }) => kind === 'section');
  return header === -1 ? lastLine : header;
}

function isPairOf(part: IniPart, key: string): part is Extract<IniPart, { kind: 'pair' }> {
  return part.kind === 'pair' && part.pair.key === key;
}

/** A comment behind the old value moves to a line of its own: behind a new one it might count as part of it. */
function changed(part: Extract<IniPart, { kind: 'pair' }>, value: string, lineBreak: string): IniPart[] {
  const { key, before, value: old, end } = part.pair;
  if (old === value) return [part];
  const comment = part.lines.length === 1 ? commentIn(old) : undefined;
  const indent = before.slice(0, blanksEnd(before, 0));
  // `key =` was written with a space that stood before nothing.
  const start = old === '' && /[ \t][=:]$/.test(before) ? `${before} ` : before;
  const pair = pairPart(key, start, value, [{ text: start + value, end }]);
  return comment === undefined
    ? [pair]
    : [{ kind: 'other', lines: [{ text: indent + comment, end: lineBreak }] }, pair];
}

/** A mark within a word begins none: it stands in addresses and colours. */
function commentIn(value: string): string | undefined {
  const quoted = /^(?:"[^"]*"|`[^`]*`)/.exec(value)?.[0].length ?? 0;
  return /^(?:[^ \t]|[ \t]+(?![ \t;#]))*[ \t]+([;#].*)$/.exec(value.slice(quoted))?.[1];
}

function pairPart(key: string, before: string, value: string, lines: IniPart['lines']): IniPart {
  return { kind: 'pair', pair: { key, before, value, end: lines.at(-1)?.end ?? '' }, lines };
}

/** Indentation and spacing of another pair. */
function startLike(before: string, written: string): string {
  const separatorAt = withoutBlankEnd(before).length - 1;
  const spacingAt = withoutBlankEnd(before.slice(0, separatorAt)).length;
  const spaced = spacingAt < separatorAt && separatorAt === before.length - 1 ? ' ' : '';
  return before.slice(0, blanksEnd(before, 0)) + written + before.slice(spacingAt) + spaced;
}

function saysTheSame(meant: readonly IniPart[], read: readonly IniPart[]): boolean {
  const [left, right] = [meaningOf(meant), meaningOf(read)];
  return left.length === right.length && left.every((text, index) => text === right[index]);
}

/** Without comments and what else says nothing. */
function meaningOf(parts: readonly IniPart[]): string[] {
  return parts.flatMap((part) => {
    if (part.kind === 'section') return ['section', part.name];
    return part.kind === 'pair' ? ['pair', part.pair.key, part.pair.value] : [];
  });
}

function isBlank({ kind, lines }: IniPart): boolean {
  return kind === 'other' && lines.every(({ text }) => /^[ \t]*$/.test(text));
}

function blank(end: string): IniPart {
  return { kind: 'other', lines: [{ text: '', end }] };
}

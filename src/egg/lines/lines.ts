// A text as lines with their ends, so that what is not touched keeps its own.
import { withoutEnd } from '../../text/without-end.ts';

export interface Line {
  text: string;
  /** `\n`, `\r\n`, where asked for `\r`; nothing for a last line that does not end. */
  end: string;
}

/** Nothing at all is no line. */
export function linesOf(text: string, pattern: RegExp = /\r?\n/g): Line[] {
  const lines: Line[] = [];
  let start = 0;
  for (const { 0: end, index } of text.matchAll(pattern)) {
    lines.push({ text: text.slice(start, index), end });
    start = index + end.length;
  }
  if (start < text.length) lines.push({ text: text.slice(start), end: '' });
  return lines;
}

export function joined(lines: readonly Line[]): string {
  return lines.map(({ text, end }) => text + end).join('');
}

/** A value may fill a line, never begin one. */
export function onOneLine(text: string): string {
  return text.replace(/\r\n|[\r\n\0]/g, ' ');
}

/** Without spaces and tabs around it. Other white space may be half of a character where one stands for a byte. */
export function withoutBlanks(text: string): string {
  return withoutBlankEnd(text.slice(blanksEnd(text, 0)));
}

/** Where the spaces and tabs that begin at `from` are over. */
export function blanksEnd(text: string, from: number): number {
  let end = from;
  while (isBlankAt(text, end)) end += 1;
  return end;
}

export function withoutBlankEnd(text: string): string {
  return withoutEnd(text, ' \t');
}

function isBlankAt(text: string, at: number): boolean {
  return text[at] === ' ' || text[at] === '\t';
}

/** Whether it ends with a backslash that no other one before it makes a plain one. */
export function endsWithBackslash(text: string): boolean {
  let start = text.length;
  while (text[start - 1] === '\\') start -= 1;
  return (text.length - start) % 2 === 1;
}

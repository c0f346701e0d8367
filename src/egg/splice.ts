// Changes to a text by offsets of the text as it was. Untouched parts stay byte for byte.

export interface Splice {
  start: number;
  /** Not before `start`; equal: nothing is taken out. */
  end: number;
  text: string;
}

/** Splices at one offset keep their order; what one takes out, no other touches. @throws Error when they overlap */
export function spliced(text: string, splices: readonly Splice[]): string {
  const ordered = splices.toSorted((a, b) => a.start - b.start);
  const parts: string[] = [];
  let copied = 0;
  for (const { start, end, text: inserted } of ordered) {
    if (start < copied) throw new Error('two changes to one text overlap');
    parts.push(text.slice(copied, start), inserted);
    copied = end;
  }
  parts.push(text.slice(copied));
  return parts.join('');
}

/** What ends the first line; a line feed when there is none. */
export function lineBreakOf(text: string): string {
  const found = text.indexOf('\n');
  return found > 0 && text[found - 1] === '\r' ? '\r\n' : '\n';
}

/** Where the line of this offset is over, behind its break; an offset that begins a line has no line before it. */
export function lineEnd(text: string, offset: number): number {
  if (offset > 0 && text[offset - 1] === '\n') return offset;
  const found = text.indexOf('\n', offset);
  return found === -1 ? text.length : found + 1;
}

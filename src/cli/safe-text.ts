// Text of games, images and other people on its way to a terminal. It may colour itself; it may not move the cursor,
// set the title, fill the clipboard, answer for the person or hide what it says.
import { withoutEnd } from '../text/without-end.ts';

/** What a terminal takes as an order: CSI, OSC and its kin with their ends, and other escapes. */
const sequences =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to look for
  /(?:\u001b\[|\u009b)([0-?]*)[ -/]*([@-~])|(?:\u001b[\]P^_X]|[\u009d\u0090\u009e\u009f\u0098])[\s\S]*?(?:\u0007|\u001b\\|\u009c|$)|\u001b[ -/]*[0-~]?/g;

/** Controls but the tab, marks that turn the direction of text, and line separators. */
const controls = /(?!\t)[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/gu;

const reset = '\u001b[0m';

/** One screen line. Colours are kept when `colors`, and end with the line. */
export function safeLine(text: string, { colors = false }: { colors?: boolean } = {}): string {
  // A progress bar overwrites itself: what stands in the end is what is shown.
  const shown = withoutEnd(text, '\r').replace(/^[\s\S]*\r/, '');
  let coloured = false;
  const pieces: string[] = [];
  let end = 0;
  for (const match of shown.matchAll(sequences)) {
    pieces.push(shown.slice(end, match.index).replace(controls, ''));
    end = match.index + match[0].length;
    if (!colors || match[2] !== 'm' || !/^[\d;:]*$/.test(match[1] ?? '')) continue;
    pieces.push(`\u001b[${match[1]}m`);
    coloured = true;
  }
  pieces.push(shown.slice(end).replace(controls, ''));
  return coloured ? `${pieces.join('')}${reset}` : pieces.join('');
}

/** Of a text of several lines. */
export function safeText(text: string): string {
  return text
    .split('\n')
    .map((line) => safeLine(line))
    .join('\n');
}

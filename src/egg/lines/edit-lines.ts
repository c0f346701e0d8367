// The parser `file`: a line that starts with the match becomes the value. Works on bytes; knows no format.
import type { EggContext } from '../config-file.ts';
import type { Edit } from '../edit.ts';
import { decodeBinary, encodeBinary, toBinary } from '../text.ts';
import { joined, linesOf, onOneLine } from './lines.ts';

/** The first match of a line wins. Conditions do not count here. */
export function editLines(content: Buffer, edits: readonly Edit[], { environment }: EggContext): Buffer {
  const variables = Object.values(environment).filter((value) => typeof value === 'string');
  const rules = edits.map(({ match, value }) => ({
    match: toBinary(match),
    line: toBinary(withoutForeignBreaks(value.text, variables)),
  }));
  const lines = linesOf(decodeBinary(content), /\r?\n/g);
  const edited = lines.map((line) => {
    const rule = rules.find(({ match }) => line.text.startsWith(match));
    return rule ? { ...line, text: rule.line } : line;
  });
  return encodeBinary(joined(edited));
}

/**
 * An egg's author may write several lines, and some do. A variable is somebody else's: where the value holds one that
 * has line breaks, those become spaces, else its writer could add settings. NUL becomes a space wherever it stands.
 */
function withoutForeignBreaks(text: string, variables: readonly string[]): string {
  const foreign = new Set<number>();
  for (const variable of variables) {
    if (!/[\r\n]/.test(variable)) continue;
    for (let at = text.indexOf(variable); at !== -1; at = text.indexOf(variable, at + 1)) {
      for (const { index } of variable.matchAll(/[\r\n]/g)) foreign.add(at + index);
    }
  }
  return text
    .replaceAll('\0', ' ')
    .replace(/[\r\n]/g, (character, at: number) => (foreign.has(at) ? onOneLine(character) : character));
}

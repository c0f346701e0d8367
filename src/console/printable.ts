// Text from players, games and clients on its way into a log: one line, no control of a terminal, bounded.

const maxCharacters = 4096;

/** C0 and C1 controls, line separators, marks that turn the direction of text, and halves of characters. */
const unprintable = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\p{Cs}]/gu;

/** Controls as `\xNN` or `\uNNNN`; longer text is cut at 4096 characters and marked. */
export function printable(text: string | Buffer): string {
  const whole = typeof text === 'string' ? text : text.toString('utf8', 0, maxCharacters * 4);
  const cut = whole.length > maxCharacters ? `${whole.slice(0, maxCharacters)}…` : whole;
  return cut.replace(unprintable, escaped);
}

function escaped(character: string): string {
  const code = character.charCodeAt(0).toString(16);
  return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`;
}

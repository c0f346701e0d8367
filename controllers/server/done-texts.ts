// Done rules as an egg writes them, and the plain ones among them: a text that occurs in the line, byte by byte.

const expressionPrefix = 'regex:';

/** The expression of a `regex:` rule; `undefined` for plain text, which the bare prefix is too. */
export function expressionOf(rule: string): string | undefined {
  return rule.startsWith(expressionPrefix) && rule.length > expressionPrefix.length
    ? rule.slice(expressionPrefix.length)
    : undefined;
}

/** Whether one of the texts occurs in a line. The empty text occurs in every line. */
export function textMatcher(texts: readonly string[]): (line: Buffer) => boolean {
  const needles = texts.map((text) => Buffer.from(text));
  return (line) => needles.some((needle) => needle.length === 0 || line.includes(needle));
}

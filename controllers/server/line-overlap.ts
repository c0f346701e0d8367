// Where a log that is read afterwards and the lines already shown meet. Both are in order. The log begins at a time
// shortly before the last line shown, so either it begins with lines that were shown, or all remembered lines stand in it.

/** The lines of `printed` that were not shown yet. Equal lines that repeat may be taken for shown ones. */
export function missingLines(shown: readonly string[], printed: readonly Buffer[]): Buffer[] {
  const texts = printed.map((line) => line.toString('utf8'));
  const standsAt = (run: readonly string[], at: number) => run.every((line, index) => texts[at + index] === line);
  for (let length = Math.min(shown.length, texts.length); length > 0; length--) {
    if (standsAt(shown.slice(-length), 0)) return printed.slice(length);
  }
  for (let at = texts.length - shown.length; shown.length > 0 && at > 0; at--) {
    if (standsAt(shown, at)) return printed.slice(at + shown.length);
  }
  return [...printed];
}

// A console that was connected again is sent the last lines once more. Which of them are new follows from what was
// printed before. Pure.

/**
 * The part of `history` behind what `printed` ends with. Lines of the daemon itself and blank ones are not in a history
 * or not in live output, so they do not count in the comparison. Without any overlap everything is new: the process was
 * started again, or more was missed than is kept.
 */
export function newLines(printed: readonly string[], history: readonly string[]): string[] {
  const seen = printed.filter(counts);
  const offered = history.map((line, at) => ({ line, at })).filter(({ line }) => counts(line));
  for (let length = Math.min(seen.length, offered.length); length > 0; length -= 1) {
    const start = seen.length - length;
    if (offered.slice(0, length).every(({ line }, index) => line === seen[start + index])) {
      return history.slice(offered[length - 1]!.at + 1);
    }
  }
  return [...history];
}

/** A daemon's own line is `[name Daemon]: …` behind colours. */
function counts(line: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with an escape
  return line.trim() !== '' && !/^(?:\u001b\[[\d;]*m)*\[[^\]]* Daemon\]:/.test(line);
}

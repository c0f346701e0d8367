// Where a log and the lines seen live meet, when the log was read a little after the live lines began. Both are in order
// and of the same process; either may be ahead of the other by a few lines.

/**
 * The lines of `printed` that came before the first of `live`. Among several places where the two agree, as with lines
 * that repeat, the one counts that takes both to end at the same line, or else the nearest to it.
 */
export function linesBefore(printed: readonly string[], live: readonly string[]): string[] {
  const likely = printed.length - live.length;
  for (let distance = 0; distance <= printed.length; distance++) {
    for (const at of [likely + distance, likely - distance]) {
      if (at < printed.length && meetAt(printed, live, at)) return printed.slice(0, Math.max(0, at));
    }
  }
  return [...printed];
}

/** A negative place: the log begins after the first live line. */
function meetAt(printed: readonly string[], live: readonly string[], at: number): boolean {
  const first = Math.max(0, at);
  const last = Math.min(printed.length, at + live.length);
  for (let index = first; index < last; index++) if (printed[index] !== live[index - at]) return false;
  return last > first;
}

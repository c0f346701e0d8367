// Where a log that is read afterwards meets the lines shown before it, and those of the live stream after it. All are in
// order. The log begins at a time shortly before the last line shown, so either it begins with lines that were shown, or
// all remembered lines stand in it. It ends after the stream was opened, so the stream may begin with its last lines.

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

/** Takes the lines that the log has told already from the beginning of a live stream. */
export class LiveOverlap {
  readonly #told: readonly string[];
  #held: Buffer[] = [];
  /** Where in `told` the stream may have begun; `undefined` once that is settled. */
  #starts: number[] | undefined;

  /** `told`: the lines that were taken from the log after the stream was opened. */
  constructor(told: readonly string[]) {
    this.#told = told;
    this.#starts = [...told.keys()];
  }

  /** Answers what is to be shown now: nothing while the lines still may be told ones. */
  push(line: Buffer): Buffer[] {
    if (!this.#starts) return [line];
    const text = line.toString('utf8');
    const at = this.#held.push(line) - 1;
    this.#starts = this.#starts.filter((start) => isSame(this.#told[start + at], text, at === 0));
    if (this.#starts.some((start) => start + at === this.#told.length - 1)) this.#held = [];
    else if (this.#starts.length > 0) return [];
    return this.end();
  }

  /** Nothing that comes from here on was told. Answers the lines that were held back. */
  end(): Buffer[] {
    this.#starts = undefined;
    return this.#held.splice(0);
  }
}

/** A stream may begin in the middle of a line. */
function isSame(told: string | undefined, text: string, first: boolean): boolean {
  return told === text || (first && text !== '' && (told ?? '').endsWith(text));
}

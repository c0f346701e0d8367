// Watches the console of a starting server for its done line. Plain texts are compared at once; expressions on a thread,
// in the order of the lines. Where that thread cannot follow, lines go untested: long ones first, counted and said.

import { stripAnsi } from '../../src/console/ansi.ts';
import type { Logger } from '../../src/telemetry/log.ts';
import { expressionOf, textMatcher } from './done-texts.ts';
import { type DoneThread, processDoneThread } from './done-thread.ts';

export interface DoneMatcherOptions {
  rules: readonly string[];
  /** Compare without terminal sequences. */
  stripAnsi: boolean;
  /** Called once, for the first line that matches; possibly before `push` returns. */
  onDone: () => void;
  /** Called at most once, with the rules whose expression is none. Default: a warning in the log. */
  onInvalid?: (rules: string[]) => void;
  log: Logger;
  thread?: DoneThread;
}

export class DoneMatcher {
  readonly #strip: boolean;
  readonly #hasText: (line: Buffer) => boolean;
  readonly #onDone: () => void;
  readonly #log: Logger;
  readonly #expressions: { push(line: Buffer): void; close(): void } | undefined;
  #lostLines = 0;
  #closed = false;

  constructor(options: DoneMatcherOptions) {
    const { rules, log, thread = processDoneThread } = options;
    const expressions = rules.filter((rule) => expressionOf(rule) !== undefined);
    const texts = rules.filter((rule) => expressionOf(rule) === undefined);
    this.#strip = options.stripAnsi;
    this.#hasText = textMatcher(texts);
    this.#onDone = options.onDone;
    this.#log = log;
    if (expressions.length === 0) return;
    this.#expressions = thread.open(
      { expressions, stripAnsi: options.stripAnsi },
      {
        onMatch: () => this.#finish(),
        onInvalid: options.onInvalid ?? ((invalid) => log.warn({ rules: invalid }, 'done rules are no expressions')),
        onLost: (lines) => this.#lose(lines),
      },
    );
  }

  /** Lines that no expression saw. */
  get lostLines(): number {
    return this.#lostLines;
  }

  /** `line` without its line end; it is copied where it has to wait. */
  push(line: Buffer): void {
    if (this.#closed) return;
    if (this.#hasText(this.#strip ? stripAnsi(line) : line)) this.#finish();
    else this.#expressions?.push(line);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#expressions?.close();
    if (this.#lostLines > 0) this.#log.warn({ lines: this.#lostLines }, 'console lines were not tested for being done');
  }

  #finish(): void {
    this.close();
    this.#onDone();
  }

  #lose(lines: number): void {
    if (this.#lostLines === 0) this.#log.warn({}, 'done expressions cannot follow the console; lines go untested');
    this.#lostLines += lines;
  }
}

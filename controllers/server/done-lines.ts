// Whether a console line means that the game is up: containers contract §10, "Done rules". Expressions are RE2, matched
// in linear time on the line's bytes, where each byte that is no UTF-8 counts as U+FFFD, as Go reads it.
import { RE2JS } from 're2js';
import { stripAnsi } from '../../src/console/ansi.ts';
import { expressionOf, textMatcher } from './done-texts.ts';

export interface CompiledDone {
  /** `line` without its line end. */
  matches(line: Buffer): boolean;
  /** Rules whose expression is none. They are compared as plain text, prefix included. */
  invalid: string[];
}

/**
 * Linear time is not short time: an expression of a few kilobytes takes seconds for a long line, so rules with
 * expressions belong on a thread (done-matcher.ts).
 */
export function compileDone(rules: readonly string[], strip: boolean): CompiledDone {
  const texts: string[] = [];
  const expressions: RE2JS[] = [];
  const invalid: string[] = [];
  for (const rule of rules) {
    const source = expressionOf(rule);
    const expression = source === undefined ? undefined : compiled(source);
    if (expression) expressions.push(expression);
    else texts.push(rule);
    if (source !== undefined && !expression) invalid.push(rule);
  }
  const hasText = textMatcher(texts);
  return {
    invalid,
    matches(line) {
      const tested = strip ? stripAnsi(line) : line;
      return hasText(tested) || expressions.some((expression) => expression.test(tested));
    },
  };
}

/** `undefined` whatever the reason: a syntax error, or a size that the engine refuses. */
function compiled(source: string): RE2JS | undefined {
  try {
    return RE2JS.compile(source);
  } catch {
    return undefined;
  }
}

// Which files stay out of a backup, as lines of patterns; the same lines say what a server's user may not touch. A line
// means what it means to Wings (docs/files.md has the table). Only files are asked about, never directories; the last
// line that matches decides, so a later `!` line re-includes also below a directory that is out.
import { VolumeError } from './errors.ts';
import { RuleAutomaton } from './rule-automaton.ts';
import { parsePattern, readRuleLine } from './rule-pattern.ts';

/** Bytes of all lines together; what an ignore file may hold. */
export const maxRulesBytes = 32 * 1024;

export interface IgnoreRules {
  /** `path`: relative, one `/` between components, any bytes. Its time is linear in the length of the path. */
  ignores(path: Buffer): boolean;
}

/** @throws VolumeError TOO_LARGE */
export function compileIgnoreRules(text: string | Buffer): IgnoreRules {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  if (bytes.length > maxRulesBytes) {
    throw new VolumeError('TOO_LARGE', `ignore rules may hold ${maxRulesBytes} bytes, these are ${bytes.length}`);
  }
  const rules = [...readRules(bytes.toString('latin1'))];
  if (rules.length === 0) return { ignores: () => false };
  const automaton = new RuleAutomaton(rules.map(([pattern]) => parsePattern(pattern)));
  const ignored = rules.map(([, negated]) => !negated);
  return { ignores: (path) => ignored[automaton.lastMatch(path)] ?? false };
}

/** Patterns in the order of their last line: an earlier line of the same pattern never decides. */
function readRules(text: string): Map<string, boolean> {
  const negatedOf = new Map<string, boolean>();
  for (const line of text.split('\n')) {
    const rule = readRuleLine(line);
    if (!rule) continue;
    negatedOf.delete(rule.pattern);
    negatedOf.set(rule.pattern, rule.negated);
  }
  return negatedOf;
}

// Which done rules say that they are RE2 expressions and are none. Asked while a writer waits, on the thread of all doors,
// so only what is cheap to compile is looked at; the rest is judged by the thread that reads the console.
import { RE2JS } from 're2js';

const expressionPrefix = 'regex:';

/**
 * Of all expressions of one server together, in characters: real ones have some dozens. Measured: the worst text of this
 * length takes 80 ms.
 */
const affordable = 2_048;

/** A counted repetition is compiled as often as it says, up to 1,000 times: 4,096 characters of them take 1.4 s and 500 MB. */
const repetitionWeight = 20;

export function unreadableRules(rules: readonly string[]): string[] {
  let spent = 0;
  return rules.filter((rule) => {
    if (!rule.startsWith(expressionPrefix)) return false;
    const expression = rule.slice(expressionPrefix.length);
    const cost = expression.length * (/\{\d/.test(expression) ? repetitionWeight : 1);
    if (spent + cost > affordable) return false;
    spent += cost;
    return !isExpression(expression);
  });
}

function isExpression(text: string): boolean {
  if (text === '') return false;
  try {
    RE2JS.compile(text);
    return true;
  } catch {
    // Whatever it throws, it is not an expression that can be matched.
    return false;
  }
}

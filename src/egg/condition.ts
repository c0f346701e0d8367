// `if_value`: what must stand in a place for its value to be replaced. Expressions are RE2, matched in linear time, and
// what they match is replaced by a template in the syntax of Go's regexp package.
import { RE2JS } from 're2js';
import type { Edit, NewValue } from './edit.ts';

const expressionPrefix = 'regex:';

/** The new value for a place where this text stands; `undefined`: it does not fulfil the condition. */
export type Condition = (existing: string) => NewValue | undefined;

/** `undefined`: the expression is none. */
export function conditionOf({ ifValue, value }: Edit): Condition | undefined {
  if (ifValue === undefined) return () => value;
  if (!ifValue.startsWith(expressionPrefix)) return (existing) => (existing === ifValue ? value : undefined);
  const expression = compiled(ifValue.slice(expressionPrefix.length));
  if (!expression) return undefined;
  return (existing) => {
    const text = replaceEvery(expression, existing, value.text);
    return text === undefined ? undefined : { type: 'string', text };
  };
}

function compiled(source: string): RE2JS | undefined {
  try {
    return RE2JS.compile(source);
  } catch {
    // Whatever it throws, it is not an expression that can be matched.
    return undefined;
  }
}

/** `undefined`: nothing matches. An empty match right behind another one does not count, as in Go. */
function replaceEvery(expression: RE2JS, text: string, template: string): string | undefined {
  const matcher = expression.matcher(text);
  let result = '';
  let end = -1;
  let copied = 0;
  while (matcher.find()) {
    if (matcher.start() === matcher.end() && matcher.start() === end) continue;
    end = matcher.end();
    result += text.slice(copied, matcher.start());
    result += expanded(template, (name) => groupOf(expression, matcher, name));
    copied = end;
  }
  return end === -1 ? undefined : result + text.slice(copied);
}

type Matcher = ReturnType<RE2JS['matcher']>;

function groupOf(expression: RE2JS, matcher: Matcher, name: string): string {
  const groups: Record<string, number> = expression.namedGroups();
  const number = /^\d{1,4}$/.test(name) ? Number(name) : Object.hasOwn(groups, name) ? groups[name] : undefined;
  if (number === undefined || number > matcher.groupCount()) return '';
  return matcher.group(number) ?? '';
}

/** `$1`, `${1}`, `$name`, `${name}`, `$$`; the longest possible name counts, so `$1x` is a group called `1x`. */
function expanded(template: string, group: (name: string) => string): string {
  return template.replace(/\$(?:\$|(\w+)|\{(\w+)\})/g, (_, bare: string | undefined, braced: string | undefined) => {
    const name = bare ?? braced;
    return name === undefined ? '$' : group(name);
  });
}
